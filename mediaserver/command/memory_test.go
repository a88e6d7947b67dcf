package command

import (
	"math"
	"runtime/debug"
	"testing"
)

// A container's limit is the process's own, with a tenth to spare, unless somebody
// has said another (GOMEMLIMIT).
func TestBoundMemory(t *testing.T) { // not parallel: the limit is the process's
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for _, c := range []struct {
		said, limit int64
		ok          bool
		want        int64
	}{
		{math.MaxInt64, 1 << 30, true, 1 << 30 / 10 * 9},
		{2 << 30, 1 << 30, true, 2 << 30},
		{math.MaxInt64, 0, false, math.MaxInt64},
	} {
		debug.SetMemoryLimit(c.said)
		boundMemory(c.limit, c.ok)
		if got := debug.SetMemoryLimit(-1); got != c.want {
			t.Errorf("of %d in a container of %d (%v): %d, want %d", c.said, c.limit, c.ok, got, c.want)
		}
	}
}
