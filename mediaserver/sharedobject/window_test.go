package sharedobject

import (
	"slices"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// waiter is one of several that have something to tell.
type waiter struct {
	name string
	room int // how often it was told that there is some
}

func (w *waiter) Room() { w.room++ }

// Whoever finds no room waits in line, and all are told in turn.
func TestObjectWindow(t *testing.T) {
	t.Parallel()
	pays := budget.New("answers", 1<<20)
	w := Window{Budget: pays}
	all := []*waiter{{name: "a"}, {name: "b"}, {name: "c"}}
	const size = 12 << 10
	var told []string
	offer := func(one *waiter) {
		if w.Offer(size, one) {
			told = append(told, one.name)
		}
	}
	for range 4 { // the first has very much to say
		offer(all[0])
	}
	offer(all[1])
	offer(all[2])
	if w.out > objectWindow || len(told) != 2 {
		t.Fatalf("%d bytes on their way, of %v", w.out, told)
	}
	for range 12 {
		w.Taken(size)
		for _, one := range all {
			if one.room > 0 {
				one.room--
				offer(one)
				offer(one) // it has more, and waits again
			}
		}
	}
	if want := []string{"a", "a", "a", "b", "c", "a", "b", "c", "a", "b", "c"}; !slices.Equal(told[:len(want)], want) {
		t.Errorf("told in the order %v", told)
	}
	// Who leaves the line lets the next go on.
	for _, one := range all {
		one.room = 0
	}
	first := w.line[0].who
	for w.out > 0 {
		w.Taken(size)
	}
	w.Offer(0, first)
	if next, ok := w.line[0].who.(*waiter); !ok || next.room != 1 {
		t.Error("who was behind one that has left is not told")
	}
	w.line = nil
	if !w.Offer(1<<20, all[0]) || w.Offer(1, all[1]) || pays.Used() < 1<<20-freeObjects {
		t.Errorf("a message of 1 MiB is not taken alone: %d bytes on their way, %d paid for", w.out, pays.Used())
	}
	w.Taken(1 << 20)
	if pays.Used() != 0 || w.out != 0 {
		t.Errorf("%d bytes are paid for nothing", pays.Used())
	}
	// Where nobody pays, one message is on its way all the same.
	w.line = nil
	pays.Owe(1 << 20)
	if !w.Offer(28<<10, all[0]) || w.Offer(4<<10, all[2]) {
		t.Error("who is paid for nothing has one message on its way")
	}
}

// Whom nobody pays for is told that there is room once something has gone, and not
// each time that it asks.
func TestObjectWindowThatNobodyPaysFor(t *testing.T) {
	t.Parallel()
	answers := budget.New("answers", 2<<20)
	pays := answers.Part("answers about shared objects", 1<<20)
	pays.Owe(1 << 20)
	w := Window{Budget: pays}
	first, second := &waiter{name: "first"}, &waiter{name: "second"}
	if !w.Offer(15<<10, first) {
		t.Fatal("the first message is not taken")
	}
	for range 10 {
		if w.Offer(8<<10, first) || w.Offer(8<<10, second) {
			t.Fatal("a message is taken that nobody pays for")
		}
	}
	if first.room+second.room != 0 {
		t.Fatalf("told %d and %d times that there is room, and nothing has gone", first.room, second.room)
	}
	w.Taken(15 << 10)
	if first.room != 1 || !w.Offer(8<<10, first) || second.room != 1 {
		t.Errorf("told %d and %d times that there is room, want once each", first.room, second.room)
	}
	if !answers.Take(1 << 20) {
		t.Error("nothing is left for other answers")
	}
}
