package webrtc

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
)

const (
	// clockJump is a step of RTP time that no pause makes: the clock is another.
	clockJump = 30 * time.Second
	// apartMost is how far pictures and sound may be apart by what sender reports say,
	// and apartLeast what is not worth a step.
	apartMost  = 5 * time.Second
	apartLeast = 4 * time.Millisecond
)

// clocks give the packets of a publisher's tracks times on one clock, which begins with
// the session. Until sender reports say what the tracks' clocks have to do with one
// another [RFC 3550 §6.4.1], a track begins when its first packet comes; then pictures
// follow the sound.
type clocks struct {
	began time.Time
	video trackClock
	audio trackClock
}

type trackClock struct {
	rate  int64 // Hz
	begun bool
	rtp   uint32        // of the newest packet
	ticks int64         // the same, since the first one
	base  time.Duration // when the first one was
	last  time.Duration // what was said last
	// reported says that a sender report has come: at so many ticks it was so late by
	// the publisher's own clock.
	reported bool
	at       int64
	ntp      time.Duration
}

// time is when a packet was, on the session's clock. It never goes back.
func (c *clocks) time(t *trackClock, rtp uint32, now time.Time) media.Timestamp {
	step := int64(int32(rtp - t.rtp))
	if !t.begun || t.length(step).Abs() > clockJump {
		t.begun = true
		t.base, t.ticks, t.reported, step = max(now.Sub(c.began), t.last), 0, false, 0
	}
	t.rtp = rtp
	t.ticks += step
	t.last = max(t.last, t.base+t.length(t.ticks))
	return media.TimestampAt(t.last)
}

func (t *trackClock) length(ticks int64) time.Duration {
	return time.Duration(ticks/t.rate)*time.Second + time.Duration(ticks%t.rate)*time.Second/time.Duration(t.rate)
}

// report takes a sender report: a time of NTP, in its 64 bits, and of RTP.
func (c *clocks) report(t *trackClock, ntp uint64, rtp uint32) {
	if !t.begun || ntp == 0 {
		return
	}
	fraction := time.Duration((ntp & 0xffffffff) * uint64(time.Second) >> 32)
	// Seconds since 1900 do not fit into a duration's nanoseconds much longer: what
	// counts is the distance to the other track's.
	t.ntp = time.Duration(ntp>>32&0xffffff)*time.Second + fraction
	t.at, t.reported = t.ticks+int64(int32(rtp-t.rtp)), true
	if !c.video.reported || !c.audio.reported {
		return
	}
	v, a := &c.video, &c.audio
	first := func(t *trackClock) time.Duration { return t.ntp - t.length(t.at) }
	base := a.base + first(v) - first(a)
	if off := (base - v.base).Abs(); off < apartLeast || off > apartMost {
		return
	}
	v.base = base
}
