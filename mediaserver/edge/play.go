package edge

import (
	"sync"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Play implements session.Instance.
func (c *remote) Play(r session.PlayRequest, answer func(session.PlayAnswer)) {
	q := &question{lost: func(err error) { answer(session.PlayAnswer{Refusal: unreachable(err)}) }}
	if r.NobodyCame != nil {
		q.happens = func(b *link.HappenedBody) {
			if b.Event == link.NobodyCame {
				c.over(q)
				r.NobodyCame()
			}
		}
	}
	q.answer = func(rec *link.Record) error {
		var a link.PlayAnswer
		if err := rec.Decode(&a); err != nil {
			return err
		}
		out := session.PlayAnswer{Refusal: a.Refusal.Session(), SampleAccess: session.SampleAccess{Audio: a.Audio, Video: a.Video}}
		released := sync.OnceFunc(func() {
			c.over(q)
			c.u.send(link.Released, c.n, 0, link.TokenBody{Token: a.Token})
		})
		switch {
		case out.Refusal != nil:
			c.over(q)
		case a.File != nil:
			c.file(&a, out, released, answer)
			return nil
		default:
			f := c.u.feed(a.Live, a.Of, a.Token)
			if f == nil {
				out.Refusal = unreachable(errLost)
				released()
				break
			}
			out.Live = f.stream
			out.Release = func() {
				c.u.unfeed(f, a.Token)
				released()
			}
			c.u.e.runs.Go(func() { // the pipe waits for nobody
				<-f.ready
				answer(out)
			})
			return nil
		}
		answer(out)
		return nil
	}
	c.ask(link.Play, link.FromPlay(&r), q)
}
