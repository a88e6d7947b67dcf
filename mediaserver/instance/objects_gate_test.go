package instance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// Where versions cannot be written, objects are used and read, and not changed, by
// nobody; all can be changed again once they can.
func TestNoChangesWithoutVersions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	block := filepath.Join(dir, ".versions")
	if err := os.MkdirAll(filepath.Join(block, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	g := receive(t, dir, sharedobject.StoreOptions{}, Rules{})
	h := g.connect("a", "192.0.2.1")
	g.say("a", "192.0.2.1", "o", joins, change(t, "x", 10))
	h.answered(t, 1, isUsed)
	h.answered(t, 1, noAccess)
	on(t, g.Instance, "own", func(s SharedObject) {
		before := s.Version()
		if err := s.Set("x", number(t, 1)); err == nil || !strings.Contains(err.Error(), deniedVersions) {
			t.Error(err)
		}
		if s.Delete("x") == nil || s.Clear() == nil || s.Version() != before {
			t.Errorf("it is changed to version %d from %d", s.Version(), before)
		}
	})
	if log := g.log.String(); !strings.Contains(log, "cannot be written") || !strings.Contains(log, ".versions") {
		t.Errorf("the log says\n%.1000s", log)
	}
	if err := os.RemoveAll(block); err != nil {
		t.Fatal(err)
	}
	tries := 0
	servertest.Eventually(t, "it can be changed", func() bool {
		g.say("a", "192.0.2.1", "o", change(t, fmt.Sprint(tries), 10))
		tries++
		return h.heard(isDone) > 0
	})
}

// The first change of all waits for versions, and what its client says after it does
// so, too: all is done in order.
func TestChangesWaitForVersionsInOrder(t *testing.T) {
	t.Parallel()
	g := receive(t, filepath.Join(t.TempDir(), "new"), sharedobject.StoreOptions{}, Rules{})
	h := g.connect("a", "192.0.2.1")
	g.say("a", "192.0.2.1", "o", joins)
	g.say("a", "192.0.2.1", "o", change(t, "x", 10))
	g.say("a", "192.0.2.1", "o", sharedobject.Event{Type: sharedobject.RequestRemove, Name: "x"})
	g.say("a", "192.0.2.1", "o", change(t, "y", 10))
	g.say("a", "192.0.2.1", "o", leaves)
	g.say("a", "192.0.2.1", "o", joins)
	h.answered(t, 2, isUsed)
	on(t, g.Instance, "o", func(s SharedObject) {
		if names := fmt.Sprint(s.Names()); names != "[y]" {
			t.Errorf("it has %s", names)
		}
	})
	if n := h.heard(noAccess); n > 0 {
		t.Errorf("%d are denied", n)
	}
}

// What waits for versions is bounded, and who is refused hears why; a disk that hangs
// keeps nobody from what needs no versions.
func TestChangesThatWaitForVersionsAreBounded(t *testing.T) {
	t.Parallel()
	g := receive(t, filepath.Join(t.TempDir(), "new"), sharedobject.StoreOptions{}, Rules{})
	h := g.connect("a", "192.0.2.1")
	g.say("a", "192.0.2.1", "o", joins)
	h.answered(t, 1, isUsed)
	g.post(func(o *owner) { o.gate.raising = true }) // and the disk does not answer
	before := g.budgets.Objects.Used()
	for range maxWaitingOfOne {
		g.say("a", "192.0.2.1", "o", change(t, "x", 10))
	}
	if n := h.heard(noAccess); n > 0 || g.budgets.Objects.Used() == before {
		t.Errorf("%d are denied; %d bytes are paid for, %d before", n, g.budgets.Objects.Used(), before)
	}
	g.say("a", "192.0.2.1", "o", change(t, "x", 10))
	h.answered(t, 1, noAccess)
	if log := g.log.String(); !strings.Contains(log, tooManyAtGate) {
		t.Errorf("the log says\n%.1000s", log)
	}
	other := g.connect("b", "192.0.2.2")
	g.say("b", "192.0.2.2", "o", joins)
	other.answered(t, 1, isUsed)
	g.post(func(o *owner) {
		o.gate.raising = false
		o.raise()
	})
	h.answered(t, maxWaitingOfOne, isDone)
}

// Who has one object to be written does not wait for all of somebody else's, and more
// are written at once when one has waited for long.
func TestWritersAreFair(t *testing.T) {
	t.Parallel()
	w, _ := newWriters()
	many, few := &maker{}, &maker{}
	for range 2500 {
		w.add(&object{by: many})
	}
	last := &object{by: few}
	w.add(last)
	if n := w.places(); n != smallWriters {
		t.Errorf("%d are written at once", n)
	}
	if w.take() == last || w.take() != last {
		t.Error("one object waits for those of another client")
	}
	w.waiting[many][0].queued = time.Now().Add(-time.Second)
	if n := w.places(); n != lateWriters {
		t.Errorf("%d are written at once after a second", n)
	}
	for range 2499 {
		w.take()
	}
	if len(w.makers)+len(w.waiting) != 0 {
		t.Error("some still wait")
	}
}
