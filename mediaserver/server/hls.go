package server

import (
	"net/http"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// hlsRules are spec.web.hls of a document, but for how long segments are, which is the
// stream's: see streamOptions.
func hlsRules(w *v1alpha1.Web) (rules instance.HLSRules) {
	h := w.HLSSettings()
	if h == nil {
		return rules
	}
	rules = instance.HLSRules{Off: h.Mode == v1alpha1.HLSNone, Plain: h.Mode == v1alpha1.HLSStandard, Always: h.Start == v1alpha1.HLSAlways}
	if h.PartDuration != nil {
		rules.Part = h.PartDuration.Duration
	}
	if h.Window != nil {
		rules.Window = h.Window.Duration
	}
	return rules
}

// streamOptions are how the live streams of a document are delivered.
func streamOptions(doc *v1alpha1.AppInstance) stream.Options {
	o := stream.Options{
		Latency:  latencies[doc.Spec.Delivery.Latency],
		GOPCache: doc.Spec.Delivery.GOPCache == nil || *doc.Spec.Delivery.GOPCache,
	}
	if h := doc.Spec.Web.HLSSettings(); h != nil && h.SegmentDuration != nil {
		o.Segment = h.SegmentDuration.Duration
	}
	return o
}

// watchedByHLS is how the streams of an instance are.
func watchedByHLS(rules instance.HLSRules) outlet.HLSRules {
	return outlet.HLSRules{Plain: rules.Plain, Part: rules.Part, Window: rules.Window, Always: rules.Always}
}

// cutsAlways is what an instance calls with a stream whose publication begins; nil where
// streams are cut when they are watched.
func (s *Server) cutsAlways(rules instance.HLSRules) func(*stream.Stream) {
	if !rules.Always || rules.Off {
		return nil
	}
	return func(live *stream.Stream) { s.public.hls.Cut(live, watchedByHLS(rules)) }
}

// mayWatchBy says whether an instance is watched in a way. Whoever runs the server looks at
// it in any.
func (v *webRequest) mayWatchBy() error {
	if v.way != outlet.HLS || v.operator || !v.inst.HLS().Off {
		return nil
	}
	return v.refused(outlet.Refuse(http.StatusForbidden, "nothing is watched by HLS here: spec.web.hls.mode is None"))
}
