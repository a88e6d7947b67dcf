package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Storage is the volume that recordings are kept on.
type Storage struct {
	// Size of the volume: a number with a unit, such as 10Gi or 10G. It can grow,
	// where the storage class allows it, but not shrink; where it could not grow,
	// it can go back to status.storage.capacity.
	// +kubebuilder:default="10Gi"
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self))",message="must be a quantity: a number, with a unit or without, such as 10Gi or 10G (not 10GB or 10GiB)"
	// +kubebuilder:validation:XValidation:rule="!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('1Mi')) >= 0",message="must be 1Mi or more: Gi, Mi, G and M are units, and m is a thousandth of a byte"
	// +optional
	Size resource.Quantity `json:"size,omitzero"`
	// StorageClassName is the class of the volume. Default: the cluster's
	// default class. It can be changed until there is a volume. "" is a volume of
	// no class, made by hand.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || !format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a StorageClass: lower case letters, digits, '-' and '.'"
	// +optional
	StorageClassName *string `json:"storageClassName,omitempty"`
	// Retain keeps the volume, with its recordings, when the AppInstance is
	// deleted.
	// +kubebuilder:default=true
	// +optional
	Retain *bool `json:"retain,omitempty"`
}

// TLS lets clients connect by rtmps:// as well.
type TLS struct {
	// SecretName names a Secret of type kubernetes.io/tls with tls.crt and
	// tls.key, such as cert-manager makes. It is read again when it changes;
	// nobody is disconnected.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || !format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Secret: lower case letters, digits, '-' and '.'"
	SecretName string `json:"secretName"`
	// Port that clients connect to.
	// +kubebuilder:default=443
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
}

// ServiceTypeGateway is the Service.Type of instances behind the cluster's gateway.
const ServiceTypeGateway corev1.ServiceType = "Gateway"

// Service is how clients reach the instance.
//
// +kubebuilder:validation:XValidation:rule="!has(self.gatewayRef) || self.type == 'ClusterIP'",message="gatewayRef needs type ClusterIP, since the address is the Gateway's: set type to ClusterIP, or leave gatewayRef out",fieldPath=".gatewayRef"
// +kubebuilder:validation:XValidation:rule="self.type != 'LoadBalancer' || oldSelf.type != 'LoadBalancer' || (has(self.loadBalancerClass) == has(oldSelf.loadBalancerClass) && (!has(self.loadBalancerClass) || self.loadBalancerClass == oldSelf.loadBalancerClass))",message="cannot be changed, set or unset while type is LoadBalancer: Kubernetes does not allow it. Set type to ClusterIP first and back with the other class; the address changes",fieldPath=".loadBalancerClass"
// +kubebuilder:validation:XValidation:rule="!has(self.ipFamilies) || self.ipFamilies.size() < 2 || !has(self.ipFamilyPolicy) || self.ipFamilyPolicy != 'SingleStack'",message="must be one family where ipFamilyPolicy is SingleStack: leave one out, or take PreferDualStack or RequireDualStack",fieldPath=".ipFamilies"
// +kubebuilder:validation:XValidation:rule="!has(self.ipFamilies) || !has(oldSelf.ipFamilies) || self.ipFamilies.size() == 0 || oldSelf.ipFamilies.size() == 0 || self.ipFamilies[0] == oldSelf.ipFamilies[0]",message="the first family cannot be changed: Kubernetes does not allow it. Put it back, or make another AppInstance",fieldPath=".ipFamilies"
type Service struct {
	// Type is LoadBalancer, NodePort, ClusterIP or Gateway. With Gateway the instance has
	// no address of its own outside of the cluster: clients come by that of the cluster's
	// Flashpod gateway, which has many instances behind it. A change to or from Gateway
	// restarts the server.
	// +kubebuilder:default=LoadBalancer
	// +kubebuilder:validation:Enum=LoadBalancer;NodePort;ClusterIP;Gateway
	// +optional
	Type corev1.ServiceType `json:"type,omitempty"`
	// Port that clients connect to.
	// +kubebuilder:default=1935
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
	// GatewayRef has clients come by a Gateway of the Gateway API, which the cluster must
	// have: the operator attaches a TCPRoute for rtmp://, a TLSRoute for rtmps://, or both.
	// The Gateway must let in routes of this namespace; the condition RouteReady says
	// whether it does, and status.url is by its address. It needs type ClusterIP. Clients
	// come from the Gateway's addresses then: the default of
	// spec.limits.maxConnectionsPerAddress is not for those, so that setting gatewayRef, or
	// leaving it out, restarts the server.
	// +optional
	GatewayRef *ServiceGatewayRef `json:"gatewayRef,omitempty"`
	// Annotations for the Service: most clouds are configured by them.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('media.flashpod.dev/'))",message="keys of media.flashpod.dev are the operator's own",messageExpression=`"keys of media.flashpod.dev are the operator's own: leave out %s".format([self.filter(k, k.startsWith('media.flashpod.dev/'))])`
	// +kubebuilder:validation:XValidation:rule="self.all(k, !format.qualifiedName().validate(k.lowerAscii()).hasValue())",message="keys must be annotation keys, such as example.com/team",messageExpression=`"keys must be annotation keys, such as example.com/team; these are not: %s".format([self.filter(k, format.qualifiedName().validate(k.lowerAscii()).hasValue())])`
	// +kubebuilder:validation:XValidation:rule="self.map(k, k.size() + self[k].size()).sum() <= 262144",message="must not have more than 256 KiB, keys and values together"
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// LoadBalancerClass says which of the cluster's load balancers is meant; it
	// concerns type LoadBalancer alone. Default: the cluster's default. It cannot
	// be changed while type is LoadBalancer.
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="!format.qualifiedName().validate(self).hasValue()",message="must be the name of a class of load balancers, such as example.com/internal; leave it out for the cluster's default"
	// +optional
	LoadBalancerClass *string `json:"loadBalancerClass,omitempty"`
	// LoadBalancerSourceRanges lets in only clients from these networks, such as
	// 192.0.2.0/24 or 2001:db8::/32; it concerns type LoadBalancer alone.
	// Default: everybody.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self)",message="must be a network, such as 192.0.2.0/24 or 2001:db8::/32; one address is 192.0.2.7/32 or 2001:db8::7/128"
	// +kubebuilder:validation:items:XValidation:rule="!isCIDR(self) || cidr(self) == cidr(self).masked()",message="must be the address of a network, with zeros behind the prefix: 10.0.0.0/8, not 10.1.2.3/8"
	// +listType=atomic
	// +optional
	LoadBalancerSourceRanges []string `json:"loadBalancerSourceRanges,omitempty"`
	// ExternalTrafficPolicy is Local (clients' addresses are seen) or Cluster (any
	// node takes connections, and the server sees nodes' addresses in place of the
	// clients'). It concerns the types LoadBalancer and NodePort. Unlike the rest of
	// service, a change of it restarts the server.
	// +kubebuilder:default=Local
	// +kubebuilder:validation:Enum=Local;Cluster
	// +optional
	ExternalTrafficPolicy corev1.ServiceExternalTrafficPolicy `json:"externalTrafficPolicy,omitempty"`
	// IPFamilyPolicy is SingleStack (addresses of one family), PreferDualStack
	// (of both, where the cluster has both) or RequireDualStack. Default:
	// SingleStack, or RequireDualStack where ipFamilies are two.
	// +kubebuilder:validation:Enum=SingleStack;PreferDualStack;RequireDualStack
	// +optional
	IPFamilyPolicy *corev1.IPFamilyPolicy `json:"ipFamilyPolicy,omitempty"`
	// IPFamilies are the families of the Service's addresses, in order: IPv4,
	// IPv6 or both. Default: the cluster's. The first cannot be changed.
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:items:Enum=IPv4;IPv6
	// +kubebuilder:validation:XValidation:rule="self.size() < 2 || self[0] != self[1]",message="must not name a family twice"
	// +listType=atomic
	// +optional
	IPFamilies []corev1.IPFamily `json:"ipFamilies,omitempty"`
}

// NetworkPolicy says who may reach the server's ports inside the cluster.
type NetworkPolicy struct {
	// Mode is Managed (the operator makes a NetworkPolicy: RTMP, RTMPS and the
	// ports of spec.web are open to all, the control port to the operator, to
	// Prometheus and to pods of the same namespace) or None.
	// +kubebuilder:default=Managed
	// +optional
	Mode NetworkPolicyMode `json:"mode,omitempty"`
}

// NetworkPolicyMode says who makes the NetworkPolicy.
// +kubebuilder:validation:Enum=Managed;None
type NetworkPolicyMode string

// The network policy modes.
const (
	NetworkPolicyManaged NetworkPolicyMode = "Managed"
	NetworkPolicyNone    NetworkPolicyMode = "None"
)

// UpgradePolicy says when the operator may restart the server of its own
// accord.
// +kubebuilder:validation:Enum=Auto;OnIdle;Manual
type UpgradePolicy string

// The upgrade policies.
const (
	UpgradeAuto   UpgradePolicy = "Auto"
	UpgradeOnIdle UpgradePolicy = "OnIdle"
	UpgradeManual UpgradePolicy = "Manual"
)
