package server

import (
	"errors"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/web"
)

// What follows is the server as HTTP shows it.

// Ready implements web.Source.
func (s *Server) Ready() error {
	if s.draining.Load() {
		return errors.New("shutting down")
	}
	if s.gateway != nil {
		return s.gateway.Ready()
	}
	if s.edge != nil {
		return s.edge.Reached()
	}
	return nil
}

// Origin implements web.Source.
func (s *Server) Origin() (web.Origin, bool) {
	if s.edge == nil {
		return web.Origin{}, false
	}
	is := s.edge.State()
	return web.Origin{Links: is.Links, Linked: is.Linked, Since: is.Since}, true
}

// Stats implements web.Source.
func (s *Server) Stats() []instance.Stats {
	all := make([]instance.Stats, 0, len(s.served))
	for _, one := range s.served {
		all = append(all, s.instances[one.Application][one.Instance].Stats())
	}
	for _, d := range s.onDemand {
		all = append(all, d.stats()...)
	}
	return all
}

// Refused implements web.Source.
func (s *Server) Refused() map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]uint64, len(s.refused))
	for reason, n := range s.refused {
		out[reason] = n
	}
	return out
}

// LeftOut implements web.Source.
func (s *Server) LeftOut() map[string]uint64 {
	if s.cfg.LeftOut == nil {
		return nil
	}
	return s.cfg.LeftOut()
}

// Budgets implements web.Source.
func (s *Server) Budgets() []*budget.Budget { return s.cfg.Budgets.All() }

// Waiting implements web.Source.
func (s *Server) Waiting() int { return s.cfg.Budgets.Turns.Waiting() }

// Direct implements web.Source.
func (s *Server) Direct() int64 { return s.direct.Load() }

// Certificate implements web.Source.
func (s *Server) Certificate() (web.Certificate, bool) {
	if s.cert == nil {
		return web.Certificate{}, false
	}
	return s.cert.describe(), true
}

// Recordings implements web.Source.
func (s *Server) Recordings() []catalogue.Shelf {
	all := make([]catalogue.Shelf, 0, len(s.served))
	for _, one := range s.served {
		i := s.instances[one.Application][one.Instance]
		r := catalogue.Shelf{Application: one.Application, Instance: one.Instance, Store: i.Store()}
		if one.KeyFile != "" {
			r.Authorize = i.Authorize
		}
		all = append(all, r)
	}
	for _, d := range s.onDemand {
		all = append(all, d.shelves()...)
	}
	return all
}
