package stream

import (
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// custom is what a player wants beyond the log's bytes: other timestamps, fewer
// pictures, an end, another stream. A player that has it is looked after packet
// by packet; the payloads are still the log's own, and only headers are made.
// It belongs to the loop, as everything of a player does.
type custom struct {
	state state
	until *end
	next  *change // to another stream, waiting for its keyframe
}

// state is what one packet after another makes of a player. What is laid out
// may be written in part, or not at all, and is laid out again then: so step
// works on a copy, and commit repeats it for what was written.
type state struct {
	started bool   // the shift is known
	shift   uint32 // ms, added to the stream's timestamps
	moved   bool   // the shift is no encoder's: time 0 means nothing here

	sent bool   // there is a last
	last uint32 // ms, the latest timestamp sent

	// After a change of streams nothing goes back before floor.
	floored bool
	floor   uint32

	counting bool   // towards the end
	first    uint32 // ms, where that began

	over bool
	rate payload.FrameRate
}

// customize returns the player's custom, made when there is none.
func (p *Player) customize() *custom {
	if p.custom == nil {
		p.custom = &custom{state: state{started: true, last: p.reached(), sent: p.offset() > p.joined && !p.waiting}}
	}
	return p.custom
}

// reached is the timestamp that a player without a custom was sent last, as
// well as the log knows.
func (p *Player) reached() uint32 {
	if p.at.seg != nil && p.at.i > 0 {
		return p.at.seg.packets[p.at.i-1].time
	}
	return p.s.newest.Load()
}

// begin makes timestamps begin at from.
func (st *state) begin(from uint32) {
	st.started, st.moved, st.last = false, true, from
}

// start fixes the shift at the first media, which has a time of the stream.
func (st *state) start(time uint32) {
	if !st.started {
		st.started, st.shift = true, st.last-time
	}
}

// needed says whether the player's bytes may differ from the log's.
func (c *custom) needed() bool {
	st := &c.state
	return !st.started || st.moved || st.shift != 0 || st.floored || st.over ||
		st.rate.Needed() || c.until != nil || c.next != nil
}

// stamp turns a time of the stream into the player's.
func (st *state) stamp(time uint32) uint32 {
	if !st.started {
		return st.last
	}
	out := time + st.shift
	if st.floored && int32(out-st.floor) < 0 {
		out = st.floor
	}
	return out
}

// stopCustom lets go of what a custom has outside of the loop.
func (p *Player) stopCustom() {
	p.cancelSwitch()
	if p.custom != nil && p.custom.until != nil {
		p.custom.until.stop()
	}
}

// step says whether a packet is sent and with which timestamp. head is the
// beginning of its payload.
func (st *state) step(p *Player, k packet, head []byte) (time uint32, send bool) {
	c := p.custom
	sounds := k.kind == rtmp.TypeAudio || k.kind == rtmp.TypeVideo
	media := sounds && k.flags&^flagKey == 0
	if sounds {
		st.start(k.time)
	}
	time = st.stamp(k.time)
	if k.kind == rtmp.TypeData && k.time == 0 && st.moved {
		time = st.last // its time was meant for a stream that begins at 0
	}
	if media && c.until.reached(st, time) {
		st.over = true
		return 0, false
	}
	switch {
	case !p.wants(k):
		return 0, false
	case media && c.next.supersedes(k):
		return 0, false
	case media && c.until.leavesOut(k):
		return 0, false
	case k.kind == rtmp.TypeVideo && media && !st.rate.Take(k.time, head):
		return 0, false
	}
	if sounds && st.floored {
		switch above := int32(k.time + st.shift - st.floor); {
		case above > floorLasts:
			st.floored = false
		case above < 0 && media && k.kind == rtmp.TypeAudio:
			return 0, false // was heard already
		}
	}
	if !st.sent && sounds || int32(time-st.last) > 0 {
		st.last = time
	}
	st.sent = st.sent || sounds
	if c.until.ends(k, c.next != nil) {
		st.over = true
	}
	return time, true
}

// floorLasts is how far a stream is past the floor when no packet can be below
// it any more, in ms.
const floorLasts = 1000

// customized adds what a player with a custom has not been sent yet.
func (c *scratch) customized(p *Player) {
	cu := p.custom
	st := cu.state
	if len(p.opening) > 0 {
		c.add(cu.restamped(p))
		st.start(p.opened)
		c.marks = append(c.marks, mark{p: p, end: c.total})
	}
	for at := p.at; !c.full() && !st.over; {
		n := at.ready()
		if at.i == n {
			break
		}
		if cu.next.cuts(at) {
			break
		}
		from := at
		at.i++
		k := from.seg.packets[from.i]
		if time, send := st.step(p, k, from.seg.chunks(k).Head()); send {
			c.packet(p, from.seg, k, time)
		}
		c.marks = append(c.marks, mark{p: p, seg: from.seg, from: from.i, to: at.i, end: c.total})
	}
	if cu.next != nil && cu.next.ready {
		p.sink.again = true
	}
}

// commit makes what a mark lays out happen, and tells of the player's end.
func (m mark) commit() {
	c := m.p.custom
	if m.seg == nil {
		c.state.start(m.p.opened)
		return
	}
	k := m.seg.packets[m.from]
	c.state.step(m.p, k, m.seg.chunks(k).Head())
	if c.state.over {
		m.p.finish()
	}
}

// customLeft is what is not sent of a packet whose first n bytes are.
func (m mark) customLeft(n int) []byte {
	p, k := m.p, m.seg.packets[m.from]
	st := p.custom.state
	time, _ := st.step(p, k, m.seg.chunks(k).Head())
	return p.left(m.seg, k, time, n)
}

// restamped is the player's opening with its stream id and timestamps. Openings
// are rare: a copy does no harm.
func (c *custom) restamped(p *Player) []byte {
	st := c.state
	st.start(p.opened)
	own := st.stamp(p.opened)
	var out []byte
	for m, behind := rtmp.Chunks(nil), rtmp.Chunks(p.opening); len(behind) > 0; {
		m, behind = behind.Next()
		time := own
		if m.Type() == rtmp.TypeData && !st.moved {
			time = m.Timestamp()
		}
		out = m.AppendRestamped(out, p.id, time)
	}
	return out
}
