package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/edge"
	"flashpod.dev/flashpod/mediaserver/gateway"
)

// connectionsPerClient is how many connections a client of a gateway may need, its own
// included: one for its instance, and one for its stream.
const connectionsPerClient = 3

// connectsFor is how long a connect at a gateway may take: as long as an instance may be
// waited for that sleeps, and its origin then.
const connectsFor = v1alpha1.MaxWakeTimeout + 30*time.Second

// beginRoutes makes this server a gateway.
func (s *Server) beginRoutes() error {
	if s.cfg.EdgeOf != "" || s.cfg.LinkKeyFile != "" {
		return errors.New("a gateway has its origins and their keys from --routes: leave out --edge-of and --link-key-file")
	}
	var err error
	if s.pieces, err = s.beginCache(); err != nil {
		return err
	}
	common := edge.Config{Pieces: s.pieces, Turns: s.turns, Budgets: s.cfg.Budgets, ConnectWaits: s.cfg.linkWaits, FileWaits: s.cfg.fileWaits}
	if s.gateway, err = gateway.New(gateway.Config{File: s.cfg.Routes, WakeURL: s.cfg.WakeURL, Fanout: s.fanout, Log: s.log, Edge: common}); err != nil {
		s.gateway = nil
		return fmt.Errorf("gateway: %w", err)
	}
	return nil
}

// watchRoutes has the file of routes looked at until ctx ends.
func (s *Server) watchRoutes(ctx context.Context) {
	if s.gateway == nil {
		return
	}
	ticks, stop := s.cfg.clock.ticks()
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
			s.gateway.Look()
		}
	}
}

// Routes is how many routes a gateway has, and how many of them have lost something to
// another; ok: it is one.
func (s *Server) Routes() (routes, conflicts int, ok bool) {
	if s.gateway == nil {
		return 0, 0, false
	}
	routes, conflicts = s.gateway.Routes()
	return routes, conflicts, true
}

// routesMetrics are those that only a gateway has.
func (s *Server) routesMetrics() []prometheus.Collector {
	if s.gateway == nil {
		return nil
	}
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
	}
	return []prometheus.Collector{
		gauge("flashpod_gateway_routes", "Routes that the gateway has.", func() int { n, _ := s.gateway.Routes(); return n }),
		gauge("flashpod_gateway_route_conflicts", "Routes that have lost a name to another.", func() int { _, n := s.gateway.Routes(); return n }),
		gauge("flashpod_gateway_keyless_routes", "Routes with a link key that cannot be used: they go on with the one before, or serve nobody.", s.gateway.Keyless),
		gauge("flashpod_gateway_asked", "Instances that all origins of an application are asked for now.", s.gateway.Asked),
		gauge("flashpod_gateway_waiting", "Clients that wait for an instance which sleeps, now.", s.gateway.Waiting),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "flashpod_gateway_woken_total", Help: "How often an instance was there that clients had waited for."},
			func() float64 { return float64(s.gateway.Woken()) }),
	}
}

// serverName is what a client has called this server in the handshake of TLS.
func serverName(nc net.Conn) string {
	if t, ok := nc.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return t.ConnectionState().ServerName
	}
	return ""
}
