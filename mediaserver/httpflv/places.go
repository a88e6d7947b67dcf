package httpflv

import (
	"context"
	"slices"
	"sync"
)

// maxReads is how many reads of files are under way at once: a read keeps a thread
// while its disk takes its time.
const maxReads = 64

// places are for reads of files. Those of one owner, which lie on one disk as a rule,
// may have as many as are free, and always one: a disk that hangs keeps out nobody
// else.
type places struct {
	mu      sync.Mutex // nothing else is taken while it is held
	free    int        // negative where owners have their one beyond
	taken   map[string]int
	waiting []*waiter // in the order in which they came
}

type waiter struct {
	of    string
	ready chan struct{}
}

func newPlaces(n int) *places { return &places{free: n, taken: map[string]int{}} }

// mayTake says whether there is a place for an owner. The caller holds mu.
func (p *places) mayTake(of string) bool { return p.taken[of] == 0 || p.taken[of] < p.free }

// take waits for a place, until ctx ends; give gives it back.
func (p *places) take(ctx context.Context, of string) error {
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
		p.give(of)
	}
	return context.Cause(ctx)
}

func (p *places) begin(of string) { p.free, p.taken[of] = p.free-1, p.taken[of]+1 }

// give gives a place back, to the first who may have it.
func (p *places) give(of string) {
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
