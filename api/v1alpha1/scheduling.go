package v1alpha1

import corev1 "k8s.io/api/core/v1"

// Scheduling says what the media server's pod is and where it runs. It means
// nothing to a server without Kubernetes.
type Scheduling struct {
	// Image is the media server's. Default: the operator's choice.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || self.matches('^((([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?[.])*[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?|[[][0-9a-fA-F:]+[]])(:[0-9]+)?/)?[a-z0-9]+(([.]|__?|-+)[a-z0-9]+)*(/[a-z0-9]+(([.]|__?|-+)[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$')",message="must be the name of an image, such as registry.example.com/flashpod/media:1.2 or media@sha256:DIGEST; its path is of lower case letters"
	// +optional
	Image string `json:"image,omitempty"`
	// ImagePullSecrets name Secrets of type kubernetes.io/dockerconfigjson that
	// the node pulls the image with.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:XValidation:rule="has(self.name) && !format.dns1123Subdomain().validate(self.name).hasValue()",message="must name a Secret: lower case letters, digits, '-' and '.'",fieldPath=".name"
	// +listType=atomic
	// +optional
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`
	// Resources are what the media server's container asks for and may take.
	// Default: 100m of cpu and 128Mi of memory, at most 1Gi; where you name any,
	// yours alone.
	// +kubebuilder:validation:XValidation:rule="!has(self.claims) || self.claims.size() == 0",message="must not be set: the pod has no resourceClaims that they could name; leave it out",fieldPath=".claims"
	// +kubebuilder:validation:XValidation:rule="!has(self.requests) || !has(self.limits) || !('cpu' in self.requests) || !('cpu' in self.limits) || !isQuantity(string(self.requests['cpu'])) || !isQuantity(string(self.limits['cpu'])) || quantity(string(self.requests['cpu'])).compareTo(quantity(string(self.limits['cpu']))) <= 0",message="must not be more than limits.cpu: lower it, or raise the limit",fieldPath=".requests.cpu"
	// +kubebuilder:validation:XValidation:rule="!has(self.requests) || !has(self.limits) || !('memory' in self.requests) || !('memory' in self.limits) || !isQuantity(string(self.requests['memory'])) || !isQuantity(string(self.limits['memory'])) || quantity(string(self.requests['memory'])).compareTo(quantity(string(self.limits['memory']))) <= 0",message="must not be more than limits.memory: lower it, or raise the limit",fieldPath=".requests.memory"
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitzero"`
	// NodeSelector are labels that the node must have.
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !format.qualifiedName().validate(k).hasValue())",message="keys must be label keys, such as kubernetes.io/arch",messageExpression=`"keys must be label keys, such as kubernetes.io/arch; these are not: %s".format([self.filter(k, format.qualifiedName().validate(k).hasValue())])`
	// +kubebuilder:validation:XValidation:rule="self.all(k, !format.labelValue().validate(self[k]).hasValue())",message="values must be of letters, digits, '-', '_' and '.', with a letter or digit at both ends",messageExpression=`"values must be of letters, digits, '-', '_' and '.', with a letter or digit at both ends; that of %s is not".format([self.filter(k, format.labelValue().validate(self[k]).hasValue())])`
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Tolerations are taints of nodes that keep the pod away from none of them.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:XValidation:rule="has(self.key) && self.key.size() > 0 || has(self.operator) && self.operator == 'Exists'",message="must not be empty, unless operator is Exists, which then means every taint",fieldPath=".key"
	// +kubebuilder:validation:items:XValidation:rule="!has(self.key) || self.key.size() == 0 || !format.qualifiedName().validate(self.key).hasValue()",message="must be the key of a taint, such as node.kubernetes.io/unreachable",fieldPath=".key"
	// +kubebuilder:validation:items:XValidation:rule="!has(self.value) || self.value.size() == 0 || !has(self.operator) || self.operator != 'Exists'",message="must be left out where operator is Exists",fieldPath=".value"
	// +kubebuilder:validation:items:XValidation:rule="!has(self.value) || !format.labelValue().validate(self.value).hasValue()",message="must be the value of a taint: letters, digits, '-', '_' and '.', with a letter or digit at both ends",fieldPath=".value"
	// +kubebuilder:validation:items:XValidation:rule="!has(self.tolerationSeconds) || has(self.effect) && self.effect == 'NoExecute'",message="needs effect NoExecute: only then a pod is sent away",fieldPath=".tolerationSeconds"
	// +listType=atomic
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// Affinity says which nodes, and the neighbourhood of which pods, the pod
	// looks for or avoids.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`
	// TopologySpreadConstraints spread the pods that they select over zones or
	// nodes.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.topologyKey == b.topologyKey && a.whenUnsatisfiable == b.whenUnsatisfiable))",message="must not name the same topologyKey twice with the same whenUnsatisfiable"
	// +kubebuilder:validation:items:XValidation:rule="!format.qualifiedName().validate(self.topologyKey).hasValue()",message="must be a label key of nodes, such as topology.kubernetes.io/zone",fieldPath=".topologyKey"
	// +listType=atomic
	// +optional
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`
	// PriorityClassName is a PriorityClass of the cluster: which pod goes first
	// when there is not room for all. Default: the cluster's.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || !format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a PriorityClass: lower case letters, digits, '-' and '.'"
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`
	// PodAnnotations are added to the pod. A change of them restarts it.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('media.flashpod.dev/'))",message="keys of media.flashpod.dev are the operator's own",messageExpression=`"keys of media.flashpod.dev are the operator's own: leave out %s".format([self.filter(k, k.startsWith('media.flashpod.dev/'))])`
	// +kubebuilder:validation:XValidation:rule="self.all(k, !format.qualifiedName().validate(k.lowerAscii()).hasValue())",message="keys must be annotation keys, such as example.com/team",messageExpression=`"keys must be annotation keys, such as example.com/team; these are not: %s".format([self.filter(k, format.qualifiedName().validate(k.lowerAscii()).hasValue())])`
	// +kubebuilder:validation:XValidation:rule="self.map(k, k.size() + self[k].size()).sum() <= 262144",message="must not have more than 256 KiB, keys and values together"
	// +optional
	PodAnnotations map[string]string `json:"podAnnotations,omitempty"`
}
