package server

import (
	"fmt"
	"net"
	"strings"
	"sync"

	"flashpod.dev/flashpod/mediaserver/edge"
	"flashpod.dev/flashpod/mediaserver/session"
)

// reach is where an edge goes for clients that name an origin themselves, as Flash Media
// Server has it: rtmp://edge/?rtmp://origin/application/instance.
type reach struct {
	own  string            // its own origin
	to   map[string]string // where others take links, by how clients name them
	edge func(origin string) *edge.Edge

	mu     sync.Mutex // nothing else is taken while it is held
	edges  map[string]*edge.Edge
	closed bool
}

// newReach reads what an edge may reach beside its own origin: HOST[:PORT], or
// HOST[:PORT]=LINKS where the origin takes links elsewhere than clients connect.
func newReach(own string, others []string, make func(string) *edge.Edge) (*reach, error) {
	r := &reach{own: withPort(own), to: map[string]string{}, edge: make, edges: map[string]*edge.Edge{}}
	for _, one := range others {
		name, links, apart := strings.Cut(one, "=")
		if !apart {
			links = name
		}
		for _, address := range []string{name, links} {
			if host, _, err := net.SplitHostPort(withPort(address)); err != nil || host == "" || strings.ContainsAny(host, "/@ ") {
				return nil, fmt.Errorf("--edge-may-reach %q: it is HOST[:PORT] as clients name it, and behind = where it takes links, if elsewhere", one)
			}
		}
		r.to[withPort(name)] = withPort(links)
	}
	return r, nil
}

// withPort is an address as clients' are compared.
func withPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), "1935")
	}
	return strings.ToLower(address)
}

// find is the edge of an origin that a client names, or why there is none.
func (r *reach) find(far string) (*edge.Edge, *session.Refusal) {
	links, ok := r.to[far]
	if !ok {
		return nil, &session.Refusal{Code: session.RefusedNoHost, Reason: fmt.Sprintf("This edge does not reach %q: its operator has not listed it (--edge-may-reach)", session.Printable(far))}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, &session.Refusal{Code: session.RefusedStopping}
	}
	e := r.edges[links]
	if e == nil {
		e = r.edge(links)
		r.edges[links] = e
	}
	return e, nil
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

// isOwn says whether an origin that a client names is that of the edge, unless it is listed.
// Where that takes links at a port of their own, no client knows it: the host is enough, with
// RTMP's own port or none.
func (r *reach) isOwn(far string) bool {
	if _, listed := r.to[far]; listed {
		return false
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
