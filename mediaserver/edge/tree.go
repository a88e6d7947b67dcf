package edge

import (
	"slices"

	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// Edges of edges form a tree: one that is asked by another asks its own origin, and to each
// the other end is all that there is. A client is named every edge that it comes through.

// maxVia is how many edges a client may come through.
const maxVia = 8

// passes lets a client go on to the origin, as one that has come through this edge; or it is
// refused, because servers are edges of one another in a ring.
func (e *Edge) passes(r *session.ConnectRequest) *session.Refusal {
	why := ""
	switch {
	case slices.Contains(r.Via, e.name):
		why = "this server is an edge of itself: --edge-of of one on the way has to name a server nearer to the origin"
	case len(r.Via) >= maxVia:
		why = "there are too many edges between this client and the origin"
	default:
		r.Via = append(slices.Clone(r.Via), e.name)
		return nil
	}
	e.log.Error("a client is refused", "reason", why, "origin", e.cfg.Origin, "edges", r.Via)
	return &session.Refusal{Code: session.RefusedNoAnswer, Reason: why}
}

// Delivery is how streams of the instance are sent to players, as the origin has said it.
func (c *remote) Delivery() stream.Options {
	c.u.mu.Lock()
	defer c.u.mu.Unlock()
	return c.u.opts
}
