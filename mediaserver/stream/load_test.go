package stream

import (
	"testing"
	"time"
)

// A loop that is busy lets rounds stretch, up to the longest; one that has time
// again brings them back to nothing.
func TestLoadStretchesAndRecovers(t *testing.T) {
	var l load
	now := time.Now()
	l.since = now
	turns := func(n int, busy, idle time.Duration) {
		for range n {
			l.took(now, now.Add(busy))
			now = now.Add(busy + idle)
		}
	}
	turns(1000, 5*time.Millisecond, 5*time.Millisecond)
	if l.stretch != 0 {
		t.Errorf("half busy: stretched to %v", l.stretch)
	}
	turns(100, 8*time.Millisecond, 2*time.Millisecond)
	if l.stretch < firstStretch || l.stretch > maxInterval/4 {
		t.Errorf("one second of too much: %v", l.stretch)
	}
	turns(10000, 9*time.Millisecond, time.Millisecond)
	if l.stretch != maxInterval {
		t.Errorf("for long: %v", l.stretch)
	}
	turns(100000, time.Millisecond, 9*time.Millisecond)
	if l.stretch != 0 {
		t.Errorf("idle again: %v", l.stretch)
	}
	turns(100, 9*time.Millisecond, time.Millisecond)
	turns(1, time.Millisecond, time.Minute)
	turns(1, time.Millisecond, time.Minute)
	if l.stretch != 0 {
		t.Errorf("after a sleep: %v", l.stretch)
	}
}

// Sound waits for pictures only where rounds are dear, and pictures never for
// sound.
func TestIntervals(t *testing.T) {
	for _, c := range []struct {
		latency         Latency
		cost, stretch   time.Duration
		pictures, sound time.Duration
	}{
		{Balanced, 0, 0, 0, 0},
		{Balanced, time.Millisecond, 0, 3 * time.Millisecond, 9 * time.Millisecond},
		{Balanced, 20 * time.Millisecond, 0, 60 * time.Millisecond, 100 * time.Millisecond},
		{Balanced, 40 * time.Millisecond, 0, 120 * time.Millisecond, 120 * time.Millisecond},
		{Balanced, time.Second, 0, maxInterval, maxInterval},
		{Balanced, time.Millisecond, 50 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond},
		{Low, time.Millisecond, 50 * time.Millisecond, time.Millisecond, time.Millisecond},
		{Throughput, 0, 0, maxInterval, maxInterval},
	} {
		g := &group{stream: &Stream{opts: Options{Latency: c.latency}}, loop: &loop{load: load{stretch: c.stretch}}, cost: c.cost}
		if got := g.interval(true); got != c.pictures {
			t.Errorf("%+v: pictures every %v", c, got)
		}
		if got := g.interval(false); got != c.sound {
			t.Errorf("%+v: sound every %v", c, got)
		}
	}
}
