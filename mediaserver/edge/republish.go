package edge

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
)

// maxTries is how often an origin that is there is asked for a publication again that it
// does not take for reasons that pass.
const maxTries = 10

// lost implements lasting.
func (p *publication) lost() {
	if o := p.out.Load(); o != nil {
		p.parted(o)
		o.conn.Close()
	}
}

// parted says that a connection has ended before its publication: it goes on over the next.
func (p *publication) parted(o *outgoing) {
	p.mu.Lock()
	was := p.out.CompareAndSwap(o, nil)
	closing := p.closing
	tell := was && !closing && !p.over && !p.cut
	p.cut = p.cut || tell
	p.mu.Unlock()
	if tell {
		p.interrupted()
	}
	switch {
	case !was:
	case closing:
		p.endLost()
	default:
		p.resume()
	}
}

// resume implements lasting: the origin is asked for the name anew. A recording goes on
// where there was one: to begin it once more would overwrite what came before.
func (p *publication) resume() {
	p.mu.Lock()
	if p.over || p.closing || p.asking {
		p.mu.Unlock()
		return
	}
	p.asking = true
	before, token := p.q, p.token
	q := &question{happens: p.happens, lost: func(error) { p.failedTry() }}
	p.q, p.token = q, ""
	body := link.FromPublish(&p.asked)
	body.Again = true
	if p.recorded && p.asked.Mode == session.PublishRecord {
		body.Mode = string(session.PublishAppend)
	}
	p.mu.Unlock()
	p.c.over(before)
	if token != "" { // an origin that has not noticed lets go of the name
		p.c.send(link.Released, link.TokenBody{Token: token})
	}
	q.answer = func(r *link.Record) error {
		var a link.PublishAnswer
		if err := r.Decode(&a); err != nil {
			return err
		}
		if a.Token == "" {
			p.refused(a.Refusal.Session())
			return nil
		}
		p.c.u.e.runs.Go(func() { p.reopen(&a) })
		return nil
	}
	p.c.ask(link.PublishName, body, q)
}

// reopen goes on with what the origin has granted anew.
func (p *publication) reopen(a *link.PublishAnswer) {
	p.mu.Lock()
	recorded := p.records
	p.mu.Unlock()
	if err := p.open(a, false); err != nil {
		p.retry()
		return
	}
	if p.asked.KeyframeWanted != nil {
		p.asked.KeyframeWanted()
	}
	p.c.u.log.Info("published again", "stream", p.asked.Name, "client", p.c.body.ID, "recorded", a.Recorded)
	switch r := &p.asked; {
	case a.Recorded && !recorded && r.RecordingBegan != nil:
		r.RecordingBegan()
	case !a.Recorded && recorded && r.RecordingEnded != nil:
		why := a.NotRecorded.Session()
		if why == nil {
			why = &session.Refusal{Code: session.RefusedFailed, Reason: "it did not go on when the origin was back"}
		}
		r.RecordingEnded(why)
	}
}

// failedTry says that the origin could not be asked: it is when there is a link.
func (p *publication) failedTry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asking = false
}

// retry asks again in a moment.
func (p *publication) retry() {
	p.mu.Lock()
	p.tries++
	wait := backoff{most: min(againAfter<<p.tries, againAtMost)}
	p.mu.Unlock()
	time.AfterFunc(wait.next(), p.resume)
}

// refused tells the publisher that it may not publish any more.
func (p *publication) refused(why *session.Refusal) {
	if why == nil {
		why = &session.Refusal{Code: session.RefusedFailed}
	}
	p.mu.Lock()
	p.asking = false
	later := why.RetryAfter > 0 && p.tries < maxTries
	p.mu.Unlock()
	if later {
		p.retry()
		return
	}
	p.end(nil, why)
	if p.asked.TakenOver != nil {
		p.asked.TakenOver(why)
	}
}
