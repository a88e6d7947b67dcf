package stream

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// What one write may carry: beyond it, a socket that takes everything
	// would keep the others waiting.
	maxWriteBytes   = 1 << 20
	maxWriteBuffers = 512
)

// scratch is what a loop needs to gather one write.
type scratch struct {
	bufs    [][]byte
	marks   []mark
	control []byte
	headers []byte // made for one player
	own     bool   // there is more that was
	joint   joint
	total   int
}

// mark says whose packets end where in the write.
type mark struct {
	p        *Player
	seg      *segment
	from, to int32 // packets of seg; from == to: the player's preamble
	end      int   // bytes of the write up to here

	rewritten bool // the player's rewriter has laid it out
}

// write sends as much to a connection as its socket takes.
func (l *loop) write(a *attachedConn) {
	if a.dead || a.blocked {
		return
	}
	defer l.scratch.reset()
	for {
		now := time.Now()
		lead, ok := l.gather(a, now)
		if !ok {
			return // the connection still writes something of its own, and wakes us
		}
		c := &l.scratch
		if c.total == 0 {
			// What was left out is behind the player all the same.
			for _, m := range c.marks {
				m.done()
			}
			if a.again {
				continue
			}
			a.caughtUp()
			return
		}
		n, err := l.put(a, lead)
		if err != nil {
			a.dead = true
			_ = a.CloseWithError(err) // its session ends, and closes the players
			return
		}
		if n < c.total {
			if n > 0 || !a.begun {
				a.progress = now
			}
			a.begun = true
			a.fellBehind(now)
			l.partial(a, lead, n)
			if now.Sub(a.progress) > writeTimeout {
				a.dead = true
				_ = a.CloseWithError(fmt.Errorf("%w: it took nothing for %v", rtmp.ErrSlow, writeTimeout))
				return
			}
			a.blocked = true
			a.tryAt = now.Add(min(now.Sub(a.progress)/16, maxRetry))
			l.blocked = append(l.blocked, a)
			return
		}
		if a.begun { // it waits for us, and not we for it
			a.begun, a.rest = false, nil
		}
		if a.counts != nil && len(c.marks) > 0 {
			a.counts.CountSent(messages(c.marks, lead))
		}
		for _, m := range c.marks {
			m.done()
		}
		if n < maxWriteBytes && len(c.bufs) < maxWriteBuffers && !a.again {
			a.caughtUp()
			return
		}
	}
}

// gather lays out one write: the rest of the last one, or else what the session
// said, then media. Behind a rest of the session's, media goes first: a socket that
// is almost full would stop within what the session says each time. It returns the
// length of the part that is not media; ok is false when nothing may be written now.
func (l *loop) gather(a *attachedConn, now time.Time) (lead int, ok bool) {
	c := &l.scratch
	c.reset()
	if a.again = false; a.switching > 0 {
		a.transitions(now)
	}
	if a.begun && len(a.rest) > 0 {
		// All else stays where it is, and where its own limits count, until
		// the socket has taken this. It may take its time: players that wait
		// for it hold no more of their streams than others.
		for _, p := range a.players {
			if !p.paused && !p.over {
				p.keepUp(now)
			}
		}
		c.add(a.rest)
		a.again = true
		return c.total, true
	}
	if a.media {
		a.media, a.again = false, true
	} else if c.control, ok = a.TakeQueued(c.control); !ok {
		return 0, false
	}
	c.add(c.control)
	lead = c.total
	for _, p := range a.players {
		if p.paused || p.over {
			continue
		}
		p.keepUp(now)
		if p.rewriter != nil {
			if p.rewrites() {
				c.rewritten(p)
				continue
			}
			if p.rewriter.until == nil {
				p.rewriter = nil
			}
		}
		c.player(p)
	}
	return lead, true
}

// reset empties the scratch. Nothing of a log may stay reachable because it was
// written once: all that was published since would.
func (c *scratch) reset() {
	clear(c.bufs)
	clear(c.marks)
	c.bufs, c.marks, c.control, c.headers = c.bufs[:0], c.marks[:0], c.control[:0], c.headers[:0]
	c.joint, c.total, c.own = joint{}, 0, false
}

func (c *scratch) add(b []byte) {
	if len(b) > 0 {
		c.bufs = append(c.bufs, b)
		c.total += len(b)
	}
}

func (c *scratch) full() bool {
	return c.total >= maxWriteBytes || len(c.bufs) >= maxWriteBuffers
}

// player adds what a player has not been sent yet.
func (c *scratch) player(p *Player) {
	if len(p.preamble) > 0 {
		c.preamble(p)
		c.marks = append(c.marks, mark{p: p, end: c.total})
	}
	for at := p.at; !c.full(); {
		n := p.ready(&at)
		if at.i == n {
			return
		}
		from := at
		switch {
		case p.plain():
			at.i = n
			c.add(from.seg.buf[from.seg.packets[from.i].start:from.seg.packets[n-1].end])
		case p.form.encoding != nil && p.audio && p.video:
			at.i = c.run(p, from.seg, from.i, n)
		default:
			at.i++
			if k := from.seg.packets[from.i]; p.wants(k) {
				c.packet(p, from.seg, from.i, k.time)
			}
		}
		m := mark{p: p, seg: from.seg, from: from.i, to: at.i, end: c.total}
		if c.marks = append(c.marks, m); m.ends() {
			return
		}
	}
}

// packet adds packet i of a segment for the player, with a timestamp of the
// player's own. Its payload is not copied.
func (c *scratch) packet(p *Player, seg *segment, i int32, at media.Timestamp) {
	if p.form.encoding != nil {
		c.framed(p.form.encoding, seg, i, at)
		return
	}
	k := seg.packets[i]
	b := seg.chunks(k)
	if p.form.native() && at == k.time {
		c.add(b)
		return
	}
	for r := b.Restamp(p.form.id, at); r.More(); {
		begin := len(c.headers)
		// Growing moves the array; headers that are laid out already stay valid
		// in the old one.
		var follows []byte
		c.headers, follows = r.Next(c.headers)
		c.add(c.headers[begin:])
		c.add(follows)
	}
}

// preamble adds what goes before a player's first packet.
func (c *scratch) preamble(p *Player) {
	c.add(p.laidPreamble())
	c.own = true
}

// laidPreamble is the preamble as the player gets it. Preambles are rare: a copy
// does no harm.
func (p *Player) laidPreamble() []byte {
	if p.form.native() && p.rewriter == nil {
		return p.preamble
	}
	var out []byte
	for m, behind := rtmp.Chunks(nil), rtmp.Chunks(p.preamble); len(behind) > 0; {
		m, behind = behind.Next()
		at := m.Timestamp()
		if p.rewriter != nil {
			at = p.rewriter.preambleTime(p, m)
		}
		out = p.form.appendTo(out, m, at)
	}
	return out
}

// messages is how many there are in marks, of which the first begins at a byte.
func messages(marks []mark, begin int) (n int) {
	for _, m := range marks {
		if m.end > begin { // else it was left out
			n += m.messages()
		}
		begin = m.end
	}
	return n
}

func (m mark) messages() int {
	if m.seg != nil {
		return int(m.to - m.from)
	}
	n := 0
	for behind := rtmp.Chunks(m.p.preamble); len(behind) > 0; n++ {
		_, behind = behind.Next()
	}
	return n
}

// done moves the player's cursor behind what was written.
func (m mark) done() {
	if m.seg == nil {
		m.p.preamble = nil
	} else {
		m.p.at = position{m.seg, m.to}
	}
	switch {
	case m.rewritten:
		m.commit()
	case m.ends():
		m.p.finish()
	}
}

// ends says whether a player without rewriting comes to its end: see Player.rewrites.
func (m mark) ends() bool {
	return m.p.rewriter != nil && !m.rewritten && m.seg != nil && m.seg.packets[m.to-1].flags&flagEnd != 0
}

// partial keeps what is left of a message that was written in part, and moves
// cursors behind everything that was begun. A message must not be torn: what
// comes next goes behind its last byte.
func (l *loop) partial(a *attachedConn, lead, n int) {
	c := &l.scratch
	switch {
	case n < len(a.rest):
		// A socket that stays full is tried again and again: nothing is copied
		// for it.
		a.rest = a.rest[n:]
		return
	case n < lead:
		a.rest, a.media = append([]byte(nil), c.control[n:]...), true
		return
	}
	a.rest = nil
	begin, sent := lead, 0
	for _, m := range c.marks {
		if n >= m.end {
			if m.end > begin {
				sent += m.messages()
			}
			m.done()
			begin = m.end
			continue
		}
		if n > begin { // else nothing of it was written
			sent += a.tear(m, n-begin)
		}
		break
	}
	if a.counts != nil {
		a.counts.CountSent(sent)
	}
}

// tear keeps what is left of a message in a mark of which n bytes were written, and says
// how many messages were written or begun.
func (a *attachedConn) tear(m mark, n int) (begun int) {
	switch {
	case m.seg == nil:
		begun = m.messages()
		a.rest = m.p.laidPreamble()[n:]
		m.done()
	case m.rewritten:
		begun = 1
		a.rest = m.rewrittenLeft(n)
		m.done()
	default:
		a.rest = m.split(n)
		begun = int(m.p.at.i - m.from)
	}
	return begun
}

// split moves the cursor behind the packet that byte n of the mark is in, and
// returns what is left of that packet.
func (m mark) split(n int) []byte {
	packets := m.seg.packets[m.from:m.to]
	switch {
	case len(packets) == 1: // the only one, in whatever form
		m.done()
		return m.p.left(m.seg, m.from, packets[0].time, n)
	case m.p.form.encoding != nil:
		return m.splitFramed(n)
	}
	// Several are marked together only as they lie in the log.
	at := packets[0].start + uint32(n)
	i := sort.Search(len(packets), func(i int) bool { return packets[i].end > at })
	k := packets[i]
	m.p.at = position{m.seg, m.from + int32(i)}
	if at == k.start {
		return nil
	}
	m.p.at.i++
	return m.seg.chunks(k)[at-k.start:]
}

// left is what is not sent of packet i, whose first n bytes are. It is copied
// where it does not lie in one piece.
func (p *Player) left(seg *segment, i int32, at media.Timestamp, n int) []byte {
	var c scratch
	c.packet(p, seg, i, at)
	for i, b := range c.bufs {
		if n >= len(b) {
			n -= len(b)
			continue
		}
		if i == len(c.bufs)-1 {
			return b[n:]
		}
		return slices.Concat(append([][]byte{b[n:]}, c.bufs[i+1:]...)...)
	}
	return nil
}
