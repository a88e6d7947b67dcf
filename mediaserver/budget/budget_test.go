package budget_test

import (
	"sync"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// However many take and give at once, no more than there is is taken, and all of
// it comes back.
func TestNeverMoreThanThereIs(t *testing.T) {
	t.Parallel()
	b := budget.New("bytes held", 100)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 1000 {
				if b.Take(30) {
					if used := b.Used(); used < 30 {
						t.Errorf("%d used while 30 are taken", used)
					}
					b.Give(30)
				}
			}
		})
	}
	all.Wait()
	if b.Used() != 0 {
		t.Errorf("%d used after all was given back", b.Used())
	}
	if !b.Take(100) || b.Take(1) || b.Refused() == 0 {
		t.Error("want all of it taken, and no more")
	}
}

// A nil budget has no bound: tests and the command line have none.
func TestNilHasNoBound(t *testing.T) {
	t.Parallel()
	var b *budget.Budget
	if !b.Take(1 << 40) {
		t.Error("refused")
	}
	b.Give(1 << 40)
}
