package server

import (
	"math/rand/v2"
	"time"

	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/session"
)

const (
	// lastCall is how long clients of a server that owns nothing have to go once they are
	// told to, and tellTime how long telling all of them may take: who is told at once is
	// back at once, at the servers that are left.
	lastCall = 5 * time.Second
	tellTime = 10 * time.Second
	// tellEvery is the time between two lots of them, and tellAtOnce how many a lot has at
	// least: those of a small server are told together.
	tellEvery  = 50 * time.Millisecond
	tellAtOnce = 10
	// leftEvery is how often a server that lets its clients go looks whether those have gone
	// that no session is of.
	leftEvery = 100 * time.Millisecond
)

// ownsNothing says whether all that clients of this server have is elsewhere, as at an edge
// and a gateway: for them, another server is as good, and they lose nothing while this one
// waits for them.
func (s *Server) ownsNothing() bool { return s.edge != nil || s.gateway != nil }

// letGo has clients leave by themselves, and serves them on until they have, or for the
// drain timeout: those that follow a ReconnectRequest are asked to connect again, HTTP does
// so with its next request, and edges of this server link elsewhere.
func (s *Server) letGo(reason string) {
	late := make(chan struct{})
	timeout := time.AfterFunc(s.cfg.DrainTimeout, func() { close(late) })
	defer timeout.Stop()
	if s.public.http != nil {
		s.public.http.SetKeepAlivesEnabled(false) // each answer is the last of its connection
	}
	if s.origin != nil {
		s.origin.Drain()
	}
	gone := make(chan struct{})
	go func() {
		s.sessions.Wait()
		if s.origin != nil {
			s.origin.Wait()
		}
		close(gone)
	}()
	s.each(s.cfg.DrainTimeout/2, late, func(one *session.Session) { one.Reconnect(reason) })
	select {
	case <-gone:
	case <-late:
	}
	look := time.NewTicker(leftEvery)
	defer look.Stop()
	for s.viewersThatStay() > 0 {
		select {
		case <-look.C:
		case <-late:
			return
		}
	}
}

// viewersThatStay is how many are sent something by HTTP that only ends when this server ends
// it. Viewers whose next request may go elsewhere do not stay.
func (s *Server) viewersThatStay() (n int) {
	for way, viewers := range s.watched.ways() {
		if way != string(outlet.HLS) && way != string(outlet.MP4) {
			n += viewers
		}
	}
	return n
}

// tellSessions has everybody told to go whose instance is elsewhere.
func (s *Server) tellSessions(reason string) {
	if !s.ownsNothing() {
		return
	}
	if s.origin != nil {
		s.origin.Shutdown(reason)
	}
	s.each(tellTime, nil, func(one *session.Session) { one.Shutdown(reason) })
}

// each calls f, which does not wait, for all sessions, in no order, and a few at a time, so
// that it takes no longer than most; it ends early when until is closed.
func (s *Server) each(most time.Duration, until <-chan struct{}, f func(*session.Session)) {
	s.mu.Lock()
	all := make([]*session.Session, 0, len(s.conns))
	for one := range s.conns {
		all = append(all, one)
	}
	s.mu.Unlock()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	lot := max(tellAtOnce, len(all)/max(int(most/tellEvery), 1)+1)
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for i, one := range all {
		if i > 0 && i%lot == 0 {
			select {
			case <-tick.C:
			case <-until:
				return
			}
		}
		f(one)
	}
}
