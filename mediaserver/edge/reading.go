package edge

import (
	"sync"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
)

// reading is a recorded stream that a client plays. What it has of it while there is no
// link is what the cache holds; what is missing is waited for, a while, and the session is told.
type reading struct {
	c     *remote
	asked session.PlayRequest
	key   string // of the file
	f     *film

	mu       sync.Mutex // nothing else is taken, and nobody called, while it is held
	q        *question
	token    string
	released bool
	refused  bool // and the session was told
}

// release gives the file back, which the client plays no more.
func (r *reading) release() {
	r.mu.Lock()
	r.released = true
	token, q := r.token, r.q
	r.mu.Unlock()
	r.c.drop(r)
	r.c.over(q)
	if token != "" {
		r.c.send(link.Released, link.TokenBody{Token: token})
	}
}

// has notes by which token the file is read, and says false when it is not any more.
func (r *reading) has(token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token = token
	return !r.released
}

// lost implements lasting.
func (r *reading) lost() {
	r.has("")
	r.c.u.grantFilm(r.f, r, "")
	if r.asked.Interrupted != nil && !r.c.hasLeft() {
		r.asked.Interrupted()
	}
}

// goesOn tells the session that the file comes again.
func (r *reading) goesOn() {
	if r.asked.Resumed != nil {
		r.asked.Resumed()
	}
}

// resume implements lasting: play is asked anew, and goes on with the same file alone.
func (r *reading) resume() {
	r.mu.Lock()
	over := r.released || r.refused
	r.mu.Unlock()
	if over {
		return
	}
	body := link.FromPlay(&r.asked)
	body.From, body.Waits = int(session.RecordedOnly), false
	q := &question{happens: r.happens, lost: func(error) {}} // it is asked again when there is a link
	q.answer = func(rec *link.Record) error {
		var a link.PlayAnswer
		if err := rec.Decode(&a); err != nil {
			return err
		}
		why := a.Refusal.Session()
		if why == nil && (a.File == nil || a.File.Key != r.key) {
			why = &session.Refusal{Code: session.RefusedFailed, Reason: "it is recorded anew since"}
		}
		if why == nil && r.has(a.Token) && r.c.u.grantFilm(r.f, r, a.Token) {
			r.goesOn()
			return nil
		}
		r.c.over(q)
		if a.Token != "" {
			r.c.send(link.Released, link.TokenBody{Token: a.Token})
		}
		if why != nil {
			r.end(why)
		}
		return nil
	}
	r.mu.Lock()
	r.q = q
	r.mu.Unlock()
	r.c.ask(link.Play, body, q)
}

// happens tells the session what the origin says of a file that plays.
func (r *reading) happens(b *link.HappenedBody) {
	switch b.Event {
	case link.Lost:
		r.end(refusal(b))
	case link.Interrupted: // further up
		r.c.u.grantFilm(r.f, r, "")
		if r.asked.Interrupted != nil {
			r.asked.Interrupted()
		}
	case link.Resumed:
		r.mu.Lock()
		token := r.token
		r.mu.Unlock()
		r.c.u.grantFilm(r.f, r, token)
		r.goesOn()
	}
}

// end tells the session that the file is not to be had any more.
func (r *reading) end(why *session.Refusal) {
	r.mu.Lock()
	tell := !r.released && !r.refused
	r.refused = true
	r.mu.Unlock()
	if tell && r.asked.Lost != nil {
		r.asked.Lost(why)
	}
}
