package engine_test

import (
	"errors"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// slow is a turn that comes after a while.
type slow struct {
	rests int
	after time.Duration
}

func (s *slow) Rest(gone <-chan struct{}) {
	s.rests++
	select {
	case <-gone:
	case <-time.After(s.after):
	}
}

// A script that waits for its turn for ever ends as one that computes for too long, and the next call has its time.
func TestTurnThatDoesNotCome(t *testing.T) {
	t.Parallel()
	turn := &slow{after: time.Hour}
	r, err := engine.New(engine.Limits{Time: 100 * time.Millisecond, Grace: time.Minute, Turn: turn})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for n := range 3 {
		if _, err := r.Load(engine.Source{Name: "a", Text: "for (;;);"}); !errors.Is(err, engine.ErrTime) {
			t.Errorf("%v", err)
		}
		if turn.rests <= n {
			t.Errorf("it has waited for %d turns", turn.rests)
		}
		if v, err := r.Load(engine.Source{Name: "b", Text: "1 + 1"}); err != nil || v.Number() != 2 {
			t.Errorf("%v, %v", v, err)
		}
	}
}

// What a script waits for its turn is no time that it computes: one that does little has its time where everybody else computes.
func TestTurnThatComesLate(t *testing.T) {
	t.Parallel()
	turn := &slow{after: 2 * time.Second}
	r, err := engine.New(engine.Limits{Time: time.Second, Turn: turn})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for turn.rests == 0 {
		if v, err := r.Load(engine.Source{Name: "a", Text: "for (var i = 0; i < 300; i++); i"}); err != nil || v.Number() != 300 {
			t.Fatalf("after %d rests: %v, %v", turn.rests, v, err)
		}
	}
}
