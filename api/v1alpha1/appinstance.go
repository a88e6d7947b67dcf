package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AppInstance is one instance of an application, which clients connect to at
// rtmp://host/application/instance.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ai;appinst,categories=flashpod
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.url`
// +kubebuilder:printcolumn:name="Edges",type=integer,JSONPath=`.status.edges.ready`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",message="must be of lower case letters, digits and '-', beginning with a letter: a Service is called by it",fieldPath=".metadata.name"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 52",message="must not be longer than 52 characters: names of what belongs to it are made from it",fieldPath=".metadata.name"
type AppInstance struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec   AppInstanceSpec   `json:"spec"`
	Status AppInstanceStatus `json:"status,omitzero"`
}

// AppInstanceList is a list of AppInstances.
//
// +kubebuilder:object:root=true
type AppInstanceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AppInstance `json:"items"`
}

// AppInstanceSpec is what is wanted.
//
// +kubebuilder:validation:XValidation:rule="has(self.instance) == has(oldSelf.instance) && (!has(self.instance) || self.instance == oldSelf.instance)",message="instance cannot be changed: its recordings are kept by that name; make another AppInstance",fieldPath=".instance"
// +kubebuilder:validation:XValidation:rule="!has(self.tls) || self.tls.port != self.service.port",message="must be another than spec.service.port",fieldPath=".tls.port"
type AppInstanceSpec struct {
	// Application is the first part of the path in rtmp://host/application/instance.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || self.matches('^[A-Za-z0-9_-][A-Za-z0-9_.-]*$')",message="must be of letters, digits, '_', '-' and '.', and not begin with a dot"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="application cannot be changed: its recordings are kept by that name; make another AppInstance"
	Application string `json:"application"`

	// Instance is the rest of the path; "_definst_" stands for none. Default:
	// metadata.name.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || self.matches('^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$')",message="must be of letters, digits, '_', '-' and '.', in parts separated by '/', none of which begins with a dot"
	// +optional
	Instance string `json:"instance,omitempty"`

	// Suspend stops the servers; address, key and recordings stay.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// +kubebuilder:default={}
	// +optional
	Recording Recording `json:"recording,omitzero"`
	// +kubebuilder:default={}
	// +optional
	Storage Storage `json:"storage,omitzero"`
	// +kubebuilder:default={}
	// +optional
	Access Access `json:"access,omitzero"`
	// Limits bound what clients may take of the server.
	// +kubebuilder:default={}
	// +optional
	Limits Limits `json:"limits,omitzero"`
	// +kubebuilder:default={}
	// +optional
	Delivery Delivery `json:"delivery,omitzero"`
	// +kubebuilder:default={}
	// +optional
	Service Service `json:"service,omitzero"`
	// TLS lets clients connect by rtmps:// as well.
	// +optional
	TLS *TLS `json:"tls,omitempty"`
	// NetworkPolicy says who may reach the server's ports inside the cluster.
	// +kubebuilder:default={}
	// +optional
	NetworkPolicy NetworkPolicy `json:"networkPolicy,omitzero"`
	// UpgradePolicy says when a change that comes from the operator, such as
	// another media image, may restart the server: Auto (as soon as it is this
	// instance's turn), OnIdle (when no client is connected) or Manual (when the
	// annotation media.flashpod.dev/upgrade allows it; the condition
	// UpgradePending names the value). An edit of yours never waits.
	// +kubebuilder:default=Auto
	// +optional
	UpgradePolicy UpgradePolicy `json:"upgradePolicy,omitempty"`

	Scheduling `json:",inline"`
}

// Scheduling says what the media server's pod is and where it runs. It means
// nothing to a server without Kubernetes.
type Scheduling struct {
	// Image is the media server's. Default: the operator's choice.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Image string `json:"image,omitempty"`
	// ImagePullSecrets name Secrets of type kubernetes.io/dockerconfigjson that
	// the node pulls the image with.
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	// +optional
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitzero"`
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`
	// +kubebuilder:validation:MaxItems=16
	// +optional
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`
	// +kubebuilder:validation:MaxLength=253
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	PodAnnotations map[string]string `json:"podAnnotations,omitempty"`
}
