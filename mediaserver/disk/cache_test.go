package disk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// sized makes a value of so many bytes, and counts how often that was.
func sized(n int64, made *int) func(Pay) (any, error) {
	return func(pay Pay) (any, error) {
		*made++
		if !pay(n) {
			return nil, errTooMuch
		}
		return n, nil
	}
}

var errTooMuch = errors.New("too much")

func get(t *testing.T, c *Cache, key string, make func(Pay) (any, error)) *Lease {
	t.Helper()
	l, err := c.Get(t.Context(), "app/room", key, make)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// What is kept is made once; what was used longest ago makes room; what is in use is
// paid for until it is released, kept or not.
func TestCache(t *testing.T) {
	t.Parallel()
	b := budget.New("bytes", 100)
	c := NewCache(b, 60, 0)
	made := 0
	for range 3 {
		get(t, c, "a", sized(30, &made)).Release()
	}
	held := get(t, c, "b", sized(30, &made))
	if made != 2 || c.Used() != 60 || b.Used() != 60 {
		t.Fatalf("made %d times, %d bytes kept, %d paid", made, c.Used(), b.Used())
	}
	get(t, c, "a", sized(30, &made)).Release()
	get(t, c, "c", sized(30, &made)).Release() // in the place of b, which is in use
	if made != 3 || c.Used() != 60 || b.Used() != 90 {
		t.Fatalf("made %d times, %d bytes kept, %d paid", made, c.Used(), b.Used())
	}
	// What nobody uses makes room in the budget.
	large := get(t, c, "d", sized(60, &made))
	if c.Used() != 0 || b.Used() != 90 {
		t.Fatalf("%d bytes kept, %d paid", c.Used(), b.Used())
	}
	if _, err := c.Get(t.Context(), "app/room", "e", sized(20, &made)); !errors.Is(err, errTooMuch) {
		t.Errorf("more than the budget: %v", err)
	}
	held.Release()
	large.Release()
	if b.Used() != 0 {
		t.Errorf("%d bytes are still paid for", b.Used())
	}
}

// What many ask for at once is made once, by whom its time lasts.
func TestOneMakes(t *testing.T) {
	t.Parallel()
	b := budget.New("bytes", 100)
	c := NewCache(b, 100, 0)
	begun, goOn := make(chan struct{}), make(chan struct{})
	slow := func(pay Pay) (any, error) {
		close(begun)
		<-goOn
		pay(10)
		return "value", nil
	}
	var all sync.WaitGroup
	ask := func(ctx context.Context) error {
		l, err := c.Get(ctx, "app/room", "a", slow)
		if err == nil {
			l.Release()
		}
		return err
	}
	errs := make(chan error, 4)
	all.Go(func() { errs <- ask(t.Context()) })
	<-begun
	for range 2 {
		all.Go(func() { errs <- ask(t.Context()) })
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ask(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone gets %v", err)
	}
	close(goOn)
	all.Wait()
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if c.Used() != 10 || b.Used() != 10 {
		t.Errorf("%d bytes kept, %d paid", c.Used(), b.Used())
	}
}

// A disk that hangs keeps out nobody else.
func TestMakersOfOthers(t *testing.T) {
	t.Parallel()
	c := NewCache(nil, 100, 0)
	goOn := make(chan struct{})
	var all sync.WaitGroup
	hung := make(chan struct{}, makers)
	for i := range makers {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
			defer cancel()
			l, err := c.Get(ctx, "hangs", fmt.Sprint(i), func(Pay) (any, error) {
				hung <- struct{}{}
				<-goOn
				return i, nil
			})
			if err != nil {
				t.Error(err)
				return
			}
			l.Release()
		})
	}
	for range makers / 2 {
		<-hung
	}
	made := 0
	get(t, c, "a", sized(1, &made)).Release()
	close(goOn)
	all.Wait()
}

// What nobody asks for is forgotten.
func TestIdle(t *testing.T) {
	t.Parallel()
	b := budget.New("bytes", 100)
	c := NewCache(b, 100, time.Millisecond)
	made := 0
	l := get(t, c, "a", sized(10, &made))
	l.Release()
	servertest.Eventually(t, "it is forgotten", func() bool { return b.Used() == 0 && c.Used() == 0 })
}
