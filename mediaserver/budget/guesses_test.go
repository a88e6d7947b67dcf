package budget_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

func TestGuessesSlowDown(t *testing.T) {
	t.Parallel()
	g, now := budget.NewGuesses(), time.Unix(0, 0)
	for i, want := range []time.Duration{0, 0, 0, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 8 * time.Second} {
		if got := g.Wrong(fmt.Sprintf("192.0.2.1:%d", 1000+i), now); got != want {
			t.Errorf("wrong key %d: answered after %v, want %v", i+1, got, want)
		}
	}
	for range 1000 {
		if got := g.Wrong("192.0.2.1:1", now); got != 8*time.Second {
			t.Fatalf("after many: %v", got)
		}
	}
	if got := g.Wrong("192.0.2.2:1", now); got != 0 {
		t.Errorf("another address waits %v", got)
	}
	if got := g.Wrong("192.0.2.1:1", now.Add(5*time.Minute)); got != 0 {
		t.Errorf("after five minutes: %v", got)
	}
	// Whoever has one IPv6 address has 2^64 of them.
	for i := range 4 {
		g.Wrong(fmt.Sprintf("[2001:db8::%d]:1935", i+1), now)
	}
	if got := g.Wrong("[2001:db8::ffff]:1935", now); got == 0 {
		t.Error("addresses of one network are answered at once")
	}
	// The table does not grow for ever.
	for i := range 40000 {
		g.Wrong(fmt.Sprintf("10.%d.%d.1:1", i/250, i%250), now)
	}
}

func TestPlacesOfAnAddress(t *testing.T) {
	t.Parallel()
	a := budget.NewAddresses(2, []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8:1::7/128")})
	for _, c := range []struct {
		address string
		want    bool
	}{
		{"192.0.2.1:1", true}, {"192.0.2.1:2", true}, {"192.0.2.1:3", false}, {"[::ffff:192.0.2.1]:4", false}, {"192.0.2.2:1", true},
		{"198.51.100.3:1", true}, {"198.51.100.3:2", true}, {"198.51.100.3:3", true},
		{"[2001:db8::1]:1", true}, {"[2001:db8::2]:1", true}, {"[2001:db8::3%eth0]:1", false},
		{"[2001:db8:1::7]:1", true}, {"[2001:db8:1::7]:2", true}, {"[2001:db8:1::7]:3", true},
		{"pipe", true}, {"pipe", true}, {"pipe", true},
	} {
		if got := a.Come(c.address); got != c.want {
			t.Errorf("%s: %v, want %v", c.address, got, c.want)
		}
	}
	a.Go("192.0.2.1:1")
	if !a.Come("192.0.2.1:9") {
		t.Error("a place that was given back is not free")
	}
	if !(*budget.Addresses)(nil).Come("192.0.2.1:1") {
		t.Error("without a count there is no bound")
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"1.2.3.4:5", "[::1%lo]:1", "[::ffff:1.2.3.4]:1", "x", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p := budget.Address(s); p.IsValid() && p != p.Masked() {
			t.Errorf("%q: %v", s, p)
		}
	})
}
