package instance

import (
	"fmt"
	"slices"
	"testing"

	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// requests are those of a client about a persistent object, as they would come from
// its session.
func requests(id, address, name string, events ...sharedobject.Event) session.SharedObjectRequest {
	return session.SharedObjectRequest{
		Client:  session.Client{ID: id, Address: address + ":1000"},
		Message: &sharedobject.Message{Name: name, Persistent: true, Events: events},
	}
}

// changes are so many requests to put something into slots.
func changes(t *testing.T, prefix string, n int) (all []sharedobject.Event) {
	t.Helper()
	for i := range n {
		all = append(all, change(t, fmt.Sprint(prefix, i), 1))
	}
	return all
}

// watch looks at how many slots an object has after each turn of the owner, until it
// has so many, and returns by how many it has grown at most from one look to the
// next, where others may have their turn.
func watch(t *testing.T, g *guests, name string, slots int, begin func(*owner)) (most int) {
	t.Helper()
	asked(t, func(done func(struct{})) {
		had := 0
		var look func(*owner)
		look = func(o *owner) {
			if obj := o.objects[objectKey{name, true}]; obj != nil {
				n := obj.Len()
				most, had = max(most, n-had), n
			}
			if had >= slots {
				done(struct{}{})
				return
			}
			g.post(look)
		}
		g.post(func(o *owner) { begin(o); g.post(look) })
	})
	return most
}

// A large message is done in portions, and others have their turn in between. What its
// client asks next comes behind all of it.
func TestLargeMessageIsDoneInPortions(t *testing.T) {
	t.Parallel()
	g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{})
	a, b := g.connect("a", "192.0.2.1"), g.connect("b", "192.0.2.2")
	g.say("a", "192.0.2.1", "one", joins)
	g.say("b", "192.0.2.2", "one", joins)
	a.answered(t, 1, isUsed)
	b.answered(t, 1, isUsed)
	var had []int // slots, when something else is done
	version := uint32(0)
	ends := make(chan string, 3)
	told := func(who string) func() { return func() { ends <- who } }
	most := watch(t, g, "one", 1002, func(o *owner) {
		obj := o.objects[objectKey{"one", true}]
		version = obj.Version()
		large := requests("a", "192.0.2.1", "one", changes(t, "a", 1000)...)
		g.SharedObject(large, told("large"))
		g.SharedObject(requests("a", "192.0.2.1", "one", change(t, "next", 1)), told("next"))
		g.SharedObject(requests("b", "192.0.2.2", "one", change(t, "b", 1)), told("b"))
		g.post(func(*owner) {
			_, next := obj.Get("next")
			_, other := obj.Get("b")
			if had = append(had, obj.Len()); next || !other {
				t.Errorf("what comes next is done: %v, what another asks: %v", next, other)
			}
		})
	})
	if most > 2*maxPortion || !slices.Equal(had, []int{maxPortion + 1}) {
		t.Errorf("%d slots in a turn at most, %v after the first", most, had)
	}
	if got := []string{<-ends, <-ends, <-ends}; slices.Index(got, "large") > slices.Index(got, "next") {
		t.Errorf("they end in the order %q", got)
	}
	a.answered(t, 1001, isDone)
	b.answered(t, 1, isDone)
	on(t, g.Instance, "one", func(s SharedObject) {
		if n := s.Version() - version; n != 4+2 { // each portion is a version
			t.Errorf("%d versions", n)
		}
	})
}

// What is left of a message is not done for a client that has left.
func TestLargeMessageOfAClientThatLeaves(t *testing.T) {
	t.Parallel()
	g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{})
	a, b := g.connect("a", "192.0.2.1"), g.connect("b", "192.0.2.2")
	g.say("a", "192.0.2.1", "one", joins)
	g.say("b", "192.0.2.2", "one", joins)
	a.answered(t, 1, isUsed)
	b.answered(t, 1, isUsed)
	ended := make(chan struct{}, 2)
	end := func() { ended <- struct{}{} }
	asked(t, func(done func(struct{})) {
		g.post(func(*owner) {
			r := requests("a", "192.0.2.1", "one", changes(t, "a", 1000)...)
			g.SharedObject(r, end)
			g.SharedObject(r, end)
			g.Leave(r.Client)
			done(struct{}{})
		})
	})
	<-ended
	<-ended
	on(t, g.Instance, "one", func(s SharedObject) {
		if n := len(s.Names()); n != maxPortion {
			t.Errorf("%d slots", n)
		}
	})
	asked(t, func(done func(struct{})) {
		g.post(func(o *owner) {
			if len(o.calls) != 0 {
				t.Errorf("%d clients have something to do still", len(o.calls))
			}
			done(struct{}{})
		})
	})
}

// Those that have waited for a file have their turn one after another, too, and what
// each has asked is done in its order.
func TestThoseThatWaitedForAFileAreDoneInPortions(t *testing.T) {
	t.Parallel()
	g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{})
	a := g.connect("a", "192.0.2.1")
	const messages, events = maxWaitingOfOne - 1, 200
	most := watch(t, g, "one", messages*events, func(o *owner) {
		o.sharedObject(requests("a", "192.0.2.1", "one", joins), func() {})
		for n := range messages {
			o.sharedObject(requests("a", "192.0.2.1", "one", changes(t, fmt.Sprint(n, "/"), events)...), func() {})
		}
	})
	if most > 4*maxPortion {
		t.Errorf("%d slots in a turn at most", most)
	}
	a.answered(t, messages*events, isDone)
	on(t, g.Instance, "one", func(s SharedObject) {
		for i, name := range s.Names() {
			if want := fmt.Sprint(i/events, "/", i%events); name != want {
				t.Fatalf("slot %d is %s, and not %s", i, name, want)
			}
		}
	})
}
