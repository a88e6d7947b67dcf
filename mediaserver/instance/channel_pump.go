package instance

import (
	"context"
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

const (
	// early is how much before its time a packet is written, with those that are due.
	early = 10 * time.Millisecond
	// maxLate is how far a channel may be behind its clock, as behind a disk that
	// stalls, and catch up: beyond it, the clock is set back.
	maxLate = 2 * time.Second
	// frameTime is how long a packet takes that is alone, and maxFrameTime the longest.
	frameTime    = 20 * time.Millisecond
	maxFrameTime = time.Second
)

// pump plays the items of a channel, one behind the other on one clock: it begins with
// the first packet, and what an item begins with has the time at which the one before
// has ended. It is used by the channel's goroutine alone.
type pump struct {
	*channel
	pub *publication // nil: nothing is published yet

	some  bool          // an item has been played since the end of the playlist was told
	base  time.Time     // when the channel's time was 0
	at    time.Duration // the channel's time at which the item that plays began
	ends  time.Duration // behind all that has been written
	timer *time.Timer
	reads chan struct{} // has a place for each read that may be under way

	buf []byte // for a payload whose parts lie in two places
}

// outcome is how an item has ended.
type outcome int

const (
	outcomePlayed outcome = iota
	outcomeFailed         // it was told why
	outcomeBroken         // another takes its place, or the channel ends
)

// run is the channel's goroutine.
func (c *channel) run() {
	defer close(c.done)
	defer c.cancel()
	if c.before != nil {
		<-c.before // it has been told to end, and waits for nobody
	}
	p := &pump{channel: c, timer: time.NewTimer(time.Hour), reads: make(chan struct{}, maxReads)}
	defer p.timer.Stop()
	for {
		q, ctx, waited := c.next()
		if q == nil {
			break
		}
		if waited {
			p.ends = max(p.ends, p.now())
		}
		p.tellEnd(q, p.play(ctx, q))
	}
	p.end()
}

// tellEnd tells how an item has ended, and what comes next. A playlist whose last items
// cannot be played has ended all the same.
func (p *pump) tellEnd(q *queued, how outcome) {
	next := p.following()
	switch {
	case how == outcomeBroken:
	case how == outcomePlayed && next != nil:
		p.some = true
		p.say(codePlaySwitch, fmt.Sprintf("%s follows %s.", next.Name, q.Name), next.Name)
	case next == nil && (how == outcomePlayed || p.some):
		p.some = false
		if how == outcomePlayed {
			p.say(codePlayComplete, q.Name+" has been played to its end.", q.Name)
		}
		p.say(codePlayStop, "Stopped playing "+q.Name+".", q.Name)
	}
}

// play plays an item until it ends, or ctx does.
func (p *pump) play(ctx context.Context, q *queued) outcome {
	if q.Far != nil {
		return p.playFar(ctx, q)
	}
	a, ok := p.open(ctx, q)
	q.opening = nil
	switch {
	case !ok:
		return outcomeBroken
	case a.Refusal != nil:
		return p.refused(q, a.Refusal)
	}
	defer giveBack(session.PlayAnswer{Release: a.Release})
	if a.File != nil {
		return p.playFile(ctx, q, a.File)
	}
	if !p.asks(ctx, func(o *owner) bool { return o.follows(p.channel, q.Name) }) {
		if ctx.Err() != nil {
			return outcomeBroken
		}
		p.fail(codePlayFailed, q.Name+" plays "+p.name+" itself", q.Name)
		return outcomeFailed
	}
	defer p.inst.post(func(o *owner) { delete(o.sources, p.name) })
	return p.playLive(ctx, q, a.Live)
}

func (p *pump) refused(q *queued, why *session.Refusal) outcome {
	code := codePlayFailed
	switch why.Code {
	case session.RefusedNotFound, session.RefusedBadName:
		code = codePlayNotFound
	case session.RefusedDamaged:
		code = codePlayInvalid
	}
	p.fail(code, why.Error(), q.Name)
	return outcomeFailed
}

// begin is when the first packet of an item is there: it publishes the channel if
// that is not done yet, and forgets what new players would get of the item before.
func (p *pump) begin(q *queued) bool {
	if p.pub == nil && !p.publish(q) {
		return false
	}
	p.at = p.ends
	p.pub.pub.Renew()
	return true
}

// publish takes the channel's name, from a client that has it too.
func (p *pump) publish(q *queued) bool {
	came := make(chan session.PublishAnswer, 1)
	c := candidate{
		PublishRequest: session.PublishRequest{Client: p.client(), Name: p.name, Mode: session.PublishLive},
		server:         true,
		answer:         func(a session.PublishAnswer) { came <- a },
		refuse:         func(why *session.Refusal) { came <- session.PublishAnswer{Refusal: why} },
	}
	if !p.inst.post(func(o *owner) { o.publish(c) }) {
		return false
	}
	var a session.PublishAnswer
	select {
	case a = <-came:
	case <-p.ctx.Done():
		go func() {
			if a := <-came; a.Publication != nil {
				a.Publication.Close(session.EndedAsked, func(error) {})
			}
		}()
		return false
	}
	if a.Refusal != nil {
		p.fail(codePublishBadName, a.Refusal.Error(), p.name)
		p.empty()
		return false
	}
	p.pub = a.Publication.(*publication)
	p.base = time.Now().Add(-p.ends)
	p.say(codePublishStart, p.name+" is now published.", p.name)
	return true
}

// end gives the name back.
func (p *pump) end() {
	p.empty()
	if p.ctx.Err() != nil && p.recent != nil {
		p.say(codePlayStop, "Stopped playing "+p.recent.Name+".", p.recent.Name)
	}
	if p.pub != nil {
		p.pub.Close(session.EndedAsked, func(err error) {
			if err != nil {
				p.inst.log.Error("recording not finished cleanly", "client", p.client().ID, "stream", p.name, "err", err)
			}
		})
		p.say(codeUnpublishSuccess, p.name+" is now unpublished.", p.name)
	}
	c := p.channel
	_ = p.inst.post(func(o *owner) { o.channelOver(c) })
}

// now is the channel's time by the clock.
func (p *pump) now() time.Duration {
	if p.pub == nil {
		return 0
	}
	return time.Since(p.base)
}

// until waits for a time of the channel. It returns false when ctx has ended before.
func (p *pump) until(ctx context.Context, at time.Duration) bool {
	wait := at - p.now()
	if wait <= early {
		if wait < -maxLate {
			p.base = p.base.Add(-wait)
		}
		return ctx.Err() == nil
	}
	p.timer.Reset(wait)
	select {
	case <-p.timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// write writes a message with a time of the channel, and notes how long it takes.
func (p *pump) write(kind rtmp.MessageType, at, takes time.Duration, payload []byte) error {
	p.ends = max(p.ends, at+takes)
	return p.pub.Write(&rtmp.Message{Type: kind, Timestamp: media.TimestampAt(at), Payload: payload})
}
