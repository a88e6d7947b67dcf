package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Recording says which live streams are kept.
type Recording struct {
	// Mode is OnRequest (streams published as "record" or "append"), All (every
	// stream, a new file each time) or "Off", which needs its quotes: YAML takes
	// a bare Off for false.
	// +kubebuilder:default=OnRequest
	// +optional
	Mode RecordingMode `json:"mode,omitempty"`
	// MaxTotalSize is how much the recordings may take together, with whatever
	// else lies in their folder: a number with a unit, such as 8Gi or 8G. Then
	// recordings end, and none begins until some are deleted; live streams go
	// on. 0, the default, is as much as the volume has.
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self))",message="must be a quantity: a number, with a unit or without, such as 10Gi or 10G (not 10GB or 10GiB)"
	// +kubebuilder:validation:XValidation:rule="!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('0')) == 0 || quantity(string(self)).compareTo(quantity('1Mi')) >= 0",message="must be 0, for no limit, or 1Mi or more: Gi, Mi, G and M are units, and m is a thousandth of a byte"
	// +optional
	MaxTotalSize resource.Quantity `json:"maxTotalSize,omitzero"`
	// MaxFiles is how many files and folders there may be among the recordings;
	// 0, the default, for any number.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	// +optional
	MaxFiles *int32 `json:"maxFiles,omitempty"`
}

// RecordingMode says which streams are recorded.
// +kubebuilder:validation:Enum=OnRequest;All;Off
type RecordingMode string

// The recording modes.
const (
	RecordOnRequest RecordingMode = "OnRequest"
	RecordAll       RecordingMode = "All"
	RecordOff       RecordingMode = "Off"
)

// Access says who may do what.
//
// +kubebuilder:validation:XValidation:rule="!has(self.play) || !has(self.play.mode) || self.play.mode != 'Key' || !has(self.publish) || !has(self.publish.mode) || self.publish.mode == 'Key'",message="mode Key needs publish.mode Key, whose key it is: set that, or take Anyone or Nobody",fieldPath=".play.mode"
type Access struct {
	// Publish says who may publish.
	// +kubebuilder:default={}
	// +optional
	Publish PublishAccess `json:"publish,omitzero"`
	// Play says who may play, live streams and recorded ones, over RTMP and over HTTP.
	// +kubebuilder:default={}
	// +optional
	Play PlayAccess `json:"play,omitzero"`
}

// PlayAccess says who may play.
type PlayAccess struct {
	// Mode is Anyone, Key (whoever has the key that publishing needs: the stream name,
	// or the URL of HTTP, ends with ?key=KEY), Script (the script: its onConnect over
	// RTMP, and over HTTP its application.onPlay) or Nobody (streams are recorded, and
	// played by the script alone).
	// +kubebuilder:default=Anyone
	// +optional
	Mode PlayMode `json:"mode,omitempty"`
}

// PlayMode says who may play.
// +kubebuilder:validation:Enum=Anyone;Key;Script;Nobody
type PlayMode string

// The play modes.
const (
	PlayAnyone PlayMode = "Anyone"
	PlayKey    PlayMode = "Key"
	PlayScript PlayMode = "Script"
	PlayNobody PlayMode = "Nobody"
)

// PublishAccess says who may publish.
//
// +kubebuilder:validation:XValidation:rule="!has(self.secretName) || self.secretName.size() == 0 || !has(self.mode) || self.mode == 'Key'",message="secretName needs mode Key: leave it out, or set mode to Key",fieldPath=".secretName"
type PublishAccess struct {
	// Mode is Key (the stream name ends with ?key=KEY) or Anyone.
	// +kubebuilder:default=Key
	// +optional
	Mode PublishMode `json:"mode,omitempty"`
	// SecretName names a Secret of yours whose entry "key" is the key, and which
	// carries the label media.flashpod.dev/publish-key. Default: the operator
	// makes one, called like the AppInstance with "-publish-key" behind.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.size() == 0 || !format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Secret: lower case letters, digits, '-' and '.'"
	// +optional
	SecretName string `json:"secretName,omitempty"`
	// PreviousKeyFor is how long the key before stays valid when the key is
	// changed, so that encoders have time to get the new one: 1h, 30m, 24h; 0s
	// revokes it at once. It concerns mode Key alone.
	// +kubebuilder:default="1h"
	// +kubebuilder:validation:XValidation:rule="self.matches('^(0|([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+)$') && duration(self) >= duration('0s')",message="must be a time of 0 or more in hours, minutes and seconds, such as 1h, 1h30m or 0s; a day is 24h"
	// +optional
	PreviousKeyFor *metav1.Duration `json:"previousKeyFor,omitempty"`
	// TakeOver says when a publisher may take a name over from the one that has
	// it: WhenSilent (nothing has come from that one for a second, as when an
	// encoder has lost its network and is back on another connection), Always
	// (also from one that still sends: the newest publisher wins) or Never (the
	// connection of that one has to end first). Viewers stay and a recording goes
	// on. A backup encoder that asks again and again has the name a second after
	// the primary one fell silent, and keeps it; with Never a pause changes nothing.
	// With Always two encoders that try again take the name from each other.
	// +kubebuilder:default=WhenSilent
	// +optional
	TakeOver TakeOver `json:"takeOver,omitempty"`
}

// TakeOver says when a publisher may take a name over.
// +kubebuilder:validation:Enum=WhenSilent;Always;Never
type TakeOver string

// The rules of taking over.
const (
	TakeOverWhenSilent TakeOver = "WhenSilent"
	TakeOverAlways     TakeOver = "Always"
	TakeOverNever      TakeOver = "Never"
)

// PublishMode says who may publish.
// +kubebuilder:validation:Enum=Key;Anyone
type PublishMode string

// The publish modes.
const (
	PublishKey    PublishMode = "Key"
	PublishAnyone PublishMode = "Anyone"
)

// Limits bound what clients may take; 0 means no limit.
type Limits struct {
	// MaxInstances is how many on-demand instances may be loaded at once; 0 for any
	// number. Beyond that the one that nobody has used for longest makes room, if
	// there is any.
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	// +optional
	MaxInstances *int32 `json:"maxInstances,omitempty"`
	// MaxConnections is how many clients may be connected at once; 0 for any
	// number.
	// +kubebuilder:default=10000
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	// +optional
	MaxConnections *int32 `json:"maxConnections,omitempty"`
	// MaxConnectionsPerAddress is how many clients of one address may be connected
	// at once (of IPv6, of one network of 64 bits); 0 for any number. One address
	// never takes more than half of what the server has places for. It does not
	// hold for SharedAddresses. With service.externalTrafficPolicy Cluster, which
	// shows the server the addresses of nodes, the default is no bound, and any
	// other number holds.
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	// +optional
	MaxConnectionsPerAddress *int32 `json:"maxConnectionsPerAddress,omitempty"`
	// SharedAddresses stand for many clients each: those of proxies, of edges, of
	// a company's way out. They are addresses (192.0.2.7) or networks
	// (192.0.2.0/24, 2001:db8::/32).
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:XValidation:rule="isIP(self) || isCIDR(self)",message="must be an address such as 192.0.2.7 or 2001:db8::7, or a network such as 192.0.2.0/24"
	// +listType=set
	// +optional
	SharedAddresses []string `json:"sharedAddresses,omitempty"`
	// MaxMessageSize is how many bytes a command, a data message or a shared object
	// of a client may have. Sound and pictures of publishers may have 8 MiB.
	// +kubebuilder:default=1048576
	// +kubebuilder:validation:Minimum=65536
	// +kubebuilder:validation:Maximum=8388608
	// +optional
	MaxMessageSize *int32 `json:"maxMessageSize,omitempty"`
	// MaxStreams is how many live streams may be published at once; 0 for any
	// number.
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	// +optional
	MaxStreams *int32 `json:"maxStreams,omitempty"`
	// MaxSharedObjects is how many shared objects there may be: those in use, and
	// of persistent ones all that are kept; 0 for any number. One client may have
	// made a quarter of them, and one address half.
	// +kubebuilder:default=10000
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	// +optional
	MaxSharedObjects *int32 `json:"maxSharedObjects,omitempty"`
	// MaxSharedObjectSlots is how many slots a shared object may have; 0 for any
	// number.
	// +kubebuilder:default=10000
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	// +optional
	MaxSharedObjectSlots *int32 `json:"maxSharedObjectSlots,omitempty"`
	// MaxSharedObjectSize is how many bytes the slots of a shared object may have
	// together, names and values.
	// +kubebuilder:default=1048576
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=67108864
	// +optional
	MaxSharedObjectSize *int32 `json:"maxSharedObjectSize,omitempty"`
	// MaxSharedObjectsTotalSize is how much the files of all persistent shared
	// objects may take together: a number with a unit, such as 1Gi or 1G. Then none
	// grows and none is made until some are emptied. 0 is as much as the volume has.
	// +kubebuilder:default="1Gi"
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self))",message="must be a quantity: a number, with a unit or without, such as 10Gi or 10G (not 10GB or 10GiB)"
	// +kubebuilder:validation:XValidation:rule="!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('0')) == 0 || quantity(string(self)).compareTo(quantity('1Mi')) >= 0",message="must be 0, for no limit, or 1Mi or more: Gi, Mi, G and M are units, and m is a thousandth of a byte"
	// +optional
	MaxSharedObjectsTotalSize *resource.Quantity `json:"maxSharedObjectsTotalSize,omitempty"`
	// MaxSlotSize is how many bytes one slot of a shared object may have, its name
	// and its value, and how many SharedObject.send may carry.
	// +kubebuilder:default=65536
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=524288
	// +optional
	MaxSlotSize *int32 `json:"maxSlotSize,omitempty"`
}

// Delivery trades latency for cost.
type Delivery struct {
	// Latency is Balanced (frame by frame, written less often as the audience
	// grows), Low (frame by frame as long as a processor can) or Throughput (a
	// write every 350 ms: least cost per viewer).
	// +kubebuilder:default=Balanced
	// +optional
	Latency Latency `json:"latency,omitempty"`
	// GOPCache lets players begin with the newest keyframe that has come,
	// instead of waiting for the next one.
	// +kubebuilder:default=true
	// +optional
	GOPCache *bool `json:"gopCache,omitempty"`
	// SampleAccess lets the clients' own code look into what they play
	// (|RtmpSampleAccess): BitmapData.draw for pictures, computeSpectrum for
	// sound.
	// +optional
	SampleAccess SampleAccess `json:"sampleAccess,omitzero"`
}

// SampleAccess says what clients may take samples of.
type SampleAccess struct {
	// Audio lets them look into sound.
	// +optional
	Audio bool `json:"audio,omitempty"`
	// Video lets them look into pictures.
	// +optional
	Video bool `json:"video,omitempty"`
}

// Latency is a trade between latency and cost.
// +kubebuilder:validation:Enum=Low;Balanced;Throughput
type Latency string

// The trades.
const (
	LatencyLow        Latency = "Low"
	LatencyBalanced   Latency = "Balanced"
	LatencyThroughput Latency = "Throughput"
)
