package controllers

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// labelNamespace is the label that each namespace has of itself.
const labelNamespace = "kubernetes.io/metadata.name"

// networkPolicy, but for that of several origins, which clients come to by the gateway
// alone, opens RTMP, RTMPS, the web and WebRTC to all, and the control port, which shows
// what is played and deletes recordings, to the operator, to Prometheus and to
// pods of the instance's own namespace. nil when none is wanted.
func networkPolicy(a *v1alpha1.AppInstance, peers Peers) *networkingv1ac.NetworkPolicyApplyConfiguration {
	if a.Spec.NetworkPolicy.Mode != v1alpha1.NetworkPolicyManaged {
		return nil
	}
	port := func(name string) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
		return networkingv1ac.NetworkPolicyPort().WithProtocol(corev1.ProtocolTCP).WithPort(intstr.FromString(name))
	}
	media := networkingv1ac.NetworkPolicyIngressRule().WithPorts(port(portRTMP))
	if a.Spec.TLS != nil {
		media.WithPorts(port(portRTMPS))
	}
	if a.Spec.Web != nil {
		media.WithPorts(port(portWeb))
	}
	if webRTC(a) != nil {
		media.WithPorts(port(portWebRTC).WithProtocol(corev1.ProtocolUDP))
	}
	rules := []*networkingv1ac.NetworkPolicyIngressRuleApplyConfiguration{media, controlRule(peers)}
	if sharded(a) {
		rules = rules[1:]
	}
	if takesLinks(a) {
		rules = append(rules, linkRule(a, peers))
	}
	return networkingv1ac.NetworkPolicy(policyName(a), a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(networkingv1ac.NetworkPolicySpec().
			WithPodSelector(podsWith(selector(a))).
			WithPolicyTypes(networkingv1.PolicyTypeIngress).
			WithIngress(rules...))
}

func podsWith(l map[string]string) *metav1ac.LabelSelectorApplyConfiguration {
	return metav1ac.LabelSelector().WithMatchLabels(l)
}

// controlRule opens the control port to those that may look.
func controlRule(peers Peers) *networkingv1ac.NetworkPolicyIngressRuleApplyConfiguration {
	port := networkingv1ac.NetworkPolicyPort().WithProtocol(corev1.ProtocolTCP).WithPort(intstr.FromString(portHTTP))
	control := networkingv1ac.NetworkPolicyIngressRule().WithPorts(port)
	if peers.OperatorNamespace != "" {
		control.WithFrom(networkingv1ac.NetworkPolicyPeer().
			WithNamespaceSelector(podsWith(map[string]string{labelNamespace: peers.OperatorNamespace})).
			WithPodSelector(podsWith(map[string]string{labelName: operatorName})))
	}
	if len(peers.Prometheus) > 0 { // no labels would mean every pod
		control.WithFrom(networkingv1ac.NetworkPolicyPeer().
			WithNamespaceSelector(metav1ac.LabelSelector()).
			WithPodSelector(podsWith(peers.Prometheus)))
	}
	return control.WithFrom(networkingv1ac.NetworkPolicyPeer().WithPodSelector(metav1ac.LabelSelector()))
}

// operatorName is what the operator's own pods are called by their label.
const operatorName = "flashpod-operator"

// Peers are the pods elsewhere that may reach the control port of instances.
type Peers struct {
	OperatorNamespace string            // where the operator's pods are
	Prometheus        map[string]string // labels of Prometheus' pods, in any namespace
}
