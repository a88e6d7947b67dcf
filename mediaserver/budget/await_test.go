package budget

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
)

// Questions wait for what another does, more of them than may have begun: no other
// is kept from its turn. They go on in turn, or end when whoever asked has gone.
func TestAwaitKeepsNobodyFromAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQuestions(2)
		done := make(chan struct{})
		const many = 3 * maxBegun
		answers := make(chan error, many)
		for n := range many {
			if !q.Ask(fmt.Sprint(n), func(ctx context.Context) { answers <- Await(ctx, done) }) {
				t.Fatal("not asked")
			}
		}
		synctest.Wait()
		if q.Waiting() != 0 || q.Begun() != 0 {
			t.Errorf("%d questions have not begun, and %d count", q.Waiting(), q.Begun())
		}
		other := make(chan struct{})
		if !q.Ask("other", func(context.Context) { close(other) }) {
			t.Fatal("not asked")
		}
		<-other
		q.Leave("7")
		if err := <-answers; !errors.Is(err, ErrLeft) {
			t.Errorf("who has left is told %v", err)
		}
		close(done)
		for range many - 1 {
			if err := <-answers; err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if q.parked != 0 || q.begun != 0 || q.working != 0 || len(q.back) != 0 {
			t.Errorf("left %d parked, %d begun, %d that work", q.parked, q.begun, q.working)
		}
	})
}

// What waits is bounded, and who has waited takes turns like all others.
func TestAwaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQuestions(1)
		done := make(chan struct{})
		const many = maxParked + 10
		answers := make(chan error, many)
		at, most := 0, 0
		for n := range many {
			q.Ask(fmt.Sprint(n), func(ctx context.Context) {
				err := Await(ctx, done)
				if err == nil { // one place: no two of them at once
					at++
					most = max(most, at)
					at--
				}
				answers <- err
			})
		}
		synctest.Wait()
		crowded := 0
		for len(answers) > 0 {
			if err := <-answers; !errors.Is(err, ErrCrowded) {
				t.Fatal(err)
			}
			crowded++
		}
		if crowded != 10 {
			t.Errorf("%d are refused, want 10", crowded)
		}
		close(done)
		for range maxParked {
			if err := <-answers; err != nil {
				t.Fatal(err)
			}
		}
		if most != 1 {
			t.Errorf("%d went on at once", most)
		}
		if err := Await(t.Context(), done); err != nil {
			t.Errorf("who is no question: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := Await(ctx, make(chan struct{})); !errors.Is(err, context.Canceled) {
			t.Errorf("who is no question, and has gone: %v", err)
		}
	})
}
