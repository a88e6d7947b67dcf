package controllers

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// linkRule opens the origin's port of links to the edges of this AppInstance, to those of
// others that it lets in, and to the gateway where it is behind that.
func linkRule(a *v1alpha1.AppInstance, peers Peers) *networkingv1ac.NetworkPolicyIngressRuleApplyConfiguration {
	rule := networkingv1ac.NetworkPolicyIngressRule().
		WithPorts(networkingv1ac.NetworkPolicyPort().WithProtocol(corev1.ProtocolTCP).WithPort(intstr.FromString(portLink))).
		WithFrom(networkingv1ac.NetworkPolicyPeer().WithPodSelector(podsWith(edgeSelector(a))))
	rule.WithFrom(guestPeers(a)...)
	if behindGateway(a) && peers.OperatorNamespace != "" {
		rule.WithFrom(networkingv1ac.NetworkPolicyPeer().
			WithNamespaceSelector(podsWith(map[string]string{labelNamespace: peers.OperatorNamespace})).
			WithPodSelector(podsWith(map[string]string{labelName: gatewayName})))
	}
	return rule
}

// edgesPolicy opens the ports of clients at edges to all, and the control port to those
// that may look. nil when none is wanted.
func edgesPolicy(a *v1alpha1.AppInstance, peers Peers) *networkingv1ac.NetworkPolicyApplyConfiguration {
	if a.Spec.NetworkPolicy.Mode != v1alpha1.NetworkPolicyManaged {
		return nil
	}
	names := []string{portRTMP}
	if a.Spec.TLS != nil {
		names = append(names, portRTMPS)
	}
	if a.Spec.Web != nil {
		names = append(names, portWeb)
	}
	media := networkingv1ac.NetworkPolicyIngressRule()
	for _, name := range names {
		media.WithPorts(networkingv1ac.NetworkPolicyPort().WithProtocol(corev1.ProtocolTCP).WithPort(intstr.FromString(name)))
	}
	if webRTC(a) != nil { // what edges pass on to one another comes here, too: they know it by a key
		media.WithPorts(networkingv1ac.NetworkPolicyPort().WithProtocol(corev1.ProtocolUDP).WithPort(intstr.FromString(portWebRTC)))
	}
	return networkingv1ac.NetworkPolicy(edgesPolicyName(a), a.Namespace).
		WithLabels(edgeLabels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(networkingv1ac.NetworkPolicySpec().
			WithPodSelector(podsWith(edgeSelector(a))).
			WithPolicyTypes(networkingv1.PolicyTypeIngress).
			WithIngress(media, controlRule(peers)))
}
