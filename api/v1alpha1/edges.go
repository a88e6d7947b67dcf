package v1alpha1

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Edges are servers that relay for the one that owns the instance, the origin: clients
// connect to them, and each is sent a live stream once, whatever the number of its
// viewers. While at least one is ready, the Service leads to edges, and to the origin
// otherwise.
type Edges struct {
	// Replicas is how many edges there are, and what kubectl scale writes. With
	// autoscaling it is not looked at.
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`
	// Autoscaling has the operator decide how many edges there are. Where a
	// HorizontalPodAutoscaler or another program scales this AppInstance, leave it out.
	// +optional
	Autoscaling *EdgesAutoscaling `json:"autoscaling,omitempty"`
	// Resources are what an edge's container asks for and may take. Default: those of
	// spec.resources.
	// +kubebuilder:validation:XValidation:rule="!has(self.claims) || self.claims.size() == 0",message="must not be set: the pod has no resourceClaims that they could name; leave it out",fieldPath=".claims"
	// +kubebuilder:validation:XValidation:rule="!has(self.requests) || !has(self.limits) || !('cpu' in self.requests) || !('cpu' in self.limits) || !isQuantity(string(self.requests['cpu'])) || !isQuantity(string(self.limits['cpu'])) || quantity(string(self.requests['cpu'])).compareTo(quantity(string(self.limits['cpu']))) <= 0",message="must not be more than limits.cpu: lower it, or raise the limit",fieldPath=".requests.cpu"
	// +kubebuilder:validation:XValidation:rule="!has(self.requests) || !has(self.limits) || !('memory' in self.requests) || !('memory' in self.limits) || !isQuantity(string(self.requests['memory'])) || !isQuantity(string(self.limits['memory'])) || quantity(string(self.requests['memory'])).compareTo(quantity(string(self.limits['memory']))) <= 0",message="must not be more than limits.memory: lower it, or raise the limit",fieldPath=".requests.memory"
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
	// Cache is what an edge keeps of recordings that it has read, on its node's disk, so that
	// a popular one leaves the origin once.
	// +optional
	Cache *EdgesCache `json:"cache,omitempty"`
	// MayReach are other AppInstances of this namespace that clients of the edges may name as
	// their origin, rtmp://EDGE/?rtmp://NAME/APPLICATION/INSTANCE. Each has to let these edges
	// in (spec.edges.allowFrom there). Default: none.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, !has(a.hosts) || a.hosts.all(h, self.exists_one(b, has(b.hosts) && b.hosts.exists(o, o.lowerAscii() == h.lowerAscii()))))",message="has a host of two AppInstances, and it leads to one alone: leave it out of the other"
	// +listType=map
	// +listMapKey=name
	// +optional
	MayReach []EdgesReach `json:"mayReach,omitempty"`
	// AllowFrom are other AppInstances of this namespace whose edges may reach this one's
	// origin for clients that name it (spec.edges.mayReach there). Default: none.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	AllowFrom []EdgesFrom `json:"allowFrom,omitempty"`
}

// EdgesCache is what an edge keeps of recordings.
type EdgesCache struct {
	// Size is how much it keeps: a number with a unit, such as 20Gi or 20G. What was not
	// played for longest goes first. 0 keeps them in memory alone, for as long as they are
	// played. A size that is written here is asked of the node as well (as
	// ephemeral-storage, an eighth more), unless the resources name that themselves.
	// Default: 2Gi, of which the node is not asked.
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self))",message="must be a quantity: a number, with a unit or without, such as 10Gi or 10G (not 10GB or 10GiB)"
	// +kubebuilder:validation:XValidation:rule="!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('0')) == 0 || quantity(string(self)).compareTo(quantity('64Mi')) >= 0 && quantity(string(self)).compareTo(quantity('64Ti')) <= 0",message="must be 0, for none on a disk, or of 64Mi to 64Ti: Gi, Mi, G and M are units, and m is a thousandth of a byte"
	// +optional
	Size *resource.Quantity `json:"size,omitempty"`
}

// EdgesAutoscaling says how many edges are enough. The operator asks each edge every 15
// seconds how much it has to do.
//
// +kubebuilder:validation:XValidation:rule="self.minReplicas <= self.maxReplicas",message="must not be more than maxReplicas: lower it, or raise that",fieldPath=".minReplicas"
// +kubebuilder:validation:XValidation:rule="!has(self.schedule) || self.schedule.all(e, e.minReplicas <= self.maxReplicas)",message="must not ask for more edges than maxReplicas: raise that",fieldPath=".schedule"
type EdgesAutoscaling struct {
	// MinReplicas is how many edges there are at least. With 0 there are none until
	// there are more clients than connectionsPerEdge, headroom included.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	MinReplicas *int32 `json:"minReplicas,omitempty"`
	// MaxReplicas is how many edges there are at most.
	// +kubebuilder:default=20
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	MaxReplicas int32 `json:"maxReplicas,omitempty"`
	// ConnectionsPerEdge is how many connections of clients each edge is to have.
	// +kubebuilder:default=5000
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	ConnectionsPerEdge int32 `json:"connectionsPerEdge,omitempty"`
	// MegabitsPerEdge is how much each edge is to send to clients, in millions of bits a
	// second, as far as its network goes. Default, and 0: any.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	MegabitsPerEdge int32 `json:"megabitsPerEdge,omitempty"`
	// MaxRoundTime is how long an edge may take to give its players what has come,
	// once around: where one takes longer, there is one more edge. The time between two
	// rounds is stretched with it, up to 350 ms, so that it is what viewers wait.
	// +kubebuilder:default="100ms"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') && duration(self) > duration('0s')",message="must be a time of more than 0, such as 100ms"
	// +optional
	MaxRoundTime *metav1.Duration `json:"maxRoundTime,omitempty"`
	// HeadroomPercent is how many connections more than there are the edges have room
	// for, in percent of them: those that come before another edge has started.
	// +kubebuilder:default=20
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	HeadroomPercent *int32 `json:"headroomPercent,omitempty"`
	// ScaleUpWindow is how long more edges must have been needed until there are more.
	// +kubebuilder:default="0s"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') && duration(self) <= duration('24h')",message="must be a time of 0 to 24h in hours, minutes and seconds, such as 30s or 0s"
	// +optional
	ScaleUpWindow *metav1.Duration `json:"scaleUpWindow,omitempty"`
	// ScaleDownWindow is how long fewer edges must have been enough until there are
	// fewer.
	// +kubebuilder:default="5m"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') && duration(self) <= duration('24h')",message="must be a time of 0 to 24h in hours, minutes and seconds, such as 5m or 1h30m"
	// +optional
	ScaleDownWindow *metav1.Duration `json:"scaleDownWindow,omitempty"`
	// Cooldown is how long the number of edges stays as it is before there are fewer.
	// +kubebuilder:default="1m"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') && duration(self) <= duration('24h')",message="must be a time of 0 to 24h in hours, minutes and seconds, such as 1m"
	// +optional
	Cooldown *metav1.Duration `json:"cooldown,omitempty"`
	// Schedule has events that are known before: edges that are there when the audience
	// comes.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Schedule []EdgesEvent `json:"schedule,omitempty"`
}

// EdgesEvent is a time for which many are expected.
//
// +kubebuilder:validation:XValidation:rule="self.until > self.from",message="must be after from",fieldPath=".until"
// +kubebuilder:validation:XValidation:rule="!has(self.repeat) || self.repeat != 'Daily' || self.until - self.from <= duration('24h')",message="must be at most a day after from, where repeat is Daily",fieldPath=".until"
// +kubebuilder:validation:XValidation:rule="!has(self.repeat) || self.repeat != 'Weekly' || self.until - self.from <= duration('168h')",message="must be at most a week after from, where repeat is Weekly",fieldPath=".until"
type EdgesEvent struct {
	// From is when the edges are to be there, such as 2026-12-31T20:00:00Z: a few minutes
	// before the audience.
	From metav1.Time `json:"from"`
	// Until is when they may go again.
	Until metav1.Time `json:"until"`
	// Repeat is Never, Daily or Weekly: 24 hours or 7 days later again, whatever clocks
	// are set to then.
	// +kubebuilder:default=Never
	// +optional
	Repeat EdgesRepeat `json:"repeat,omitempty"`
	// MinReplicas is how many edges there are at least meanwhile.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MinReplicas int32 `json:"minReplicas"`
}

// EdgesRepeat says when an event comes again.
// +kubebuilder:validation:Enum=Never;Daily;Weekly
type EdgesRepeat string

// When events come again.
const (
	RepeatNever  EdgesRepeat = "Never"
	RepeatDaily  EdgesRepeat = "Daily"
	RepeatWeekly EdgesRepeat = "Weekly"
)

// EdgesStatus is about the servers that relay for the origin.
type EdgesStatus struct {
	// Ready is how many of them take connections.
	Ready int32 `json:"ready"`
	// Desired is how many there are to be.
	Desired int32 `json:"desired"`
	// Replicas is how many there are, ready or not.
	// +optional
	Replicas int32 `json:"replicas,omitempty"`
	// Selector are the labels of their pods, for who scales this AppInstance.
	// +optional
	Selector string `json:"selector,omitempty"`
	// Image is the one that they are to run.
	// +optional
	Image string `json:"image,omitempty"`
}

// ConditionEdgesReady is about the edges; absent without spec.edges. It is True while all
// that are wanted take connections.
const ConditionEdgesReady = "EdgesReady"

// setDefaults fills in what the schema's defaults fill in.
func (e *Edges) setDefaults() {
	none := int32(0)
	def(&e.Replicas, &none)
	a := e.Autoscaling
	if a == nil {
		return
	}
	one, headroom := int32(1), int32(20)
	def(&a.MinReplicas, &one)
	def(&a.MaxReplicas, 20)
	def(&a.ConnectionsPerEdge, 5000)
	def(&a.HeadroomPercent, &headroom)
	def(&a.MaxRoundTime, &metav1.Duration{Duration: 100 * time.Millisecond})
	def(&a.ScaleUpWindow, &metav1.Duration{})
	def(&a.ScaleDownWindow, &metav1.Duration{Duration: 5 * time.Minute})
	def(&a.Cooldown, &metav1.Duration{Duration: time.Minute})
	for i := range a.Schedule {
		def(&a.Schedule[i].Repeat, RepeatNever)
	}
}
