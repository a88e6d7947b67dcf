package server

import (
	"maps"
	"slices"

	"flashpod.dev/flashpod/mediaserver/web"
)

// edgeStats are the figures of this edge; nil: it is none.
func (s *Server) edgeStats() func() web.EdgeStats {
	if s.edge == nil {
		return nil
	}
	return func() web.EdgeStats {
		byHTTP := s.watched.bytes()
		s.mu.Lock()
		sent, here := s.sentBefore, slices.Collect(maps.Keys(s.conns))
		s.mu.Unlock()
		for _, one := range here {
			_, out := one.Bytes()
			sent += out
		}
		return web.EdgeStats{
			Connections: s.open.Load(), Links: s.edge.Links(), Players: s.edge.Players(),
			Received: s.edge.Received(), Sent: sent + byHTTP, RoundTime: s.fanout.RoundTime(),
		}
	}
}
