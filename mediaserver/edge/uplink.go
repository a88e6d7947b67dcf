package edge

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// uplink is the link to one instance: its clients here, and the streams that they play. It
// outlives the pipe that carries it: see run.
type uplink struct {
	e     *Edge
	place place
	queue *playback.Queue // of its players of recordings
	log   *slog.Logger
	id    string        // see link.Hello.Link
	wake  chan struct{} // somebody waits to be asked for
	alone chan struct{} // the last client has gone
	said  reasons       // why it was not there; run's

	mu       sync.Mutex // the pipe's may be taken, and nobody is called, while it is held
	pipe     *link.Pipe // nil: it is not linked
	waiting  []func()   // viewers that wait for it to be
	lostAt   time.Time  // since when it is not; zero: it is, or is about to be
	err      error      // why it has ended
	number   uint64     // of whom the origin was asked for last, on whichever pipe
	came     uint64     // clients
	clients  map[*remote]struct{}
	stays    map[uint64]*remote   // by their numbers on this pipe
	viewers  map[uint64]*viewer   // by HTTP, of this pipe; nil before the first
	stayers  map[*viewer]struct{} // those whom the origin is to be asked for anew
	asking   int                  // for how many of them it is asked now
	entrants []*remote            // whom the origin is to be asked for, in the order in which they came
	entering int                  // whom it was asked for, and has not decided about
	feeds    map[string]*feed     // by the names of streams
	films    map[string]*film     // by the keys of recorded files
	empty    time.Time            // when the last client left
	served   bool                 // a client was let in
	opts     stream.Options       // of the instance's streams

	objects replicas // that clients use
}

func newUplink(e *Edge, p place) *uplink {
	u := &uplink{
		e: e, place: p, queue: e.cfg.Turns.NewQueue(), id: rand.Text()[:12], log: e.log.With("application", p.application, "instance", p.instance),
		wake: make(chan struct{}, 1), alone: make(chan struct{}, 1),
		clients: map[*remote]struct{}{}, stays: map[uint64]*remote{}, feeds: map[string]*feed{},
	}
	u.objects.u = u
	return u
}

// errIdle says that a link is not needed any more, errForsaken that nobody is led to the origin
// any more, and errGoing that it ends.
var (
	errIdle     = errors.New("nobody uses the link")
	errForsaken = errors.New("this origin is not used any more")
	errGoing    = errors.New("the origin is going")
)

// serve links to the origin, and serves until the pipe ends.
func (u *uplink) serve() error {
	c, err := u.e.dial(link.Hello{Purpose: link.Control, Link: u.id})
	if err != nil {
		return err
	}
	pipe := link.NewPipe(c, maxQueued).PaidBy(u.e.cfg.Budgets.Links)
	for _, b := range u.objects.goesOn(c.Shared()) {
		pipe.Send(link.ObjectKept, 0, 0, b)
	}
	u.mu.Lock()
	u.pipe, u.lostAt = pipe, time.Time{}
	clients, waiting := len(u.clients), u.waiting
	u.waiting = nil
	for _, send := range waiting {
		send()
	}
	u.askAnew()
	u.mu.Unlock()
	u.log.Info("linked to the origin", "origin", u.e.cfg.Origin, "clients", clients)
	done := make(chan struct{})
	var beside sync.WaitGroup
	beside.Go(func() { u.tell(pipe, done) })
	beside.Go(func() { u.admit(pipe, done) })
	rouse(u.wake)
	err = pipe.Run(u.handle)
	close(done)
	beside.Wait()
	return err
}

func rouse(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// send sends a record behind all that was sent before, if there is a link. A client has
// another number on each pipe, so that nothing is taken for what it is not that was meant
// for the one before.
func (u *uplink) send(k link.Kind, client, id uint64, body any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err == nil && u.pipe != nil {
		u.pipe.Send(k, client, id, body)
	}
}

// connect asks whether a client is let in. It waits a while for a link.
func (u *uplink) connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	body, err := link.FromConnect(&r)
	if err != nil {
		answer(session.ConnectAnswer{Refusal: &session.Refusal{Code: session.RefusedBadRequest, Cause: err}})
		return
	}
	c := &remote{u: u, peer: peer, since: time.Now(), body: body, share: u.e.share(), away: errLost, answer: answer}
	c.uses.c = c
	u.mu.Lock()
	if err = u.err; err == nil {
		u.came++
		c.order = u.came
		u.clients[c] = struct{}{}
		u.empty = time.Time{}
		u.line(c)
	}
	u.mu.Unlock()
	switch {
	case errors.Is(err, errClosed):
		answer(session.ConnectAnswer{Refusal: unreachable(err)})
	case err != nil: // it has ended since it was looked up
		u.e.drop(u)
		u.e.connect(r, peer, answer)
	default:
		if r.Waits != nil {
			context.AfterFunc(r.Waits, func() { u.tooLate(c) })
		}
		rouse(u.wake)
	}
}

// forget lets go of a client that has left, or was not let in.
func (u *uplink) forget(c *remote) {
	n := c.number()
	u.mu.Lock()
	delete(u.clients, c)
	if u.stays[n] == c {
		delete(u.stays, n)
	}
	useless, pipe := u.emptied()
	u.mu.Unlock()
	u.drop(useless, pipe)
}

// emptied notes that somebody has left, and says whether the link is of no use any more,
// which drop ends then. The caller holds u.mu.
func (u *uplink) emptied() (useless bool, pipe *link.Pipe) {
	if len(u.clients)+len(u.stayers) == 0 {
		rouse(u.alone)
	}
	if len(u.clients)+len(u.viewers)+len(u.stayers) == 0 {
		u.empty = time.Now()
		if useless = !u.served && u.err == nil && u.pipe != nil; useless {
			u.err = errIdle // strangers ask for any name
		}
	}
	return useless, u.pipe
}

func (u *uplink) drop(useless bool, pipe *link.Pipe) {
	if useless {
		u.e.drop(u)
		pipe.End(errIdle)
	}
}

// handle does what a record of the origin's says.
func (u *uplink) handle(r link.Record) error {
	if r.Client == 0 {
		return u.handleMany(r)
	}
	u.mu.Lock()
	c, v := u.stays[r.Client], u.viewers[r.Client]
	u.mu.Unlock()
	if v != nil {
		return v.handle(r)
	}
	if c == nil {
		return nil // it has left, and the origin has taken all back
	}
	if r.Kind != link.Answer || !c.idle(r.ID) {
		u.objects.settle()
	}
	return c.handle(r)
}
