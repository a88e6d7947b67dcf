package server

import "flashpod.dev/flashpod/mediaserver/link"

// locateFar is what an edge of this edge is told of a path: what its origin says.
func (s *Server) locateFar(path string) link.LocateAnswer {
	at, err := s.edge.Locate(s.cut, path)
	if err != nil {
		return link.LocateAnswer{}
	}
	return at
}
