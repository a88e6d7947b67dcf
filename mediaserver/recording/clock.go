package recording

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// A publisher whose timestamps go back further than this, or ahead so
	// far, has set its clock anew: the recording goes on where it was.
	maxBack  = 1000           // ms
	maxAhead = 10 * 60 * 1000 // ms
	step     = 20             // ms, between what was and what goes on
	forever  = time.Duration(1<<31) * time.Millisecond
)

// clock turns a publisher's timestamps into a file's: from 0 on, never back
// within a track, and beginning with a picture that can be decoded.
type clock struct {
	begun    bool
	offset   uint32 // added to the publisher's timestamps
	start    uint32 // file time of what comes first
	last     uint32 // largest file time so far
	video    uint32 // of the last video tag
	audio    uint32
	pictures bool // a keyframe has come
}

// resume goes on behind an earlier recording.
func (c *clock) resume(video, audio, duration uint32, gap time.Duration) {
	c.video, c.audio, c.last = video, audio, duration
	c.start = duration + uint32(min(gap, forever).Milliseconds())
	if duration > 0 && gap == 0 {
		c.start += step
	}
}

// place returns the file time of a message; ok is false when it is left out.
func (c *clock) place(m rtmp.Message) (at uint32, ok bool) {
	header := m.Type == rtmp.TypeVideo && flv.IsVideoHeader(m.Payload) || m.Type == rtmp.TypeAudio && flv.IsAudioHeader(m.Payload)
	if m.Type == rtmp.TypeVideo && !header {
		if flv.IsKeyframe(m.Payload) {
			c.pictures = true
		}
		if !c.pictures {
			return 0, false
		}
	}
	if len(m.Payload) == 0 {
		return 0, false // silence: nothing to keep
	}
	if !c.begun {
		if header || m.Type == rtmp.TypeData {
			// Its timestamp may be far from that of the first frame.
			return c.start, true
		}
		c.begun = true
		c.offset = c.start - m.Timestamp
		c.last = max(c.last, c.start)
	}
	at = m.Timestamp + c.offset
	if d := int32(at - c.last); d < -maxBack || d > maxAhead {
		c.offset += c.last + step - at
		at = c.last + step
	}
	track := &c.video
	switch m.Type {
	case rtmp.TypeAudio:
		track = &c.audio
	case rtmp.TypeData:
		track = &c.last
	}
	if int32(at-*track) < 0 {
		at = *track
	}
	*track = at
	c.last = max(c.last, at)
	return at, true
}
