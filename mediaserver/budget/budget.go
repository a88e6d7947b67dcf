package budget

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// Budget is so much of one thing, for the process: bytes, places, files. All
// methods may be called from any goroutine, and none waits. A nil budget has no
// bound.
type Budget struct {
	name    string
	max     int64
	whole   *Budget // what this is a part of; nil: nothing
	used    atomic.Int64
	refused atomic.Uint64

	log  *slog.Logger // nil: nobody is told
	told atomic.Int64 // when the log was, in ns since 1970
}

// New makes a budget. The name is a label of a metric: a word or two, in lower
// case.
func New(name string, max int64) *Budget { return &Budget{name: name, max: max} }

// Part makes a budget whose every taking is one of b's as well: for those who may
// have some of it and no more. The part of a nil budget has no bound but its own.
func (b *Budget) Part(name string, max int64) *Budget {
	p := &Budget{name: name, max: max, whole: b}
	if b != nil {
		p.log = b.log
	}
	return p
}

// Within makes a budget whose every taking is one of b's as well, and which has no
// metric and tells the log nothing: for one of many who may have so much of it. That
// of a nil budget is nil.
func (b *Budget) Within(max int64) *Budget {
	if b == nil {
		return nil
	}
	return &Budget{name: b.name, max: max, whole: b}
}

// Has says whether n could be taken now.
func (b *Budget) Has(n int64) bool {
	return b == nil || b.used.Load()+n <= b.max && b.whole.Has(n)
}

// Roomy says whether half of it is left: what is kept only to be used again should
// not be in anybody's way.
func (b *Budget) Roomy() bool {
	return b == nil || b.used.Load() < b.max/2 && b.whole.Roomy()
}

// Take takes n, or nothing: then it returns false, and has counted that.
func (b *Budget) Take(n int64) bool {
	if b == nil || n == 0 {
		return true
	}
	if b.used.Add(n) > b.max {
		b.used.Add(-n)
		b.refuse()
		return false
	}
	if !b.whole.Take(n) {
		b.used.Add(-n)
		return false
	}
	return true
}

// Owe takes n whether it is there or not, for what is spent already and cannot
// be taken back.
func (b *Budget) Owe(n int64) {
	if b == nil || n == 0 {
		return
	}
	b.used.Add(n)
	b.whole.Owe(n)
}

// Give gives back n of what was taken.
func (b *Budget) Give(n int64) {
	if b == nil || n == 0 {
		return
	}
	if left := b.used.Add(-n); left < 0 {
		panic(fmt.Sprintf("budget: more %s given back than were taken (%d)", b.name, left))
	}
	b.whole.Give(n)
}

// tellEvery keeps a budget that is used up from filling the log.
const tellEvery = 10 * time.Second

// refuse counts that there was not enough, and tells the log of it, not often.
func (b *Budget) refuse() {
	n := b.refused.Add(1)
	if b.log == nil {
		return
	}
	now, last := time.Now().UnixNano(), b.told.Load()
	if now-last < int64(tellEvery) || !b.told.CompareAndSwap(last, now) {
		return
	}
	b.log.Warn("a budget is used up: clients are refused what they ask for", "budget", b.name, "max", b.max, "used", b.used.Load(), "refused", n)
}

// Name is what the budget is called.
func (b *Budget) Name() string { return b.name }

// Max is how much there is.
func (b *Budget) Max() int64 { return b.max }

// Used is how much of it is taken.
func (b *Budget) Used() int64 { return b.used.Load() }

// Refused is how often there was not enough.
func (b *Budget) Refused() uint64 { return b.refused.Load() }
