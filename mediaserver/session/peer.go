package session

import (
	"context"
	"sync"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// maxInvocation bounds what a client is sent by one call or result, in bytes: what
// may wait for its socket beside media.
const maxInvocation = MaxInvocation

// MaxInvocation is how many bytes the arguments of a call of a client's method, or the
// result of a call of its own, may have.
const MaxInvocation = 1 << 20

// Invoke implements Peer. A client that does not read is ended as by any answer that
// it does not take.
func (s *Session) Invoke(v Invocation, answer func(Answer)) {
	s.after(len(v.Method)+len(v.Args.Bytes), func(in bool) {
		if !in {
			unanswered(answer, "The client was not let in.")
			return
		}
		s.invoke(v, answer)
	})
}

// Disconnect implements Peer. A client that makes a lost connection again by itself
// is told to close this one, as one that is refused: else it would be back at once.
func (s *Session) Disconnect() {
	s.after(0, func(in bool) {
		if !in {
			return // it has gone, or is told so
		}
		s.turns.post(s.stopAll) // who plays is sent no end of what is queued
		if s.reconnects.Load() {
			_ = s.conn.SendCommand(0, "close", 0, nil) // one that does not take it is closed in any case
		}
		s.dismiss(lingerFor, rtmp.ErrDismissed, "The application or its administrator has ended the connection.")
	})
}

// Fail implements Peer.
func (s *Session) Fail(why error) { _ = s.conn.CloseWithError(why) } // Serve returns it

// CheckBandwidth implements Peer.
func (s *Session) CheckBandwidth() {
	s.after(0, func(in bool) {
		if in {
			s.turns.post(func() {
				if !s.leaving.Load() {
					s.measure(nativeBandwidth)
				}
			})
		}
	})
}

// Ping implements Peer.
func (s *Session) Ping() {
	s.after(0, func(in bool) {
		if in {
			_ = s.conn.Ping() // Serve returns why not
		}
	})
}

// SetBandwidth implements Peer. It does not wait for the client to be let in: what is
// read until then is bounded, too.
func (s *Session) SetBandwidth(toClient, toServer int64) { s.conn.SetPace(toServer, toClient) }

// Traffic implements Peer.
func (s *Session) Traffic() Traffic {
	t := Traffic{MessagesIn: s.conn.MessagesIn(), MessagesOut: s.conn.MessagesOut(), RoundTrip: s.conn.RoundTrip(), WaitingObjects: s.window.Waiting()}
	t.In, t.Out = s.Bytes()
	t.Dropped, t.Waiting = s.conn.Tallies()
	return t
}

// after has f called: once the client was let in, and with that.
func (s *Session) after(bytes int, f func(in bool)) {
	waits, err := s.early.add(bytes, f)
	switch {
	case err != nil:
		f(false)
		_ = s.conn.CloseWithError(err) // Serve returns it
	case !waits:
		f(true)
	}
}

func (s *Session) invoke(v Invocation, answer func(Answer)) {
	if s.leaving.Load() {
		unanswered(answer, "The client has gone.")
		return
	}
	if answer == nil {
		m := v.message
		if m == nil {
			m = v.Args.Command(v.Method, 0)
		}
		_ = s.conn.Send(m) // Serve returns why not
		return
	}
	err := s.calls.CallValues(v.Method, v.Args, func(values []amf.Value, err error) {
		if err != nil && len(values) == 0 {
			unanswered(answer, err.Error()+".")
			return
		}
		if len(values) == 0 {
			answer(Answer{Value: amf.Undefined{}})
			return
		}
		s.handAnswer(Answer{Value: values[0], Error: err != nil}, answer)
	})
	if err != nil {
		unanswered(answer, err.Error()+".")
	}
}

// handAnswer gives an answer of the client's to whoever has called it, in a turn. It is
// paid for as the client's own calls are.
func (s *Session) handAnswer(a Answer, answer func(Answer)) {
	size := s.answerSize
	if size <= smallCall && s.messages().Has(size) {
		s.messages().Owe(size)
		a.Taken = sync.OnceFunc(func() { s.messages().Give(size) })
		answer(a)
		return
	}
	taken := make(chan struct{})
	a.Taken = sync.OnceFunc(func() { close(taken) })
	answer(a)
	ctx, cancel := context.WithTimeout(s.ctx, callTimeout)
	defer cancel()
	_ = s.until(func() error { // what it has said is paid for by its turn
		select {
		case <-taken:
		case <-ctx.Done():
		}
		return nil
	})
}

// unanswered answers in place of a client that does not.
func unanswered(answer func(Answer), why string) {
	if answer != nil {
		answer(Answer{Error: true, Value: amf.NewObject("level", "error", "code", callFailed, "description", why)})
	}
}
