package controllers

import (
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1ac "sigs.k8s.io/gateway-api/applyconfiguration/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// gatewayRef is what an instance says of its Gateway; nil when there is none.
func gatewayRef(a *v1alpha1.AppInstance) *v1alpha1.GatewayRef {
	if a.Spec.Web == nil {
		return nil
	}
	return a.Spec.Web.GatewayRef
}

// httpRoute leads what comes to a Gateway for the host name to the web's port; nil when
// none is wanted. What the schema of HTTPRoutes has defaults for is written out: its
// lists are of one owner as a whole, and what is not asked for would look like a change.
func httpRoute(a *v1alpha1.AppInstance) *gatewayv1ac.HTTPRouteApplyConfiguration {
	ref, web := gatewayRef(a), a.Spec.Web
	if ref == nil || web.Hostname == "" {
		return nil
	}
	// A stream and a WebSocket are one request, which lasts for hours.
	rule := gatewayv1ac.HTTPRouteRule().
		WithMatches(gatewayv1ac.HTTPRouteMatch().WithPath(gatewayv1ac.HTTPPathMatch().
			WithType(gatewayv1.PathMatchPathPrefix).WithValue("/"))).
		WithTimeouts(gatewayv1ac.HTTPRouteTimeouts().WithRequest("0s")).
		WithBackendRefs(gatewayv1ac.HTTPBackendRef().
			WithGroup("").WithKind("Service").WithName(gatewayv1.ObjectName(webServiceName(a))).
			WithPort(web.Port).WithWeight(1))
	return gatewayv1ac.HTTPRoute(routeName(a), a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(gatewayv1ac.HTTPRouteSpec().
			WithParentRefs(parentRef(ref)).
			WithHostnames(gatewayv1.Hostname(web.Hostname)).
			WithRules(rule))
}

// route plans the HTTPRoute. Where the cluster has no such kind, the condition says so.
func (p *plan) route(o *observed) {
	switch want := httpRoute(o.instance); {
	case want != nil && o.hasRoutes:
		p.child(routeChild(want, o.route), o.standing.route)
	case want == nil && o.standing.route == ours:
		p.remove = append(p.remove, removal{kind: kindHTTPRoute, object: o.route})
	}
}

// routeVerdict says whether the Gateway takes the HTTPRoute; none where there is to be
// none.
func routeVerdict(o *observed) verdict {
	ref := gatewayRef(o.instance)
	if ref == nil {
		return verdict{}
	}
	v := routeView{kind: kindHTTPRoute, field: "spec.web.gatewayRef", host: o.instance.Spec.Web.Hostname, there: o.hasRoutes, refused: o.routeRefused, standing: o.standing.route}
	if v.standing == ours {
		v.generation, v.parents = o.route.Generation, o.route.Status.Parents
	}
	return v.verdict(o.instance, ref)
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
