package stream

import (
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// SwitchOptions go with Player.Switch.
type SwitchOptions struct {
	// Takes is which tracks and codecs are sent of the new stream.
	Takes tracks.Takes
	// Notice is sent between the last message of the old stream and the first
	// of the new one. Stream ids and timestamps are set.
	Notice []*rtmp.Message
	// OnSwitch is told when the player belongs to the new stream: what is sent
	// on the connection from now on comes behind the notice. It is called once
	// at most, without a lock and in no goroutine of the fan-out's loops, behind
	// what other callbacks of the connection were told before. It only posts:
	// those behind it wait for it. Close may have returned by then.
	OnSwitch func()
}

// alignedWithin is how far apart the timestamps of two streams may be
// when they are renditions of one programme: then they are left as they are.
const alignedWithin = 10 * time.Second

// Switch goes over to another stream of the same Fanout, without a gap (play2).
// The old one is sent until the new one has a keyframe that was published after
// the call, the first of them, and up to that keyframe's time; then come the notice, the new one's
// data and sequence headers, and the new one from its keyframe on. A stream
// without video, or a player that takes none, goes over at once, and so does a
// player that is paused.
//
// Timestamps never go back. Where those of the two are less than ten seconds
// apart, they are taken for the same clock: sound that was heard already is
// left out, and pictures that are late come all at the time reached. Otherwise
// the new stream's are shifted to go on where the old one's end.
//
// A pause makes it come about at once. Close and another Switch before it has
// come about call it off; Playing tells.
func (p *Player) Switch(to *Stream, opts SwitchOptions) {
	l, crowded := p.conn.loop, false
	l.do(func() {
		if p.closed || p.over {
			return
		}
		p.cancelSwitch()
		n := &transition{to: to, SwitchOptions: opts}
		to.mu.Lock()
		n.group = to.groupOf(l)
		n.audience, crowded = to.enter(p.conn, opts.Takes)
		if to.awaited == nil {
			to.awaited = map[*transition]struct{}{}
		}
		to.awaited[n] = struct{}{}
		to.mu.Unlock()
		n.group.players = append(n.group.players, p) // to be woken
		p.rewrite().next = n
		p.conn.switching++
		l.write(p.conn)
	})
	if crowded {
		to.tellCrowded(opts.Takes)
	}
}

// Playing is the stream that the player belongs to now.
func (p *Player) Playing() (s *Stream) {
	p.conn.loop.do(func() { s = p.s })
	return s
}

// transition is a Switch that has not come about.
type transition struct {
	SwitchOptions
	to       *Stream
	group    *group                   // of to; the player is in it, and in its own
	audience *audience                // the same
	first    atomic.Pointer[keyframe] // of to since the call; its publisher sets it

	// Where it comes about, once ready.
	ready   bool
	key     *keyframe // nil: at a place without
	at      position
	time    media.Timestamp // there
	found   time.Time       // when it was
	cut     int64           // offset in the old log, where the player leaves it
	aligned bool
}

// cancelSwitch forgets a transition that has not come about. It runs in the loop.
func (p *Player) cancelSwitch() {
	if p.rewriter == nil || p.rewriter.next == nil {
		return
	}
	n := p.rewriter.next
	n.group.leave(p)
	n.forget()
	n.to.mu.Lock()
	n.to.exit(n.audience)
	n.to.mu.Unlock()
	p.rewriter.next = nil
	p.conn.switching--
}

// forget lets the new stream's publisher know nothing of the transition any more.
func (n *transition) forget() {
	n.to.mu.Lock()
	defer n.to.mu.Unlock()
	delete(n.to.awaited, n)
}

// await tells those who want to go over to the stream of a keyframe, which is the
// first for some of them: what comes with it is theirs, however many follow
// before a loop finds it. nil: the publication is over. The caller holds s.mu.
func (s *Stream) await(l *line, k *keyframe) {
	for n := range s.awaited {
		if k != nil && s.lineOf(n.audience) != l {
			continue
		}
		if have := n.first.Load(); k == nil || have == nil || have.makeshift && !k.makeshift {
			n.first.Store(k)
		}
	}
}

// transitions moves the connection's players that can go over to another
// stream. It runs in the loop, between two writes.
func (a *attachedConn) transitions(now time.Time) {
	for _, p := range a.players {
		if p.rewriter == nil || p.rewriter.next == nil {
			continue
		}
		n := p.rewriter.next
		if !n.ready && !n.find(p, now) {
			continue
		}
		if p.paused || p.at.offset() >= n.cut || n.late(a, now) {
			// The notice goes behind what the session has said.
			rest, ok := a.TakeQueued(append([]byte(nil), a.rest...))
			if !ok {
				return
			}
			a.begin(rest)
			p.changeOver()
		}
	}
}

// find looks for the place to come in.
func (n *transition) find(p *Player, now time.Time) bool {
	k := n.first.Load()
	switch n.key = nil; {
	case p.paused: // it will begin where it resumes
		n.at, n.time = position{}, n.to.newest.Load()
	case p.video && k != nil:
		n.key, n.at, n.time = k, k.at, k.time
	case !n.findSound(p.video):
		return false
	}
	n.ready, n.found = true, now
	n.cut = p.line().log.end.Load()
	n.align(&p.rewriter.state)
	return true
}

// findSound takes the head of a stream that has no keyframes to wait for.
func (n *transition) findSound(video bool) bool {
	to := n.to
	to.mu.Lock()
	defer to.mu.Unlock()
	l := to.lineOf(n.audience)
	n.at, n.time = l.log.head(), to.newest.Load()
	return l.hasAudio && !l.hasVideo || !video && l.hasVideo
}

// align finds out whether the two streams have one clock.
func (n *transition) align(st *state) {
	apart := (n.time + st.shift).Sub(st.last)
	n.aligned = st.sent && apart.Abs() < alignedWithin
}

// late says whether a player is too slow for what is left of the old stream:
// it is left out then, so that the new one's log need not be kept.
func (n *transition) late(a *attachedConn, now time.Time) bool {
	return a.slow(now, n.behind(), maxHeldBytes, n.found)
}

// behind is how much of the new stream is kept for the player.
func (n *transition) behind() int64 {
	if n.at.seg == nil {
		return 0
	}
	return n.to.lineOf(n.audience).log.behind(n.at)
}

// cuts says whether a position of the old stream is behind its last packet.
func (n *transition) cuts(at position) bool { return n != nil && n.ready && at.offset() >= n.cut }

// supersedes says whether the new stream has media of the old one's as well.
func (n *transition) supersedes(k packet) bool {
	return n != nil && n.ready && n.aligned && !k.time.Before(n.time)
}

// changeOver makes the player one of the new stream's. It runs in the loop.
func (p *Player) changeOver() {
	c, a := p.rewriter, p.conn
	n := c.next
	n.forget()
	c.next = nil
	a.switching--

	p.leave()
	p.s, p.group, p.audience = n.to, n.group, n.audience
	p.s.players.Add(1)
	p.s.mu.Lock()
	p.s.useEncoding(p.form.encoding)
	p.s.mu.Unlock()
	switch {
	case p.paused:
		p.leavePlace()
	case n.key != nil:
		p.startAt(n.key)
	default:
		p.s.mu.Lock()
		p.preamble = p.s.chunkStored(p.line(), n.time)
		p.s.mu.Unlock()
		p.at, p.begins = n.at, n.time
	}
	if p.at.seg != nil {
		p.s.mu.Lock()
		p.preamble = p.s.withSpared(p.audience, p.at, p.preamble)
		p.s.mu.Unlock()
	}
	p.joined = p.offset()

	st := &c.state
	switch {
	case st.sent && !n.aligned:
		st.started, st.moved, st.shift = true, true, st.last+1-n.time
	case !st.sent && st.moved:
		st.begin(st.last)
	}
	st.floored, st.floor = st.sent, st.last
	st.rate = payload.FrameRate{Max: st.rate.Max, Broken: st.rate.Broken}

	// Whole messages may go behind the rest of one: before all that comes.
	rest := append([]byte(nil), a.rest...)
	for _, m := range n.Notice {
		said := *m
		rest = p.form.appendTo(rest, rtmp.AppendChunks(nil, &said, rtmp.ChunkSize), st.last)
	}
	a.begin(rest)
	a.loop.events.note(n.OnSwitch)
}
