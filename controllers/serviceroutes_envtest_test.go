//go:build envtest

package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/hack/e2e/gatewayapi"
)

var serviceKinds = []string{gatewayapi.Gateways, gatewayapi.TCPRoutes, gatewayapi.TLSRoutes}

// listenerRoutes says what the TCPRoute and the TLSRoute of an instance are, in a line
// each; "" where there is none.
func (w *world) listenerRoutes(name string) (tcp, tls string) {
	w.t.Helper()
	key := client.ObjectKey{Namespace: w.ns, Name: name}
	line := func(parent gatewayv1.ParentReference, backend gatewayv1.BackendRef) string {
		return fmt.Sprintf("%s/%s %s to %s:%d", value(parent.Namespace), parent.Name, value(parent.SectionName), backend.Name, value(backend.Port))
	}
	t := &gatewayv1.TCPRoute{}
	if err := w.Get(context.Background(), key, t); err == nil {
		tcp = line(t.Spec.ParentRefs[0], t.Spec.Rules[0].BackendRefs[0])
	} else if !apierrors.IsNotFound(err) {
		w.t.Fatal(err)
	}
	s := &gatewayv1.TLSRoute{}
	if err := w.Get(context.Background(), key, s); err == nil {
		tls = fmt.Sprint(s.Spec.Hostnames) + " " + line(s.Spec.ParentRefs[0], s.Spec.Rules[0].BackendRefs[0])
	} else if !apierrors.IsNotFound(err) {
		w.t.Fatal(err)
	}
	return tcp, tls
}

// judgeListeners plays the Gateway's controller towards the routes that are there.
func (w *world) judgeListeners(name string, conditions ...metav1.Condition) {
	w.t.Helper()
	said := func(generation int64, parent gatewayv1.ParentReference) []gatewayv1.RouteParentStatus {
		all := make([]metav1.Condition, len(conditions))
		for i, c := range conditions {
			c.ObservedGeneration, c.LastTransitionTime = generation, metav1.Now()
			all[i] = c
		}
		return []gatewayv1.RouteParentStatus{{ParentRef: parent, ControllerName: "example.org/controller", Conditions: all}}
	}
	key := client.ObjectKey{Namespace: w.ns, Name: name}
	tcp, tls := &gatewayv1.TCPRoute{}, &gatewayv1.TLSRoute{}
	if err := w.Get(context.Background(), key, tcp); err == nil {
		tcp.Status.Parents = said(tcp.Generation, tcp.Spec.ParentRefs[0])
		w.must(w.Status().Update(context.Background(), tcp))
	}
	if err := w.Get(context.Background(), key, tls); err == nil {
		tls.Status.Parents = said(tls.Generation, tls.Spec.ParentRefs[0])
		w.must(w.Status().Update(context.Background(), tls))
	}
}

// makeGateway makes a Gateway of the world's namespace with a listener of TCP and two of
// TLS, of which one ends it; address is what its controller has given it.
func (w *world) makeGateway(name, address string) {
	w.t.Helper()
	passes := gatewayv1.TLSModePassthrough
	ends := gatewayv1.Hostname("ends.example.com")
	g := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: name}, Spec: gatewayv1.GatewaySpec{
		GatewayClassName: "example",
		Listeners: []gatewayv1.Listener{
			{Name: "rtmp", Port: 1999, Protocol: gatewayv1.TCPProtocolType},
			{Name: "rtmps", Port: 443, Protocol: gatewayv1.TLSProtocolType, TLS: &gatewayv1.ListenerTLSConfig{Mode: &passes}},
			{Name: "ends", Port: 8443, Protocol: gatewayv1.TLSProtocolType, Hostname: &ends, TLS: &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "cert"}}}},
		},
	}}
	w.must(w.Create(context.Background(), g))
	w.addressGateway(name, address)
}

func (w *world) addressGateway(name, address string) {
	w.t.Helper()
	g := read(w, name, &gatewayv1.Gateway{})
	kind := gatewayv1.IPAddressType
	g.Status.Addresses = nil
	if address != "" {
		g.Status.Addresses = []gatewayv1.GatewayStatusAddress{{Type: &kind, Value: address}}
	}
	w.must(w.Status().Update(context.Background(), g))
}

// Clients by a Gateway: in a cluster without the Gateway API the condition says so, and
// clients in the cluster are served; once it is there, so are the routes, and status says
// whether the Gateway takes them, and its address. Nothing is written when nothing has
// changed, and no server restarts but where gatewayRef comes or goes.
func TestServiceByAGateway(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a, service: {type: ClusterIP, gatewayRef: {name: public, sectionName: rtmp}}}")
	w.serve()
	w.settle()
	uid := read(w, "lobby-0", &corev1.Pod{}).UID
	says := func(status metav1.ConditionStatus, reason, says, url string) {
		t.Helper()
		*w.writes = 0
		w.reconcile()
		if *w.writes != 0 {
			t.Errorf("%d writes where nothing had changed", *w.writes)
		}
		c, sum := w.condition(v1alpha1.ConditionRouteReady), w.condition(v1alpha1.ConditionReady)
		if reason == "AddressPending" {
			c = w.condition(v1alpha1.ConditionServiceReady)
		}
		if c.Status != status || c.Reason != reason || !strings.Contains(c.Message, says) {
			t.Errorf("%s %s: %s; want %s %s: %s", c.Status, c.Reason, c.Message, status, reason, says)
		}
		if sum.Status != status || status == "False" && sum.Reason != reason {
			t.Errorf("Ready is %s (%s)", sum.Status, sum.Reason)
		}
		if got := w.instance().Status.URL; got != url {
			t.Errorf("URL %q, want %q", got, url)
		}
	}
	routes := func(tcp, tls string) {
		t.Helper()
		if gotTCP, gotTLS := w.listenerRoutes("lobby"); gotTCP != tcp || gotTLS != tls {
			t.Errorf("the TCPRoute is %q, the TLSRoute %q; want %q and %q", gotTCP, gotTLS, tcp, tls)
		}
	}
	says("False", "GatewayAPIMissing", "this cluster has no TCPRoutes", "")
	if s := read(w, "lobby", &corev1.Service{}); s.Spec.Type != corev1.ServiceTypeClusterIP {
		t.Errorf("the Service is a %s", s.Spec.Type)
	}

	uninstall := installGatewayAPI(t, serviceKinds...)
	w.settle()
	const want = "/public rtmp to lobby:1935"
	routes(want, "")
	if r := read(w, "lobby", &gatewayv1.TCPRoute{}); !metav1.IsControlledBy(r, w.instance()) {
		t.Errorf("it is owned by %v", r.OwnerReferences)
	}
	says("False", "RoutePending", "Gateway "+w.ns+"/public (listener rtmp) has not looked at the TCPRoute", "")
	w.judgeListeners("lobby", metav1.Condition{Type: "Accepted", Status: "False", Reason: "NotAllowedByListeners", Message: "no listener lets this namespace in"})
	w.settle()
	says("False", "RouteRefused", "NotAllowedByListeners: no listener lets this namespace in", "")
	w.judgeListeners("lobby", accepted, resolved)
	w.settle()
	says("False", "AddressPending", "has no address yet", "") // nor is there a Gateway
	w.makeGateway("public", "")
	w.settle()
	says("False", "AddressPending", "has no address yet", "")
	w.addressGateway("public", "192.0.2.5")
	w.settle()
	says("True", "RouteAccepted", "takes what comes for rtmp://", "rtmp://192.0.2.5:1999/a/lobby")

	// What somebody writes into it is undone, and it is made again.
	w.patch(&gatewayv1.TCPRoute{}, "lobby", `{"spec":{"rules":[{"backendRefs":[{"name":"bank","port":1}]}]}}`, "kubectl-edit")
	w.settle()
	routes(want, "")
	w.must(w.Client.Delete(context.Background(), read(w, "lobby", &gatewayv1.TCPRoute{})))
	w.settle()
	routes(want, "")

	// RTMPS beside it, and then alone, at a listener that ends TLS.
	w.edit(func(a *v1alpha1.AppInstance) {
		a.Spec.Service.GatewayRef.TLS = &v1alpha1.ServiceGatewayTLS{Hostname: "ends.example.com", SectionName: "ends"}
	})
	w.settle()
	routes(want, "[ends.example.com] /public ends to lobby:1935")
	w.judgeListeners("lobby", accepted, resolved)
	w.settle()
	says("True", "RouteAccepted", "takes what comes for rtmps://ends.example.com", "rtmps://ends.example.com:8443/a/lobby")
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Service.GatewayRef.SectionName = "" })
	w.settle()
	routes("", "[ends.example.com] /public ends to lobby:1935")
	says("True", "RouteAccepted", "takes what comes for rtmps://ends.example.com", "rtmps://ends.example.com:8443/a/lobby")
	if read(w, "lobby-0", &corev1.Pod{}).UID != uid {
		t.Error("the server restarts")
	}

	// The server's own certificate needs a listener that hands TLS on.
	w.edit(func(a *v1alpha1.AppInstance) {
		a.Spec.TLS = &v1alpha1.TLS{SecretName: "own"}
		a.Spec.Service.GatewayRef.TLS.SectionName = "rtmps"
	})
	w.settle()
	routes("", "[ends.example.com] /public rtmps to lobby:443")
	w.judgeListeners("lobby", accepted, resolved)
	w.settle()
	if url := w.instance().Status.URL; url != "rtmps://ends.example.com/a/lobby" {
		t.Errorf("URL %q", url)
	}
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.TLS = nil })
	w.settle()
	w.judgeListeners("lobby", accepted, resolved)
	w.settle()
	w.serve()
	w.settle()
	says("False", "ListenerMismatch", "listener rtmps of Gateway "+w.ns+"/public hands TLS on", "")

	// An address of its own in its place.
	w.edit(func(a *v1alpha1.AppInstance) {
		a.Spec.Service.GatewayRef, a.Spec.Service.Type = nil, corev1.ServiceTypeLoadBalancer
	})
	w.settle()
	routes("", "")
	if meta.FindStatusCondition(w.instance().Status.Conditions, v1alpha1.ConditionRouteReady) != nil {
		t.Error("the condition outlives its cause")
	}
	if !w.told("restarts because spec.service changed") {
		t.Error("no event says why it restarts")
	}

	// The kinds go from the cluster, and with them all there are.
	w.edit(func(a *v1alpha1.AppInstance) {
		a.Spec.Service.GatewayRef, a.Spec.Service.Type = &v1alpha1.ServiceGatewayRef{Name: "public", SectionName: "rtmp"}, corev1.ServiceTypeClusterIP
	})
	w.settle()
	w.serve()
	w.settle()
	routes(want, "")
	uninstall()
	w.settle()
	says("False", "GatewayAPIMissing", "this cluster has no TCPRoutes", "")
}

// Of two AppInstances the older has the listener; the younger has no route, says who has
// it, and gets it when that one goes.
func TestListenerOfAnother(t *testing.T) {
	installGatewayAPI(t, serviceKinds...)
	w := newWorld(t)
	const spec = "{application: a, service: {type: ClusterIP, gatewayRef: {name: public, sectionName: rtmp}}}"
	w.makeNamed("older", spec)
	older := read(w, "older", &v1alpha1.AppInstance{})
	for { // times of the API server are of seconds
		w.make(spec)
		if w.instance().CreationTimestamp.After(older.CreationTimestamp.Time) {
			break
		}
		w.must(w.Client.Delete(context.Background(), w.instance()))
	}
	w.reconcileNamed("older")
	w.reconcile()
	w.reconcile()
	tcp, _ := w.listenerRoutes("older")
	if mine, _ := w.listenerRoutes("lobby"); tcp == "" || mine != "" {
		t.Errorf("the older one's route is %q, the younger one's %q", tcp, mine)
	}
	if c := w.condition(v1alpha1.ConditionRouteReady); c.Reason != "ListenerTaken" || !strings.Contains(c.Message, "AppInstance older") {
		t.Errorf("%s: %s", c.Reason, c.Message)
	}
	if all := w.r.rivals(context.Background(), older); len(all) != 1 || all[0].Name != "lobby" {
		t.Errorf("when it goes, these are looked at: %v", all)
	}
	w.must(w.Client.Delete(context.Background(), older))
	w.settle()
	if mine, _ := w.listenerRoutes("lobby"); mine == "" {
		t.Error("there is no route when the older one has gone")
	}
}

// A TCPRoute of another owner is left as it is.
func TestTCPRouteOfAnotherOwner(t *testing.T) {
	installGatewayAPI(t, serviceKinds...)
	w := newWorld(t)
	port := gatewayv1.PortNumber(1)
	theirs := &gatewayv1.TCPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "lobby"}, Spec: gatewayv1.TCPRouteSpec{Rules: []gatewayv1.TCPRouteRule{{
		BackendRefs: []gatewayv1.BackendRef{{BackendObjectReference: gatewayv1.BackendObjectReference{Name: "bank", Port: &port}}}}}}}
	w.must(w.Create(context.Background(), theirs))
	before := image(t, theirs)
	w.add("{application: a, service: {type: ClusterIP, gatewayRef: {name: public, sectionName: rtmp}}}")
	w.must(w.Get(context.Background(), client.ObjectKeyFromObject(theirs), theirs))
	if after := image(t, theirs); after != before {
		t.Errorf("it was changed from\n%s\nto\n%s", before, after)
	}
	if c := w.condition(v1alpha1.ConditionNameConflict); !strings.Contains(c.Message, "TCPRoute lobby is there and not the operator's") {
		t.Errorf("condition %+v", c)
	}
}

// The operator as it runs: kinds that come after it has started are watched from then on,
// each by itself, and it goes on when they are gone.
func TestOperatorOutlivesRoutes(t *testing.T) {
	w := newWorld(t)
	says, look, stop := w.operates(v1alpha1.ConditionRouteReady)
	defer stop()
	w.make("{application: a, service: {type: ClusterIP, gatewayRef: {name: public, sectionName: rtmp, tls: {hostname: live.example.com, sectionName: ends}}}}")
	until(t, says("GatewayAPIMissing"))

	tcpAlone := installGatewayAPI(t, gatewayapi.TCPRoutes)
	look()
	until(t, func() bool {
		return w.Get(context.Background(), client.ObjectKey{Namespace: w.ns, Name: "lobby"}, &gatewayv1.TCPRoute{}) == nil
	})
	until(t, says("GatewayAPIMissing")) // of TLSRoutes
	tcpAlone()
	uninstall := installGatewayAPI(t, serviceKinds...)
	look()
	until(t, func() bool { tcp, tls := w.listenerRoutes("lobby"); return tcp != "" && tls != "" })
	w.judgeListeners("lobby", accepted, resolved)
	until(t, says("RouteAccepted")) // which nothing but the watch tells of
	w.judgeListeners("lobby", metav1.Condition{Type: "Accepted", Status: "False", Reason: "NoMatchingParent"})
	until(t, says("RouteRefused"))

	uninstall()
	look()
	until(t, says("GatewayAPIMissing"))
	installGatewayAPI(t, serviceKinds...)
	look()
	until(t, func() bool { tcp, tls := w.listenerRoutes("lobby"); return tcp != "" && tls != "" })
	w.patch(&v1alpha1.AppInstance{}, "lobby", `{"spec":{"service":{"gatewayRef":null}}}`, "kubectl")
	until(t, func() bool { tcp, tls := w.listenerRoutes("lobby"); return tcp == "" && tls == "" })
}
