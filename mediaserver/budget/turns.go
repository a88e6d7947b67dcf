package budget

import (
	"net/netip"
	"runtime"
	"sync"
	"time"
)

const (
	// turnSlice is how long all who have places work, together and for each place,
	// until they rest, and turnRest how long that is: what is waited for is live
	// media.
	turnSlice = 2 * time.Millisecond
	turnRest  = time.Millisecond
	// turnPatience is how long a turn may last until it is taken to wait for
	// something: its place goes to another meanwhile.
	turnPatience = 100 * time.Millisecond
)

// Turns shares out processors among those who have not shown that they may publish:
// half of all processors are for what they say, in short turns, and the others are
// free whenever live media needs one. Who has a turn takes apart what a socket has
// brought, or does what a client has asked for; who waits for a socket, a file or an
// answer has none. Addresses take turns, and so do the connections of an address, so
// that many do not keep out one.
//
// All methods may be called from any goroutine, and none but Begin and Rest of a
// Turn waits. A nil Turns lets everybody work at once.
type Turns struct {
	mu      sync.Mutex // nothing else is taken while it is held
	places  int
	have    []*Turn                // that have a place
	waiting map[netip.Prefix]*line // by address
	round   []*line                // addresses that have some who wait, the next to be served first
	worked  time.Duration          // since the last rest, all together
	resting bool
	look    *time.Timer // for those who have had a place for too long, as long as some wait
	looks   bool
}

// line is those of an address that wait.
type line struct {
	from  netip.Prefix
	turns []*Turn
}

// Turn is that of one goroutine, again and again. Its methods are called by one
// goroutine at a time. A nil Turn has nothing to wait for.
type Turn struct {
	of   *Turns
	from netip.Prefix

	// Guarded by of.mu.
	has   bool // a place
	since time.Time
	goOn  chan struct{} // closed when it gets one; nil: it does not wait
}

// NewTurns makes so many places; 0: half of the processors.
func NewTurns(places int) *Turns {
	if places <= 0 {
		places = max(1, runtime.GOMAXPROCS(0)/2)
	}
	return &Turns{places: places, waiting: map[netip.Prefix]*line{}}
}

// For makes the turn of somebody at an address, host:port.
func (q *Turns) For(address string) *Turn {
	if q == nil {
		return nil
	}
	return &Turn{of: q, from: Address(address)}
}

// Waiting is how many wait for their turn.
func (q *Turns) Waiting() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.round {
		n += len(l.turns)
	}
	return n
}

// Begin waits for a place, unless the turn has one. It does not wait when gone is
// closed: whoever is behind it has left, and nothing is worked on for it.
func (t *Turn) Begin(gone <-chan struct{}) {
	if t == nil {
		return
	}
	q := t.of
	q.mu.Lock()
	if t.has {
		q.mu.Unlock()
		return
	}
	if len(q.have) < q.places && len(q.round) == 0 && !q.resting {
		q.give(t)
		q.mu.Unlock()
		return
	}
	goOn := make(chan struct{})
	t.goOn = goOn
	q.wait(t)
	q.serve()
	q.mu.Unlock()
	select {
	case <-goOn:
	case <-gone:
		q.mu.Lock()
		defer q.mu.Unlock()
		if t.goOn != nil {
			q.forget(t)
		}
	}
}

// Rest is called between two pieces of work. It ends a turn that has had its time,
// and waits for the next.
func (t *Turn) Rest(gone <-chan struct{}) {
	if t == nil {
		return
	}
	q := t.of
	q.mu.Lock()
	over := !t.has || time.Since(t.since) >= turnSlice
	if over {
		q.end(t)
	}
	q.mu.Unlock()
	if over {
		t.Begin(gone)
	}
}

// End gives the place to another, if the turn has one, and says whether it had:
// before its goroutine waits for anything, and when it has nothing more to do.
func (t *Turn) End() (had bool) {
	if t == nil {
		return false
	}
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	had = t.has
	t.of.end(t)
	return had
}

// wait puts a turn in its address's line. The caller holds mu.
func (q *Turns) wait(t *Turn) {
	l := q.waiting[t.from]
	if l == nil {
		l = &line{from: t.from}
		q.waiting[t.from] = l
		q.round = append(q.round, l)
	}
	l.turns = append(l.turns, t)
	if !q.looks {
		q.looks = true
		if q.look == nil {
			q.look = time.AfterFunc(turnPatience, q.lookForStuck)
		} else {
			q.look.Reset(turnPatience)
		}
	}
}

// forget takes a turn out of its line. The caller holds mu.
func (q *Turns) forget(t *Turn) {
	t.goOn = nil
	l := q.waiting[t.from]
	l.turns = without(l.turns, t)
	if len(l.turns) == 0 {
		delete(q.waiting, l.from)
		q.round = without(q.round, l)
	}
}

// give gives a turn a place. The caller holds mu.
func (q *Turns) give(t *Turn) {
	t.has, t.since = true, time.Now()
	q.have = append(q.have, t)
}

// end takes a turn's place, if it has one. The caller holds mu.
func (q *Turns) end(t *Turn) {
	if !t.has {
		return
	}
	t.has = false
	q.have = without(q.have, t)
	q.worked += time.Since(t.since)
	if q.worked >= turnSlice*time.Duration(q.places) && !q.resting {
		q.worked, q.resting = 0, true
		time.AfterFunc(turnRest, q.rested)
	}
	q.serve()
}

func (q *Turns) rested() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.resting = false
	q.serve()
}

// serve gives places that are free to those who wait. The caller holds mu.
func (q *Turns) serve() {
	for len(q.have) < q.places && len(q.round) > 0 && !q.resting {
		l := q.round[0]
		q.round[0] = nil
		q.round = q.round[1:]
		t := l.turns[0]
		l.turns[0] = nil
		if l.turns = l.turns[1:]; len(l.turns) > 0 {
			q.round = append(q.round, l)
		} else {
			delete(q.waiting, l.from)
		}
		q.give(t)
		close(t.goOn)
		t.goOn = nil
	}
}

// lookForStuck takes the places of those who have had them for too long: they wait
// for something, most likely.
func (q *Turns) lookForStuck() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := len(q.have) - 1; i >= 0; i-- {
		if t := q.have[i]; time.Since(t.since) >= turnPatience {
			t.has = false
			q.have = without(q.have, t)
		}
	}
	q.serve()
	if q.looks = len(q.round) > 0; q.looks {
		q.look.Reset(turnPatience)
	}
}

// without takes one out of a list, in which it may be.
func without[T comparable](list []T, one T) []T {
	for i, o := range list {
		if o == one {
			return append(list[:i], list[i+1:]...)
		}
	}
	return list
}
