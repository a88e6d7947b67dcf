package edge

import (
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
)

// State is how the links of an edge are.
type State struct {
	Links  int       // instances that it is linked to, or was and will be again
	Linked int       // to which it is
	Since  time.Time // when the first of those that are lost was; zero: none is
	Lost   uint64    // links that have ended while clients used them, since it began
	// Interrupted is how often publications have lost their way to the origin, and Dropped
	// how many of their messages of sound and pictures, since it began.
	Interrupted, Dropped uint64
}

// State says how the edge's links are.
func (e *Edge) State() State {
	is := State{Lost: e.cfg.Totals.Lost()}
	is.Interrupted, is.Dropped = e.cfg.Totals.Published()
	for _, u := range e.all() {
		u.mu.Lock()
		linked, since := u.pipe != nil, u.lostAt
		u.mu.Unlock()
		switch {
		case linked:
			is.Links++
			is.Linked++
		case !since.IsZero():
			is.Links++
			if is.Since.IsZero() || since.Before(is.Since) {
				is.Since = since
			}
		}
	}
	return is
}

// Reach has the edge find out whether its origin can be reached, and try until it was: for
// an edge that is to be ready before its first client comes. The log says what is in the
// way, each reason once.
func (e *Edge) Reach() {
	e.runs.Go(func() {
		var wait backoff
		var said reasons
		for !e.reached.Load() {
			select {
			case <-time.After(wait.next()):
			case <-e.ctx.Done():
				return
			}
			switch c, err := e.dial(link.Hello{Purpose: link.Control}); {
			case err == nil:
				c.Close()
				if said != "" {
					e.log.Info("the origin is reached", "origin", e.cfg.Origin)
				}
			case e.ctx.Err() == nil && said.another(err):
				e.log.Warn("the origin cannot be reached", "origin", e.cfg.Origin, "reason", err)
			}
		}
	})
}

// Reached is why the edge is of no use yet; nil: its origin has let it in, once.
func (e *Edge) Reached() error {
	if e.reached.Load() {
		return nil
	}
	if why := e.why.Load(); why != nil {
		return fmt.Errorf("the origin %s has not been reached yet: %w", e.cfg.Origin, *why)
	}
	return fmt.Errorf("the origin %s has not been reached yet", e.cfg.Origin)
}

// tried notes what has come of a connection to the origin.
func (e *Edge) tried(err error) {
	switch {
	case err == nil:
		e.reached.Store(true)
	case e.ctx.Err() == nil:
		e.why.Store(&err)
	}
}

// reasons is why an origin was not reached, time after time.
type reasons string

// another says whether one is not that of the time before.
func (r *reasons) another(why error) bool {
	before := *r
	*r = reasons(why.Error())
	return *r != before
}
