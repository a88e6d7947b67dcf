package edge

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// uplink is the link to one instance: its clients here, and the streams that they play.
type uplink struct {
	e     *Edge
	place place
	queue *playback.Queue // of its players of recordings
	log   *slog.Logger

	mu      sync.Mutex // the pipe's may be taken, and nobody is called, while it is held
	pipe    *link.Pipe // nil until the origin has answered
	waiting []func()   // sends, until then
	err     error      // why it has ended
	number  uint64     // of the newest client
	clients map[uint64]*remote
	viewers map[uint64]*viewer // by HTTP; nil before the first
	feeds   map[string]*feed   // by the names of streams
	films   map[string]*film   // by the keys of recorded files
	empty   time.Time          // when the last client left
	served  bool               // a client was let in
	opts    stream.Options     // of the instance's streams
}

// run connects and serves until the link ends.
func (u *uplink) run() {
	err := u.serve()
	u.e.drop(u)
	u.mu.Lock()
	u.err = err
	clients, feeds := u.clients, u.feeds
	u.clients, u.feeds, u.waiting = nil, nil, nil
	u.mu.Unlock()
	if len(clients) > 0 {
		u.log.Warn("the link to the origin has ended", "clients", len(clients), "reason", err)
	}
	for _, c := range clients {
		c.lost(err)
	}
	u.loseViewers(err)
	for _, f := range feeds {
		f.stop()
	}
	u.endFilms()
}

// errIdle says that a link is not needed any more.
var errIdle = errors.New("nobody uses the link")

func (u *uplink) serve() error {
	c, err := u.e.dial(link.Control, "")
	if err != nil {
		u.log.Warn("the origin cannot be reached", "origin", u.e.cfg.Origin, "err", err)
		return err
	}
	pipe := link.NewPipe(c, maxQueued)
	u.mu.Lock()
	u.pipe = pipe
	waiting := u.waiting
	u.waiting = nil
	for _, send := range waiting { // in order, before anybody else
		send()
	}
	u.mu.Unlock()
	u.log.Info("linked to the origin", "origin", u.e.cfg.Origin)
	done := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() { u.tell(pipe, done) })
	err = pipe.Run(u.handle)
	close(done)
	telling.Wait()
	return err
}

// tell tells the origin now and then what has gone over its clients' connections, and ends
// a link that nobody uses.
func (u *uplink) tell(pipe *link.Pipe, done <-chan struct{}) {
	tick := time.NewTicker(trafficEvery)
	defer tick.Stop()
	told := map[uint64]session.Traffic{}
	for {
		select {
		case <-done:
			return
		case <-u.e.ctx.Done():
			pipe.End(errClosed)
			return
		case <-tick.C:
		}
		u.mu.Lock()
		idle := len(u.clients)+len(u.viewers) == 0 && !u.empty.IsZero() && time.Since(u.empty) > lingers
		if idle {
			u.err = errIdle // who comes now has another
		}
		peers := make(map[uint64]session.Peer, len(u.clients))
		for n, c := range u.clients {
			peers[n] = c.peer
		}
		u.mu.Unlock()
		if idle {
			u.e.drop(u)
			pipe.End(errIdle)
			return
		}
		var all []link.TrafficBody
		for n, p := range peers {
			if t := p.Traffic(); t != told[n] {
				told[n] = t
				all = append(all, link.FromTraffic(n, t))
			}
		}
		for n := range told {
			if peers[n] == nil {
				delete(told, n)
			}
		}
		u.tellSent(pipe)
		for len(all) > 0 {
			some := all[:min(len(all), maxTold)]
			pipe.Send(link.Traffic, 0, 0, some)
			all = all[len(some):]
		}
	}
}

// maxTold is how many clients' traffic one record has.
const maxTold = 1000

// send sends a record behind all that was sent before, unless the link has ended.
func (u *uplink) send(k link.Kind, client, id uint64, body any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.err != nil:
	case u.pipe == nil:
		u.waiting = append(u.waiting, func() { u.pipe.Send(k, client, id, body) })
	default:
		u.pipe.Send(k, client, id, body)
	}
}

// connect asks whether a client is let in.
func (u *uplink) connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	body, err := link.FromConnect(&r)
	if err != nil {
		answer(session.ConnectAnswer{Refusal: &session.Refusal{Code: session.RefusedBadRequest, Cause: err}})
		return
	}
	c := &remote{u: u, peer: peer, asked: map[uint64]*question{}}
	u.mu.Lock()
	if err = u.err; err == nil {
		u.number++
		c.n = u.number
		u.clients[c.n] = c
		u.empty = time.Time{}
	}
	u.mu.Unlock()
	if errors.Is(err, errIdle) { // it has ended since it was looked up
		u.e.connect(r, peer, answer)
		return
	}
	if err != nil {
		answer(session.ConnectAnswer{Refusal: unreachable(err)})
		return
	}
	c.ask(link.Connect, body, &question{
		answer: func(r *link.Record) error {
			var a link.ConnectAnswer
			if err := r.Decode(&a); err != nil {
				return err
			}
			out := session.ConnectAnswer{Refusal: a.Refusal.Session(), Scripted: a.Scripted, Pending: a.Pending, MaxMessageSize: a.MaxMessageSize, ID: a.ID}
			if out.Refusal == nil {
				u.mu.Lock()
				u.served = true
				u.opts = stream.Options{Latency: stream.Latency(a.Latency), GOPCache: a.GOPCache}
				u.mu.Unlock()
				out.Instance = c
			} else {
				u.forget(c)
			}
			answer(out)
			return nil
		},
		lost: func(err error) { answer(session.ConnectAnswer{Refusal: unreachable(err)}) },
	})
}

// forget lets go of a client that has left, or was not let in.
func (u *uplink) forget(c *remote) {
	u.mu.Lock()
	delete(u.clients, c.n)
	useless, pipe := u.emptied()
	u.mu.Unlock()
	u.drop(useless, pipe)
}

// emptied notes that somebody has left, and says whether the link is of no use any more,
// which drop ends then. The caller holds u.mu.
func (u *uplink) emptied() (useless bool, pipe *link.Pipe) {
	if len(u.clients)+len(u.viewers) == 0 {
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
	c, v := u.clients[r.Client], u.viewers[r.Client]
	u.mu.Unlock()
	if v != nil {
		return v.handle(r)
	}
	if c == nil {
		return nil // it has left, and the origin has taken all back
	}
	return c.handle(r)
}
