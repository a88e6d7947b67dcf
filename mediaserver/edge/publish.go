package edge

import (
	"context"
	"errors"
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
	p := &publication{c: c, asked: r, cleared: make(chan bool, 1), done: make(chan struct{})}
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
		c.u.e.runs.Go(func() { // the pipe waits for nobody
			conn, err := c.u.e.dial(link.Publish, a.Token)
			if err != nil {
				c.over(q)
				c.u.send(link.Released, c.n, 0, link.TokenBody{Token: a.Token})
				answer(session.PublishAnswer{Refusal: unreachable(err)})
				return
			}
			p.conn = conn
			out.Publication = p
			p.wrote.Store(time.Now().UnixNano())
			c.u.e.runs.Go(p.read)
			answer(out)
		})
		return nil
	}
	c.ask(link.PublishName, link.FromPublish(&r), q)
}

// publication is a name that a client of this edge publishes at the origin. It implements
// session.Publication.
type publication struct {
	c     *remote
	q     *question
	asked session.PublishRequest
	conn  *link.Conn

	wrote   atomic.Int64 // when the last message came, in ns since 1970
	taken   atomic.Pointer[session.Refusal]
	closing atomic.Bool
	cleared chan bool
	done    chan struct{} // closed when the origin says no more
	failed  error         // why the recording is not whole; read behind done
}

// happens tells the session what the origin says of the publication.
func (p *publication) happens(b *link.HappenedBody) {
	why := b.Refusal.Session()
	switch r := &p.asked; {
	case b.Event == link.TakenOver && r.TakenOver != nil:
		if why != nil {
			p.taken.Store(why)
		}
		r.TakenOver(why)
	case b.Event == link.RecordingEnded && r.RecordingEnded != nil:
		r.RecordingEnded(why)
	case b.Event == link.RecordingBegan && r.RecordingBegan != nil:
		r.RecordingBegan()
	}
}

// read reads what the origin says on the publication's connection, to its end.
func (p *publication) read() {
	defer close(p.done)
	defer context.AfterFunc(p.c.u.e.ctx, p.conn.Close)()
	defer p.conn.Close()
	defer p.c.over(p.q)
	for {
		kind, b, err := p.conn.ReadFrame()
		if err != nil {
			if p.closing.Load() {
				p.failed = errors.New("the link to the origin was lost before it said how the recording has ended")
			}
			return
		}
		switch kind {
		case link.KindClear:
			var said link.ClearedBody
			if link.Unmarshal(b, &said) != nil {
				return
			}
			p.cleared <- said.Cleared
		case link.KindEnd:
			var said link.EndBody
			switch err := link.Unmarshal(b, &said); {
			case err != nil:
				p.failed = err
			case said.Reason != "":
				p.failed = errors.New(said.Reason)
			}
			if why := said.Taken.Session(); why != nil {
				p.taken.Store(why)
			}
			return
		}
	}
}

// Write implements session.Publication. It waits where the origin does not take what is
// published: so does the publisher.
func (p *publication) Write(m *rtmp.Message) error {
	p.wrote.Store(time.Now().UnixNano())
	select {
	case <-p.done:
		return p.over()
	default:
	}
	head := link.MessageHead(m, link.Marks{})
	err := p.conn.WriteFrame(link.KindMessage, head, m.Payload)
	if err == nil {
		err = p.conn.Flush()
	}
	if err != nil {
		select {
		case <-p.done: // the origin has said why
		case <-time.After(lastWord):
			p.conn.Close()
			<-p.done
		}
		return p.over()
	}
	return nil
}

// lastWord is how long an origin that takes nothing may take to say why.
const lastWord = time.Second

// over is why nothing is published any more.
func (p *publication) over() error {
	if why := p.taken.Load(); why != nil {
		return why
	}
	return stream.ErrClosed
}

// Clear implements session.Publication.
func (p *publication) Clear(handler string) bool {
	p.wrote.Store(time.Now().UnixNano())
	err := p.conn.WriteFrame(link.KindClear, []byte(handler))
	if err == nil {
		err = p.conn.Flush()
	}
	if err != nil {
		return false
	}
	select {
	case cleared := <-p.cleared:
		return cleared
	case <-p.done:
		return false
	}
}

// LastWrite implements session.Publication.
func (p *publication) LastWrite() time.Time { return time.Unix(0, p.wrote.Load()) }

// Close implements session.Publication.
func (p *publication) Close(how session.Ending, ended func(error)) {
	first := !p.closing.Swap(true)
	go func() {
		if first {
			said := ""
			if how == session.EndedAsked {
				said = link.EndAsked
			}
			err := p.conn.WriteFrame(link.KindEnd, []byte(said))
			if err == nil {
				err = p.conn.Flush()
			}
			if err != nil {
				p.conn.Close()
			}
		}
		<-p.done
		if !first {
			ended(nil)
			return
		}
		ended(p.failed)
	}()
}
