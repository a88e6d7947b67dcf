package server

import "testing"

// Garbage is collected once when a flood is over, and never where the load stays.
func TestTidy(t *testing.T) {
	for _, c := range []struct {
		name   string
		cycles []uint64 // between one look and the next
		want   int      // after so many looks; -1: never
	}{
		{"nothing goes on", []uint64{0, 0, 1, 0, 0, 0}, -1},
		{"a steady load", []uint64{10, 10, 10, 10, 10, 10}, -1},
		{"a little load", []uint64{0, 1, 0, 1, 0, 3, 0, 1}, -1},
		{"a flood that goes", []uint64{0, 50, 60, 0, 0, 0}, 3},
		{"a flood that fades", []uint64{0, 50, 60, 2, 1, 0, 0}, 5},
	} {
		one, cycles, got := tidy{}, uint64(0), -1
		for n, more := range c.cycles {
			cycles += more
			if !one.look(cycles) {
				continue
			}
			if got >= 0 {
				t.Errorf("%s: collected twice", c.name)
			}
			got = n
		}
		if got != c.want {
			t.Errorf("%s: collected after %d, want %d", c.name, got, c.want)
		}
	}
}
