package controllers

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	parent := gatewayv1ac.ParentReference().
		WithGroup(gatewayv1.GroupName).WithKind("Gateway").WithName(gatewayv1.ObjectName(ref.Name))
	if ref.Namespace != "" {
		parent.WithNamespace(gatewayv1.Namespace(ref.Namespace))
	}
	if ref.SectionName != "" {
		parent.WithSectionName(gatewayv1.SectionName(ref.SectionName))
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
			WithParentRefs(parent).
			WithHostnames(gatewayv1.Hostname(web.Hostname)).
			WithRules(rule))
}

// route plans the HTTPRoute. Where the cluster has no such kind, the condition says so.
func (p *plan) route(o *observed) {
	switch want := httpRoute(o.instance); {
	case want != nil && o.hasRoutes:
		p.child(routeChild(want, o.route), o.standing.route)
	case want == nil && o.standing.route == ours:
		p.remove = append(p.remove, removal{kind: "HTTPRoute", object: o.route})
	}
}

// routeVerdict says whether the Gateway takes the HTTPRoute; none where there is to be
// none.
func routeVerdict(o *observed) verdict {
	ref := gatewayRef(o.instance)
	if ref == nil {
		return verdict{}
	}
	host := o.instance.Spec.Web.Hostname
	gateway := gatewayOf(o.instance, ref)
	switch {
	case o.routeRefused != "":
		return stalled("RouteForbidden", "the operator may not look at HTTPRoutes, so there is none for "+host+": give it the rights that this release is shipped with: "+o.routeRefused)
	case !o.hasRoutes:
		return stalled("GatewayAPIMissing", fmt.Sprintf("this cluster has no HTTPRoutes (%s), so none leads %s here: install the Gateway API, with a controller of Gateways, or leave out spec.web.gatewayRef", gatewayv1.GroupVersion, host))
	case o.standing.route != ours:
		return coming("RouteMissing", "the HTTPRoute is not there yet")
	}
	pending := coming("RoutePending", fmt.Sprintf("%s has not looked at the HTTPRoute yet: is it there, and does a controller serve its class?", gateway))
	parent := parentOf(o.route, ref)
	if parent == nil {
		return pending
	}
	accepted := meta.FindStatusCondition(parent.Conditions, string(gatewayv1.RouteConditionAccepted))
	resolved := meta.FindStatusCondition(parent.Conditions, string(gatewayv1.RouteConditionResolvedRefs))
	switch {
	case accepted == nil || accepted.ObservedGeneration < o.route.Generation || accepted.Status == metav1.ConditionUnknown || accepted.Reason == string(gatewayv1.RouteReasonPending):
		return pending
	case accepted.Status != metav1.ConditionTrue:
		return stalled("RouteRefused", fmt.Sprintf("%s does not take the HTTPRoute for %s: %s: %s", gateway, host, accepted.Reason, accepted.Message))
	case resolved != nil && resolved.Status == metav1.ConditionFalse && resolved.ObservedGeneration >= o.route.Generation:
		return stalled("RouteUnresolved", fmt.Sprintf("%s takes the HTTPRoute for %s, and cannot follow it: %s: %s", gateway, host, resolved.Reason, resolved.Message))
	}
	return good("RouteAccepted", fmt.Sprintf("%s takes what comes for %s", gateway, host))
}

// gatewayOf is what messages call a Gateway.
func gatewayOf(a *v1alpha1.AppInstance, ref *v1alpha1.GatewayRef) string {
	name := "Gateway " + a.Namespace + "/" + ref.Name
	if ref.Namespace != "" {
		name = "Gateway " + ref.Namespace + "/" + ref.Name
	}
	if ref.SectionName != "" {
		name += " (listener " + ref.SectionName + ")"
	}
	return name
}

// parentOf is what the Gateway's controller says of a route; nil: nothing yet. A
// controller repeats the reference as the route has it, defaults filled in or not.
func parentOf(route *gatewayv1.HTTPRoute, ref *v1alpha1.GatewayRef) *gatewayv1.RouteParentStatus {
	for i := range route.Status.Parents {
		at := route.Status.Parents[i].ParentRef
		if string(at.Name) != ref.Name || value(at.SectionName) != gatewayv1.SectionName(ref.SectionName) {
			continue
		}
		wanted, said := ref.Namespace, string(value(at.Namespace))
		if wanted == "" {
			wanted = route.Namespace
		}
		if said == "" {
			said = route.Namespace
		}
		if wanted == said && (at.Kind == nil || *at.Kind == "Gateway") && (at.Group == nil || *at.Group == gatewayv1.GroupName) {
			return &route.Status.Parents[i]
		}
	}
	return nil
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
