package budget

import (
	"fmt"
	"sync/atomic"
)

// Budget is so much of one thing, for the process: bytes, places, files. All
// methods may be called from any goroutine, and none waits. A nil budget has no
// bound.
type Budget struct {
	name    string
	max     int64
	used    atomic.Int64
	refused atomic.Uint64
}

// New makes a budget. The name is a label of a metric: a word or two, in lower
// case.
func New(name string, max int64) *Budget { return &Budget{name: name, max: max} }

// Take takes n, or nothing: then it returns false, and has counted that.
func (b *Budget) Take(n int64) bool {
	if b == nil || n == 0 {
		return true
	}
	if b.used.Add(n) <= b.max {
		return true
	}
	b.used.Add(-n)
	b.refused.Add(1)
	return false
}

// Give gives back n of what was taken.
func (b *Budget) Give(n int64) {
	if b == nil || n == 0 {
		return
	}
	if left := b.used.Add(-n); left < 0 {
		panic(fmt.Sprintf("budget: more %s given back than were taken (%d)", b.name, left))
	}
}

// Name is what the budget is called.
func (b *Budget) Name() string { return b.name }

// Max is how much there is; Used, how much of it is taken; Refused, how often
// there was not enough.
func (b *Budget) Max() int64      { return b.max }
func (b *Budget) Used() int64     { return b.used.Load() }
func (b *Budget) Refused() uint64 { return b.refused.Load() }
