package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/routing"
	"flashpod.dev/flashpod/api/v1alpha1/waking"
	"flashpod.dev/flashpod/mediaserver/session"
)

const (
	// askAgain is how long until whoever wakes is asked again how far an instance is.
	askAgain = 500 * time.Millisecond
	// askTime is how long one such question may take.
	askTime = 5 * time.Second
	// askSooner is how long until whoever wakes is asked for an instance that its route does
	// not know to be asleep, while its origin is looked for.
	askSooner = time.Second
	// Of all who may wait, one instance has half, and one address a quarter.
	perInstance = 2
	perAddress  = 4
)

// sleeper is a route that clients wait for, until its origin is there or waiting does not
// help. One goroutine asks for all of them.
type sleeper struct {
	route   *routing.Route
	cancel  context.CancelFunc // of who asks
	waiting int                // clients; guarded by Gateway.mu
	sleeps  atomic.Bool        // it is known to, or was when it was asked for
	reason  atomic.Pointer[string]
	// done is closed when there is nothing to wait for any more: refused is nil then, or
	// why no client is let in.
	done    chan struct{}
	refused *session.Refusal
}

// await has a client wait for an instance that sleeps, until a time, and hands it over.
func (g *Gateway) await(route *routing.Route, r session.ConnectRequest, peer session.Peer, until time.Time, answer func(session.ConnectAnswer)) {
	s, why := g.enter(route, r.Address, true)
	if why != nil {
		answer(session.ConnectAnswer{Refusal: why})
		return
	}
	go func() {
		defer g.runs.Done() // enter has added it
		why := g.wait(s, until, r.Gone)
		g.leave(s, r.Address)
		if why != nil {
			answer(session.ConnectAnswer{Refusal: why})
			return
		}
		g.admit(r, peer, until, answer)
	}()
}

// askBeside has whoever wakes asked for an instance that a client was handed to, once that has
// taken a moment and there is no link to it, until the client is answered: the edge lets it in
// when the origin is there. refuse is called where it will not be. Where nobody may wait,
// nobody is asked before it is certain.
func (g *Gateway) askBeside(route *routing.Route, r session.ConnectRequest, refuse func(why *session.Refusal)) (answered func()) {
	came := make(chan struct{})
	timer := time.AfterFunc(askSooner, func() {
		if g.reaches(route, r.Application, r.Instance) {
			return
		}
		s, why := g.enter(route, r.Address, false)
		if why != nil {
			return
		}
		defer g.runs.Done() // enter has added it
		defer g.leave(s, r.Address)
		select {
		case <-came:
		case <-s.done:
			if s.refused != nil {
				refuse(s.refused)
			}
		case <-r.Gone:
		case <-g.going:
		case <-g.ctx.Done():
		}
	})
	return sync.OnceFunc(func() {
		timer.Stop()
		close(came)
	})
}

// reaches says whether there is a link to an instance at one of the origins of a route.
func (g *Gateway) reaches(route *routing.Route, application, instance string) bool {
	for _, s := range route.Shards {
		g.mu.Lock()
		e := g.edges[originOf(s)]
		g.mu.Unlock()
		if e != nil && e.Reaches(application, instance) {
			return true
		}
	}
	return false
}

// admit hands a client over that an instance is there for. Names may not lead to its server
// yet: until then it is tried again.
func (g *Gateway) admit(r session.ConnectRequest, peer session.Peer, until time.Time, answer func(session.ConnectAnswer)) {
	route, why := g.find(&r) // it may lead elsewhere by now
	if why == nil {
		why = g.hand(route, r, peer, func(a session.ConnectAnswer) {
			if a.Refusal != nil && a.Refusal.Code == session.RefusedNoAnswer && time.Now().Before(until) && !hasGone(r.Gone) && !g.ends() &&
				g.later(r.Gone, func() { g.admit(r, peer, until, answer) }) {
				return
			}
			answer(a)
		})
	}
	if why != nil {
		answer(session.ConnectAnswer{Refusal: why})
	}
}

func hasGone(gone <-chan struct{}) bool {
	select {
	case <-gone:
		return true
	default:
		return false
	}
}

// later does something in a moment, or at once when there is nothing to wait for any more;
// false: the gateway has ended, and it is not done.
func (g *Gateway) later(gone <-chan struct{}, what func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.runs.Go(func() {
		again := time.NewTimer(askAgain)
		defer again.Stop()
		select {
		case <-again.C:
		case <-gone: // which ends it
		case <-g.going:
		case <-g.ctx.Done():
		}
		what()
	})
	return true
}

// wait waits for an instance until a time, as long as its client does.
func (g *Gateway) wait(s *sleeper, until time.Time, gone <-chan struct{}) *session.Refusal {
	late := time.NewTimer(time.Until(until))
	defer late.Stop()
	select {
	case <-s.done:
		return s.refused
	case <-late.C:
		reason := ""
		if now := s.reason.Load(); now != nil {
			reason = *now
		}
		return &session.Refusal{Code: session.RefusedAsleep, RetryAfter: askAgain,
			Reason: fmt.Sprintf("The instance was asleep and is not there after %v, since %s: try again", s.route.Wake.Timeout.Duration, inWords(reason))}
	case <-gone:
		return &session.Refusal{Code: session.RefusedAsleep, Reason: "The client has gone"} // which nobody hears
	case <-g.going:
	case <-g.ctx.Done():
	}
	return ending()
}

// ending is what clients are told of a gateway that ends.
func ending() *session.Refusal {
	return &session.Refusal{Code: session.RefusedStopping, Reason: "This server is shutting down before the instance is there: connect again"}
}

// ends says whether the gateway ends.
func (g *Gateway) ends() bool { return hasGone(g.going) }

// enter takes a place among those who wait, and among what Close waits for, or says why
// there is none. sleeps says whether the instance is known to be asleep, or not to be there.
func (g *Gateway) enter(route *routing.Route, address string, sleeps bool) (*sleeper, *session.Refusal) {
	if g.ends() {
		return nil, ending()
	}
	if g.cfg.WakeURL == "" {
		return nil, &session.Refusal{Code: session.RefusedAsleep, Reason: "The instance is asleep, and nobody here wakes it"}
	}
	crowded := &session.Refusal{Code: session.RefusedLimit, Reason: "too many wait for instances that sleep: try again in a moment", RetryAfter: time.Second}
	if !g.addresses.Come(address) {
		return nil, crowded
	}
	if !g.places.Take(1) {
		g.addresses.Go(address)
		return nil, crowded
	}
	g.mu.Lock()
	s := g.sleepers[route.Name]
	full := s != nil && g.places != nil && int64(s.waiting) >= max(g.places.Max()/perInstance, 1)
	switch {
	case g.closed || full:
		why := crowded
		if g.closed {
			why = ending()
		}
		g.mu.Unlock()
		g.places.Give(1)
		g.addresses.Go(address)
		return nil, why
	case s == nil:
		ctx, cancel := context.WithCancel(g.ctx)
		s = &sleeper{route: route, cancel: cancel, done: make(chan struct{})}
		g.sleepers[route.Name] = s
		g.runs.Go(func() { g.rouse(ctx, s) })
	}
	if sleeps {
		g.tellSleeps(s)
	}
	s.waiting++
	g.runs.Add(1)
	g.mu.Unlock()
	return s, nil
}

// leave gives a place back. Nobody is asked any more for whom nobody waits.
func (g *Gateway) leave(s *sleeper, address string) {
	g.mu.Lock()
	s.waiting--
	if s.waiting == 0 {
		g.forget(s)
	}
	g.mu.Unlock()
	g.places.Give(1)
	g.addresses.Go(address)
}

// forget ends the asking; who comes now begins anew. The caller holds mu.
func (g *Gateway) forget(s *sleeper) {
	s.cancel()
	if g.sleepers[s.route.Name] == s {
		delete(g.sleepers, s.route.Name)
	}
}

// tellSleeps has the log told once that an instance sleeps for which a client has come.
func (g *Gateway) tellSleeps(s *sleeper) {
	if !s.sleeps.Swap(true) {
		g.log.Info("a client has come for an instance that sleeps: it is being woken", "route", s.route.Name)
	}
}

// rouse asks for an instance to be woken until it is there, or will not be.
func (g *Gateway) rouse(ctx context.Context, s *sleeper) {
	log := g.log.With("route", s.route.Name)
	began, told := time.Now(), false
	for ctx.Err() == nil {
		a, err := g.ask(ctx, s.route)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			if !told {
				log.Error("whoever wakes instances does not answer", "url", g.cfg.WakeURL, "err", err)
			}
			told = true
			s.note(unreachable)
		case a.State == waking.Awake:
			if s.sleeps.Load() { // else its client had to wait for a link alone
				log.Info("an instance is awake", "after", time.Since(began).Round(time.Millisecond))
				g.woken.Add(1)
			}
			g.finish(s, nil)
			return
		case a.State == waking.Refused:
			log.Warn("an instance does not wake", "reason", a.Reason, "message", a.Message)
			g.finish(s, refusal(a.Reason))
			return
		default:
			g.tellSleeps(s)
			s.note(a.Reason)
		}
		again := time.NewTimer(askAgain)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
		}
	}
}

func (s *sleeper) note(reason string) { s.reason.Store(&reason) }

// finish tells all who wait.
func (g *Gateway) finish(s *sleeper, why *session.Refusal) {
	g.mu.Lock()
	g.forget(s)
	g.mu.Unlock()
	s.refused = why
	close(s.done)
}

// ask asks whoever wakes instances.
func (g *Gateway) ask(ctx context.Context, route *routing.Route) (waking.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	key := firstKey(route.Shards[0].LinkKey)
	r := waking.NewRequest(route.Name, key, time.Now())
	body, err := json.Marshal(r)
	if err != nil {
		return waking.Answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.cfg.WakeURL, bytes.NewReader(body))
	if err != nil {
		return waking.Answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := g.http.Do(req)
	if err != nil {
		return waking.Answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, waking.MaxAnswer+1))
	switch {
	case err != nil:
		return waking.Answer{}, err
	case resp.StatusCode != http.StatusOK:
		return waking.Answer{}, fmt.Errorf("it answers %s: %.200q", resp.Status, text)
	}
	return r.ParseAnswer(key, text)
}

// unreachable stands for a reason where whoever wakes does not say one.
const unreachable = "Unreachable"

// refusal is what clients are told of an instance that does not wake.
func refusal(reason string) *session.Refusal {
	switch reason {
	case waking.Suspended:
		return suspended()
	case waking.Unknown:
		return &session.Refusal{Code: session.RefusedNoInstance}
	}
	return &session.Refusal{Code: session.RefusedAsleep, Reason: "The instance is asleep and does not wake, since " + inWords(reason)}
}

// inWords says for strangers what keeps an instance: what the cluster says of it may name
// machines and programs, and is for the log.
func inWords(reason string) string {
	switch reason {
	case unreachable:
		return "whoever wakes it does not answer"
	case waking.TooOften:
		return "it was woken too often: try again in a minute"
	case waking.Busy:
		return "many others are being woken"
	case "Unschedulable":
		return "there is no room for its server"
	case "ImagePullFailed":
		return "its server's image cannot be had"
	case "", "Asleep", "Starting", "Restarting", "Replacing":
		return "its server is starting"
	}
	return "its server cannot start"
}

// Waiting is how many clients wait for instances that sleep.
func (g *Gateway) Waiting() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sleepers {
		n += s.waiting
	}
	return n
}

// Woken is how often an instance was there that clients had waited for.
func (g *Gateway) Woken() uint64 { return g.woken.Load() }
