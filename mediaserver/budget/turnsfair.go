package budget

import (
	"container/heap"
	"time"
)

// account is what one has worked among others that take turns: an address among
// addresses, or a connection among those of its address.
type account struct {
	used time.Duration // the queue's clock when it began, and its work since
	last time.Duration // of work, the last time: so much is expected of the next
	old  bool          // it has been in the queue before
	came uint64        // of two that are due at once the first goes first
	at   int           // in the queue's list
}

func (a *account) of() *account { return a }

// due is where the clock would be if its next turn had been.
func (a *account) due() time.Duration { return a.used + min(a.last, turnSlice) }

// charge adds a turn that has been.
func (a *account) charge(d time.Duration) { a.used, a.last = a.used+d, d }

type entry interface {
	of() *account
	due() time.Duration
}

// fair is a queue out of which comes who has worked least, and not who has waited
// longest: a turn that takes a moment does not wait for a round of long ones. Its
// clock runs at the pace at which each of those that work would get on if all got on
// alike. Who is new has what the clock says: it does not wait for those who have
// worked for hours. Who comes again has turnSlice less at least, which it may have
// been behind: it saves up no turns while it is away.
type fair[T entry] struct {
	clock time.Duration
	list  []T // a heap
	came  uint64
}

// enter puts one in.
func (f *fair[T]) enter(one T) {
	a := one.of()
	f.came++
	a.came = f.came
	heap.Push(f, one)
}

// welcome is called with one that has not been in the queue, or not for a while.
func (f *fair[T]) welcome(a *account) {
	least := f.clock
	if a.old {
		least -= turnSlice
	}
	a.used, a.old = max(a.used, least), true
}

// behind says whether what one has worked counts no more.
func (f *fair[T]) behind(one T) bool { return one.due()+turnSlice <= f.clock }

// take takes out who is next. The clock follows those who are served: else what the
// work of those that have left has moved it by would be waited for by all who come.
func (f *fair[T]) take() T {
	one, _ := heap.Pop(f).(T)
	f.clock = min(max(f.clock, one.of().used), one.of().used+turnSlice)
	return one
}

// drop takes out one that is in it.
func (f *fair[T]) drop(one T) { heap.Remove(f, one.of().at) }

// worked moves the clock: one of so many that work or wait has worked.
func (f *fair[T]) worked(d time.Duration, among int) { f.clock += d / time.Duration(max(1, among)) }

// Len implements heap.Interface.
func (f *fair[T]) Len() int { return len(f.list) }

// Less implements heap.Interface: who is due earlier, then who came earlier.
func (f *fair[T]) Less(i, j int) bool {
	a, b := f.list[i], f.list[j]
	if a.due() != b.due() {
		return a.due() < b.due()
	}
	return a.of().came < b.of().came
}

// Swap implements heap.Interface; each knows its place.
func (f *fair[T]) Swap(i, j int) {
	f.list[i], f.list[j] = f.list[j], f.list[i]
	f.list[i].of().at, f.list[j].of().at = i, j
}

// Push implements heap.Interface.
func (f *fair[T]) Push(one any) {
	if one, ok := one.(T); ok {
		one.of().at = len(f.list)
		f.list = append(f.list, one)
	}
}

// Pop implements heap.Interface.
func (f *fair[T]) Pop() any {
	var none T
	n := len(f.list) - 1
	one := f.list[n]
	f.list[n] = none
	f.list = f.list[:n]
	return one
}
