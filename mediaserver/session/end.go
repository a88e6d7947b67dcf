package session

import (
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Reconnect asks the client to connect again, in its own time, where it follows that: to the
// address that it came to, which leads elsewhere by then. It goes on as it is meanwhile, and
// so does a client that knows nothing of it. It does not wait.
func (s *Session) Reconnect(reason string) {
	ask := func() {
		if s.reconnects.Load() && !s.leaving.Load() {
			_ = s.conn.Send(reconnectRequest(reason)) // one that does not take it is told once more
		}
	}
	if s.connected.Load() {
		ask()
		return
	}
	s.turns.post(ask) // it was let in just now: what tells it so goes first
}

// reconnectRequest has no tcUrl, which means the address that the client came to [Enhanced
// RTMP v2, "Reconnect Request"].
func reconnectRequest(reason string) *rtmp.Message {
	return rtmp.Status(0, "status", "NetConnection.Connect.ReconnectRequest", reason)
}

// Shutdown implements Peer: the client is told that the instance goes away, what
// plays stops, and the connection is closed when the client leaves, or after a
// short grace. Publications are ended by Serve as it returns.
//
// The client is told at once, whatever the session's turn waits for.
func (s *Session) Shutdown(reason string) {
	if !s.connected.Load() {
		// It was let in just now: what tells it so goes first.
		s.turns.post(func() { s.shutdown(reason) })
		return
	}
	s.shutdown(reason)
}

func (s *Session) shutdown(reason string) {
	s.conn.Farewell(&rtmp.Farewell{Why: rtmp.ErrGoingAway, Words: reason})
	if s.leaving.Swap(true) {
		time.AfterFunc(shutdownGrace, s.Close) // it was told to go, and may have more time than that
		return
	}
	last := []*rtmp.Message{rtmp.Status(0, "error", "NetConnection.Connect.AppShutdown", reason, "clientid", s.client.ID)}
	if s.reconnects.Load() {
		// First, so that it is not taken for a failure: the server that is there next
		// will serve it.
		last = slices.Insert(last, 0, reconnectRequest(reason))
	}
	s.turns.post(s.stopAll)
	if err := s.conn.Send(last...); err != nil {
		s.Close()
		return
	}
	s.hangUp(shutdownGrace)
}

// stopAll ends all that plays.
func (s *Session) stopAll() {
	for _, ns := range s.streams {
		ns.playlist = nil
		ns.stopPlaying()
	}
}

// dismiss lets a client go that was refused and told why.
func (s *Session) dismiss(grace time.Duration, why error, words string) {
	if !s.leaving.Swap(true) {
		s.conn.Farewell(&rtmp.Farewell{Why: why, Words: words})
		s.hangUp(grace)
	}
}

// hangUp ends the connection gently: it is half-closed when all is sent, so that
// what was said arrives (closing at once with bytes of a publisher unread would
// reset the connection), and closed when the client does so too, or after a
// time.
func (s *Session) hangUp(after time.Duration) {
	if err := s.conn.CloseWrite(); err != nil {
		s.Close()
		return
	}
	time.AfterFunc(after, s.Close)
}

// end gives back all that the client held, and logs the end. It is the last turn
// of Serve; events that come later find nothing.
func (s *Session) end(err error, d time.Duration) {
	var finish []func(tell bool)
	for _, ns := range s.streams {
		if ns.publishing != nil {
			finish = append(finish, ns.leaveName(EndedLost))
		}
		ns.end(false)
	}
	for _, f := range finish { // all of them have begun: a disk that hangs costs its time once
		f(false)
	}
	s.finish()
	clear(s.streams)
	s.early.end()
	if s.inst != nil {
		s.inst.Leave(s.client)
	} else if !s.leaving.Load() {
		s.cfg.Refused("never connected to an instance")
	}
	in, out := s.Bytes()
	args := []any{"seconds", int(d.Seconds()), "received", in, "sent", out}
	switch {
	case s.leaving.Load(), err == nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed),
		// How most clients leave: without a word, and with bytes unread.
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		s.log.Info("disconnected", args...)
	default:
		s.log.Warn("disconnected", append(args, "err", err)...)
	}
}
