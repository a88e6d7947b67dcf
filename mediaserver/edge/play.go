package edge

import (
	"sync"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Play implements session.Instance.
func (c *remote) Play(r session.PlayRequest, answer func(session.PlayAnswer)) {
	q := &question{lost: func(err error) { answer(session.PlayAnswer{Refusal: unreachable(err)}) }}
	w := &watch{c: c, asked: r, body: link.FromPlay(&r), q: q}
	q.happens = w.happens
	q.answer = func(rec *link.Record) error {
		var a link.PlayAnswer
		if err := rec.Decode(&a); err != nil {
			return err
		}
		out := session.PlayAnswer{Refusal: a.Refusal.Session(), SampleAccess: session.SampleAccess{Audio: a.Audio, Video: a.Video}}
		switch {
		case out.Refusal != nil:
			c.over(q)
		case a.File != nil:
			c.file(r, &a, out, q, answer)
			return nil
		default:
			if w.f = c.u.feed(a.Live, a.Of, w, a.Token); w.f == nil {
				c.over(q)
				out.Refusal = unreachable(errLost)
				break
			}
			c.keep(w)
			out.Live, out.Release = w.f.stream, sync.OnceFunc(w.release)
			c.u.e.runs.Go(func() { // the pipe waits for nobody
				<-w.f.ready
				answer(out)
			})
			return nil
		}
		answer(out)
		return nil
	}
	c.ask(link.Play, w.body, q)
}

// watch is a live stream that a client plays.
type watch struct {
	c     *remote
	asked session.PlayRequest
	body  link.PlayBody // what is asked for, the first time
	f     *feed

	mu       sync.Mutex // nothing else is taken, and nobody called, while it is held
	q        *question
	released bool
	given    bool // what comes of NobodyCame or Lost was said: it is asked for no more
}

// happens tells the session what the origin says of a stream that plays.
func (w *watch) happens(b *link.HappenedBody) {
	switch {
	case b.Event == link.NobodyCame && w.asked.NobodyCame != nil:
		w.mu.Lock()
		q := w.q
		w.mu.Unlock()
		w.c.over(q)
		w.asked.NobodyCame()
	case b.Event == link.Lost:
		w.refused(refusal(b))
	}
}

// refusal is why something is over that a client had.
func refusal(b *link.HappenedBody) *session.Refusal {
	if why := b.Refusal.Session(); why != nil {
		return why
	}
	return &session.Refusal{Code: session.RefusedFailed}
}

// release gives the stream back, which the client plays no more.
func (w *watch) release() {
	w.mu.Lock()
	w.released = true
	q := w.q
	w.mu.Unlock()
	w.c.drop(w)
	w.c.over(q)
	if token := w.c.u.unfeed(w.f, w); token != "" {
		w.c.send(link.Released, link.TokenBody{Token: token})
	}
}

// over says whether the stream is not asked for any more.
func (w *watch) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.released || w.given
}

// lost implements lasting.
func (w *watch) lost() { w.c.u.grant(w.f, 0, w, "") }

// resume implements lasting: play is asked anew. A stream that was live is wanted live
// again, whatever is recorded of it by now.
func (w *watch) resume() { w.again(w.f.live.Load()) }

func (w *watch) again(live bool) {
	if w.over() {
		return
	}
	body := w.body
	if live {
		body.From, body.Waits, body.MustExist = int(session.LiveOnly), false, false
	}
	q := &question{happens: w.happens, lost: func(error) {}} // it is asked again when there is a link
	q.answer = func(r *link.Record) error {
		var a link.PlayAnswer
		if err := r.Decode(&a); err != nil {
			return err
		}
		why := a.Refusal.Session()
		switch {
		case why != nil:
			w.c.over(q)
			w.refused(why)
		case a.File != nil:
			w.c.over(q)
			w.c.send(link.Released, link.TokenBody{Token: a.Token})
			w.recorded(live)
		case !w.c.u.grant(w.f, a.Of, w, a.Token): // released meanwhile
			w.c.send(link.Released, link.TokenBody{Token: a.Token})
		}
		return nil
	}
	w.mu.Lock()
	w.q = q
	w.mu.Unlock()
	w.c.ask(link.Play, body, q)
}

// refused tells the session that the client may not play the stream any more.
func (w *watch) refused(why *session.Refusal) {
	w.mu.Lock()
	tell := !w.released && !w.given
	w.given = true
	w.mu.Unlock()
	if tell && w.asked.Lost != nil {
		w.asked.Lost(why)
	}
}

// recorded is for a stream that nobody has published while it was waited for, and that is
// recorded by now.
func (w *watch) recorded(live bool) {
	switch {
	case live: // what was asked for is live
	case w.asked.NobodyCame != nil:
		w.asked.NobodyCame()
	default:
		w.again(true)
	}
}
