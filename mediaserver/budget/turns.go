package budget

import (
	"container/heap"
	"net/netip"
	"runtime"
	"slices"
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
// answer has none. Who is next is a matter of the time that each has worked: the
// address that has worked least and, of its connections, the one that has. So
// neither many connections keep out one, nor long turns short ones.
//
// All methods may be called from any goroutine, and none but Begin and Rest of a
// Turn waits. A nil Turns lets everybody work at once.
type Turns struct {
	mu      sync.Mutex // nothing else is taken while it is held
	places  int
	shared  []netip.Prefix // that stand for many
	have    []*Turn        // that have a place
	lines   map[origin]*line
	waiting fair[*line]   // that have some who wait
	idle    fair[*line]   // that have nobody, and have worked more than the clock of waiting says
	worked  time.Duration // since the last rest, all together
	resting bool
	look    *time.Timer // for those who have had a place for too long, as long as some wait
	looks   bool
}

// origin is where somebody is: an address, or a connection of an address that stands
// for many.
type origin struct {
	address netip.Prefix
	port    uint16
}

// line is those of an origin. It is known as long as it has some who wait or work,
// and until its work counts no more.
type line struct {
	account
	from    origin
	turns   fair[*Turn] // that wait
	working int
}

// Turn is that of one goroutine, again and again. Its methods are called by one
// goroutine at a time. A nil Turn has nothing to wait for.
type Turn struct {
	all  *Turns
	from origin

	// Guarded by all.mu.
	account
	line  *line // in which it has worked or waited last
	has   bool  // a place
	since time.Time
	goOn  chan struct{} // closed when it gets one; nil: it does not wait
}

// due goes by what is expected of the next of the line.
func (l *line) due() time.Duration {
	if l.turns.Len() > 0 {
		return l.used + min(l.turns.list[0].last, turnSlice)
	}
	return l.account.due()
}

// NewTurns makes so many places; 0: half of the processors.
func NewTurns(places int) *Turns {
	if places <= 0 {
		places = max(1, runtime.GOMAXPROCS(0)/2)
	}
	return &Turns{places: places, lines: map[origin]*line{}}
}

// Share has each connection of the addresses in shared count as an address: they
// stand for many clients. It is called before For.
func (q *Turns) Share(shared []netip.Prefix) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.shared = shared
}

// For makes the turn of somebody at an address, host:port.
func (q *Turns) For(address string) *Turn {
	if q == nil {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	from := origin{address: Address(address)}
	if ap, err := netip.ParseAddrPort(address); err == nil {
		for _, many := range q.shared {
			if many.Contains(ap.Addr().Unmap().WithZone("")) {
				from.port = ap.Port()
			}
		}
	}
	return &Turn{all: q, from: from}
}

// Waiting is how many wait for their turn.
func (q *Turns) Waiting() (n int) {
	if q == nil {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.waiting.list {
		n += l.turns.Len()
	}
	return n
}

// Begin waits for a place, unless the turn has one. It does not wait when gone is
// closed: whoever is behind it has left, and nothing is worked on for it.
func (t *Turn) Begin(gone <-chan struct{}) {
	if t == nil {
		return
	}
	q := t.all
	q.mu.Lock()
	if t.has {
		q.mu.Unlock()
		return
	}
	if len(q.have) < q.places && q.waiting.Len() == 0 && !q.resting {
		q.join(t)
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
	q := t.all
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

// RestIfBegun is Rest for whoever may be without a turn, and goes on without one then.
func (t *Turn) RestIfBegun(gone <-chan struct{}) {
	if t == nil {
		return
	}
	t.all.mu.Lock()
	has := t.has
	t.all.mu.Unlock()
	if has {
		t.Rest(gone)
	}
}

// End gives the place to another, if the turn has one, and says whether it had:
// before its goroutine waits for anything, and when it has nothing more to do.
func (t *Turn) End() (had bool) {
	if t == nil {
		return false
	}
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	had = t.has
	t.all.end(t)
	return had
}

// join finds a turn's line. The caller holds mu.
func (q *Turns) join(t *Turn) {
	l := q.lines[t.from]
	if l == nil {
		l = &line{from: t.from}
		q.lines[t.from] = l
		q.waiting.welcome(&l.account)
	} else if l.working == 0 && l.turns.Len() == 0 {
		q.idle.drop(l)
		q.waiting.welcome(&l.account)
	}
	if t.line != l { // what it has worked is long ago
		t.line, t.account = l, account{}
	}
	l.turns.welcome(&t.account)
}

// leave keeps a line that has nobody for as long as its work counts, and forgets
// those whose work does not any more. The caller holds mu.
func (q *Turns) leave(l *line) {
	if l.working == 0 && l.turns.Len() == 0 {
		heap.Push(&q.idle, l)
	}
	for q.idle.Len() > 0 && (q.waiting.behind(q.idle.list[0]) || len(q.have) == 0 && q.waiting.Len() == 0) {
		gone, _ := heap.Pop(&q.idle).(*line)
		delete(q.lines, gone.from)
	}
}

// wait puts a turn in its line. The caller holds mu.
func (q *Turns) wait(t *Turn) {
	q.join(t)
	t.line.turns.enter(t)
	if t.line.turns.Len() == 1 {
		q.waiting.enter(t.line)
	} else {
		heap.Fix(&q.waiting, t.line.at) // it may be the next of its line
	}
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
	t.line.turns.drop(t)
	if t.line.turns.Len() > 0 {
		heap.Fix(&q.waiting, t.line.at)
		return
	}
	q.waiting.drop(t.line)
	q.leave(t.line)
}

// give gives a turn, that has joined, a place. The caller holds mu.
func (q *Turns) give(t *Turn) {
	t.has, t.since = true, time.Now()
	t.line.working++
	q.have = append(q.have, t)
}

// end takes a turn's place, if it has one, and counts its work. The caller holds mu.
func (q *Turns) end(t *Turn) {
	if !t.has {
		return
	}
	l, took := t.line, time.Since(t.since)
	q.waiting.worked(took, q.waiting.Len()+len(q.have))
	l.turns.worked(took, l.turns.Len()+l.working)
	t.charge(took)
	l.charge(took)
	if l.turns.Len() > 0 {
		heap.Fix(&q.waiting, l.at)
	}
	t.has = false
	l.working--
	i := slices.Index(q.have, t)
	q.have = slices.Delete(q.have, i, i+1)
	q.leave(l)
	q.worked += took
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
	for len(q.have) < q.places && q.waiting.Len() > 0 && !q.resting {
		l := q.waiting.take()
		t := l.turns.take()
		if l.turns.Len() > 0 {
			q.waiting.enter(l)
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
			q.end(t) // its time counts: it may have worked
		}
	}
	if q.looks = q.waiting.Len() > 0; q.looks {
		q.look.Reset(turnPatience)
	}
}
