package edge

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// MayPublish implements session.Instance.
func (c *remote) MayPublish(r session.PublishRequest, answer func(*session.Refusal)) {
	c.ask(link.MayPublish, link.FromPublish(&r), &question{
		answer: func(r *link.Record) error {
			var a link.PublishAnswer
			if err := r.Decode(&a); err != nil {
				return err
			}
			answer(a.Refusal.Session())
			return nil
		},
		lost: func(err error) { answer(unreachable(err)) },
	})
}

// Publish implements session.Instance.
func (c *remote) Publish(r session.PublishRequest, answer func(session.PublishAnswer)) {
	p := &publication{c: c, asked: r, asking: true, done: make(chan struct{})}
	p.wrote.Store(time.Now().UnixNano())
	q := &question{
		happens: p.happens,
		lost:    func(err error) { answer(session.PublishAnswer{Refusal: unreachable(err)}) },
	}
	p.q = q
	q.answer = func(r *link.Record) error {
		var a link.PublishAnswer
		if err := r.Decode(&a); err != nil {
			return err
		}
		out := session.PublishAnswer{Refusal: a.Refusal.Session(), Proved: a.Proved, Recorded: a.Recorded, NotRecorded: a.NotRecorded.Session()}
		if a.Token == "" {
			c.over(q)
			answer(out)
			return nil
		}
		c.keep(p)
		c.u.e.runs.Go(func() { // the pipe waits for nobody
			if err := p.open(&a, true); err != nil {
				p.end(nil, nil)
				answer(session.PublishAnswer{Refusal: unreachable(err)})
				return
			}
			out.Publication = p
			p.wrote.Store(time.Now().UnixNano())
			answer(out)
		})
		return nil
	}
	c.ask(link.PublishName, link.FromPublish(&r), q)
}

// publication is a name that a client of this edge publishes at the origin, over however
// many connections one after another: what is written while there is none is dropped. It
// implements session.Publication and session.Travels.
type publication struct {
	c     *remote
	asked session.PublishRequest

	wrote   atomic.Int64             // when the last message came, in ns since 1970
	arrived atomic.Uint64            // how often the origin has said that more has come
	out     atomic.Pointer[outgoing] // nil: there is none; it is set under mu
	opening stream.Opening           // of who writes
	gap     gap                      // of who writes
	done    chan struct{}            // closed when it is over
	taken   atomic.Pointer[session.Refusal]
	failed  error // why the recording is not whole; read behind done

	mu       sync.Mutex // nothing else is taken, and nobody called, while it is held
	over     bool
	closing  bool
	asking   bool // the origin is asked for it, or about to be
	tries    int  // that have failed since it was lost
	q        *question
	token    string
	recorded bool // there was a recording, and
	records  bool // there is
	cut      bool // the publisher was told that nothing of it gets to the origin
}

// outgoing is a connection to the origin, over which it is published.
type outgoing struct {
	conn    *link.Conn
	begun   bool // what goes before what follows was said; of who writes
	cleared chan bool
	done    chan struct{} // closed when the origin says no more
}

// open connects to the origin for what it has granted.
func (p *publication) open(a *link.PublishAnswer, first bool) error {
	conn, err := p.c.u.e.dial(link.Hello{Purpose: link.Publish, Token: a.Token})
	p.mu.Lock()
	p.asking = false
	if err == nil && (p.closing || p.over) {
		conn.Close()
		err = stream.ErrClosed
	}
	if err != nil {
		p.mu.Unlock()
		p.c.send(link.Released, link.TokenBody{Token: a.Token})
		return err
	}
	o := &outgoing{conn: conn, begun: first, cleared: make(chan bool, 1), done: make(chan struct{})}
	p.token, p.tries = a.Token, 0
	p.records = a.Recorded
	p.recorded = p.recorded || a.Recorded
	p.out.Store(o)
	p.mu.Unlock()
	p.c.u.e.runs.Go(func() { p.read(o) })
	return nil
}

// happens tells the session what the origin says of the publication.
func (p *publication) happens(b *link.HappenedBody) {
	why := b.Refusal.Session()
	r := &p.asked
	switch b.Event {
	case link.TakenOver:
		if why != nil {
			p.taken.Store(why)
		}
		if r.TakenOver != nil {
			r.TakenOver(why)
		}
	case link.RecordingEnded:
		p.recording(false)
		if r.RecordingEnded != nil {
			r.RecordingEnded(why)
		}
	case link.RecordingBegan:
		p.recording(true)
		if r.RecordingBegan != nil {
			r.RecordingBegan()
		}
	case link.Interrupted: // further up
		if r.Interrupted != nil {
			r.Interrupted()
		}
	case link.Resumed:
		if r.Resumed != nil {
			r.Resumed(session.Gap(b.Gap))
		}
	case link.KeyframeWanted:
		if r.KeyframeWanted != nil {
			r.KeyframeWanted()
		}
	}
}

// recording notes whether there is one, and says whether there was.
func (p *publication) recording(is bool) (was bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was, p.records = p.records, is
	p.recorded = p.recorded || is
	return was
}

// read reads what the origin says on a connection, to its end.
func (p *publication) read(o *outgoing) {
	defer close(o.done)
	defer context.AfterFunc(p.c.u.e.ctx, o.conn.Close)()
	defer o.conn.Close()
	for {
		kind, b, err := o.conn.ReadFrame()
		if err != nil {
			p.parted(o)
			return
		}
		switch kind {
		case link.KindClear:
			var said link.ClearedBody
			if link.Unmarshal(b, &said) != nil {
				p.parted(o)
				return
			}
			o.cleared <- said.Cleared
		case link.KindTaken:
			p.arrived.Add(1)
		case link.KindEnd:
			var said link.EndBody
			err := link.Unmarshal(b, &said)
			if said.Reason != "" {
				err = errors.New(said.Reason)
			}
			p.end(err, said.Taken.Session())
			return
		}
	}
}

// Write implements session.Publication. It waits where the origin does not take what is
// published: so does the publisher. What has no connection is dropped; the next one begins
// with a keyframe, and with what goes before it.
func (p *publication) Write(m *rtmp.Message) error {
	p.wrote.Store(time.Now().UnixNano())
	begins := p.opening.See(m)
	o := p.out.Load()
	if o == nil || !o.begun && !begins {
		p.gap.drops(m)
		return p.isOver()
	}
	var err error
	if !o.begun {
		o.begun = true
		p.goesOn(o, m.Timestamp)
		for _, one := range p.opening.Messages(m.Timestamp) {
			if err == nil {
				err = o.write(&one)
			}
		}
	}
	if err == nil {
		err = o.write(m)
	}
	if err == nil {
		err = o.conn.Flush()
	}
	if err != nil {
		p.gap.drops(m)
		select {
		case <-o.done: // the origin has said why
		case <-time.After(lastWord):
			o.conn.Close()
			<-o.done
		}
	}
	return p.isOver()
}

func (o *outgoing) write(m *rtmp.Message) error {
	return o.conn.WriteFrame(link.KindMessage, link.MessageHead(m, link.Marks{}), m.Payload)
}

// lastWord is how long an origin that takes nothing may take to say why.
const lastWord = time.Second

// isOver is why nothing is published any more; nil: it is.
func (p *publication) isOver() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	if why := p.taken.Load(); why != nil {
		return why
	}
	return stream.ErrClosed
}

// Clear implements session.Publication.
func (p *publication) Clear(handler string) bool {
	p.wrote.Store(time.Now().UnixNano())
	was := p.opening.Clear(handler)
	o := p.out.Load()
	if o == nil || !o.begun {
		return was
	}
	err := o.conn.WriteFrame(link.KindClear, []byte(handler))
	if err == nil {
		err = o.conn.Flush()
	}
	if err != nil {
		return was
	}
	select {
	case cleared := <-o.cleared:
		return cleared
	case <-o.done:
		return was
	}
}

// LastWrite implements session.Publication.
func (p *publication) LastWrite() time.Time { return time.Unix(0, p.wrote.Load()) }

// Arrived implements session.Travels.
func (p *publication) Arrived() uint64 { return p.arrived.Load() }

// Close implements session.Publication.
func (p *publication) Close(how session.Ending, ended func(error)) {
	p.mu.Lock()
	first := !p.closing
	p.closing = true
	o := p.out.Load()
	p.mu.Unlock()
	go func() {
		if first {
			p.finish(o, how)
		}
		<-p.done
		if !first {
			ended(nil)
			return
		}
		ended(p.failed)
	}()
}

// finish tells the origin that the publication ends.
func (p *publication) finish(o *outgoing, how session.Ending) {
	if o == nil { // to the origin it has ended already
		p.endLost()
		return
	}
	said := ""
	if how == session.EndedAsked {
		said = link.EndAsked
	}
	err := o.conn.WriteFrame(link.KindEnd, []byte(said))
	if err == nil {
		err = o.conn.Flush()
	}
	if err != nil {
		o.conn.Close()
	}
}

// end says that it is over, once.
func (p *publication) end(failed error, taken *session.Refusal) {
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		return
	}
	p.over = true
	p.failed = failed
	q := p.q
	p.mu.Unlock()
	if taken != nil {
		p.taken.Store(taken)
	}
	p.c.drop(p)
	p.c.over(q)
	close(p.done)
}

// endLost is the end of one whose end the origin could not be told.
func (p *publication) endLost() {
	p.mu.Lock()
	records := p.records
	p.mu.Unlock()
	var err error
	if records {
		err = errors.New("the link to the origin was lost before it said how the recording has ended")
	}
	p.end(err, nil)
}
