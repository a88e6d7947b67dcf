package waker

import (
	"sync"
	"time"
)

// What wakes there may be: so many at once, and from then on one in so long.
const (
	burstOfOne = 5
	everyOfOne = time.Minute
	burstOfAll = 40
	everyOfAll = time.Second

	// maxKnown bounds the AppInstances that are counted, of which those that may be woken
	// as often as any other are forgotten first.
	maxKnown = 100_000
)

// bucket lets something happen so often. It is full at first.
type bucket struct {
	burst float64
	every time.Duration
	used  float64
	at    time.Time
}

// fill gives back what has become free.
func (b *bucket) fill(now time.Time) {
	if d := now.Sub(b.at); d > 0 {
		b.used = max(b.used-float64(d)/float64(b.every), 0)
	}
	b.at = now
}

func (b *bucket) has(now time.Time) bool {
	b.fill(now)
	return b.used+1 <= b.burst
}

// limits count wakes.
type limits struct {
	mu   sync.Mutex // nothing else is taken, and nobody called, while it is held
	all  bucket
	ones map[string]*bucket // by namespace/name
}

func newLimits() *limits {
	return &limits{all: bucket{burst: burstOfAll, every: everyOfAll}, ones: map[string]*bucket{}}
}

// take counts one wake of an AppInstance, unless there were too many. one says whose: its
// own, or all together.
func (l *limits) take(name string, now time.Time) (ok, one bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.ones[name]
	if b == nil {
		if len(l.ones) >= maxKnown {
			l.forget(now)
		}
		b = &bucket{burst: burstOfOne, every: everyOfOne}
		l.ones[name] = b
	}
	switch {
	case !b.has(now):
		return false, true
	case !l.all.has(now):
		return false, false
	}
	b.used++
	l.all.used++
	return true, false
}

// forget drops those of which nothing is used. The caller holds mu.
func (l *limits) forget(now time.Time) {
	for name, b := range l.ones {
		if b.fill(now); b.used == 0 {
			delete(l.ones, name)
		}
	}
}
