package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// errPending says that an instance has not answered in time.
var errPending = errors.New("the instance has not answered")

// ask asks the instance and waits for its answer: as long as the client is there,
// and no longer than PendingTimeout, when it fails with errPending.
func ask[T any](s *Session, request func(answer func(T)), late func(T)) (T, error) {
	return askFor(s, s.cfg.PendingTimeout, request, late)
}

// askFor is ask for what may take so long.
func askFor[T any](s *Session, most time.Duration, request func(answer func(T)), late func(T)) (T, error) {
	var answer T
	var err error
	s.turns.aside(func() { answer, err = await(s.ctx, most, request, late) })
	return answer, err
}

// inquire is ask for a question, whose answer is of no use to a client that has
// hung up: nothing that it has asked is found out for it then.
func inquire[T any](s *Session, request func(answer func(T)), late func(T)) (T, error) {
	var none T
	if s.there.Err() != nil {
		return none, context.Cause(s.there)
	}
	var answer T
	var err error
	s.turns.aside(func() { answer, err = await(s.there, s.cfg.PendingTimeout, request, late) })
	if err != nil {
		s.inst.Withdraw(s.client)
	}
	return answer, err
}

// noAnswer is the refusal in place of an answer that has not come.
func (s *Session) noAnswer() *Refusal {
	return &Refusal{Code: RefusedNoAnswer, Reason: fmt.Sprintf("the instance has not answered for %v", s.cfg.PendingTimeout)}
}

// await asks, and waits for the answer, for the end of ctx, whose cause it returns, or
// no longer than within, when it fails with errPending. An answer that comes after that
// is handed to late, which gives back what it brings.
//
// The time is no child of ctx: a context that has had one keeps a map for them, and a
// session as long as its client is there.
//
// A turn of a session waits here with no lock held: its events and its client's
// next commands wait behind it, and nobody else does.
func await[T any](ctx context.Context, within time.Duration, ask func(answer func(T)), late func(T)) (T, error) {
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
	limit := time.NewTimer(within)
	defer limit.Stop()
	why := errPending
	select {
	case answer := <-came:
		return answer, nil
	case <-limit.C:
	case <-ctx.Done():
		why = context.Cause(ctx)
	}
	mu.Lock()
	gone = true
	mu.Unlock()
	select {
	case answer := <-came:
		return answer, nil // just in time
	default:
		var none T
		return none, why
	}
}
