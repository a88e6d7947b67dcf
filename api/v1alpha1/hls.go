package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// HLS says how streams are watched by HLS. A change of it restarts the server.
//
// +kubebuilder:validation:XValidation:rule="!has(self.partDuration) || !has(self.mode) || self.mode == 'LowLatency'",message="partDuration needs mode LowLatency: leave it out, or set mode to LowLatency",fieldPath=".partDuration"
// +kubebuilder:validation:XValidation:rule="!has(self.partDuration) || !self.partDuration.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') || (has(self.segmentDuration) ? !self.segmentDuration.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') || duration(self.partDuration) + duration(self.partDuration) <= duration(self.segmentDuration) : duration(self.partDuration) <= duration('1s'))",message="must be at most half of segmentDuration (2s by default): take less, or longer segments",fieldPath=".partDuration"
// +kubebuilder:validation:XValidation:rule="!has(self.window) || !self.window.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') || (has(self.segmentDuration) ? !self.segmentDuration.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') || duration(self.segmentDuration) + duration(self.segmentDuration) + duration(self.segmentDuration) <= duration(self.window) : duration(self.window) >= duration('6s'))",message="must be at least three times segmentDuration (2s by default), which is what players need: take more, or shorter segments",fieldPath=".window"
type HLS struct {
	// Mode is LowLatency (players that know it are about a second and a half behind,
	// where pictures come often enough), Standard (whole segments alone, for players and
	// caches that low latency troubles: viewers are three segments behind) or None
	// (nobody watches by HLS, live or recorded; the other ways stay).
	// +kubebuilder:default=LowLatency
	// +optional
	Mode HLSMode `json:"mode,omitempty"`
	// SegmentDuration is how long segments of live streams are at least: each ends at the
	// first keyframe from then on, or, where none comes, four seconds later. Encoders set
	// to a keyframe every so often give segments of just that. 1s to 10s. Default: 2s.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('10s')",message="must be a time of 1s to 10s, such as 2s or 1500ms"
	// +optional
	SegmentDuration *metav1.Duration `json:"segmentDuration,omitempty"`
	// PartDuration is how long the parts of segments are, by which mode LowLatency works;
	// viewers are three parts behind. It needs a whole number of pictures within 85 to
	// 100 % of it, else there are no parts: at 24 a second 250ms does, and 200ms does
	// not. 200ms to 1s. Default: 500ms.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') && duration(self) >= duration('200ms') && duration(self) <= duration('1s')",message="must be a time of 200ms to 1s, such as 500ms"
	// +optional
	PartDuration *metav1.Duration `json:"partDuration,omitempty"`
	// Window is how far back a live playlist goes: viewers may pause, and seek, so far.
	// It is in memory: a sixteenth of what the server has (resources.limits.memory) is
	// for what is further back than ten segments, of all streams together, and windows
	// are shorter where that is used up. Ten minutes of 5 Mbit/s take 375 MB. Up to 1h;
	// for more, record. Default: seven segments.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') && duration(self) >= duration('3s') && duration(self) <= duration('1h')",message="must be a time of 3s to 1h, such as 30s or 10m; for more, record the stream"
	// +optional
	Window *metav1.Duration `json:"window,omitempty"`
	// Start is from when on a live stream is cut: OnDemand (its first viewer's request,
	// who waits for a segment, and until some time after the last one's) or Always (its
	// publication, so that a first viewer starts at once, with a whole window behind).
	// Streams that nobody watches take of the memory for windows.
	// +kubebuilder:default=OnDemand
	// +optional
	Start HLSStart `json:"start,omitempty"`
}

// HLSMode says in which way streams are watched by HLS.
// +kubebuilder:validation:Enum=LowLatency;Standard;None
type HLSMode string

// The modes of HLS.
const (
	HLSLowLatency HLSMode = "LowLatency"
	HLSStandard   HLSMode = "Standard"
	HLSNone       HLSMode = "None"
)

// HLSStart says from when on a live stream is cut into segments.
// +kubebuilder:validation:Enum=OnDemand;Always
type HLSStart string

// The starts of HLS.
const (
	HLSOnDemand HLSStart = "OnDemand"
	HLSAlways   HLSStart = "Always"
)

const (
	minSegment, defaultSegment, maxSegment = time.Second, 2 * time.Second, 10 * time.Second
	minPart, maxPart                       = 200 * time.Millisecond, time.Second
	minWindow, maxWindow                   = 3 * time.Second, time.Hour
)

// What durations of HLS must be.
const (
	SegmentDurationRule = "must be a time of 1s to 10s, such as 2s or 1500ms"
	PartDurationRule    = "must be a time of 200ms to 1s, such as 500ms"
	WindowRule          = "must be a time of 3s to 1h, such as 30s or 10m; for more, record the stream"
)

func (h *HLS) validate(path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("mode"), h.Mode, HLSLowLatency, HLSStandard, HLSNone)
	errs = append(errs, oneOf(path.Child("start"), h.Start, HLSOnDemand, HLSAlways)...)
	within := func(name string, d *metav1.Duration, low, high time.Duration, rule string) {
		if d != nil && (d.Duration < low || d.Duration > high) {
			errs = append(errs, field.Invalid(path.Child(name), d.Duration.String(), rule))
		}
	}
	within("segmentDuration", h.SegmentDuration, minSegment, maxSegment, SegmentDurationRule)
	within("partDuration", h.PartDuration, minPart, maxPart, PartDurationRule)
	within("window", h.Window, minWindow, maxWindow, WindowRule)
	segment := defaultSegment
	if d := h.SegmentDuration; d != nil {
		segment = d.Duration
	}
	if d := h.PartDuration; d != nil {
		if h.Mode != HLSLowLatency {
			errs = append(errs, field.Forbidden(path.Child("partDuration"), "partDuration needs mode LowLatency: leave it out, or set mode to LowLatency"))
		}
		if 2*d.Duration > segment {
			errs = append(errs, field.Invalid(path.Child("partDuration"), d.Duration.String(), "must be at most half of segmentDuration (2s by default): take less, or longer segments"))
		}
	}
	if d := h.Window; d != nil && d.Duration < 3*segment {
		errs = append(errs, field.Invalid(path.Child("window"), d.Duration.String(), "must be at least three times segmentDuration (2s by default), which is what players need: take more, or shorter segments"))
	}
	return errs
}

// HLSSettings is spec.web.hls where it says anything, and nil where all of it is as by
// default.
func (w *Web) HLSSettings() *HLS {
	if w == nil || w.HLS == nil || *w.HLS == (HLS{Mode: HLSLowLatency, Start: HLSOnDemand}) {
		return nil
	}
	return w.HLS
}
