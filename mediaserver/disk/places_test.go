package disk

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A disk that hangs takes half of the places that are free, and others go on; who waits
// for it has its time.
func TestPlaces(t *testing.T) {
	t.Parallel()
	p := NewPlaces(8)
	took := func(of string) bool {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(ErrNoPlace)
		err := p.Take(ctx, of)
		if err != nil && !errors.Is(err, ErrNoPlace) {
			t.Fatal(err)
		}
		return err == nil
	}
	for i, want := range []int{4, 2, 1, 1, 1} {
		n := 0
		for took(fmt.Sprint(i)) {
			n++
		}
		if n != want {
			t.Errorf("owner %d gets %d places, want %d", i, n, want)
		}
	}
	// The first who waits and may have a place gets it.
	got := make(chan string)
	for n, of := range []string{"0", "1", "2"} {
		go func() {
			if err := p.Take(t.Context(), of); err != nil {
				of = err.Error()
			}
			got <- of
		}()
		servertest.Eventually(t, of+" waits", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return len(p.waiting) == n+1
		})
	}
	p.Give("2") // its own last one: it may have it again, and the others have enough
	if of := <-got; of != "2" {
		t.Errorf("%s gets a place", of)
	}
	for range 3 {
		p.Give("0") // until it has fewer than are free
	}
	if of := <-got; of != "0" {
		t.Errorf("%s gets a place", of)
	}
	p.Give("0")
	p.Give("1")
	if of := <-got; of != "1" {
		t.Errorf("%s gets a place", of)
	}
}
