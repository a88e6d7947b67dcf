package budget

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// rushers are addresses that have work without end, in pieces, until they are told
// to stop.
func rushers(q *Turns, addresses int) (stop func()) {
	over := make(chan struct{})
	var all sync.WaitGroup
	for n := range addresses {
		t := q.For(fmt.Sprintf("192.0.2.%d:1", n))
		all.Go(func() {
			for {
				t.Rest(nil)
				<-time.After(time.Millisecond / 4)
				select {
				case <-over:
					t.End()
					return
				default:
				}
			}
		})
	}
	synctest.Wait()
	<-time.After(time.Second)
	return func() { close(over); all.Wait() }
}

// comesIn has so many connections of an address come in, in twenty short turns each,
// and returns how long it takes until all are in.
func comesIn(q *Turns, connections int, address func(n int) string) time.Duration {
	began := time.Now()
	var all sync.WaitGroup
	for n := range connections {
		all.Go(func() {
			t := q.For(address(n))
			for range 20 {
				t.Begin(nil)
				<-time.After(50 * time.Microsecond)
				t.End()
			}
		})
	}
	all.Wait()
	return time.Since(began)
}

// TestShortTurnsAmongLongOnes has viewers of one address come in beside addresses
// that work as much as they may: each address has its part of the time, not of the
// turns, and one that says little waits for a turn and not for a round.
func TestShortTurnsAmongLongOnes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		rushers, viewers int
		places           int
		within           time.Duration
		address          string
	}{
		// 150 ms of work, a ninth of two thirds of the time.
		{"many viewers", 8, 150, 1, 2500 * time.Millisecond, "203.0.113.1"},
		{"many viewers, two places", 8, 150, 2, 2500 * time.Millisecond, "203.0.113.1"},
		// Twenty times a turn of another, and a rest.
		{"one viewer", 100, 1, 1, 100 * time.Millisecond, "203.0.113.1"},
		{"one viewer whose address rushes", 100, 1, 1, time.Second, "192.0.2.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := NewTurns(c.places)
				stop := rushers(q, c.rushers)
				took := comesIn(q, c.viewers, func(n int) string { return fmt.Sprintf("%s:%d", c.address, 1000+n) })
				if took > c.within {
					t.Errorf("all are in after %v, want %v", took, c.within)
				}
				t.Logf("all are in after %v", took)
				stop()
				if n := len(q.lines) + q.waiting.Len() + q.idle.Len(); n > 0 {
					t.Errorf("%d lines are left", n)
				}
			})
		})
	}
}

// TestNewAddressesKeepOutNobody has new addresses come without end: those that were
// there before have their turns.
func TestNewAddressesKeepOutNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewTurns(1)
		over := make(chan struct{})
		var all sync.WaitGroup
		for n := range 50 { // fifty at a time, each for one turn
			all.Go(func() {
				for of := 0; ; of++ {
					select {
					case <-over:
						return
					default:
					}
					turn := q.For(fmt.Sprintf("10.%d.%d.%d:1", n, of/250, of%250))
					turn.Begin(nil)
					<-time.After(time.Millisecond)
					turn.End()
				}
			})
		}
		synctest.Wait()
		<-time.After(time.Second)
		old := q.For("192.0.2.1:1")
		began, most := time.Now(), time.Duration(0)
		for range 20 {
			waits := time.Now()
			old.Begin(nil)
			most = max(most, time.Since(waits))
			<-time.After(time.Millisecond)
			old.End()
		}
		if most > 300*time.Millisecond { // two rounds
			t.Errorf("it waited for %v", most)
		}
		t.Logf("20 turns took %v, and it waited for %v at most", time.Since(began), most)
		q.mu.Lock()
		n := len(q.lines)
		q.mu.Unlock()
		if n > 300 {
			t.Errorf("%d lines are known", n)
		}
		close(over)
		all.Wait()
	})
}

// TestStuckTurnsCount has turns that wait for something and are given away: they have
// been paid for as if they had worked.
func TestStuckTurnsCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewTurns(1)
		stuck := q.For("192.0.2.1:1")
		stuck.Begin(nil)
		began := time.Now()
		other := q.For("192.0.2.2:1")
		other.Begin(nil)
		if took := time.Since(began); took != turnPatience+turnRest {
			t.Errorf("the next began after %v", took)
		}
		if l := q.lines[stuck.from]; l == nil || l.used < turnPatience {
			t.Error("its time does not count")
		}
		other.End()
		if stuck.End() {
			t.Error("it has a turn still")
		}
	})
}

// TestConnectionsOfSharedAddresses has connections of an address that stands for many
// take turns as if each had an address of its own.
func TestConnectionsOfSharedAddresses(t *testing.T) {
	t.Parallel()
	q := NewTurns(1)
	q.Share([]netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")})
	for _, c := range []struct {
		a, b string
		one  bool
	}{
		{"203.0.113.1:1", "203.0.113.1:2", false},
		{"203.0.113.1:1", "[::ffff:203.0.113.1]:1", true},
		{"203.0.113.1:1", "203.0.113.2:1", false},
		{"192.0.2.1:1", "192.0.2.1:2", true},
		{"192.0.2.1:1", "192.0.2.2:1", false},
	} {
		if one := q.For(c.a).from == q.For(c.b).from; one != c.one {
			t.Errorf("%s and %s in one line: %v", c.a, c.b, one)
		}
	}
	(*Turns)(nil).Share(nil)
}
