package budget_test

import (
	"net/netip"
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

// One of many has so much of a budget, and no more; what it is refused is not the
// budget's refusal.
func TestWithin(t *testing.T) {
	t.Parallel()
	all := budget.New("all", 100)
	address := all.Within(50)
	client := address.Within(25)
	if !client.Take(20) || client.Has(6) || !client.Has(5) || client.Take(6) || all.Used() != 20 || all.Refused() != 0 {
		t.Errorf("%d of 100 are used, %d were refused", all.Used(), all.Refused())
	}
	other := address.Within(40)
	if !other.Take(30) || other.Take(1) || client.Has(1) || !all.Has(50) || all.Has(51) {
		t.Errorf("%d of 100 are used", all.Used())
	}
	client.Give(20)
	other.Give(30)
	if all.Used() != 0 || address.Used() != 0 {
		t.Errorf("%d are used in the end", all.Used())
	}
	var none *budget.Budget
	if none.Within(1) != nil || !none.Has(1<<60) {
		t.Error("what has no bound has one")
	}
}

func TestShared(t *testing.T) {
	t.Parallel()
	shared := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	for address, want := range map[string]bool{"192.0.2.7:1": true, "[::ffff:192.0.2.7]:1": true, "198.51.100.1:1": false, "": true, "pipe": true} {
		if budget.Shared(address, shared) != want {
			t.Errorf("%q stands for many: %v", address, !want)
		}
	}
}
