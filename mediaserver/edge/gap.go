package edge

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

// gap is what a publisher has sent that no origin was there for. It is of who writes.
type gap struct {
	messages uint64
	from     media.Timestamp // of the first of them
}

// drops counts a message that goes nowhere. Data is not counted: what is to stay is said
// again, and the rest was for those who were there.
func (g *gap) drops(m *rtmp.Message) {
	if m.Type != rtmp.TypeAudio && m.Type != rtmp.TypeVideo {
		return
	}
	if g.messages == 0 {
		g.from = m.Timestamp
	}
	g.messages++
}

// ends says what was missed before a message of a time, and counts from nothing again.
func (g *gap) ends(at media.Timestamp) (is session.Gap) {
	is.Messages = g.messages
	if after := int32(at - g.from); g.messages > 0 && after > 0 { //nolint:gosec // times wrap
		is.Lasts = time.Duration(after) * time.Millisecond
	}
	*g = gap{}
	return is
}

// interrupted tells the publisher, once for each loss, that the way to the origin is lost.
func (p *publication) interrupted() {
	if p.c.u.e.ctx.Err() != nil || p.c.hasLeft() {
		return // and nobody is there to hear it
	}
	p.c.u.e.cfg.Totals.interrupted.Add(1)
	p.c.u.log.Warn("a publisher here does not reach the origin: what it sends is dropped until there is a link", "stream", p.asked.Name, "client", p.c.body.ID)
	if p.asked.Interrupted != nil {
		p.asked.Interrupted()
	}
}

// goesOn tells the publisher what was lost before the first message of a new connection. One
// that is lost already has told it nothing new.
func (p *publication) goesOn(o *outgoing, at media.Timestamp) {
	p.mu.Lock()
	tell := p.cut && p.out.Load() == o
	if tell {
		p.cut = false
	}
	p.mu.Unlock()
	if !tell {
		return
	}
	is := p.gap.ends(at)
	p.c.u.e.cfg.Totals.unpublished.Add(is.Messages)
	p.c.u.log.Warn("a publisher here reaches the origin again: what it has sent meanwhile is lost",
		"stream", p.asked.Name, "client", p.c.body.ID, "messages", is.Messages, "lasts", is.Lasts)
	if p.asked.Resumed != nil {
		p.asked.Resumed(is)
	}
}
