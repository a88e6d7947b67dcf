package controllers

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1ac "sigs.k8s.io/gateway-api/applyconfiguration/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// What routes of all kinds have in common: the Gateway that they are attached to, and
// what its controller says of them.

// parentRef names the Gateway, or its listener, to a route.
func parentRef(ref *v1alpha1.GatewayRef) *gatewayv1ac.ParentReferenceApplyConfiguration {
	parent := gatewayv1ac.ParentReference().
		WithGroup(gatewayv1.GroupName).WithKind("Gateway").WithName(gatewayv1.ObjectName(ref.Name))
	if ref.Namespace != "" {
		parent.WithNamespace(gatewayv1.Namespace(ref.Namespace))
	}
	if ref.SectionName != "" {
		parent.WithSectionName(gatewayv1.SectionName(ref.SectionName))
	}
	return parent
}

// routeView is what there is to say of a route that is wanted.
type routeView struct {
	kind  string
	field string // of the AppInstance that wants it
	host  string // what clients write that it is for
	taken string // the AppInstance that has the listener, or the host name; "": none
	// there says whether the cluster has such routes, and refused why the operator may
	// not look at them.
	there    bool
	refused  string
	standing standing
	// of the route that is there
	generation int64
	parents    []gatewayv1.RouteParentStatus
}

// verdict says whether the Gateway takes the route.
func (v routeView) verdict(a *v1alpha1.AppInstance, ref *v1alpha1.GatewayRef) verdict {
	gateway := gatewayOf(a, ref)
	switch {
	case v.refused != "":
		return stalled("RouteForbidden", fmt.Sprintf("the operator may not look at %ss, so there is none for %s: give it the rights that this release is shipped with: %s", v.kind, v.host, v.refused))
	case !v.there:
		return stalled("GatewayAPIMissing", fmt.Sprintf("this cluster has no %ss (%s), so none leads %s here: install the Gateway API, with a controller of Gateways, or leave out %s", v.kind, gatewayv1.GroupVersion, v.host, v.field))
	case v.taken != "":
		return stalled("ListenerTaken", fmt.Sprintf("AppInstance %s, which is older, has %s at %s, so there is no %s: take another listener or host name, or delete the other", v.taken, v.host, gateway, v.kind))
	case v.standing != ours:
		return coming("RouteMissing", fmt.Sprintf("the %s is not there yet", v.kind))
	}
	pending := coming("RoutePending", fmt.Sprintf("%s has not looked at the %s yet: is it there, and does a controller serve its class?", gateway, v.kind))
	parent := parentOf(a.Namespace, v.parents, ref)
	if parent == nil {
		return pending
	}
	accepted := meta.FindStatusCondition(parent.Conditions, string(gatewayv1.RouteConditionAccepted))
	resolved := meta.FindStatusCondition(parent.Conditions, string(gatewayv1.RouteConditionResolvedRefs))
	switch {
	case accepted == nil || accepted.ObservedGeneration < v.generation || accepted.Status == metav1.ConditionUnknown || accepted.Reason == string(gatewayv1.RouteReasonPending):
		return pending
	case accepted.Status != metav1.ConditionTrue:
		return stalled("RouteRefused", fmt.Sprintf("%s does not take the %s for %s: %s: %s", gateway, v.kind, v.host, accepted.Reason, accepted.Message))
	case resolved != nil && resolved.Status == metav1.ConditionFalse && resolved.ObservedGeneration >= v.generation:
		return stalled("RouteUnresolved", fmt.Sprintf("%s takes the %s for %s, and cannot follow it: %s: %s", gateway, v.kind, v.host, resolved.Reason, resolved.Message))
	}
	return good("RouteAccepted", fmt.Sprintf("%s takes what comes for %s", gateway, v.host))
}

// gatewayOf is what messages call a Gateway.
func gatewayOf(a *v1alpha1.AppInstance, ref *v1alpha1.GatewayRef) string {
	name := "Gateway " + gatewayNamespace(a, ref) + "/" + ref.Name
	if ref.SectionName != "" {
		name += " (listener " + ref.SectionName + ")"
	}
	return name
}

// gatewayNamespace is where a Gateway is.
func gatewayNamespace(a *v1alpha1.AppInstance, ref *v1alpha1.GatewayRef) string {
	if ref.Namespace != "" {
		return ref.Namespace
	}
	return a.Namespace
}

// parentOf is what the Gateway's controller says of a route in a namespace; nil: nothing
// yet. A controller repeats the reference as the route has it, defaults filled in or not.
func parentOf(namespace string, parents []gatewayv1.RouteParentStatus, ref *v1alpha1.GatewayRef) *gatewayv1.RouteParentStatus {
	for i := range parents {
		at := parents[i].ParentRef
		if string(at.Name) != ref.Name || value(at.SectionName) != gatewayv1.SectionName(ref.SectionName) {
			continue
		}
		wanted, said := ref.Namespace, string(value(at.Namespace))
		if wanted == "" {
			wanted = namespace
		}
		if said == "" {
			said = namespace
		}
		if wanted == said && (at.Kind == nil || *at.Kind == "Gateway") && (at.Group == nil || *at.Group == gatewayv1.GroupName) {
			return &parents[i]
		}
	}
	return nil
}
