package payload

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
)

// Beginning is how good a picture is to begin with.
type Beginning int

// The beginnings.
const (
	NoBeginning Beginning = iota // no picture of the default track, or one that needs others
	// Makeshift is a picture that needs others, in a stream that has had no
	// keyframe for long: decoders make of it what they can, which is better
	// than nothing.
	Makeshift
	Keyframe // decoding begins with it
)

const (
	// A stream that has had no keyframe at all is not waited for longer than
	// this, from its first picture on: they come every second or two.
	keyframePatience = 3 * time.Second
	// Where there are keyframes, the next one is worth a longer wait: x264's
	// own distance is 250 pictures, ten seconds of them.
	nextKeyframePatience = 12 * time.Second
	// MaxWait is the longest that a stream with pictures goes on without one that
	// playing may begin with.
	MaxWait = nextKeyframePatience
	// A mark is believed where marks are few: behind so many pictures without
	// one.
	marksApart = 8
)

// Pictures judges the video of a stream, payload after payload: which pictures
// of the default track playing may begin with. The default track is 0 or, in a
// stream that has none, the lowest [E2 "Multitrack"]; keyframes of the others
// come with its own. The zero value begins a stream.
//
// What an encoder marks as a keyframe is believed as long as the marks make
// sense. Some encoders leave the mark out, some mark every picture, and some
// none but the first; so a picture that is not marked, and a mark that comes
// right behind another, are held against the first bytes of the picture itself,
// where its codec is one that says it there. Where those say nothing, the mark
// decides.
type Pictures struct {
	track      uint8 // the default one
	known      bool  // there is one
	lengthSize uint8 // of its NAL units' lengths, in bytes; 0 is 4

	apart uint8 // pictures since the last marked one, up to marksApart

	begun bool            // a picture has come
	keyed bool            // and a keyframe
	since media.Timestamp // of the last beginning or, before that, of the first picture
}

// Next is told the next video payload of the stream and when it comes, in
// milliseconds of any clock, and says whether playing may begin with it. Only
// LookAhead bytes of a picture count, so that a payload may end behind them.
func (p *Pictures) Next(v *Payload, at media.Timestamp) Beginning {
	t, ok := p.ofDefault(v)
	if !ok {
		return NoBeginning
	}
	switch v.Kind {
	case SequenceStart:
		p.lengthSize = lengthSizeOf(t)
		return NoBeginning
	case SequenceEnd:
		p.known = false // another track takes its place, or it comes again
		return NoBeginning
	}
	if p.isKeyframe(v, t) {
		p.begun, p.keyed, p.since = true, true, at
		return Keyframe
	}
	patience := keyframePatience
	if p.keyed {
		patience = nextKeyframePatience
	}
	switch waited := at.Sub(p.since); {
	case !p.begun, waited < 0:
		p.begun, p.since = true, at
	case waited >= patience:
		p.since = at
		return Makeshift
	}
	return NoBeginning
}

// ofDefault is what a payload has of the default track.
func (p *Pictures) ofDefault(v *Payload) (of Track, found bool) {
	switch v.Kind {
	case Frames, SequenceStart, SequenceEnd:
	default:
		return of, false
	}
	tracks := v.Tracks()
	for t, ok := tracks.Next(); ok; t, ok = tracks.Next() {
		if !p.known || t.ID <= p.track {
			p.track, p.known = t.ID, true
			of, found = t, true
		}
	}
	return of, found
}

// isKeyframe judges a picture of the default track.
func (p *Pictures) isKeyframe(v *Payload, t Track) bool {
	marked := v.Frame == frameKey
	believed := p.believes(v)
	switch {
	case marked:
		p.apart = 0
	case p.apart < marksApart:
		p.apart++
	}
	if believed {
		return true
	}
	switch access(t.Codec, picture(v, t), p.lengths()) {
	case random, goOn:
		return true
	case needsOthers:
		return false
	}
	return marked
}

// believes says whether a picture is a keyframe because it is marked as one.
func (p *Pictures) believes(v *Payload) bool { return v.Frame == frameKey && p.apart >= marksApart }

func (p *Pictures) lengths() int {
	if p.lengthSize == 0 {
		return 4
	}
	return int(p.lengthSize)
}

// picture is as much of a track's picture as is looked at: it may lie behind a
// composition time.
func picture(v *Payload, t Track) []byte {
	b := t.Body
	if v.composed && hasComposition(t.Codec) {
		b = b[min(compositionTime, len(b)):]
	}
	return b[:min(LookAhead, len(b))]
}

// Enough says whether the front of a payload, from which v was parsed, tells
// Next as much as the whole. Of a sequence start, 22 bytes behind its header do.
func (p *Pictures) Enough(v *Payload) bool {
	switch {
	case v.tracks == manyTracks, v.tracks == manyCodecs:
		return false // tracks are anywhere in it
	case v.Kind != Frames, p.believes(v):
		return true
	}
	tracks := v.Tracks()
	t, ok := tracks.Next()
	b := picture(v, t)
	if !ok || !judged(t.Codec) || len(b) == LookAhead {
		return ok
	}
	says := access(t.Codec, b, p.lengths())
	return says == random || says == needsOthers
}

// lengthSizeOf reads from a decoder's configuration how long the lengths of NAL
// units are; 0: it does not say [ISO §5.3.3.1.2, §8.3.3.1.2, §11.2.4.2].
func lengthSizeOf(t Track) uint8 {
	b := t.Body
	switch {
	case t.Codec == AVC && len(b) > 4 && b[0] == 1:
		return b[4]&3 + 1
	case t.Codec == HEVC && len(b) > 21:
		return b[21]&3 + 1
	case t.Codec == VVC && len(b) > 0 && b[0]>>3 == 0x1f:
		return b[0]>>1&3 + 1
	}
	return 0
}
