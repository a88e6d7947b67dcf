package controllers

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/routing"
	"flashpod.dev/flashpod/controllers/gateway"
)

const (
	// linkGateway is the entry with the key that the gateway shows, of the Secret with
	// those that an origin takes. It comes behind linkEntry, as files are read in the order
	// of their names: what the origin shows itself, as in names of sessions of WebRTC, is the
	// first key, which its edges have.
	linkGateway = "of-gateway"
	// gatewayName is what the gateway's pods are called by their label, and its Service.
	gatewayName = "flashpod-gateway"
)

// Gateway is the cluster's gateway, as the operator knows it. GrantsFile and Namespace are
// required.
type Gateway struct {
	GrantsFile string // see routing.Grants; read for each instance
	Namespace  string // of its Service, its Secret and its Deployment
	// ScalingFile says how its pods are counted, as spec.edges.autoscaling does; read at each
	// look. "", or no such file: they are not.
	ScalingFile string
	scaler      scaler // of the goroutine that counts them

	mu     sync.Mutex // held while the Secret is read or made
	master []byte

	reading sync.Mutex // held while the file is read
	text    []byte     // of the file
	grants  *routing.Grants
}

// readGrants reads which namespaces the gateway serves, and parses that where it has
// changed. Nobody changes the answer.
func (g *Gateway) readGrants() (*routing.Grants, error) {
	g.reading.Lock()
	defer g.reading.Unlock()
	text, err := os.ReadFile(g.GrantsFile)
	if err != nil {
		return nil, fmt.Errorf("read which namespaces the gateway serves: %w", err)
	}
	if g.grants != nil && bytes.Equal(text, g.text) {
		return g.grants, nil
	}
	grants, err := routing.ParseGrants(text)
	if err != nil {
		return nil, fmt.Errorf("read which namespaces the gateway serves: %s: %w", g.GrantsFile, err)
	}
	g.text, g.grants = text, grants
	return grants, nil
}

// behindGateway says whether clients come to an instance by the gateway.
func behindGateway(a *v1alpha1.AppInstance) bool { return gateway.Wants(a) }

// gatewayView is what there is to say of the gateway to an instance that wants it.
type gatewayView struct {
	refused   verdict // why the gateway does not serve it; none where it does
	host      string  // that clients call; "": there is none yet
	port      int32   // of RTMP, or of RTMPS
	secure    bool    // it has RTMPS alone
	conflicts []routing.Conflict
	key       string // that the gateway shows; "": there is no gateway
}

// gatherGateway reads what concerns an instance that wants the gateway.
func (r *Reconciler) gatherGateway(ctx context.Context, o *observed) error {
	a := o.instance
	if !behindGateway(a) {
		return nil
	}
	o.gateway = &gatewayView{}
	g := r.Options.Gateway
	if g == nil {
		o.gateway.refused = stalled("NoGateway", "spec.service.type is Gateway, and this cluster has no Flashpod gateway: install it (config/gateway, or gateway.enabled of the chart), or take another type")
		return nil
	}
	grants, err := g.readGrants()
	if err != nil {
		return err
	}
	if o.gateway.key, err = g.keyFor(ctx, r, a); err != nil {
		return err
	}
	hosts, ok := grants.Of(a.Namespace)
	if !ok {
		o.gateway.refused = stalled("NotAllowed", fmt.Sprintf("the gateway does not serve namespace %s: who runs it says which it does", a.Namespace))
		return nil
	}
	// Nobody else takes a name of its: see routing.Make.
	others, err := r.found(ctx, []string{ofInstance(a), ofTheRest(a)})
	if err != nil {
		return err
	}
	o.gateway.conflicts = gateway.Conflicts(a, others, grants)
	var s corev1.Service
	err = r.APIReader.Get(ctx, client.ObjectKey{Namespace: g.Namespace, Name: gatewayName}, &s)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read the gateway's Service: %w", err)
	}
	o.gateway.address(a, hosts, grants.Address, &s)
	return nil
}

// address finds what clients call: a host of the instance's namespace, or the gateway's
// address.
func (v *gatewayView) address(a *v1alpha1.AppInstance, hosts []string, address string, s *corev1.Service) {
	v.port = rtmpPort
	for _, name := range []string{portRTMPS, portRTMP} { // which is for every client, where there is one
		for _, p := range s.Spec.Ports {
			if p.Name == name {
				v.port, v.secure = p.Port, name == portRTMPS
			}
		}
	}
	for _, h := range hosts {
		switch rest, wild := strings.CutPrefix(h, "*."); {
		case h == routing.AnyHost:
		case wild:
			v.host = a.Name + "." + rest
			return
		default:
			v.host = h
			return
		}
	}
	v.host = address
	for _, in := range s.Status.LoadBalancer.Ingress {
		if v.host == "" {
			v.host = in.Hostname
		}
		if v.host == "" {
			v.host = in.IP
		}
	}
}

// url is where clients come to an instance by the gateway.
func (v *gatewayView) url(a *v1alpha1.AppInstance) string {
	switch {
	case !v.refused.none() || v.host == "" || v.lost():
		return ""
	case v.secure:
		return "rtmps://" + hostPort(v.host, v.port, 443) + "/" + a.Path().InURL()
	}
	return "rtmp://" + hostPort(v.host, v.port, rtmpPort) + "/" + a.Path().InURL()
}

// lost says whether another AppInstance has the very instance.
func (v *gatewayView) lost() bool {
	for _, c := range v.conflicts {
		if !c.OnDemand {
			return true
		}
	}
	return false
}

// gatewayVerdict says whether clients come to the instance by the gateway.
func gatewayVerdict(o *observed) verdict {
	v := o.gateway
	switch {
	case !v.refused.none():
		return v.refused
	case v.lost():
		return stalled("RouteConflict", conflictVerdict(o).message)
	case v.host == "":
		return coming("AddressPending", "the gateway has no address yet: does this cluster give LoadBalancer Services one?")
	}
	if web := o.instance.Spec.Web; web != nil && web.Hostname == "" {
		return good("GatewayWithoutWeb", "clients come by the gateway, at "+v.host+", which carries RTMP alone: web pages and players of HTTP reach this instance inside the cluster only, at status.webURL; set spec.web.hostname, for an Ingress or an HTTPRoute of its own")
	}
	return good("Gateway", "clients come by the gateway, at "+v.host)
}

// conflictVerdict says which names others have at the gateway; none where there are none.
func conflictVerdict(o *observed) verdict {
	if o.gateway == nil || len(o.gateway.conflicts) == 0 {
		return verdict{}
	}
	var all []string
	for _, c := range o.gateway.conflicts {
		all = append(all, c.String())
	}
	return good("RouteConflict", strings.Join(all, "; ")+": give this one another spec.application or spec.instance, or delete the other")
}

// routeRivals are the AppInstances behind the gateway that may have lost a name to a, or
// found one again.
func (r *Reconciler) routeRivals(ctx context.Context, a *v1alpha1.AppInstance) (all []ctrl.Request) {
	key := ofInstance(a)
	if a.Spec.OnDemandInstances {
		key = ofApplication(a) // it may take any of them
	}
	others, err := r.found(ctx, []string{key})
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "cannot find the AppInstances of an application", "application", a.Spec.Application)
		return nil
	}
	for i := range others {
		if other := &others[i]; behindGateway(other) && other.UID != a.UID {
			all = append(all, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(other)})
		}
	}
	return all
}

// linkOfGateway adds the gateway's key to those that an origin takes of links.
func linkOfGateway(s *corev1ac.SecretApplyConfiguration, g *gatewayView) {
	if s != nil && g != nil && g.key != "" {
		s.WithData(map[string][]byte{linkGateway: []byte(g.key)})
	}
}

// byGateway says whether a container takes links of the gateway, whose key lies beside
// those of edges.
func byGateway(container map[string]any) bool {
	args, _ := container["args"].([]any)
	return slices.Contains(args, any(pathLink))
}

// keyFor is the key that the gateway shows an instance's origin.
func (g *Gateway) keyFor(ctx context.Context, r *Reconciler, a *v1alpha1.AppInstance) (string, error) {
	master, err := g.Master(ctx, r.APIReader, r.Client)
	if err != nil {
		return "", err
	}
	return gateway.KeyFor(master, a), nil
}

// Master is the key that those of all instances are made of. It is made where there is
// none, so that nobody has to, and is read once in the operator's life.
func (g *Gateway) Master(ctx context.Context, from client.Reader, to client.Writer) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.master != nil {
		return g.master, nil
	}
	s := &corev1.Secret{}
	s.Namespace, s.Name = g.Namespace, gatewayName
	err := from.Get(ctx, client.ObjectKeyFromObject(s), s)
	if apierrors.IsNotFound(err) {
		s.Data = map[string][]byte{gateway.MasterEntry: []byte(rand.Text() + rand.Text())}
		err = to.Apply(ctx, corev1ac.Secret(gatewayName, g.Namespace).
			WithLabels(map[string]string{labelName: appName, labelComponent: "gateway", labelManagedBy: FieldManager}).
			WithData(s.Data), client.FieldOwner(FieldManager)) // in the way of one that comes meanwhile it fails
	}
	if err != nil {
		return nil, fmt.Errorf("key of the gateway, Secret %s/%s: %w", g.Namespace, gatewayName, err)
	}
	key, err := gateway.CheckMaster(s.Data[gateway.MasterEntry])
	if err != nil {
		return nil, fmt.Errorf("key of the gateway, in Secret %s/%s: %w", g.Namespace, gatewayName, err)
	}
	g.master = key
	return key, nil
}
