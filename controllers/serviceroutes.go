package controllers

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1ac "sigs.k8s.io/gateway-api/applyconfiguration/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// serviceGateway is what an instance says of the Gateway that its clients come by; nil
// when there is none.
func serviceGateway(a *v1alpha1.AppInstance) *v1alpha1.ServiceGatewayRef {
	return a.Spec.Service.GatewayRef
}

// tcpRef is the listener of an instance's TCPRoute; nil: there is to be none.
func tcpRef(a *v1alpha1.AppInstance) *v1alpha1.GatewayRef {
	ref := serviceGateway(a)
	if ref == nil || ref.SectionName == "" {
		return nil
	}
	return &v1alpha1.GatewayRef{Name: ref.Name, Namespace: ref.Namespace, SectionName: ref.SectionName}
}

// tlsRef is the Gateway, or the listener, of an instance's TLSRoute; nil: there is to be
// none.
func tlsRef(a *v1alpha1.AppInstance) *v1alpha1.GatewayRef {
	ref := serviceGateway(a)
	if ref == nil || ref.TLS == nil {
		return nil
	}
	return &v1alpha1.GatewayRef{Name: ref.Name, Namespace: ref.Namespace, SectionName: ref.TLS.SectionName}
}

// serviceRoutes is what is read of the routes of spec.service.gatewayRef. What is not
// there is nil.
type serviceRoutes struct {
	tcp *gatewayv1.TCPRoute
	tls *gatewayv1.TLSRoute

	tcpStanding, tlsStanding standing
	// hasTCP and hasTLS say whether the cluster has such routes, where one is wanted, and
	// tcpRefused and tlsRefused why the operator may not look at them.
	hasTCP, hasTLS         bool
	tcpRefused, tlsRefused string
	// tcpTaken and tlsTaken name the older AppInstance that has the listener, or the host
	// name at it.
	tcpTaken, tlsTaken string
	// gateway is read once it takes a route: until then what it has is no business of
	// this namespace. gatewayRefused is why the operator may not look at it.
	gateway        *gatewayv1.Gateway
	gatewayRefused string
}

// tcpRoute leads what comes to a Gateway's listener of TCP to the port of RTMP; nil when
// none is wanted. As in an HTTPRoute what has a default is written out.
func tcpRoute(a *v1alpha1.AppInstance) *gatewayv1ac.TCPRouteApplyConfiguration {
	ref := tcpRef(a)
	if ref == nil {
		return nil
	}
	return gatewayv1ac.TCPRoute(routeName(a), a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(gatewayv1ac.TCPRouteSpec().
			WithParentRefs(parentRef(ref)).
			WithRules(gatewayv1ac.TCPRouteRule().WithBackendRefs(serviceBackend(a, a.Spec.Service.Port))))
}

// tlsRoute leads what comes to a Gateway by TLS for the host name here: as it is to the
// port of RTMPS, or, where the server has no certificate, to that of RTMP, TLS having
// ended at the Gateway. nil when none is wanted.
func tlsRoute(a *v1alpha1.AppInstance) *gatewayv1ac.TLSRouteApplyConfiguration {
	ref := tlsRef(a)
	if ref == nil {
		return nil
	}
	port := a.Spec.Service.Port
	if a.Spec.TLS != nil {
		port = a.Spec.TLS.Port
	}
	return gatewayv1ac.TLSRoute(routeName(a), a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(gatewayv1ac.TLSRouteSpec().
			WithParentRefs(parentRef(ref)).
			WithHostnames(gatewayv1.Hostname(serviceGateway(a).TLS.Hostname)).
			WithRules(gatewayv1ac.TLSRouteRule().WithBackendRefs(serviceBackend(a, port))))
}

// serviceBackend is a port of the Service that clients reach.
func serviceBackend(a *v1alpha1.AppInstance, port int32) *gatewayv1ac.BackendRefApplyConfiguration {
	return gatewayv1ac.BackendRef().
		WithGroup("").WithKind("Service").WithName(gatewayv1.ObjectName(serviceName(a))).
		WithPort(port).WithWeight(1)
}

// gatherServiceRoutes reads what there is of the routes of spec.service.gatewayRef; kinds
// are those that the cluster has, where one is wanted.
func (r *Reconciler) gatherServiceRoutes(ctx context.Context, o *observed, kinds map[string]bool) error {
	a, v := o.instance, &o.byService
	v.hasTCP, v.hasTLS = tcpRef(a) != nil && kinds[kindTCPRoute], tlsRef(a) != nil && kinds[kindTLSRoute]
	tcp, tls := &gatewayv1.TCPRoute{}, &gatewayv1.TLSRoute{}
	foundTCP, refused, err := r.routeAt(ctx, o, kindTCPRoute, tcp, v.hasTCP)
	if err != nil {
		return err
	}
	if v.tcpRefused = refused; foundTCP {
		v.tcp = tcp
	}
	foundTLS, refused, err := r.routeAt(ctx, o, kindTLSRoute, tls, v.hasTLS)
	if err != nil {
		return err
	}
	if v.tlsRefused = refused; foundTLS {
		v.tls = tls
	}
	ref := serviceGateway(a)
	if ref == nil {
		return nil
	}
	var list v1alpha1.AppInstanceList
	if err := r.List(ctx, &list, client.InNamespace(a.Namespace)); err != nil {
		return fmt.Errorf("list AppInstances of Gateway %s: %w", ref.Name, err)
	}
	v.tcpTaken, v.tlsTaken = listenersTaken(a, list.Items)
	v.tcpStanding, v.tlsStanding = stands(a, v.tcp), stands(a, v.tls)
	if !tcpVerdict(o).ok() && !tlsVerdict(o).ok() {
		return nil
	}
	gateway := &gatewayv1.Gateway{}
	key := client.ObjectKey{Namespace: gatewayNamespace(a, tcpOrTLS(a)), Name: ref.Name}
	switch err := r.APIReader.Get(ctx, key, gateway); {
	case err == nil:
		v.gateway = gateway
	case apierrors.IsForbidden(err):
		v.gatewayRefused = err.Error()
	case !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err):
		return fmt.Errorf("read Gateway %s: %w", key, err)
	}
	return nil
}

// tcpOrTLS is one of the references of an instance that has one at least.
func tcpOrTLS(a *v1alpha1.AppInstance) *v1alpha1.GatewayRef {
	if ref := tcpRef(a); ref != nil {
		return ref
	}
	return tlsRef(a)
}

// listenersTaken names the oldest AppInstances of the namespace that have the listener of
// TCP, and the host name, that a asks for, if those are others. Between namespaces it is
// the Gateway's to say who comes first: it knows whom it lets in.
func listenersTaken(a *v1alpha1.AppInstance, all []v1alpha1.AppInstance) (tcp, tls string) {
	firstTCP, firstTLS := a, a
	for i := range all {
		other := &all[i]
		if other.UID == a.UID || other.DeletionTimestamp != nil || !sameGateway(a, other) {
			continue
		}
		mine, theirs := serviceGateway(a), serviceGateway(other)
		if mine.SectionName != "" && mine.SectionName == theirs.SectionName && before(other, firstTCP) {
			firstTCP, tcp = other, other.Name
		}
		if mine.TLS != nil && theirs.TLS != nil && mine.TLS.Hostname == theirs.TLS.Hostname &&
			(mine.TLS.SectionName == theirs.TLS.SectionName || mine.TLS.SectionName == "" || theirs.TLS.SectionName == "") && before(other, firstTLS) {
			firstTLS, tls = other, other.Name
		}
	}
	return tcp, tls
}

// sameGateway says whether clients of two AppInstances come by one Gateway.
func sameGateway(a, b *v1alpha1.AppInstance) bool {
	x, y := tcpOrTLS(a), tcpOrTLS(b)
	return x != nil && y != nil && x.Name == y.Name && gatewayNamespace(a, x) == gatewayNamespace(b, y)
}

// listenerRivals are the AppInstances of a's namespace that may have lost a listener to
// it, or found one again.
func listenerRivals(a *v1alpha1.AppInstance, all []v1alpha1.AppInstance) (requests []ctrl.Request) {
	for i := range all {
		if other := &all[i]; other.UID != a.UID && sameGateway(a, other) {
			requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(other)})
		}
	}
	return requests
}

// serviceRoutes plans the TCPRoute and the TLSRoute. Where the cluster has no such kind,
// or another AppInstance has the listener, the condition says so.
func (p *plan) serviceRoutes(o *observed) {
	v := &o.byService
	switch want := tcpRoute(o.instance); {
	case want != nil && v.tcpTaken == "":
		if v.hasTCP && v.tcpRefused == "" {
			p.child(tcpRouteChild(want, v.tcp), v.tcpStanding)
		}
	case v.tcpStanding == ours:
		p.remove = append(p.remove, removal{kind: kindTCPRoute, object: v.tcp})
	}
	switch want := tlsRoute(o.instance); {
	case want != nil && v.tlsTaken == "":
		if v.hasTLS && v.tlsRefused == "" {
			p.child(tlsRouteChild(want, v.tls), v.tlsStanding)
		}
	case v.tlsStanding == ours:
		p.remove = append(p.remove, removal{kind: kindTLSRoute, object: v.tls})
	}
}
