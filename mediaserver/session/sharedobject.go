package session

import (
	"context"
	"errors"
	"fmt"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

const (
	// maxObjectMessages is how many messages about shared objects may be under
	// way to the instance: a link takes a while, and a client does not wait for it
	// between two of them.
	maxObjectMessages = 16
	// smallMessage is how large one of those may be; a larger one is waited for, and
	// so is any where the budget for messages has no room for it.
	smallMessage = 4 << 10
)

var errBeforeConnect = errors.New("shared object before connect")

// sharedObject takes a message about a shared object apart. One that cannot be
// understood ends the connection, as a command does.
func (r *reader) sharedObject(m *rtmp.Message) error {
	s := r.s
	if !r.asked {
		return errBeforeConnect
	}
	flex, payload := m.Type == rtmp.TypeSharedObjectAMF3, m.Payload
	if flex {
		if payload[0] != 0 {
			return fmt.Errorf("%w: message of type %d does not begin with format selector 0", rtmp.ErrProtocol, m.Type)
		}
		payload = payload[1:]
	}
	parsed, err := sharedobject.ParseWithRests(payload, written*s.most(), func() { s.reading.RestIfBegun(s.conn.Closed()) })
	if err != nil {
		return err
	}
	return r.turn(parsed.Size(), func() error { return s.sharedObject(parsed, flex) })
}

// sharedObject hands a message to the instance.
func (s *Session) sharedObject(m *sharedobject.Message, flex bool) error {
	if s.inst == nil {
		return errBeforeConnect
	}
	ctx, cancel := context.WithTimeoutCause(s.ctx, s.cfg.PendingTimeout, errPending)
	defer cancel()
	places := s.objects.of(maxObjectMessages)
	select {
	case places <- struct{}{}:
	default:
		if err := s.until(func() error {
			select {
			case places <- struct{}{}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}); err != nil {
			return s.unanswered(ctx)
		}
	}
	r := SharedObjectRequest{s.client, sharedobject.Form{Flex: flex, AMF3: s.amf3}, m}
	if size := int64(m.Size()); size <= smallMessage && s.messages().Has(size) {
		s.messages().Owe(size)
		s.inst.SharedObject(r, func() { s.messages().Give(size); <-places })
		return nil
	}
	done := make(chan struct{})
	s.inst.SharedObject(r, func() { <-places; close(done) })
	if err := s.until(func() error {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}); err != nil {
		return s.unanswered(ctx)
	}
	return nil
}

// messages is the budget that pays for messages under way: what is left for those who
// publish is not in it.
func (s *Session) messages() *budget.Budget {
	if s.cfg.Budgets == nil {
		return nil
	}
	return s.cfg.Budgets.Strangers
}

// until waits in a turn, while others go on.
func (s *Session) until(wait func() error) (err error) {
	s.turns.aside(func() { err = wait() })
	return err
}

// unanswered is why the instance is not waited for any longer; nil: the client has
// gone.
func (s *Session) unanswered(ctx context.Context) error {
	if err := context.Cause(ctx); errors.Is(err, errPending) {
		return fmt.Errorf("shared object: %w", err)
	}
	return nil
}

// Tell implements Peer. Without a Waiter it is an answer as those to commands are.
func (s *Session) Tell(u sharedobject.Update, w sharedobject.Waiter) bool {
	n := len(u.Payload)
	if n == 0 || s.leaving.Load() {
		return s.window.Offer(0, w) // one that leaves has room for everything
	}
	m := rtmp.Message{Type: rtmp.TypeSharedObject, Payload: u.Payload[1:]}
	if u.Flex {
		m.Type, m.Payload = rtmp.TypeSharedObjectAMF3, u.Payload
	}
	if w == nil {
		_ = s.conn.Send(&m) // Serve returns why not
		return true
	}
	if !s.window.Offer(len(m.Payload), w) {
		return false
	}
	if waits, err := s.conn.SendObject(&m, s.objectsTaken); err != nil || !waits {
		s.window.Taken(len(m.Payload))
	}
	return true
}
