package engine_test

import (
	"errors"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// never is a turn that does not come.
type never struct{ rests int }

func (n *never) Rest(gone <-chan struct{}) { n.rests++; <-gone }

// A script that waits for its turn for longer than its call may take ends as one that
// computes for so long, and the next call has its time.
func TestTurnThatDoesNotCome(t *testing.T) {
	t.Parallel()
	turn := &never{}
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
