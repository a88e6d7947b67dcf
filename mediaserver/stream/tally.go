package stream

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// tallyEvery is how often what waits for a connection that lags is counted, and
	// maxWaiting and maxDropped how many messages are counted at once.
	tallyEvery = time.Second
	maxWaiting = 4 << 10
	maxDropped = 64 << 10
)

// lagCounter is a connection that notes what is left out for those who play on it, and
// what waits for them: rtmp.Conn.
type lagCounter interface {
	CountDropped(rtmp.Tally)
	CountWaiting(rtmp.Tally)
}

// tally counts what lies between a player's place and another, at most so many. No
// segment: up to the end.
func (p *Player) tally(t *rtmp.Tally, from, to position, most int) {
	end := int64(0)
	if to.seg != nil {
		end = to.offset()
	}
	for range most {
		n := p.ready(&from)
		if from.i == n || to.seg != nil && from.offset() >= end {
			return
		}
		k := from.seg.packets[from.i]
		from.i++
		if k.flags&(flagNotice|flagEnd) != 0 || !p.wants(k) {
			continue
		}
		switch size := uint64(k.end - k.start); k.kind {
		case rtmp.TypeAudio:
			t.Audio, t.AudioBytes = t.Audio+1, t.AudioBytes+size
		case rtmp.TypeVideo:
			t.Video, t.VideoBytes = t.Video+1, t.VideoBytes+size
		default:
			t.Data++
		}
	}
}

// leftOut counts what a player is not sent that goes on elsewhere than where it was. It
// runs in the loop.
func (p *Player) leftOut(was position) {
	if p.conn.lagged == nil {
		return
	}
	var t rtmp.Tally
	p.tally(&t, was, p.at, maxDropped)
	p.conn.lagged.CountDropped(t)
}

// tellWaiting notes, now and then, what waits for a connection that lags. It runs in the
// loop.
func (a *attachedConn) tellWaiting(now time.Time) {
	if a.lagged == nil || now.Sub(a.tallied) < tallyEvery {
		return
	}
	a.tallied = now
	var t rtmp.Tally
	for _, p := range a.players {
		if p.at.seg != nil {
			p.tally(&t, p.at, position{}, maxWaiting)
		}
	}
	a.lagged.CountWaiting(t)
}

// nothingWaits notes that nothing does any more. It runs in the loop.
func (a *attachedConn) nothingWaits() {
	if !a.tallied.IsZero() {
		a.tallied = time.Time{}
		a.lagged.CountWaiting(rtmp.Tally{})
	}
}
