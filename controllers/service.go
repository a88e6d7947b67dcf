package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const (
	portRTMP  = "rtmp"
	portRTMPS = "rtmps"
	portHTTP  = "http"
	portWeb   = "web"

	rtmpPort  = 1935
	rtmpsPort = 1936 // of the container: below 1024 needs rights
	httpPort  = 8080
	webPort   = 8088 // of the container
)

// service is what clients reach: pods with the labels of front. The control port is not
// part of it.
func service(a *v1alpha1.AppInstance, front map[string]string) *corev1ac.ServiceApplyConfiguration {
	want := a.Spec.Service
	if behindGateway(a) {
		want.Type = corev1.ServiceTypeClusterIP // for clients in the cluster, and for web
	}
	spec := corev1ac.ServiceSpec().
		WithType(want.Type).
		WithSelector(front).
		WithPorts(corev1ac.ServicePort().
			WithName(portRTMP).
			WithProtocol(corev1.ProtocolTCP).
			WithPort(want.Port).
			WithTargetPort(intstr.FromString(portRTMP)))
	if tls := a.Spec.TLS; tls != nil {
		spec.WithPorts(corev1ac.ServicePort().
			WithName(portRTMPS).
			WithProtocol(corev1.ProtocolTCP).
			WithPort(tls.Port).
			WithTargetPort(intstr.FromString(portRTMPS)))
	}
	if web := a.Spec.Web; web != nil && !webIsInternal(a) {
		spec.WithPorts(corev1ac.ServicePort().
			WithName(portWeb).
			WithProtocol(corev1.ProtocolTCP).
			WithPort(web.Port).
			WithTargetPort(intstr.FromString(portWeb)))
	}
	if want.Type != corev1.ServiceTypeClusterIP {
		spec.WithExternalTrafficPolicy(want.ExternalTrafficPolicy)
	}
	if want.Type == corev1.ServiceTypeLoadBalancer {
		spec.WithLoadBalancerSourceRanges(want.LoadBalancerSourceRanges...)
		if want.LoadBalancerClass != nil {
			spec.WithLoadBalancerClass(*want.LoadBalancerClass)
		}
	}
	if want.IPFamilyPolicy != nil {
		spec.WithIPFamilyPolicy(*want.IPFamilyPolicy)
	}
	spec.WithIPFamilies(want.IPFamilies...)
	s := corev1ac.Service(serviceName(a), a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(spec)
	if len(want.Annotations) > 0 {
		s.WithAnnotations(want.Annotations)
	}
	return s
}

// internalService carries plain HTTP inside the cluster alone, for Ingress controllers
// and Gateways; nil where the public Service does.
func internalService(a *v1alpha1.AppInstance, front map[string]string) *corev1ac.ServiceApplyConfiguration {
	if !webIsInternal(a) {
		return nil
	}
	spec := corev1ac.ServiceSpec().
		WithType(corev1.ServiceTypeClusterIP).
		WithSelector(front).
		WithPorts(corev1ac.ServicePort().
			WithName(portWeb).
			WithProtocol(corev1.ProtocolTCP).
			WithPort(a.Spec.Web.Port).
			WithTargetPort(intstr.FromString(portWeb)))
	if policy := a.Spec.Service.IPFamilyPolicy; policy != nil {
		spec.WithIPFamilyPolicy(*policy)
	}
	spec.WithIPFamilies(a.Spec.Service.IPFamilies...)
	return corev1ac.Service(internalName(a), a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(spec)
}

// headless gives the pod a name of its own in DNS.
func headless(a *v1alpha1.AppInstance) *corev1ac.ServiceApplyConfiguration {
	s := corev1ac.Service(headlessName(a), a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(corev1ac.ServiceSpec().
			WithClusterIP(corev1.ClusterIPNone).
			WithSelector(selector(a)).
			WithPorts(
				corev1ac.ServicePort().WithName(portRTMP).WithProtocol(corev1.ProtocolTCP).
					WithPort(rtmpPort).WithTargetPort(intstr.FromString(portRTMP)),
				corev1ac.ServicePort().WithName(portHTTP).WithProtocol(corev1.ProtocolTCP).
					WithPort(httpPort).WithTargetPort(intstr.FromString(portHTTP)),
			))
	if takesLinks(a) {
		s.Spec.WithPorts(corev1ac.ServicePort().WithName(portLink).WithProtocol(corev1.ProtocolTCP).
			WithPort(linkPort).WithTargetPort(intstr.FromString(portLink)))
	}
	return s
}
