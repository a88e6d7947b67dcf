package stream

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Look is what a stream knows of its publication without reading it again.
type Look struct {
	Live         bool
	Since        time.Time // when the publication began; zero before the first
	Video, Audio bool      // pictures have come, and sound
	Bytes        uint64    // of it so far, as players get them
	Pictures     uint64    // of the first track so far
	Newest       media.Timestamp
	Arrived      time.Time // when the newest packet came, to 64 ms
	// Keyframes is how far apart the newest two keyframes are; 0: there are no two.
	Keyframes time.Duration
	// Headers changes when what a new player gets first does: see Reader.
	Headers int
	Players int
}

// counted is what is counted of a publication, once a packet and whatever its audience.
// Guarded by Stream.mu.
type counted struct {
	since    time.Time
	before   int64 // bytes of the log that were published before it
	pictures uint64
	key      media.Timestamp // of the newest keyframe
	keyed    bool            // there is one
	apart    time.Duration
}

// count counts a frame. The caller holds s.mu.
func (s *Stream) count(m *rtmp.Message, f *facts) {
	if m.Type != rtmp.TypeVideo || !f.parsed || f.Kind != payload.Frames {
		return
	}
	c := &s.counted
	if !f.Multitrack() || s.hasFirst(f) {
		c.pictures++
	}
	if f.begins == payload.Keyframe {
		if c.keyed {
			c.apart = max(m.Timestamp.Sub(c.key), 0)
		}
		c.key, c.keyed = m.Timestamp, true
	}
}

// hasFirst says whether a message of several tracks has a picture of the first. The
// caller holds s.mu.
func (s *Stream) hasFirst(f *facts) bool {
	first, ok := s.seen.Lowest(true)
	return ok && f.TrackSet().Has(first)
}

// Look looks at the stream. It costs the same whatever is published and played.
func (s *Stream) Look() Look {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.counted
	l := Look{
		Live: s.publisher != nil, Since: c.since, Video: s.hasVideo, Audio: s.hasAudio, Pictures: c.pictures,
		Bytes: uint64(max(s.log.published.Load()-c.before, 0)), Newest: s.newest.Load(), Keyframes: c.apart,
		Headers: s.version, Players: s.Players(),
	}
	if tail := s.log.tail; tail.n.Load() > 0 {
		l.Arrived = tail.came(tail.n.Load() - 1)
	}
	return l
}
