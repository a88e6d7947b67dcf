package payload

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
)

// FrameRate thins out the pictures of a stream, so that what is left can always
// be decoded:
//
//   - Every frame that others refer to is kept as long as the stream has no
//     more of them a second than Max; disposable ones fill what is left.
//   - When it has more, by a tenth at least, keyframes alone are kept, and
//     those no more often than Max.
//
// The stream's rate is measured over a second of its own time, so the first
// second is whole but for disposable frames. A change of mind that brings inter
// frames back takes effect at the next keyframe.
type FrameRate struct {
	Max    float64 // frames a second; 0: all
	Broken bool    // a frame was left out that those up to the next keyframe need

	keysOnly bool
	running  bool            // there is a last frame
	at       media.Timestamp // its time
	credit   float64         // frames that may be sent; negative after those that had to be
	from     media.Timestamp // where the count began
	refs     int             // frames since that others refer to
}

const (
	rateWindow    = time.Second // that the stream's rate is measured over
	rateTolerance = 1.1
	// Timestamps are whole milliseconds: a frame that comes when its time has
	// nearly come is on time.
	creditEnough = 0.5
)

// Needed says whether any frame may have to be left out.
func (r *FrameRate) Needed() bool { return r.Max > 0 || r.Broken }

// frame is what a video packet is to the packets after it.
type frame int

const (
	aside      frame = iota // no picture
	reference               // later ones need it
	disposable              // none needs it
	keyframes               // decoding begins with it
)

// Keep says whether the picture at a time is kept; payload is its beginning, or
// all of it, and begins says whether playing may begin with it, which Pictures
// knows. What is no picture is kept.
func (r *FrameRate) Keep(at media.Timestamp, payload []byte, begins bool) bool {
	f := frameOf(payload, begins)
	if f == aside {
		return true
	}
	if r.Max == 0 {
		if f == keyframes {
			r.Broken = false
		}
		return !r.Broken
	}
	r.measure(at, f)
	keep := false
	switch f {
	case keyframes:
		keep = !r.keysOnly || r.credit >= creditEnough
		r.Broken = r.keysOnly
	case reference:
		r.Broken = r.Broken || r.keysOnly
		keep = !r.Broken
	case disposable:
		keep = !r.Broken && r.credit >= creditEnough
	}
	if keep {
		r.credit = max(r.credit-1, -1)
	}
	return keep
}

func (r *FrameRate) measure(at media.Timestamp, f frame) {
	passed := at.Sub(r.at)
	r.at = at
	if !r.running || passed < 0 {
		r.running, r.credit, r.from, r.refs = true, 1, at, 0
		return
	}
	r.credit = min(r.credit+float64(passed.Milliseconds())*r.Max/1000, 1)
	if f != disposable {
		r.refs++
	}
	if span := at.Sub(r.from); span >= rateWindow {
		r.keysOnly = float64(r.refs)*1000 > r.Max*rateTolerance*float64(span.Milliseconds())
		r.from, r.refs = at, 0
	}
}

func frameOf(payload []byte, begins bool) frame {
	v, ok := ParseVideo(payload)
	switch {
	case !ok || v.Kind != Frames:
		return aside
	case begins:
		return keyframes
	case v.IsDisposable():
		return disposable
	}
	return reference
}
