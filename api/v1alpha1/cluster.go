package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Storage is the volume that recordings are kept on.
//
// +kubebuilder:validation:XValidation:rule="has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",message="the class of a volume cannot be changed",fieldPath=".storageClassName"
type Storage struct {
	// Size of the volume. It can grow, where the storage class allows it, but
	// not shrink.
	// +kubebuilder:default="10Gi"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than zero"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity(string(oldSelf))) >= 0",message="a volume can grow, but not shrink"
	// +optional
	Size resource.Quantity `json:"size,omitzero"`
	// StorageClassName is the class of the volume. Default: the cluster's
	// default class.
	// +kubebuilder:validation:MaxLength=253
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
	// SecretName names a Secret with tls.crt and tls.key, such as cert-manager
	// makes. It is read again when it changes; nobody is disconnected.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName"`
	// Port that clients connect to.
	// +kubebuilder:default=443
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
}

// Service is how clients reach the instance.
type Service struct {
	// Type is LoadBalancer, NodePort or ClusterIP.
	// +kubebuilder:default=LoadBalancer
	// +kubebuilder:validation:Enum=LoadBalancer;NodePort;ClusterIP
	// +optional
	Type corev1.ServiceType `json:"type,omitempty"`
	// Port that clients connect to.
	// +kubebuilder:default=1935
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
	// Annotations for the Service: most clouds are configured by them.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// +kubebuilder:validation:MaxLength=253
	// +optional
	LoadBalancerClass *string `json:"loadBalancerClass,omitempty"`
	// LoadBalancerSourceRanges lets in only clients from these networks (CIDR).
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	// +optional
	LoadBalancerSourceRanges []string `json:"loadBalancerSourceRanges,omitempty"`
	// ExternalTrafficPolicy is Local (clients' addresses are seen) or Cluster.
	// +kubebuilder:default=Local
	// +kubebuilder:validation:Enum=Local;Cluster
	// +optional
	ExternalTrafficPolicy corev1.ServiceExternalTrafficPolicy `json:"externalTrafficPolicy,omitempty"`
	// +kubebuilder:validation:Enum=SingleStack;PreferDualStack;RequireDualStack
	// +optional
	IPFamilyPolicy *corev1.IPFamilyPolicy `json:"ipFamilyPolicy,omitempty"`
	// IPFamilies are the families of the Service's addresses, in order: IPv4,
	// IPv6 or both. Default: the cluster's.
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:items:Enum=IPv4;IPv6
	// +listType=atomic
	// +optional
	IPFamilies []corev1.IPFamily `json:"ipFamilies,omitempty"`
}

// NetworkPolicy says who may reach the server's ports inside the cluster.
type NetworkPolicy struct {
	// Mode is Managed (the operator makes a NetworkPolicy: RTMP and RTMPS are
	// open to all, the control port to the operator, to Prometheus and to pods
	// of the same namespace) or None.
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
