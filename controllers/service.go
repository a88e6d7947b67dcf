package controllers

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const (
	portRTMP  = "rtmp"
	portRTMPS = "rtmps"
	portHTTP  = "http"

	rtmpPort  = 1935
	rtmpsPort = 1936 // of the container: below 1024 needs rights
	httpPort  = 8080
)

// service is what clients reach. The HTTP port is not part of it.
func service(a *v1alpha1.AppInstance) *corev1ac.ServiceApplyConfiguration {
	want := a.Spec.Service
	spec := corev1ac.ServiceSpec().
		WithType(want.Type).
		WithSelector(selector(a)).
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
	s := corev1ac.Service(serviceName(a), a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(spec)
	if len(want.Annotations) > 0 {
		s.WithAnnotations(want.Annotations)
	}
	return s
}

// headless gives the pod a name of its own in DNS.
func headless(a *v1alpha1.AppInstance) *corev1ac.ServiceApplyConfiguration {
	return corev1ac.Service(headlessName(a), a.Namespace).
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
}

// serviceChild mends a Service whose ports somebody else wrote.
func serviceChild(want *corev1ac.ServiceApplyConfiguration, have *corev1.Service) (child, error) {
	c := child{name: "Service " + *want.Name, want: want, have: extractService(have)}
	if have == nil || !foreignPorts(want, have) {
		return c, nil
	}
	patch, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/spec/ports", "value": want.Spec.Ports}})
	if err != nil {
		return c, fmt.Errorf("ports of Service %s: %w", have.Name, err)
	}
	c.first, c.of, c.have = client.RawPatch(types.JSONPatchType, patch), have, nil
	return c, nil
}

// foreignPorts says whether a Service has ports that are not wanted. Applying
// leaves them, because they are another's, and then fails, because a port of
// ours has the same name.
func foreignPorts(want *corev1ac.ServiceApplyConfiguration, have *corev1.Service) bool {
	for _, p := range have.Spec.Ports {
		if !slices.ContainsFunc(want.Spec.Ports, func(w corev1ac.ServicePortApplyConfiguration) bool { return *w.Port == p.Port }) {
			return true
		}
	}
	return false
}
