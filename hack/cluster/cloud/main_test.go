package main

import (
	"net/netip"
	"testing"
)

func TestPoolHandsOutFreeAddresses(t *testing.T) {
	cases := []struct {
		name, first, last string
		taken             []string
		want              string // empty: none is left
	}{
		{"all free", "10.200.0.101", "10.200.0.103", nil, "10.200.0.101"},
		{"a gap is filled first", "10.200.0.101", "10.200.0.103", []string{"10.200.0.101", "10.200.0.103"}, "10.200.0.102"},
		{"the last one", "10.200.0.101", "10.200.0.102", []string{"10.200.0.101"}, "10.200.0.102"},
		{"none left", "10.200.0.101", "10.200.0.101", []string{"10.200.0.101"}, ""},
		{"others' addresses do not count", "10.200.0.101", "10.200.0.101", []string{"192.0.2.1"}, "10.200.0.101"},
		{"the end of all addresses", "255.255.255.255", "255.255.255.255", []string{"255.255.255.255"}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, err := newPool(c.first, c.last)
			if err != nil {
				t.Fatal(err)
			}
			taken := make(map[netip.Addr]bool)
			for _, a := range c.taken {
				taken[netip.MustParseAddr(a)] = true
			}
			got, ok := p.next(taken)
			if ok != (c.want != "") || ok && got.String() != c.want {
				t.Errorf("next = %v, %v; want %q", got, ok, c.want)
			}
		})
	}
}

// An address that was given back is given again when all others were.
func TestPoolGoesRound(t *testing.T) {
	p, err := newPool("10.200.0.101", "10.200.0.103")
	if err != nil {
		t.Fatal(err)
	}
	mine := netip.MustParseAddr("10.200.0.102")
	for i, want := range []string{"10.200.0.101", "10.200.0.103", "10.200.0.101", "10.200.0.103"} {
		if got, ok := p.next(map[netip.Addr]bool{mine: true}); !ok || got.String() != want {
			t.Errorf("%d: %v, %v; want %s", i, got, ok, want)
		}
	}
}

func TestPoolRefusesARangeThatIsNone(t *testing.T) {
	for _, c := range [][2]string{{"10.200.0.9", "10.200.0.1"}, {"", "10.200.0.1"}, {"10.200.0.1", "ten"}, {"10.200.0.1", "fd00::1"}} {
		if _, err := newPool(c[0], c[1]); err == nil {
			t.Errorf("newPool(%q, %q) succeeded", c[0], c[1])
		}
	}
}
