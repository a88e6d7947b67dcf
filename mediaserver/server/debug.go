package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"flashpod.dev/flashpod/mediaserver/debug"
	"flashpod.dev/flashpod/mediaserver/web"
)

// debugging is the HTTP server for developers; the zero value is none.
type debugging struct {
	listener *places
	http     *http.Server
}

func (s *Server) listenDebug() error {
	if s.cfg.DebugAddress == "" {
		return nil
	}
	ln, err := debug.Listen(s.cfg.DebugAddress)
	if err != nil {
		return listenError("debugging", "--debug-address", s.cfg.DebugAddress, err)
	}
	s.debug.listener = newPlaces(ln, maxDebug, func() {})
	return nil
}

// DebugAddr is the address listened on for developers, nil when there is none.
func (s *Server) DebugAddr() net.Addr {
	if s.debug.listener == nil {
		return nil
	}
	return s.debug.listener.Addr()
}

// serveDebug serves until the end of a drain. What goes wrong there ends
// nothing else.
func (s *Server) serveDebug() {
	if s.debug.listener == nil {
		return
	}
	// An answer may take as long as a profile is asked for.
	s.debug.http = s.debug.listener.server(web.NamedOnly(nil, nil, debug.Handler(s)))
	s.debug.http.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)
	go func() {
		if err := s.debug.http.Serve(s.debug.listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("serve debugging", "address", s.debug.listener.Addr().String(), "err", err)
		}
	}()
}

func (d *debugging) close() {
	if d.http != nil {
		d.http.Close()
	} else if d.listener != nil {
		d.listener.Close()
	}
}

// Behind implements debug.Source.
func (s *Server) Behind() []debug.Behind {
	var all []debug.Behind
	for _, i := range s.all() {
		b := i.Behind()
		all = append(all, debug.Behind{Who: "owner of " + i.Application() + "/" + i.Name(), Queue: b.Queue, Oldest: b.Oldest, Turn: b.Turn})
	}
	for _, i := range s.all() {
		b := i.Store().Behind()
		all = append(all, debug.Behind{Who: "playbacks of " + i.Application() + "/" + i.Name(), Queue: b.Queue, Oldest: b.Oldest, Turn: b.Turn})
	}
	for i, l := range s.fanout.Behind() {
		all = append(all, debug.Behind{Who: fmt.Sprintf("fan-out loop %d", i), Queue: l.Queue, Oldest: l.Oldest, Turn: l.Turn})
	}
	return all
}
