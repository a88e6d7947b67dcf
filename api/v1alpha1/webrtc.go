package v1alpha1

import corev1 "k8s.io/api/core/v1"

// WebRTC opens a UDP port for WHIP and WHEP, by which pages and OBS publish, and pages
// watch, with the least delay. On one machine it is --webrtc-address.
type WebRTC struct {
	// Port of the Service that media is sent to: UDP. In the pod it is 8088. The
	// default is one that networks which let QUIC through do not close.
	// +kubebuilder:default=443
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
	// ServiceType is LoadBalancer or NodePort, where clients reach the nodes. The
	// Service is one of its own, called like the AppInstance with "-webrtc" behind: a
	// load balancer of TCP and UDP is one that some clouds make again and again. Class,
	// source ranges, policies and families are those of spec.service.
	// +kubebuilder:default=LoadBalancer
	// +kubebuilder:validation:Enum=LoadBalancer;NodePort
	// +optional
	ServiceType corev1.ServiceType `json:"serviceType,omitempty"`
	// Addresses are what clients are told, where it is not what the Service, or for
	// NodePort the pod's node, is known by inside of the cluster: addresses or host
	// names. Those of a NodePort are to be of nodes that the pod can be on.
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:XValidation:rule="isIP(self) || (!format.dns1123Subdomain().validate(self).hasValue() && !self.matches('^[0-9.]+$'))",message="must be an address such as 192.0.2.7 or 2001:db8::7, or a host name such as media.example.com, without a port"
	// +listType=set
	// +optional
	Addresses []string `json:"addresses,omitempty"`
	// Annotations for the Service: most clouds are configured by them.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('media.flashpod.dev/'))",message="keys of media.flashpod.dev are the operator's own",messageExpression=`"keys of media.flashpod.dev are the operator's own: leave out %s".format([self.filter(k, k.startsWith('media.flashpod.dev/'))])`
	// +kubebuilder:validation:XValidation:rule="self.all(k, !format.qualifiedName().validate(k.lowerAscii()).hasValue())",message="keys must be annotation keys, such as example.com/team",messageExpression=`"keys must be annotation keys, such as example.com/team; these are not: %s".format([self.filter(k, format.qualifiedName().validate(k.lowerAscii()).hasValue())])`
	// +kubebuilder:validation:XValidation:rule="self.map(k, k.size() + self[k].size()).sum() <= 262144",message="must not have more than 256 KiB, keys and values together"
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}
