package server

import (
	"maps"
	"slices"

	"flashpod.dev/flashpod/mediaserver/edge"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/web"
)

// relay is what an edge and a gateway, which is an edge of many origins, have in common.
type relay interface {
	State() edge.State
	Feeds() int
	Players() int
	Traffic() map[link.Purpose]edge.Traffic
}

// Edge implements web.Source.
func (s *Server) Edge() (is web.Edge, ok bool) {
	var r relay
	switch {
	case s.edge != nil:
		r = s.edge
	case s.gateway != nil:
		r = s.gateway
	default:
		return is, false
	}
	links := r.State()
	is = web.Edge{
		Connections: s.open.Load(), Feeds: r.Feeds(), Links: links.Links, Linked: links.Linked, Lost: links.Lost,
		Interrupted: links.Interrupted, Dropped: links.Dropped,
		Viewers: s.watched.ways(), ViewersTotal: s.watched.total(),
		Sent: s.sentByRTMP() + s.watched.bytes(), RoundTime: s.fanout.RoundTime(),
		Taken: map[string]uint64{}, Given: map[string]uint64{},
	}
	if s.cfg.WebRTCRelay != "" && s.public.udp != nil {
		passed := s.public.udp.Passed()
		is.Passed = map[string]uint64{"edge": passed.Passed, "client": passed.Answered}
	}
	rtmp := r.Players()
	for way, n := range is.Viewers {
		if outlet.Way(way).Plays() {
			rtmp -= n // they are players of the fan-out, too
		}
	}
	if rtmp > 0 {
		is.Viewers["rtmp"] = rtmp
	}
	for purpose, t := range r.Traffic() {
		is.Taken[string(purpose)], is.Given[string(purpose)] = t.Received, t.Sent
	}
	return is, true
}

// sentByRTMP is how many bytes clients were sent since the start, those who have gone
// included.
func (s *Server) sentByRTMP() uint64 {
	s.mu.Lock()
	sent, here := s.sentBefore, slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	for _, one := range here {
		_, out := one.Bytes()
		sent += out
	}
	return sent
}
