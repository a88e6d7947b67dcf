package edge

import (
	"cmp"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
)

const (
	// backoffFirst and backoffMost are how long an edge waits at most before it tries to
	// link again, at first and when that has failed often: the times are drawn from
	// nothing up to that, so that the edges of an origin do not come all at once. What was
	// linked for steady was well.
	backoffFirst = 100 * time.Millisecond
	backoffMost  = 5 * time.Second
	steady       = 10 * time.Second
	// connectWaits is how long who connects waits for a link, where Config does not say.
	connectWaits = 10 * time.Second
	// maxEntering is how many clients the origin is asked for at once, and decideTime how
	// long one that it does not decide about counts: thousands may come back at once, and
	// an instance has places for 1,000 whom its script thinks about.
	maxEntering = 64
	decideTime  = 2 * time.Second
)

// backoff says how long to wait before the next try: full jitter, and the first at once.
type backoff struct{ most time.Duration }

func (b *backoff) next() time.Duration {
	most := b.most
	b.most = min(max(2*most, backoffFirst), backoffMost)
	if most == 0 {
		return 0
	}
	return rand.N(most) //nolint:gosec // jitter
}

// run links to the origin, and links again when that is lost, as long as clients are here.
func (u *uplink) run() {
	var wait backoff
	for {
		began := time.Now()
		err := u.serve()
		u.lose(err)
		if u.over(err) {
			return
		}
		if time.Since(began) > steady {
			wait = backoff{}
		}
		after := time.NewTimer(wait.next())
		select {
		case <-after.C:
		case <-u.alone:
			after.Stop()
		case <-u.e.ctx.Done():
			after.Stop()
		}
	}
}

// over says whether a link ends that was lost, and ends it.
func (u *uplink) over(why error) bool {
	u.mu.Lock()
	switch {
	case u.e.ctx.Err() != nil:
		u.err = errClosed
	case u.err == nil && u.e.left.Load():
		u.err = errForsaken
	case u.err == nil && len(u.clients)+len(u.stayers) > 0:
		u.mu.Unlock()
		return false
	case u.err == nil:
		u.err = errIdle
	}
	left, feeds, viewers := u.inOrder(), u.feeds, u.stayers
	u.clients, u.feeds, u.entrants, u.stayers = nil, nil, nil, nil
	u.mu.Unlock()
	for v := range viewers {
		v.end(lostLink, false)
	}
	u.e.drop(u)
	u.objects.end()
	for _, c := range left {
		c.close(why)
	}
	for _, f := range feeds {
		f.stop()
	}
	u.endFilms()
	return true
}

// inOrder are the clients in the order in which they came. The caller holds mu.
func (u *uplink) inOrder() []*remote {
	return slices.SortedFunc(maps.Keys(u.clients), func(a, b *remote) int { return cmp.Compare(a.order, b.order) })
}

// lose answers all that the origin was asked, since the pipe has ended, or there is none,
// and has clients wait for the next one.
func (u *uplink) lose(why error) {
	u.mu.Lock()
	linked := u.pipe != nil
	u.pipe = nil
	if u.lostAt.IsZero() {
		u.lostAt = time.Now()
	}
	before := u.stays
	u.stays, u.entering, u.entrants = map[uint64]*remote{}, 0, nil
	all := u.inOrder()
	for _, c := range all {
		if c.stays() {
			u.line(c)
		}
	}
	feeds := slices.Collect(maps.Values(u.feeds))
	u.waiting = nil
	u.mu.Unlock()
	u.objects.lost(before)
	u.loseViewers(why)
	another := u.said.another(why)
	if linked {
		u.said = ""
	}
	switch {
	case linked && len(all) > 0:
		u.e.cfg.Totals.lost.Add(1)
		u.log.Warn("the link to the origin has ended: its clients here wait for the next one", "origin", u.e.cfg.Origin, "clients", len(all), "reason", why)
	case !linked && another:
		u.log.Warn("the origin cannot be reached", "origin", u.e.cfg.Origin, "clients", len(all), "reason", why)
	}
	for _, f := range feeds {
		f.cut()
	}
	for _, c := range all {
		if !c.in.Load() && errors.Is(why, link.ErrKey) {
			u.refuse(c, why) // waiting does not help
			continue
		}
		c.lost(why)
	}
}

// line has a client wait until the origin is asked for it: one that is not in yet, for a
// while since it came, however many links have been lost meanwhile. The caller holds mu.
func (u *uplink) line(c *remote) {
	u.entrants = append(u.entrants, c)
	if !c.in.Load() && c.timer == nil {
		c.timer = time.AfterFunc(u.e.cfg.ConnectWaits-time.Since(c.since), func() { u.tooLate(c) })
	}
}

// tooLate refuses a client for which the origin could not be asked. One that is in, and
// waits for the next link, waits on.
func (u *uplink) tooLate(c *remote) {
	u.mu.Lock()
	if c.in.Load() || !slices.Contains(u.entrants, c) {
		u.mu.Unlock()
		return
	}
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	u.entrants = slices.DeleteFunc(u.entrants, func(one *remote) bool { return one == c })
	u.mu.Unlock()
	u.refuse(c, errLost)
}

// refuse refuses a client that is not in yet.
func (u *uplink) refuse(c *remote, why error) {
	c.close(why)
	u.forget(c)
}

// admit asks the origin for those who wait, a few at a time, until the pipe ends.
func (u *uplink) admit(pipe *link.Pipe, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-u.wake:
		}
		for {
			c, n := u.next(pipe)
			if c == nil {
				break
			}
			decided := sync.OnceFunc(func() { u.decided(pipe) })
			late := time.AfterFunc(decideTime, decided)
			c.enter(n, func() { late.Stop(); decided() })
		}
	}
}

// next is the client that the origin is to be asked for now, and its number; nil: none.
func (u *uplink) next(pipe *link.Pipe) (*remote, uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for u.pipe == pipe && u.err == nil && len(u.entrants) > 0 && u.entering < maxEntering {
		c := u.entrants[0]
		u.entrants = u.entrants[1:]
		if _, there := u.clients[c]; !there {
			continue
		}
		if c.timer != nil {
			c.timer.Stop()
			c.timer = nil
		}
		u.entering++
		u.number++
		u.stays[u.number] = c
		return c, u.number
	}
	return nil, 0
}

// decided says that the origin was asked for one less.
func (u *uplink) decided(pipe *link.Pipe) {
	u.mu.Lock()
	if u.pipe == pipe {
		u.entering--
	}
	u.mu.Unlock()
	rouse(u.wake)
}

// letIn notes what the origin says of its instance.
func (u *uplink) letIn(a *link.ConnectAnswer) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.served = true
	u.opts = options(a)
}

// enter asks the origin whether a client is let in, the first time or again. decided is
// called when that is known.
func (c *remote) enter(n uint64, decided func()) {
	body := c.body
	body.Again = c.in.Load()
	q := &question{
		answer: func(r *link.Record) error {
			var a link.ConnectAnswer
			if err := r.Decode(&a); err != nil {
				return err
			}
			c.entered(&a, decided)
			return nil
		},
		lost: func(error) {}, // it is asked for anew
	}
	const first = 1
	c.credit.begins(n)
	c.mu.Lock()
	c.n, c.next, c.asked = n, first, questions{}.with(first, q)
	c.updates = &updates{c: c, n: n}
	c.mu.Unlock()
	c.u.send(link.Connect, n, first, body)
	if c.hasLeft() { // it has left meanwhile, perhaps before the origin knew it
		c.u.send(link.Leave, n, 0, nil)
	}
}

// said is what an origin answers to a connect.
func (c *remote) said(a *link.ConnectAnswer) session.ConnectAnswer {
	out := session.ConnectAnswer{Refusal: a.Refusal.Session(), Scripted: a.Scripted, Pending: a.Pending, MaxMessageSize: a.MaxMessageSize, ID: a.ID}
	if out.Refusal == nil {
		c.u.letIn(a)
		out.Instance = c
	}
	return out
}

// entered is what has come of a connect.
func (c *remote) entered(a *link.ConnectAnswer, decided func()) {
	out := c.said(a)
	again := c.in.Load()
	switch {
	case again && out.Refusal == nil && out.Pending:
		c.ask(link.Admit, nil, &question{
			answer: func(r *link.Record) error {
				var admit link.ConnectAnswer
				if err := r.Decode(&admit); err != nil {
					return err
				}
				decided()
				if out.Refusal = admit.Refusal.Session(); out.Refusal != nil {
					c.u.send(link.Leave, c.number(), 0, nil)
				}
				out.Pending = false
				c.returned(out)
				return nil
			},
			lost: func(error) {},
			back: true,
		})
		return
	case again:
		c.returned(out)
	case out.Refusal != nil:
		c.end(errors.New("the client is not let in"))
		c.u.forget(c)
		c.give(out)
	default:
		c.mu.Lock()
		c.away = nil
		c.mu.Unlock()
		c.in.Store(true)
		c.give(out)
	}
	decided()
}

// returned is what has come of asking anew for a client that was in before.
func (c *remote) returned(a session.ConnectAnswer) {
	peer, ok := c.peer.(session.Returner)
	if !ok {
		return
	}
	if a.Refusal != nil {
		c.putOut(a)
		return
	}
	c.mu.Lock()
	if !c.gone {
		c.away = nil
	}
	all := slices.Clone(c.lasting)
	c.mu.Unlock()
	peer.Returned(a)
	for _, one := range all {
		one.resume()
	}
}

// putOut ends it for a client that is not let in any more.
func (c *remote) putOut(a session.ConnectAnswer) {
	c.end(a.Refusal)
	c.u.forget(c)
	if peer, ok := c.peer.(session.Returner); ok {
		peer.Returned(a)
	} else {
		c.peer.Shutdown(a.Refusal.Error())
	}
}

// returnedAbove is what the origin, which is an edge and had lost its own, says of a client
// that it has kept: what the client has there, it has asked for anew.
func (c *remote) returnedAbove(a *link.ConnectAnswer) {
	out := c.said(a)
	if out.Refusal != nil {
		c.putOut(out)
	} else if peer, ok := c.peer.(session.Returner); ok {
		peer.Returned(out)
	}
}
