package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Types of conditions.
const (
	// ConditionReady sums up the others: what the spec asks for serves at
	// status.url. While the instance is suspended it is True with the reason
	// Suspended, since nothing is asked for, and while it sleeps with the reason
	// Sleeping, since whoever comes wakes it.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the operator is on its way to what the
	// spec asks for, and absent otherwise (as kstatus has it).
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True while nothing goes on until somebody mends what
	// its message names, and absent otherwise (as kstatus has it).
	ConditionStalled      = "Stalled"
	ConditionOriginReady  = "OriginReady"
	ConditionStorageReady = "StorageReady"
	ConditionServiceReady = "ServiceReady"
	ConditionSuspended    = "Suspended"
	// ConditionSleeping is True while no server runs because nobody has been there for
	// spec.idle.suspendAfter; absent without that.
	ConditionSleeping = "Sleeping"
	// ConditionPublishKeyReady is about the Secret with the publish key; absent
	// where anyone may publish.
	ConditionPublishKeyReady = "PublishKeyReady"
	// ConditionCertificateReady is about the Secret of spec.tls; absent without.
	ConditionCertificateReady = "CertificateReady"
	// ConditionWebCertificateReady is about the Secret of spec.web.tls; absent where
	// none is named.
	ConditionWebCertificateReady = "WebCertificateReady"
	// ConditionWebRouteReady is about the HTTPRoute of spec.web.gatewayRef: whether the
	// cluster has the Gateway API, and the Gateway takes the route; absent without.
	ConditionWebRouteReady = "WebRouteReady"
	// ConditionRouteReady is about the TCPRoute and the TLSRoute of
	// spec.service.gatewayRef: whether the cluster has such routes, and the Gateway takes
	// these; absent without.
	ConditionRouteReady = "RouteReady"
	// ConditionWebRTCReady is about the address of spec.web.webrtc; absent without.
	ConditionWebRTCReady = "WebRTCReady"
	// ConditionScriptReady is about the ConfigMap of spec.script, and whether the
	// script in it can be run; absent without.
	ConditionScriptReady = "ScriptReady"
	// ConditionNameConflict is True while an object that is not the operator's
	// stands where a child of the instance would, or while an older AppInstance has
	// the on-demand instances that this one asks for, and absent otherwise.
	ConditionNameConflict = "NameConflict"
	// ConditionRouteConflict is True while an older AppInstance has a name at the gateway
	// that this one asks for, and absent otherwise.
	ConditionRouteConflict = "RouteConflict"
	// ConditionUpgradePending is True while the server runs on, as an operator
	// before this one made it, until its turn or its policy lets it restart;
	// absent otherwise.
	ConditionUpgradePending = "UpgradePending"
	// ConditionShardsLeaving is True while there are more origins than spec.shards asks for:
	// its message says what they have, and when they end; absent otherwise.
	ConditionShardsLeaving = "ShardsLeaving"
	// ConditionUnmarkedReference is True while a Secret is in use that has
	// neither the type nor the label that new references need; absent otherwise.
	ConditionUnmarkedReference = "UnmarkedReference"
)

// AppInstanceStatus is what is.
type AppInstanceStatus struct {
	// URL is where clients connect: rtmp://address/application/instance.
	// +optional
	URL string `json:"url,omitempty"`
	// WebURL is where web pages and players of HTTP connect:
	// https://hostname/application/instance, and with /NAME/index.m3u8 behind the
	// HLS of a stream. Absent without spec.web, and while there is no address.
	// +optional
	WebURL string `json:"webURL,omitempty"`
	// Conditions say how it stands, each with a reason and a message: Ready sums
	// up the others; Reconciling and Stalled are there while they are true.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// ObservedGeneration is the metadata.generation of the spec which the rest of
	// the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Origin is about the media server that owns the instance.
	// +optional
	Origin *OriginStatus `json:"origin,omitempty"`
	// Shards is about each of several origins; absent where there is one.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Shards []ShardStatus `json:"shards,omitempty"`
	// Edges is about the servers that relay for it; absent while there are none.
	// +optional
	Edges *EdgesStatus `json:"edges,omitempty"`
	// Script is about errors of the script; absent without spec.script.
	// +optional
	Script *ScriptStatus `json:"script,omitempty"`
	// Sleep is about going to sleep; absent without spec.idle.suspendAfter.
	// +optional
	Sleep *SleepStatus `json:"sleep,omitempty"`
	// Storage is about the volume.
	// +optional
	Storage *StorageStatus `json:"storage,omitempty"`
}

// OriginStatus is about the media server that owns the instance.
type OriginStatus struct {
	// Ready is how many media servers take connections: 0 or 1, or as many as there are
	// shards.
	Ready int32 `json:"ready"`
	// Image is the one that the server runs.
	// +optional
	Image string `json:"image,omitempty"`
}

// ScriptStatus is about errors of the server-side script, of the instance and of
// those that started on demand.
type ScriptStatus struct {
	// Errors is how many there were since media servers started, as they were last
	// asked: once in a while, not for each.
	// +optional
	Errors int64 `json:"errors,omitempty"`
	// LastError is the last of them: file and line, what it was, and in which call; where
	// there are several origins, with the pod of its.
	// +optional
	LastError string `json:"lastError,omitempty"`
	// Failed is why a script does not run, or not as its files are; absent while all do.
	// Where there are several origins, status.shards has it of each.
	// +optional
	Failed string `json:"failed,omitempty"`
}

// SleepStatus is about going to sleep while nobody is there.
type SleepStatus struct {
	// Since is when the AppInstance went to sleep; absent while it is awake.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// Woken is the Since of the last sleep that a client has ended. Whichever of several
	// operators was asked has written it, so that the one which works wakes the
	// AppInstance, now or once it has started.
	// +optional
	Woken *metav1.Time `json:"woken,omitempty"`
	// IdleSince is since when nobody has been there; absent while somebody is, or it has
	// not been for long. An operator that is new counts from then on.
	// +optional
	IdleSince *metav1.Time `json:"idleSince,omitempty"`
	// IdleMark is what the servers had counted then, so that an operator that is new notices
	// who has come and gone meanwhile.
	// +optional
	IdleMark string `json:"idleMark,omitempty"`
}

// StorageStatus is about the volume.
type StorageStatus struct {
	// Capacity that the volume really has; absent until there is a volume.
	// +optional
	Capacity *resource.Quantity `json:"capacity,omitempty"`
}
