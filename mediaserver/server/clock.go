package server

import "time"

// lookEvery is how often files that change under a running server are looked
// at.
const lookEvery = time.Second

// clock is the time, and the beat at which files are looked at. The zero value
// is the real one; tests have their own.
type clock struct {
	time func() time.Time
	beat <-chan time.Time
}

func (c clock) now() time.Time {
	if c.time == nil {
		return time.Now()
	}
	return c.time()
}

// ticks come every lookEvery until stop is called.
func (c clock) ticks() (ticks <-chan time.Time, stop func()) {
	if c.beat != nil {
		return c.beat, func() {}
	}
	t := time.NewTicker(lookEvery)
	return t.C, t.Stop
}

// pace lets something be said no more often than every so often.
type pace struct {
	every time.Duration
	last  time.Time
}

// ready says whether it may be said now.
func (p *pace) ready(now time.Time) bool {
	if !p.last.IsZero() && now.Sub(p.last) < p.every {
		return false
	}
	p.last = now
	return true
}
