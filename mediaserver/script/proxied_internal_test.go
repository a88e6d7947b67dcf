package script

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// smallObject is an object that has room for five slots.
type smallObject struct {
	OpenObject
	o *sharedobject.Object
}

func (s smallObject) Len() int                                   { return s.o.Len() }
func (s smallObject) Names() []string                            { return s.o.Names() }
func (s smallObject) Get(name string) (sharedobject.Value, bool) { return s.o.Get(name) }
func (s smallObject) Delete(name string) error                   { s.o.Delete(name); return nil }
func (s smallObject) Clear() error                               { s.o.Empty(); return nil }
func (s smallObject) Send(sharedobject.Value) error              { return nil }
func (s smallObject) UsedBy(string) bool                         { return false }
func (s smallObject) Expel(string)                               {}
func (s smallObject) Set(name string, v sharedobject.Value) error {
	if _, ok := s.o.Set(name, v); !ok {
		return errors.New("too many slots")
	}
	return nil
}

// A far server that goes on naming new slots is not remembered beyond what the object
// has room for; and what was not remembered can be deleted there all the same.
func TestOfAFarServerNoMoreIsKnownThanIsHere(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nothing is told the script
	p := &proxied{so: &sharedObject{w: &world{ctx: ctx}, key: ObjectKey{Name: "board"}}}
	p.reset(nil)
	o := smallObject{o: sharedobject.NewObject("board", false, sharedobject.Limits{Slots: 5}, nil)}
	value := func(v any) sharedobject.Value {
		t.Helper()
		raw, err := sharedobject.NewValue(v)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	refused := 0
	for i := range 1000 {
		if err := p.event(o, &sharedobject.Event{Type: sharedobject.Change, Name: fmt.Sprint("s", i), Value: value(1.0)}, nil); err != nil {
			refused++
		}
	}
	if len(p.known) != 5 || refused != 995 || !p.partial {
		t.Errorf("of 1000 slots %d are known, %d were refused; some are there that are not here: %v", len(p.known), refused, p.partial)
	}
	// One that is here, and would grow too large, is known still: it can be deleted there.
	o.o.SetLimits(sharedobject.Limits{Slots: 5, SlotBytes: 20})
	if err := p.event(o, &sharedobject.Event{Type: sharedobject.Change, Name: "s0", Value: value("a text that is too long for it")}, nil); err == nil {
		t.Error("it fits")
	}
	if _, ok := p.known["s0"]; !ok {
		t.Error("it is not known that the far server has a slot that is here")
	}
	for i := range 1000 {
		if err := p.event(o, &sharedobject.Event{Type: sharedobject.Remove, Name: fmt.Sprint("s", i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.known) != 0 || o.Len() != 0 {
		t.Errorf("%d slots are known, and %d here, of none", len(p.known), o.Len())
	}
	if err := p.event(o, &sharedobject.Event{Type: sharedobject.Clear}, nil); err != nil || p.partial {
		t.Errorf("%v; it is empty there, and some are said to be there: %v", err, p.partial)
	}
}

// What the object has lost, and the far server has not heard of, counts; for what that
// says itself, half.
func TestWhatAFarServerIsOwedIsCounted(t *testing.T) {
	t.Parallel()
	p := &proxied{so: &sharedObject{key: ObjectKey{Name: "board"}}}
	p.reset(nil)
	owes := func(slots, bytes int) {
		t.Helper()
		if s, b := p.Owes(); s != slots || b != bytes {
			t.Errorf("%d slots and %d bytes are owed, want %d and %d", s, b, slots, bytes)
		}
	}
	a, b := &proxiedSlot{}, &proxiedSlot{}
	p.slots["a"], p.slots["longer"] = a, b
	p.lose(a, "a", true)
	p.lose(b, "longer", true)
	p.lose(b, "longer", true)
	owes(2, 7)
	p.lose(a, "a", false)
	owes(1, 6)
	p.hearing = true
	owes(0, 3)
	p.hearing = false
	p.drop(b, "longer")
	p.drop(a, "a")
	owes(0, 0)
}
