package stream

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// rewriter is what a player wants beyond the log's bytes: other timestamps, fewer
// pictures, an end, another stream. A player that has it is looked after packet
// by packet; the payloads are still the log's own, and only headers are made.
// It belongs to the loop, as everything of a player does.
type rewriter struct {
	state state
	until *end
	next  *transition // to another stream, waiting for its keyframe
}

// state is what one packet after another makes of a player. What is laid out
// may be written in part, or not at all, and is laid out again then: so step
// works on a copy, and commit repeats it for what was written.
type state struct {
	started bool            // the shift is known
	shift   media.Timestamp // added to the stream's timestamps
	moved   bool            // the shift is no encoder's: time 0 means nothing here

	sent bool            // there is a last
	last media.Timestamp // the latest sent

	// After a change of streams nothing goes back before floor.
	floored bool
	floor   media.Timestamp

	counting bool            // towards the end
	first    media.Timestamp // where that began

	over bool
	rate payload.FrameRate
}

// rewrite returns the player's rewriter, made when there is none.
func (p *Player) rewrite() *rewriter {
	if !p.rewrites() {
		c := &rewriter{state: state{started: true, last: p.reached(), sent: p.at.seg != nil && p.offset() > p.joined}}
		if p.rewriter != nil {
			c.until = p.rewriter.until
		}
		p.rewriter = c
	}
	return p.rewriter
}

// rewrites says whether the player is looked after packet by packet. One of another
// encoding who only ends with its publication is not, although it has a rewriter: who
// watches by HTTP is no dearer for that.
func (p *Player) rewrites() bool {
	c := p.rewriter
	if c == nil {
		return false
	}
	return c.needed() || c.until != nil && (p.form.encoding == nil || c.until.Length > 0 || c.until.OnePicture)
}

// reached is the timestamp that a player without a rewriter was sent last, as
// well as the log knows.
func (p *Player) reached() media.Timestamp {
	if p.at.seg != nil && p.at.i > 0 {
		return p.at.seg.packets[p.at.i-1].time
	}
	return p.s.newest.Load()
}

// begin makes timestamps begin at from.
func (st *state) begin(from media.Timestamp) {
	st.started, st.moved, st.last = false, true, from
}

// start fixes the shift at the first media, which has a time of the stream.
func (st *state) start(at media.Timestamp) {
	if !st.started {
		st.started, st.shift = true, st.last-at
	}
}

// needed says whether the player's bytes may differ from the log's, but for its end.
func (c *rewriter) needed() bool {
	st := &c.state
	return !st.started || st.moved || st.shift != 0 || st.floored || st.over ||
		st.rate.Needed() || c.next != nil
}

// stamp turns a time of the stream into the player's.
func (st *state) stamp(at media.Timestamp) media.Timestamp {
	if !st.started {
		return st.last
	}
	out := at + st.shift
	if st.floored && out.Before(st.floor) {
		out = st.floor
	}
	return out
}

// stopRewriter lets go of what a rewriter has outside of the loop.
func (p *Player) stopRewriter() {
	p.cancelSwitch()
	if p.rewriter != nil && p.rewriter.until != nil {
		p.rewriter.until.stop()
	}
}

// step says whether a packet is sent and with which timestamp. head is the
// beginning of its payload.
func (st *state) step(p *Player, k packet, head []byte) (at media.Timestamp, send bool) {
	c := p.rewriter
	sounds := k.kind == rtmp.TypeAudio || k.kind == rtmp.TypeVideo
	frames := sounds && k.flags&^flagKey == 0
	if sounds {
		st.start(k.time)
	}
	at = st.stamp(k.time)
	if k.kind == rtmp.TypeData && k.time == 0 && st.moved {
		at = st.last // its time was meant for a stream that begins at 0
	}
	key := k.flags&flagKey != 0
	waits := k.kind == rtmp.TypeVideo && frames && st.rate.Broken && !key
	if frames && !waits && c.until.reached(st, at) {
		st.over = true
		return 0, false
	}
	switch {
	case !p.wants(k):
		return 0, false
	case frames && c.next.supersedes(k):
		return 0, false
	case frames && c.until.leavesOut(k):
		return 0, false
	case k.kind == rtmp.TypeVideo && frames && !st.rate.Keep(k.time, head, key):
		return 0, false
	}
	if sounds && st.floored {
		switch above := (k.time + st.shift).Sub(st.floor); {
		case above > floorLasts:
			st.floored = false
		case above < 0 && frames && k.kind == rtmp.TypeAudio:
			return 0, false // was heard already
		}
	}
	if !st.sent && sounds || at.After(st.last) {
		st.last = at
	}
	st.sent = st.sent || sounds
	if c.until.ends(k, c.next != nil) {
		st.over = true
	}
	return at, true
}

// floorLasts is how far a stream is past the floor when no packet can be below
// it any more.
const floorLasts = time.Second

// rewritten adds what a player with a rewriter has not been sent yet.
func (c *scratch) rewritten(p *Player) {
	cu := p.rewriter
	st := cu.state
	if len(p.preamble) > 0 {
		c.preamble(p)
		st.start(p.begins)
		c.marks = append(c.marks, mark{p: p, end: c.total, rewritten: true})
	}
	for at := p.at; !c.full() && !st.over; {
		n := p.ready(&at)
		if at.i == n {
			break
		}
		if cu.next.cuts(at) {
			break
		}
		from := at
		at.i++
		k := from.seg.packets[from.i]
		if stamp, send := st.step(p, k, from.seg.chunks(k).Head()); send {
			c.packet(p, from.seg, from.i, stamp)
		}
		c.marks = append(c.marks, mark{p: p, seg: from.seg, from: from.i, to: at.i, end: c.total, rewritten: true})
	}
	if cu.next != nil && cu.next.ready {
		p.conn.again = true
	}
}

// commit makes what a mark lays out happen, and tells of the player's end.
func (m mark) commit() {
	c := m.p.rewriter
	if m.seg == nil {
		c.state.start(m.p.begins)
		return
	}
	k := m.seg.packets[m.from]
	c.state.step(m.p, k, m.seg.chunks(k).Head())
	if c.state.over {
		m.p.finish()
	}
}

// rewrittenLeft is what is not sent of a packet whose first n bytes are.
func (m mark) rewrittenLeft(n int) []byte {
	p, k := m.p, m.seg.packets[m.from]
	st := p.rewriter.state
	at, _ := st.step(p, k, m.seg.chunks(k).Head())
	return p.left(m.seg, m.from, at, n)
}

// preambleTime is the player's timestamp of a message of its preamble.
func (c *rewriter) preambleTime(p *Player, m rtmp.Chunks) media.Timestamp {
	st := c.state
	if m.Type() == rtmp.TypeData && !st.moved {
		return m.Timestamp()
	}
	st.start(p.begins)
	return st.stamp(p.begins)
}
