package stream

import (
	"testing"
	"time"
)

func TestSlowest(t *testing.T) {
	t.Parallel()
	var s slowest
	start := time.Unix(1000, 0)
	for _, c := range []struct {
		after, cost, want time.Duration
	}{
		{0, 5 * time.Millisecond, 5 * time.Millisecond},
		{time.Second, time.Millisecond, 5 * time.Millisecond},
		{2 * time.Second, 9 * time.Millisecond, 9 * time.Millisecond},
		{7 * time.Second, time.Millisecond, 9 * time.Millisecond},
		{8 * time.Second, time.Millisecond, time.Millisecond}, // the long one is over
	} {
		s.took(c.cost, start.Add(c.after))
		if got := s.of(start.Add(c.after)); got != c.want {
			t.Errorf("after %v: %v, want %v", c.after, got, c.want)
		}
	}
	if got := s.of(start.Add(time.Minute)); got != 0 {
		t.Errorf("%v, when nothing was sent for long", got)
	}
}
