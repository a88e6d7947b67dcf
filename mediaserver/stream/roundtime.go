package stream

import (
	"sync/atomic"
	"time"
)

// slowFor is for how long the longest round of a loop is remembered.
const slowFor = 5 * time.Second

// slowest is the longest round of late, of whichever stream. Its loop writes it, and
// anybody reads it.
type slowest struct {
	cost atomic.Int64 // ns
	at   atomic.Int64 // ns since 1970
}

func (s *slowest) took(cost time.Duration, at time.Time) {
	now := at.UnixNano()
	if int64(cost) >= s.cost.Load() || now-s.at.Load() > int64(slowFor) {
		s.cost.Store(int64(cost))
		s.at.Store(now)
	}
}

func (s *slowest) of(now time.Time) time.Duration {
	if now.UnixNano()-s.at.Load() > 2*int64(slowFor) {
		return 0 // nothing was sent since
	}
	return time.Duration(s.cost.Load())
}

// RoundTime is the longest that it has taken of late to write what was new of a stream to
// all of its players in one loop: what a player waits that comes last. It waits for no
// loop.
func (f *Fanout) RoundTime() (longest time.Duration) {
	now := time.Now()
	for _, l := range f.loops {
		longest = max(longest, l.slowest.of(now))
	}
	return longest
}
