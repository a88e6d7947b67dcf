package budget_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// One asker's hundred questions do not keep another's waiting.
func TestAskersTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := budget.NewQuestions(1)
		var mu sync.Mutex
		var order []string
		ask := func(who string) {
			if !q.Ask(who, func(context.Context) {
				<-time.After(10 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				order = append(order, who)
			}) {
				t.Errorf("%s may not ask", who)
			}
		}
		for range 50 {
			ask("greedy")
		}
		ask("modest")
		ask("modest")
		synctest.Wait()
		<-time.After(time.Second)
		synctest.Wait()
		if at := slices.Index(order, "modest"); at > 2 || len(order) != 52 {
			t.Errorf("%d answered, the other asker's first as number %d", len(order), at+1)
		}
	})
}

// Few are worked on at once, and one that works for long gives its place to
// others and goes on after them.
func TestLongWorkLetsOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := budget.NewQuestions(1)
		started := time.Now()
		var long, short time.Duration
		q.Ask("long", func(ctx context.Context) {
			for range 1000 {
				<-time.After(time.Millisecond)
				if err := budget.Pause(ctx); err != nil {
					t.Error(err)
				}
			}
			long = time.Since(started)
		})
		synctest.Wait()
		q.Ask("short", func(context.Context) { short = time.Since(started) })
		<-time.After(time.Minute)
		synctest.Wait()
		if short == 0 || short > 100*time.Millisecond {
			t.Errorf("a short question was answered after %v", short)
		}
		// It rests for a third of the time, so that live media goes first.
		if long < 1300*time.Millisecond || long > 2*time.Second {
			t.Errorf("a second of work took %v", long)
		}
	})
}

// A disk that hangs keeps others from nothing, and costs no more than may begin.
func TestDiskThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := budget.NewQuestions(2)
		hang := make(chan struct{})
		for i := range 1000 {
			q.Ask(fmt.Sprint("hangs ", i), func(context.Context) { <-hang })
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if n := q.Begun(); n != 64 {
			t.Errorf("%d have begun while a disk hangs, want 64", n)
		}
		close(hang)
		synctest.Wait()
		if q.Begun() != 0 || q.Waiting() != 0 {
			t.Errorf("%d begun and %d waiting at the end", q.Begun(), q.Waiting())
		}
	})
}

// What an asker who has gone had asked is not worked on, and ends where it is.
func TestWhoLeavesIsNotAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := budget.NewQuestions(1)
		var ended error
		var told int
		q.Ask("a", func(ctx context.Context) {
			for ended == nil {
				<-time.After(time.Millisecond)
				ended = budget.Pause(ctx)
			}
		})
		for range 20 {
			q.Ask("a", func(ctx context.Context) {
				if ctx.Err() != nil {
					told++
				}
			})
		}
		<-time.After(50 * time.Millisecond)
		q.Leave("a")
		synctest.Wait()
		<-time.After(10 * time.Millisecond)
		synctest.Wait()
		if !errors.Is(ended, budget.ErrLeft) || told != 20 || q.Begun() != 0 {
			t.Errorf("the question ended with %v, %d others were told, %d go on", ended, told, q.Begun())
		}
		// The same name may ask again.
		answered := false
		q.Ask("a", func(ctx context.Context) { answered = ctx.Err() == nil })
		synctest.Wait()
		if !answered {
			t.Error("who comes back is not answered")
		}
	})
}

// Pause without a question is a look at the context.
func TestPauseElsewhere(t *testing.T) {
	t.Parallel()
	if err := budget.Pause(context.Background()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := budget.Pause(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
