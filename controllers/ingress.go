package controllers

import (
	networkingv1 "k8s.io/api/networking/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// ingress leads what comes for a host name to the web's port; nil when none is
// wanted. It has no annotations: what a controller of a kind understands is not the
// operator's to know, and answers that must not be held back say so themselves.
func ingress(a *v1alpha1.AppInstance) *networkingv1ac.IngressApplyConfiguration {
	web := a.Spec.Web
	if web == nil || web.Hostname == "" || web.GatewayRef != nil {
		return nil
	}
	// The instance has the whole name: its WebSockets and its SDK are not below its
	// streams.
	to := networkingv1ac.IngressBackend().WithService(networkingv1ac.IngressServiceBackend().
		WithName(webServiceName(a)).
		WithPort(networkingv1ac.ServiceBackendPort().WithName(portWeb)))
	spec := networkingv1ac.IngressSpec().WithRules(networkingv1ac.IngressRule().
		WithHost(web.Hostname).
		WithHTTP(networkingv1ac.HTTPIngressRuleValue().WithPaths(networkingv1ac.HTTPIngressPath().
			WithPath("/").WithPathType(networkingv1.PathTypePrefix).WithBackend(to))))
	if web.IngressClassName != "" {
		spec.WithIngressClassName(web.IngressClassName)
	}
	if tls := web.TLS; tls != nil {
		entry := networkingv1ac.IngressTLS().WithHosts(web.Hostname)
		if tls.SecretName != "" {
			entry.WithSecretName(tls.SecretName)
		}
		spec.WithTLS(entry)
	}
	return networkingv1ac.Ingress(ingressName(a), a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(spec)
}

// web plans what leads to the web's port: a Service of its own where plain HTTP is not
// the public one's, that of WebRTC, and an HTTPRoute or an Ingress.
func (p *plan) web(o *observed) error {
	switch want := internalService(o.instance, front(o)); {
	case want != nil:
		p.child(serviceChild(want, o.internal), o.standing.internal)
	case o.standing.internal == ours:
		p.remove = append(p.remove, removal{kind: "Service", object: o.internal})
	}
	p.webRTC(o)
	p.route(o)
	return p.ingress(o)
}

// ingress plans the Ingress. The API server gives the cluster's default class to an
// Ingress that is made, and to none that is changed: one whose class is not asked for
// any more is made again.
func (p *plan) ingress(o *observed) error {
	want := ingress(o.instance)
	if want == nil {
		if o.standing.ingress == ours {
			p.remove = append(p.remove, removal{kind: "Ingress", object: o.ingress})
		}
		return nil
	}
	if o.standing.ingress == ours && want.Spec.IngressClassName == nil {
		owned, err := networkingv1ac.ExtractIngress(o.ingress, FieldManager)
		if err != nil {
			return err
		}
		if owned.Spec != nil && owned.Spec.IngressClassName != nil {
			p.remove = append(p.remove, removal{kind: "Ingress", object: o.ingress})
			return nil
		}
	}
	p.child(ingressChild(want, o.ingress), o.standing.ingress)
	return nil
}
