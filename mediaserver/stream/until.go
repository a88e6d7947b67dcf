package stream

import (
	"math"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// Until says when a player comes to its end by itself.
type Until struct {
	// Length ends it when the timestamps have come so far from the first
	// picture or sound sent. Where nobody publishes, or a publisher is silent
	// for a second, it ends when so much time has passed. 0 is no limit.
	Length time.Duration
	// OnePicture ends it behind one picture: no sound is sent, and of a stream
	// that has no picture for a second, nothing.
	OnePicture bool
	// Publication ends it with the publication, behind its UnpublishNotify.
	// Without it a player stays for the next publisher, as FlashCom's do.
	Publication bool
	// Published is for a player that does not wait for a publisher: where there is
	// none when it comes, it has ended. It is PlayWith's.
	Published bool
	// OnEnd is told the last timestamp sent, or where the timestamps would have
	// begun. Nothing of the stream is sent afterwards, and what is
	// sent on the connection from now on comes behind its last byte. It is
	// called once at most, as SwitchOptions.OnSwitch is; of an end that came
	// before it, Close may have returned by then.
	OnEnd func(last media.Timestamp)
}

// Until gives the player an end, in place of the one it had, if any. Length
// counts from now. A player that has ended already does not end again.
func (p *Player) Until(u Until) {
	p.conn.loop.do(func() { p.setUntil(u) })
}

// end is an Until that a player has.
type end struct {
	Until
	timer *time.Timer // for when nothing comes
	seen  int64       // bytes of the log when the clock was last looked at
}

// untilLook is how often the clock is looked at once its time is over: a
// publisher that says nothing in between is not waited for.
const untilLook = time.Second

// pictureWait is how long a stream may go without a picture before it has
// none.
const pictureWait = time.Second

func (p *Player) setUntil(u Until) {
	if p.over {
		return
	}
	c := p.rewrite()
	if c.until != nil {
		c.until.stop()
	}
	c.until = &end{Until: u, seen: -1}
	c.state.counting = false
	if u.Publication && p.missedEnd() {
		p.finish()
		return
	}
	if u.Length > 0 {
		p.arm(c.until, u.Length)
	}
}

// missedEnd says whether the publication that the player has seen is over.
func (p *Player) missedEnd() bool {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != nil || s.unpublishNotice.seg == nil || p.at.seg == nil {
		return false
	}
	p.ready(&p.at)
	return p.joined < s.overAt && s.overAt <= p.at.offset()
}

// arm has the clock looked at after d, should nothing come.
func (p *Player) arm(e *end, d time.Duration) {
	l := p.conn.loop
	e.timer = time.AfterFunc(d, func() { l.post(func() { p.timeUp(e) }) })
}

// timeUp ends a player whose stream has no publisher, or one that is silent. It
// runs in the loop.
func (p *Player) timeUp(e *end) {
	if p.closed || p.over || p.rewriter == nil || p.rewriter.until != e {
		return
	}
	st, came := &p.rewriter.state, p.line().log.end.Load()
	silent := came == e.seen && p.offset() == came // and the player has all of it
	e.seen = came
	if p.paused || st.counting && p.s.Live() && !silent {
		p.arm(e, untilLook) // its packets will tell, or that none come
		return
	}
	p.finish()
}

// finish is the player's end. It runs in the loop.
func (p *Player) finish() {
	if p.over {
		return
	}
	last := p.reachedSoFar()
	p.over = true
	p.stopRewriter()
	p.leavePlace()
	if c := p.rewriter; c.until.OnEnd != nil {
		onEnd := c.until.OnEnd
		p.conn.loop.events.note(func() { onEnd(last) })
	}
}

func (e *end) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

// reached says whether media of a time, the player's own, is beyond the end.
func (e *end) reached(st *state, at media.Timestamp) bool {
	if e == nil || e.Length <= 0 && !e.OnePicture {
		return false
	}
	if !st.counting {
		st.counting, st.first = true, at
	}
	limit := min(e.Length, math.MaxInt32*time.Millisecond)
	if e.OnePicture {
		if limit = pictureWait; st.rate.Broken { // there are some, and it waits for one
			limit = payload.MaxWait
		}
	}
	return at.Sub(st.first) >= limit
}

// leavesOut says whether media is not what a single picture is.
func (e *end) leavesOut(k packet) bool {
	return e != nil && e.OnePicture && k.flags&flagKey == 0
}

// ends says whether a packet that is sent is the last.
func (e *end) ends(k packet, switching bool) bool {
	return e != nil && (e.OnePicture && k.flags&flagKey != 0 ||
		e.Publication && k.flags&flagEnd != 0 && !switching)
}
