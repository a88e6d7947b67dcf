package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

// accept has every connection served, or refused, until the listener is closed.
func (s *Server) accept(ln net.Listener, serve func(net.Conn), refuse func(net.Conn, *session.Refusal)) error {
	f := newFloods()
	return s.acceptBy(ln, func(nc net.Conn) bool { return s.admit(nc, f, refuse) }, serve)
}

// acceptBy has every connection served that is admitted, until the listener is closed.
func (s *Server) acceptBy(ln net.Listener, admit func(net.Conn) bool, serve func(net.Conn)) error {
	for {
		nc, err := ln.Accept()
		if err != nil {
			if s.draining.Load() || errors.Is(err, net.ErrClosed) {
				return nil
			}
			// Out of file descriptors, most likely: those connected play on,
			// and the next one may find room.
			var ne net.Error
			if errors.As(err, &ne) {
				s.log.Error("accept", "err", err, "retry", "100ms")
				s.count("accept failed")
				time.Sleep(100 * time.Millisecond)
				continue
			}
			return fmt.Errorf("accept on %s: %w", ln.Addr(), err)
		}
		if admit(nc) {
			s.sessions.Add(1)
			go serve(nc)
		}
	}
}

// floods says of a listener how often the log is told that it is too full.
type floods struct{ full, crowded pace }

func newFloods() *floods {
	return &floods{pace{every: tellFloodEvery}, pace{every: tellFloodEvery}}
}

// admit gives a connection a place, which goes gives back, or has it refused.
func (s *Server) admit(nc net.Conn, f *floods, refuse func(net.Conn, *session.Refusal)) bool {
	if why := s.enter(nc.RemoteAddr().String(), 1, f); why != nil {
		refuse(nc, why)
		return false
	}
	return true
}

// enter gives somebody at an address a place among connections, and so many files, or
// says why there is none; leave gives them back. f is nil where the log is not told.
func (s *Server) enter(address string, files int64, f *floods) *session.Refusal {
	if why := s.enterMany(files, f); why != nil {
		return why
	}
	if !s.addresses.Come(address) {
		s.leaveMany(files)
		s.count("too many connections of an address")
		if f != nil && f.crowded.ready(time.Now()) {
			s.log.Warn("connections are refused: their address has as many as it may have", "address", address, "most", s.perAddress,
				"way out", "if it stands for many clients, name it in spec.limits.sharedAddresses")
		}
		return addressFull(s.perAddress)
	}
	s.direct.Add(1)
	return nil
}

// enterMany is enter for who comes from an address that stands for many, as an edge's
// does; leaveMany gives back what it has taken.
func (s *Server) enterMany(files int64, f *floods) *session.Refusal {
	if s.open.Add(1) > int64(s.cfg.MaxConnections) || !s.cfg.Budgets.Files.Take(files) {
		s.open.Add(-1)
		s.count("too many connections")
		if f != nil && f.full.ready(time.Now()) {
			s.log.Error("connections are closed as they come: too many are open", "open", s.open.Load(), "way out", "let the process open more files (ulimit -n)")
		}
		return allTaken()
	}
	return nil
}

func (s *Server) leaveMany(files int64) {
	s.cfg.Budgets.Files.Give(files)
	s.open.Add(-1)
}

// goes takes back the place of a connection that has ended.
func (s *Server) goes(nc net.Conn) { s.leave(nc.RemoteAddr().String(), 1) }

func (s *Server) leave(address string, files int64) {
	s.direct.Add(-1)
	s.addresses.Go(address)
	s.leaveMany(files)
}

// tellFloodEvery keeps a flood of connections from being one of log lines.
const tellFloodEvery = 10 * time.Second

func (s *Server) serve(nc net.Conn) {
	defer s.sessions.Done()
	defer s.goes(nc)
	if s.origin != nil && s.links == nil && isLink(nc) {
		link.Tune(nc)
		s.serveLink(nc)
		return
	}
	s.converse(nc, "", s.socketPolicy(nc))
}

// converse has a session with a client, of a web page where that needs to be let in.
// policy is what Flash Player is answered that asks whose movies may be clients; nil:
// it is not.
func (s *Server) converse(nc net.Conn, origin string, policy func() []byte) {
	cfg := session.Config{RTMP: rtmp.Config{Policy: policy}, Log: s.log, Budgets: s.cfg.Budgets, Refused: s.count, PublisherIdle: s.cfg.PublisherIdle, Origin: origin, ServerName: serverName(nc)}
	if s.gateway != nil {
		cfg.ConnectPending = connectsFor
	}
	one := session.New(nc, s, cfg)
	s.mu.Lock()
	s.conns[one] = struct{}{}
	s.mu.Unlock()
	one.Serve()
	_, sent := one.Bytes()
	s.mu.Lock()
	delete(s.conns, one)
	s.sentBefore += sent
	s.mu.Unlock()
}

func (s *Server) count(reason string) {
	s.mu.Lock()
	s.refused[reason]++
	s.mu.Unlock()
}

// finishTime is how long recordings may take to be finished when the drain
// timeout is over.
const finishTime = 2 * time.Second

// sessionGrace is how long sessions may take to end when their disks were given
// up.
const sessionGrace = 3 * time.Second

// drainReason is what clients are told that a server which ends lets go.
const drainReason = "The server is shutting down."

// drain ends everything in order. A client that does not go by the drain timeout
// is cut off; publications and recordings end as their sessions do, and what a disk
// has not taken soon after that is given up. Where all that clients have is elsewhere,
// they are served on until that timeout, and told to go then.
func (s *Server) drain() {
	started := time.Now()
	s.draining.Store(true)
	s.stopListening()
	const reason = drainReason
	patience := s.cfg.DrainTimeout
	if s.ownsNothing() {
		s.letGo(reason)
		if s.gateway != nil {
			s.gateway.Dismiss()
		}
		patience = tellTime + lastCall
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	disks, cancel := context.WithTimeout(context.Background(), patience+finishTime)
	defer cancel()
	defer context.AfterFunc(disks, func() {
		for _, i := range s.all() {
			i.Abandon()
		}
	})()
	s.dismissPublic()
	if s.origin != nil && !s.ownsNothing() {
		s.origin.Drain()
	}
	for _, i := range s.all() {
		i.Shutdown(reason)
	}
	s.tellSessions(reason)
	gone := make(chan struct{})
	go func() {
		if s.origin != nil {
			s.origin.Wait() // for clients of edges
			s.origin.Close()
		}
		s.sessions.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-timeout.C:
		s.cutOff(started)
		select {
		case <-gone:
		case <-time.After(finishTime + sessionGrace):
			s.log.Error("sessions have not ended, and are left alone")
		}
	}
	// Last, so that readiness and metrics tell the story until the end.
	s.public.close()
	s.sittings.close()
	s.closeWeb()
	s.debug.close()
	s.close(disks)
	s.log.Info("stopped", "after", time.Since(started).Round(time.Millisecond))
}

// stopListening has nobody come any more.
func (s *Server) stopListening() {
	s.rtmp.Close()
	if s.rtmps != nil {
		s.rtmps.Close()
	}
	if s.links != nil {
		s.links.Close()
	}
	s.stopPublic()
	// One that came just before is a session by now, and waited for.
	s.accepting.Wait()
	for _, d := range s.onDemand {
		d.stop() // who comes now starts nothing
	}
}

// cutOff closes the connections that are still open.
func (s *Server) cutOff(since time.Time) {
	s.mu.Lock()
	left := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	s.cutOpening()
	s.log.Warn("clients that did not go are cut off", "clients", len(left), "after", time.Since(since).Round(time.Millisecond))
	for _, one := range left {
		one.Cut()
	}
	if s.origin != nil {
		s.origin.Close()
	}
}
