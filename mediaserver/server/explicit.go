package server

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"flashpod.dev/flashpod/api/v1alpha1/routing"
	"flashpod.dev/flashpod/mediaserver/edge"
	"flashpod.dev/flashpod/mediaserver/session"
)

// reach is where an edge goes for clients that name an origin themselves, as Flash Media
// Server has it: rtmp://edge/?rtmp://origin/application/instance.
type reach struct {
	own    string         // its own origin
	ownWay way            // the same, as a file has it
	fixed  map[string]way // where others take links, by how clients name them
	edge   func(origin string, keys func() [][]byte) *edge.Edge
	// listed are those of a file, which change; nil: there is none, or it was not read yet.
	listed atomic.Pointer[map[string]way]

	mu     sync.Mutex          // nothing else is taken while it is held
	edges  map[string]*reached // by where they link
	closed bool
}

// way is how an origin is reached.
type way struct{ origin, keys string } // keys are divided by what is white; "": the edge's own

// reached is the edge of an origin, and the keys that it shows there as they are now.
type reached struct {
	*edge.Edge
	keys atomic.Pointer[[][]byte] // nil: the edge's own
}

// show has links that begin from now on show those keys.
func (e *reached) show(keys string) {
	var all [][]byte
	for key := range strings.FieldsSeq(keys) {
		all = append(all, []byte(key))
	}
	if all == nil {
		e.keys.Store(nil)
		return
	}
	e.keys.Store(&all)
}

// newReach reads what an edge may reach beside its own origin: HOST[:PORT], or
// HOST[:PORT]=LINKS where the origin takes links elsewhere than clients connect.
func newReach(own string, others []string, make func(origin string, keys func() [][]byte) *edge.Edge) (*reach, error) {
	r := &reach{own: routing.WithPort(own), ownWay: way{origin: strings.ToLower(own)}, fixed: map[string]way{}, edge: make, edges: map[string]*reached{}}
	for _, one := range others {
		name, links, apart := strings.Cut(one, "=")
		if !apart {
			links = name
		}
		for _, address := range []string{name, links} {
			if host, _, err := net.SplitHostPort(routing.WithPort(address)); err != nil || host == "" || strings.ContainsAny(host, "/@ ") {
				return nil, fmt.Errorf("--edge-may-reach %q: it is HOST[:PORT] as clients name it, and behind = where it takes links, if elsewhere", one)
			}
		}
		r.fixed[routing.WithPort(name)] = way{origin: routing.WithPort(links)}
	}
	return r, nil
}

// lookUp is how the origin is reached that a client names.
func (r *reach) lookUp(far string) (to way, ok bool) {
	if to, ok = r.fixed[far]; ok {
		return to, true
	}
	if listed := r.listed.Load(); listed != nil {
		to, ok = (*listed)[far]
	}
	return to, ok
}

// find is the edge of an origin that a client names, or why there is none.
func (r *reach) find(far string) (*edge.Edge, *session.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Under the lock, so that none is made again that retain has ended.
	to, ok := r.lookUp(far)
	if !ok {
		return nil, &session.Refusal{Code: session.RefusedNoHost, Reason: fmt.Sprintf("This edge does not reach %q: its operator has not listed it (--edge-may-reach, or spec.edges.mayReach)", session.Printable(far))}
	}
	if r.closed {
		return nil, &session.Refusal{Code: session.RefusedStopping}
	}
	e := r.edges[to.origin]
	if e == nil {
		e = &reached{}
		e.show(to.keys)
		e.Edge = r.edge(to.origin, func() [][]byte {
			if keys := e.keys.Load(); keys != nil {
				return *keys
			}
			return nil
		})
		r.edges[to.origin] = e
	}
	return e.Edge, nil
}

// retain takes what a file lists, and returns the edges of origins that are not listed any
// more: who closes them ends their clients.
func (r *reach) retain(listed map[string]way) (gone []*edge.Edge) {
	keys := map[string]string{} // by origins
	for _, all := range []map[string]way{r.fixed, listed} {
		for _, to := range all {
			keys[to.origin] = to.keys
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listed.Store(&listed)
	for origin, e := range r.edges {
		shown, ok := keys[origin]
		if ok {
			e.show(shown)
			continue
		}
		gone = append(gone, e.Edge)
		delete(r.edges, origin)
	}
	return gone
}

// close ends the links to others.
func (r *reach) close() {
	r.mu.Lock()
	all := r.edges
	r.edges, r.closed = nil, true
	r.mu.Unlock()
	for _, e := range all {
		e.Close()
	}
}

// isOwn says whether an origin that a client names is that of the edge, unless it is listed
// as another. Where that takes links at a port of their own, no client knows it: the host is
// enough, with RTMP's own port or none.
func (r *reach) isOwn(far string) bool {
	if to, listed := r.lookUp(far); listed {
		return to == r.ownWay
	}
	host, _, err := net.SplitHostPort(r.own)
	return far == r.own || err == nil && far == net.JoinHostPort(host, "1935")
}

// isFar says whether a client names another origin than that of this edge.
func (s *Server) isFar(r session.ConnectRequest) bool {
	return r.Far != "" && (s.reach == nil || !s.reach.isOwn(r.Far))
}

// connectFar lets a client in that names its origin itself.
func (s *Server) connectFar(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	if s.reach == nil {
		answer(session.ConnectAnswer{Refusal: &session.Refusal{Code: session.RefusedNoHost, Reason: "This server is no edge: connect to rtmp://" + session.Printable(r.Far) + " itself"}})
		return
	}
	e, why := s.reach.find(r.Far)
	if why != nil {
		answer(session.ConnectAnswer{Refusal: why})
		return
	}
	e.Connect(r, peer, answer)
}
