package server

import (
	"maps"
	"slices"

	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/web"
)

// Edge implements web.Source.
func (s *Server) Edge() (is web.Edge, ok bool) {
	if s.edge == nil {
		return is, false
	}
	is = web.Edge{
		Connections: s.open.Load(), Feeds: s.edge.Feeds(),
		Viewers: s.watched.ways(), ViewersTotal: s.watched.total(),
		Sent: s.sentByRTMP() + s.watched.bytes(), RoundTime: s.fanout.RoundTime(),
		Taken: map[string]uint64{}, Given: map[string]uint64{},
	}
	rtmp := s.edge.Players()
	for way, n := range is.Viewers {
		if outlet.Way(way).Plays() {
			rtmp -= n // they are players of the fan-out, too
		}
	}
	if rtmp > 0 {
		is.Viewers["rtmp"] = rtmp
	}
	for purpose, t := range s.edge.Traffic() {
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
