package stream

import (
	"slices"
	"sync"
	"time"
)

const (
	// retryBlocked is how soon a socket that was full is tried again.
	retryBlocked = 20 * time.Millisecond
	// maxRetry is how soon, at the latest: the longer it has taken nothing, the
	// less often it is tried.
	maxRetry = 320 * time.Millisecond
	// writeTimeout is how long a connection may take nothing before it is
	// closed.
	writeTimeout = 20 * time.Second
)

// loop writes to its share of the connections that play. Everything that its
// connections, groups and players hold for it is touched by its goroutine alone.
type loop struct {
	stop  chan struct{}
	wake  chan struct{}
	start func(func()) // a goroutine that is waited for when the loop ends

	// mu is held to add to these lists or to empty them; nothing is taken, and
	// nobody called, under it.
	mu     sync.Mutex
	tasks  []func()
	dirty  []*group        // streams that have grown
	queued []*attachedConn // connections that Send was called on
	// How far behind the loop is: see Behind.
	waiting time.Time // since when one of the lists is not empty
	turning time.Time // when the turn began that runs; zero: none does

	// The goroutine's own.
	due     []*group // grown, waiting for their time
	blocked []*attachedConn
	scratch scratch
	inRound bool   // one is under way
	shared  Shared // in it
	load    load
	slowest slowest
	events  events
	spare   struct { // swapped with the lists above, so that none is allocated
		tasks   []func()
		dirty   []*group
		queued  []*attachedConn
		blocked []*attachedConn
	}
}

func newLoop(start func(func())) *loop {
	return &loop{stop: make(chan struct{}), wake: make(chan struct{}, 1), start: start}
}

// do runs f in the loop and waits for it.
func (l *loop) do(f func()) {
	done := make(chan struct{})
	l.post(func() { defer close(done); f() })
	<-done
}

// post runs f in the loop, some time.
func (l *loop) post(f func()) {
	l.mu.Lock()
	l.waits()
	l.tasks = append(l.tasks, f)
	l.mu.Unlock()
	l.signal()
}

func (l *loop) markDirty(g *group) {
	l.mu.Lock()
	l.waits()
	l.dirty = append(l.dirty, g)
	l.mu.Unlock()
	l.signal()
}

func (l *loop) queue(a *attachedConn) {
	if a.queued.Swap(true) {
		return
	}
	l.mu.Lock()
	l.waits()
	l.queued = append(l.queued, a)
	l.mu.Unlock()
	l.signal()
}

func (l *loop) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *loop) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-l.wake:
		case <-timer.C:
		case <-l.stop:
			return
		}
		started := time.Now()
		wait := l.turn(started)
		l.events.deliver(l.start)
		l.load.took(started, time.Now())
		l.mu.Lock()
		l.turning = time.Time{}
		l.mu.Unlock()
		timer.Reset(wait)
	}
}

// turn does all that is due and returns how long there is nothing to do.
func (l *loop) turn(now time.Time) time.Duration {
	l.mu.Lock()
	l.spare.tasks, l.tasks = l.tasks, l.spare.tasks[:0]
	l.spare.dirty, l.dirty = l.dirty, l.spare.dirty[:0]
	l.spare.queued, l.queued = l.queued, l.spare.queued[:0]
	l.turning = now
	l.mu.Unlock()

	for i, task := range l.spare.tasks {
		task()
		l.spare.tasks[i] = nil
	}
	l.due = append(l.due, l.spare.dirty...)
	clear(l.spare.dirty)
	for i, a := range l.spare.queued {
		a.queued.Store(false)
		l.unblock(a)
		l.write(a)
		l.spare.queued[i] = nil
	}

	wait := time.Hour
	later := l.due[:0]
	for _, g := range l.due {
		due := g.began.Add(g.interval(g.urgent.Load()))
		if left := due.Sub(now); left > 0 {
			wait = min(wait, left)
			later = append(later, g)
			continue
		}
		l.round(g)
	}
	clear(l.due[len(later):])
	l.due = later
	if l.retry(now) {
		wait = min(wait, retryBlocked)
	}
	return wait
}

// round writes what is new to every player of a stream.
func (l *loop) round(g *group) {
	started := time.Now()
	// Before the log is read: what comes now wakes again.
	g.urgent.Store(false)
	g.dirty.Store(false)
	l.inRound = true
	// Backwards: a player that goes over to another stream meanwhile leaves its
	// place to the last one, which has had its turn.
	for i := len(g.players) - 1; i >= 0; i-- {
		if i < len(g.players) && !g.players[i].conn.blocked {
			l.write(g.players[i].conn)
		}
	}
	l.inRound = false
	l.shared.forget()
	cost := time.Since(started)
	g.cost += (cost - g.cost) / 4
	l.slowest.took(cost, started)
	g.began = started
}

// unblock lets a connection that was full be tried before the others: it was woken,
// perhaps because its peer has acknowledged what it waited for.
func (l *loop) unblock(a *attachedConn) {
	if !a.blocked {
		return
	}
	a.blocked = false
	if i := slices.Index(l.blocked, a); i >= 0 {
		l.blocked = slices.Delete(l.blocked, i, i+1)
	}
}

// retry tries the sockets that were full, and says whether some still are.
func (l *loop) retry(now time.Time) bool {
	was := l.blocked
	l.blocked = l.spare.blocked[:0]
	for _, a := range was {
		if now.Before(a.tryAt) {
			l.blocked = append(l.blocked, a)
			continue
		}
		a.blocked = false
		l.write(a) // puts it back when it is full still
	}
	clear(was)
	l.spare.blocked = was[:0]
	return len(l.blocked) > 0
}
