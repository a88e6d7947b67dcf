package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Types of conditions.
const (
	// ConditionReady sums up the others: clients can connect at status.url.
	ConditionReady        = "Ready"
	ConditionOriginReady  = "OriginReady"
	ConditionStorageReady = "StorageReady"
	ConditionServiceReady = "ServiceReady"
	ConditionSuspended    = "Suspended"
)

// AppInstanceStatus is what is.
type AppInstanceStatus struct {
	// URL is where clients connect: rtmp://address/application/instance.
	// +optional
	URL string `json:"url,omitempty"`
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// ObservedGeneration is that of the spec which the rest is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// +optional
	Origin *OriginStatus `json:"origin,omitempty"`
	// +optional
	Edges *EdgesStatus `json:"edges,omitempty"`
	// +optional
	Storage *StorageStatus `json:"storage,omitempty"`
}

// OriginStatus is about the media server that owns the instance.
type OriginStatus struct {
	Ready int32 `json:"ready"`
	// +optional
	Image string `json:"image,omitempty"`
}

// EdgesStatus is about the servers that relay for it.
type EdgesStatus struct {
	Ready   int32 `json:"ready"`
	Desired int32 `json:"desired"`
}

// StorageStatus is about the volume.
type StorageStatus struct {
	// Capacity that the volume really has.
	// +optional
	Capacity *resource.Quantity `json:"capacity,omitempty"`
}
