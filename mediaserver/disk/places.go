package disk

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrNoPlace says that others read files, and have not come to an end.
var ErrNoPlace = errors.New("recorded streams are read by as many viewers as may be: try again later")

// Places are for reads of files: one keeps a thread while its disk takes its time. Those
// of one owner, which lie on one disk as a rule, may have as many as are free, and always
// one: a disk that hangs keeps out nobody else. All methods may be called from any
// goroutine.
type Places struct {
	mu      sync.Mutex // nothing else is taken while it is held
	free    int        // negative where owners have their one beyond
	taken   map[string]int
	waiting []*waiter // in the order in which they came
}

type waiter struct {
	of    string
	ready chan struct{}
}

// NewPlaces makes so many.
func NewPlaces(n int) *Places { return &Places{free: n, taken: map[string]int{}} }

// mayTake says whether there is a place for an owner. The caller holds mu.
func (p *Places) mayTake(of string) bool { return p.taken[of] == 0 || p.taken[of] < p.free }

// Take waits for a place, until ctx ends, and fails with its cause. Give gives it back.
func (p *Places) Take(ctx context.Context, of string) error {
	p.mu.Lock()
	if p.mayTake(of) {
		p.begin(of)
		p.mu.Unlock()
		return nil
	}
	w := &waiter{of, make(chan struct{})}
	p.waiting = append(p.waiting, w)
	p.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	i := slices.Index(p.waiting, w)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 { // it was given one meanwhile
		p.Give(of)
	}
	return context.Cause(ctx)
}

func (p *Places) begin(of string) { p.free, p.taken[of] = p.free-1, p.taken[of]+1 }

// Give gives a place back, to the first who may have it.
func (p *Places) Give(of string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free++
	if p.taken[of]--; p.taken[of] == 0 {
		delete(p.taken, of)
	}
	for i := 0; i < len(p.waiting); {
		w := p.waiting[i]
		if !p.mayTake(w.of) {
			i++
			continue
		}
		p.begin(w.of)
		close(w.ready)
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
}

// placeTime is how long a read waits for others.
const placeTime = 20 * time.Second

// Do reads a file of an owner when it may, and fails with ErrNoPlace where that takes too
// long, with the cause of ctx's end, or as read does.
func (p *Places) Do(ctx context.Context, of string, read func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.await(ctx, of); err != nil {
		return err
	}
	defer p.Give(of)
	return read()
}

// await is Take for so long as a read waits.
func (p *Places) await(ctx context.Context, of string) error {
	p.mu.Lock()
	if p.mayTake(of) { // as nearly always: without a timer
		p.begin(of)
		p.mu.Unlock()
		return nil
	}
	p.mu.Unlock()
	now, cancel := context.WithTimeoutCause(ctx, placeTime, ErrNoPlace)
	defer cancel()
	return p.Take(now, of)
}
