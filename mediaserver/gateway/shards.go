package gateway

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/routing"
	"flashpod.dev/flashpod/mediaserver/edge"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Instances of an application that several origins have in common are spread over them by
// their names, but for those of which an origin has anything already: they stay there,
// however many origins there are by now. So that nobody has to keep lists of instances, of
// which there may be any number, all origins are asked when the first client of one comes;
// once the gateway is linked to it, where it is is known.

const (
	// holderTime is how long origins may take to say what they have, one that restarts
	// included, where Config.Edge does not say.
	holderTime = 10 * time.Second
	// holderAgain is when an origin that does not answer is asked again, at the earliest.
	holderAgain = 200 * time.Millisecond
	// heldWaits is how long the others may take to answer once one has said that it has the
	// instance: of two that have something of it, as after a copy, each gateway takes the same.
	heldWaits = time.Second
	// maxAsked is about how many instances origins are asked at once, and maxAskedBy for how
	// many of them the clients of one address.
	maxAsked   = 1024
	maxAskedBy = 64
)

// wanted is an instance of a route that clients wait for.
type wanted struct{ route, instance string }

// caller is a client that waits.
type caller struct {
	r      session.ConnectRequest
	peer   session.Peer
	answer func(session.ConnectAnswer)
}

// question is put to all origins of a route. Its callers are of Gateway.mu.
type question struct{ callers []caller }

// sharded says whether it must be asked which of a route's origins has an instance.
func sharded(route *routing.Route, instance string) bool {
	return len(route.Shards) > 1 && instance != route.Instance &&
		!slices.ContainsFunc(route.Shards, func(s routing.Shard) bool { return slices.Contains(s.Instances, instance) })
}

// among hands a client to the one of a route's origins that has its instance, or shall have
// it. It waits for nobody.
func (g *Gateway) among(route *routing.Route, c caller) {
	var why *session.Refusal
	for _, s := range route.Shards {
		if g.linked(originOf(s), c.r.Application, c.r.Instance) {
			if why = g.over(originOf(s), c.r, c.peer, c.answer); why != nil {
				c.answer(session.ConnectAnswer{Refusal: why})
			}
			return
		}
	}
	is := wanted{route.Name, c.r.Instance}
	g.mu.Lock()
	q := g.asked[is]
	switch {
	case g.closed:
		why = &session.Refusal{Code: session.RefusedStopping}
	case q != nil:
		q.callers = append(q.callers, c)
	case len(g.asked) >= maxAsked:
		why = &session.Refusal{Code: session.RefusedLimit, Reason: "too many instances are being looked for: try again", RetryAfter: time.Second}
	case !g.askers.Come(c.r.Client.Address):
		why = &session.Refusal{Code: session.RefusedLimit, Reason: "too many instances are being looked for that your address has asked for: try again", RetryAfter: time.Second}
	default:
		q = &question{callers: []caller{c}}
		g.asked[is] = q
		g.runs.Go(func() { g.seek(route, is, c.r.Application) })
	}
	g.mu.Unlock()
	if why != nil {
		c.answer(session.ConnectAnswer{Refusal: why})
	}
}

// Asked is about how many instances origins are asked now.
func (g *Gateway) Asked() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.asked)
}

// linked says whether the edge of an origin, if there is one, is linked to an instance.
func (g *Gateway) linked(to origin, application, instance string) bool {
	g.mu.Lock()
	e := g.edges[to]
	g.mu.Unlock()
	return e != nil && e.Linked(application, instance)
}

// seek finds the origin of an instance, and hands over who waits for it.
func (g *Gateway) seek(route *routing.Route, is wanted, application string) {
	to, err := g.holder(route, application, is.instance)
	g.mu.Lock()
	all := g.asked[is].callers
	delete(g.asked, is)
	g.mu.Unlock()
	g.askers.Go(all[0].r.Client.Address) // who came first has asked
	for _, c := range all {
		var why *session.Refusal
		if err != nil {
			why = &session.Refusal{Code: session.RefusedNoAnswer, Reason: "the origins of this application cannot all be reached, and one of them may have this instance: try again", RetryAfter: time.Second, Cause: err}
		} else {
			why = g.over(to, c.r, c.peer, c.answer)
		}
		if why != nil {
			c.answer(session.ConnectAnswer{Refusal: why})
		}
	}
}

// holder is the origin that has an instance, or, where none has, the one that its name
// falls to; of several the latter, or the first. It fails where one of them does not say,
// and no other has it: what lies there would be missed.
func (g *Gateway) holder(route *routing.Route, application, instance string) (origin, error) {
	most := g.cfg.Edge.ConnectWaits
	if most == 0 {
		most = holderTime
	}
	ctx, cancel := context.WithTimeout(g.ctx, most)
	defer cancel()
	type said struct {
		shard int
		holds bool
		err   error
	}
	answers := make(chan said, len(route.Shards))
	for i, s := range route.Shards {
		e := g.use(originOf(s))
		if e == nil {
			return origin{}, errors.New("the gateway is closed")
		}
		g.runs.Go(func() {
			defer g.used(e)
			holds, err := untilSaid(ctx, e.Edge, application, instance)
			answers <- said{i, holds, err}
		})
	}
	falls := originOf(route.To(instance))
	var errs []error
	var holds *origin
	first := len(route.Shards)
	enough := make(<-chan time.Time)
	for n := 0; n < len(route.Shards); n++ {
		select {
		case a := <-answers:
			if a.err != nil {
				errs = append(errs, a.err)
			}
			if !a.holds {
				continue
			}
			if at := originOf(route.Shards[a.shard]); at == falls || a.shard < first {
				first, holds = a.shard, &at
			}
			if *holds == falls {
				return falls, nil
			}
			enough = time.After(heldWaits)
		case <-enough:
			return *holds, nil
		}
	}
	if holds != nil {
		return *holds, nil
	}
	if err := errors.Join(errs...); err != nil {
		g.log.Warn("an instance is not started: an origin of its application does not say whether it has it", "route", route.Name, "instance", session.Printable(instance), "err", err)
		return origin{}, err
	}
	return falls, nil
}

// untilSaid asks an origin until it has answered, or ctx ends.
func untilSaid(ctx context.Context, e *edge.Edge, application, instance string) (bool, error) {
	for {
		holds, err := e.Holds(ctx, application, instance)
		if err == nil || ctx.Err() != nil {
			return holds, err
		}
		select {
		case <-time.After(holderAgain + rand.N(holderAgain)):
		case <-ctx.Done():
			return false, err
		}
	}
}
