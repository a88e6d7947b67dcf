package budget_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// work has a turn last for so long.
func work(t *budget.Turn, d time.Duration) {
	t.Begin(nil)
	<-time.After(d)
	t.End()
}

// TestTurnsAreFew has a hundred work at once: no more do than there are places, and
// they rest for a third of the time.
func TestTurnsAreFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const places, each, pieces = 2, 100, 10
		q := budget.NewTurns(places)
		var working, most atomic.Int64
		started := time.Now()
		var all sync.WaitGroup
		for n := range each {
			all.Go(func() {
				turn := q.For(fmt.Sprintf("192.0.2.%d:1", n))
				for range pieces {
					turn.Begin(nil)
					most.Store(max(most.Load(), working.Add(1)))
					<-time.After(time.Millisecond)
					working.Add(-1)
					turn.End()
				}
			})
		}
		all.Wait()
		if most.Load() != places {
			t.Errorf("%d work at once", most.Load())
		}
		// As long as the work takes, and half of that.
		if took, want := time.Since(started), time.Millisecond*each*pieces/places*3/2; took < want*9/10 || took > want*11/10 {
			t.Errorf("it took %v, want %v", took, want)
		}
		if q.Waiting() != 0 {
			t.Errorf("%d wait", q.Waiting())
		}
	})
}

// TestAddressesTakeTurns has one address work on a hundred connections: another waits
// for one of them, and no connection of the first for all of its others twice.
func TestAddressesTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := budget.NewTurns(1)
		var mu sync.Mutex
		var order []string
		do := func(who, address string) {
			turn := q.For(address)
			go func() {
				for range 2 {
					work(turn, time.Millisecond)
					mu.Lock()
					order = append(order, who)
					mu.Unlock()
				}
			}()
			synctest.Wait()
		}
		for n := range 100 {
			do(fmt.Sprint(n), fmt.Sprintf("192.0.2.1:%d", n))
		}
		do("other", "192.0.2.2:1")
		<-time.After(time.Minute)
		synctest.Wait()
		if at := slices.Index(order, "other"); len(order) != 202 || at > 2 {
			t.Errorf("%d turns, the other's first as number %d", len(order), at+1)
		}
		mine := slices.DeleteFunc(slices.Clone(order), func(who string) bool { return who == "other" })
		if at := slices.Index(mine[1:], "0"); at < 98 {
			t.Errorf("a connection had its second turn as number %d of %d", at+2, len(mine))
		}
	})
}

// TestLongTurnsEnd has work that goes on and on: it waits for others between two
// pieces, and when it has no pieces its place goes to others.
func TestLongTurnsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := budget.NewTurns(1)
		pieces, stuck := q.For("192.0.2.1:1"), q.For("192.0.2.1:2")
		go func() {
			for range 1000 {
				pieces.Rest(nil)
				<-time.After(time.Millisecond / 2)
			}
			pieces.End()
		}()
		synctest.Wait()
		waited := func() time.Duration {
			began := time.Now()
			work(q.For("192.0.2.2:1"), 0)
			return time.Since(began)
		}
		if took := waited(); took > 5*time.Millisecond {
			t.Errorf("it waited for %v behind work in pieces", took)
		}
		<-time.After(time.Minute)
		go func() { work(stuck, time.Hour) }()
		synctest.Wait()
		if took := waited(); took > time.Second/4 {
			t.Errorf("it waited for %v behind one that waits for something", took)
		}
		<-time.After(2 * time.Hour)
	})
}

// TestTurnOfOneThatHasGone ends the waiting of one whose connection has ended.
func TestTurnOfOneThatHasGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := budget.NewTurns(1)
		first, second := q.For("192.0.2.1:1"), q.For("192.0.2.1:2")
		first.Begin(nil)
		gone := make(chan struct{})
		done := make(chan struct{})
		go func() { defer close(done); second.Begin(gone) }()
		synctest.Wait()
		if q.Waiting() != 1 {
			t.Errorf("%d wait", q.Waiting())
		}
		close(gone)
		<-done
		if q.Waiting() != 0 || second.End() {
			t.Errorf("%d wait, and it may have a turn", q.Waiting())
		}
		if !first.End() || first.End() {
			t.Error("a turn ends once")
		}
		var nobody *budget.Turn
		nobody.Begin(nil)
		nobody.Rest(nil)
		if nobody.End() {
			t.Error("nobody's turn ends")
		}
	})
}

// Who has no turn does not get one by resting, and who has one goes on in it.
func TestRestIfBegun(t *testing.T) {
	t.Parallel()
	q := budget.NewTurns(1)
	without, with := q.For("192.0.2.1:1"), q.For("192.0.2.2:1")
	(*budget.Turn)(nil).RestIfBegun(nil)
	with.Begin(nil)
	without.RestIfBegun(nil) // and does not wait
	with.RestIfBegun(nil)
	if without.End() || !with.End() {
		t.Error("a turn has begun, or ended")
	}
}
