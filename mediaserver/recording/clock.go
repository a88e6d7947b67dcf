package recording

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// A publisher whose timestamps go back further than this, or ahead so
	// far, has set its clock anew: the recording goes on where it was.
	maxBack  = time.Second
	maxAhead = 10 * time.Minute
	step     = 20 * time.Millisecond // between what was and what goes on
	forever  = time.Duration(1<<31) * time.Millisecond
)

// clock turns a publisher's timestamps into a file's: from 0 on, never back
// within a track, and beginning with a picture that can be decoded, or with what
// there is when none comes.
type clock struct {
	begun    bool
	data     media.Timestamp      // the publisher's, of the last data before the first frame; 0: none had a time
	offset   media.Timestamp      // added to the publisher's timestamps
	start    media.Timestamp      // file time of the first message
	last     media.Timestamp      // largest file time so far
	video    [256]media.Timestamp // of the last video tag, by track
	audio    [256]media.Timestamp
	judge    payload.Pictures
	pictures bool // one has come that playing may begin with
}

// resume goes on behind an earlier recording of a duration, whose last tags have
// these times.
func (c *clock) resume(video, audio media.Timestamp, duration, gap time.Duration) {
	for i := range c.video {
		c.video[i], c.audio[i] = video, audio
	}
	c.last = media.TimestampAt(duration)
	c.start = c.last.Add(min(gap, forever))
	if c.last > 0 && gap == 0 {
		c.start = c.start.Add(step)
	}
}

// takeOver goes on with another publisher of the same recording: from its first
// keyframe on, at once behind what there is or, with gap, after the time between
// them.
func (c *clock) takeOver(gap bool) {
	c.judge, c.pictures = payload.Pictures{}, false
	if !gap && c.begun {
		c.begun, c.start = false, c.last.Add(step)
	}
}

// place returns the file time of a message; ok is false when it is left out.
func (c *clock) place(m rtmp.Message) (at media.Timestamp, ok bool) {
	var p payload.Payload
	header := false
	switch m.Type {
	case rtmp.TypeVideo:
		var known bool
		p, known = payload.ParseVideo(m.Payload)
		header = known && p.IsHeader()
		if known && c.judge.Next(&p, m.Timestamp) != payload.NoBeginning {
			c.pictures = true
		}
		if !header && !c.pictures {
			return 0, false
		}
	case rtmp.TypeAudio:
		var known bool
		p, known = payload.ParseAudio(m.Payload)
		header = known && p.IsHeader()
	}
	if len(m.Payload) == 0 {
		return 0, false // silence: nothing to keep
	}
	if !c.begun {
		if header {
			return c.start, true // its timestamp may be far from that of the first frame
		}
		if m.Type == rtmp.TypeData {
			return c.placeData(m.Timestamp), true
		}
		c.begun = true
		c.offset = c.start - m.Timestamp
		c.last = max(c.last, c.start)
	}
	at = m.Timestamp + c.offset
	if d := at.Sub(c.last); d < -maxBack || d > maxAhead {
		next := c.last.Add(step)
		c.offset += next - at
		at = next
	}
	switch m.Type {
	case rtmp.TypeVideo:
		at = forward(&c.video, &p, at)
	case rtmp.TypeAudio:
		at = forward(&c.audio, &p, at)
	default:
		if at.Before(c.last) {
			at = c.last
		}
	}
	c.last = max(c.last, at)
	return at, true
}

// placeData returns the file time of data that comes before the first frame, whose
// timestamp may be far from those of frames: many encoders give it none. Data that has
// one goes on from data that has, as where data is all that is published; the first
// frame begins behind it.
func (c *clock) placeData(at media.Timestamp) media.Timestamp {
	if at == 0 {
		return c.start
	}
	if d := at.Sub(c.data); c.data != 0 && d > 0 && d <= maxAhead {
		c.start = c.start.Add(d)
	}
	c.data = at
	return c.start
}

// forward moves a time to where none of the payload's tracks goes back.
func forward(last *[256]media.Timestamp, p *payload.Payload, at media.Timestamp) media.Timestamp {
	tracks := p.Tracks()
	for t, ok := tracks.Next(); ok; t, ok = tracks.Next() {
		if at.Before(last[t.ID]) {
			at = last[t.ID]
		}
	}
	tracks = p.Tracks()
	for t, ok := tracks.Next(); ok; t, ok = tracks.Next() {
		last[t.ID] = at
	}
	return at
}
