package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// errPending says that an instance has not answered in time.
var errPending = errors.New("the instance has not answered")

// ask asks the instance and waits for its answer: as long as the client is there,
// and no longer than PendingTimeout, when it fails with errPending.
func ask[T any](s *Session, request func(answer func(T)), late func(T)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(s.ctx, s.cfg.PendingTimeout, errPending)
	defer cancel()
	var answer T
	var err error
	s.turns.aside(func() { answer, err = await(ctx, request, late) })
	return answer, err
}

// inquire is ask for a question, whose answer is of no use to a client that has
// hung up: nothing that it has asked is found out for it then.
func inquire[T any](s *Session, request func(answer func(T)), late func(T)) (T, error) {
	var none T
	if s.there.Err() != nil {
		return none, context.Cause(s.there)
	}
	ctx, cancel := context.WithTimeoutCause(s.there, s.cfg.PendingTimeout, errPending)
	defer cancel()
	var answer T
	var err error
	s.turns.aside(func() { answer, err = await(ctx, request, late) })
	if err != nil {
		s.inst.Withdraw(s.client)
	}
	return answer, err
}

// noAnswer is the refusal in place of an answer that has not come.
func (s *Session) noAnswer() *Refusal {
	return &Refusal{Code: RefusedNoAnswer, Reason: fmt.Sprintf("the instance has not answered for %v", s.cfg.PendingTimeout)}
}

// await asks, and waits for the answer or for the end of ctx, whose cause it
// returns. An answer that comes after that is handed to late, which gives back
// what it brings.
//
// A turn of a session waits here with no lock held: its events and its client's
// next commands wait behind it, and nobody else does.
func await[T any](ctx context.Context, ask func(answer func(T)), late func(T)) (T, error) {
	var mu sync.Mutex // nothing else is taken while it is held
	gone := false
	came := make(chan T, 1)
	ask(func(answer T) {
		mu.Lock()
		nobody := gone
		if !nobody {
			came <- answer
		}
		mu.Unlock()
		if nobody {
			late(answer)
		}
	})
	select {
	case answer := <-came:
		return answer, nil
	case <-ctx.Done():
	}
	mu.Lock()
	gone = true
	mu.Unlock()
	select {
	case answer := <-came:
		return answer, nil // just in time
	default:
		var none T
		return none, context.Cause(ctx)
	}
}
