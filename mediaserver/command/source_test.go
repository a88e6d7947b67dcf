package command

import (
	"os"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
)

// TestChannelOfMonths publishes a file again and again over the end of the clock
// that a frame's time has.
func TestChannelOfMonths(t *testing.T) {
	f, err := os.Open(film(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	s, err := newFileSource(f, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	before := media.Timestamp(1<<32 - 5000)
	s.offset, s.last, s.video = before, before, before
	var passed time.Duration
	last := before
	for passed < 20*time.Second {
		frame, err := s.next()
		if err != nil {
			t.Fatal(err)
		}
		step := frame.Time.Sub(last)
		if step < -time.Second || step > time.Second {
			t.Fatalf("from %d to %d after %v", last, frame.Time, passed)
		}
		passed += step
		last = frame.Time
	}
}
