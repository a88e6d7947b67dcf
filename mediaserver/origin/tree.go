package origin

import (
	"maps"
	"slices"
)

// links notes that an edge is linked, or no more.
func (o *Origin) links(e *edge, is bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if is {
		o.edges[e] = struct{}{}
	} else {
		delete(o.edges, e)
	}
}

// Shutdown tells the clients of all edges to go, where their instances are elsewhere and do
// not: this server is an edge itself.
func (o *Origin) Shutdown(reason string) {
	o.mu.Lock()
	edges := slices.Collect(maps.Keys(o.edges))
	o.mu.Unlock()
	for _, e := range edges {
		e.mu.Lock()
		clients := slices.Collect(maps.Values(e.clients))
		e.mu.Unlock()
		for _, c := range clients {
			c.Shutdown(reason)
		}
	}
}
