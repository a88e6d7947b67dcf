package instance

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// deaf is a client that takes nothing of what happens to its objects.
type deaf struct {
	client
	failed atomic.Pointer[error] // why it was ended
}

func (d *deaf) Fail(why error) { d.failed.Store(&why) }

func (d *deaf) Tell(_ sharedobject.Update, w sharedobject.Waiter) bool { return w == nil }

// Clients that read nothing have a part of the memory for shared objects at most, one
// of them a part of that, and slots have the rest.
func TestClientsThatDoNotReadTakeNoSlots(t *testing.T) {
	t.Parallel()
	g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{})
	all := budget.New("shared objects", 6<<20)
	asked(t, func(done func(struct{})) {
		g.post(func(*owner) {
			g.budgets.Objects, g.budgets.Queues = all, all.Part("shared object queues", all.Max()/4)
			done(struct{}{})
		})
	})
	const objects, clients = 16, 30
	honest := g.connect("honest", "192.0.2.99")
	for n := range objects {
		g.say("honest", "192.0.2.99", fmt.Sprint(n), joins)
	}
	honest.answered(t, objects, isUsed)
	for i := range clients {
		r := requests(fmt.Sprint("deaf", i), fmt.Sprint("192.0.2.", i), "", joins)
		d := &deaf{client: client{id: r.Client.ID}}
		asked(t, func(done func(session.ConnectAnswer)) {
			g.Connect(session.ConnectRequest{Client: r.Client}, d, done)
		})
		t.Cleanup(func() { g.Leave(r.Client) })
		for n := range objects {
			g.say(r.Client.ID, fmt.Sprint("192.0.2.", i), fmt.Sprint(n), joins)
		}
	}
	for range 70 { // of 4 KB, which is all that may wait
		for n := range objects {
			g.say("honest", "192.0.2.99", fmt.Sprint(n), change(t, "first", 4000))
		}
	}
	for n := range objects {
		for slot := range 15 {
			g.say("honest", "192.0.2.99", fmt.Sprint(n), change(t, fmt.Sprint(slot), 4000))
		}
	}
	honest.answered(t, objects*(70+15), isDone, isDenied)
	if n := honest.heard(noAccess); n > 0 {
		t.Errorf("%d changes are denied", n)
	}
	if q := g.budgets.Queues; q.Used() > q.Max() || q.Used() < q.Max()/2 {
		t.Errorf("%d bytes of %d wait", q.Used(), q.Max())
	}
}

// A client for whose answers nobody pays is ended with that: it hears everything that it
// has asked for, or nothing more.
func TestAnswersThatNobodyPaysForEndTheClient(t *testing.T) {
	t.Parallel()
	g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{})
	asked(t, func(done func(struct{})) {
		g.post(func(*owner) {
			g.budgets.Queues = g.budgets.Objects.Part("shared object queues", 16<<10)
			done(struct{}{})
		})
	})
	honest := g.connect("honest", "192.0.2.99")
	g.say("honest", "192.0.2.99", "chat", joins)
	honest.answered(t, 1, isUsed) // its file is read
	r := session.Client{ID: "deaf", Address: "192.0.2.1:1000"}
	d := &deaf{client: client{id: r.ID}}
	asked(t, func(done func(session.ConnectAnswer)) { g.Connect(session.ConnectRequest{Client: r}, d, done) })
	t.Cleanup(func() { g.Leave(r) })
	g.say(r.ID, "192.0.2.1", "chat", joins)
	for range 10 {
		g.say(r.ID, "192.0.2.1", "chat", change(t, "slot", 10))
	}
	if why := d.failed.Load(); why != nil {
		t.Errorf("ten answers that wait end it: %v", *why)
	}
	for range 1000 {
		g.say(r.ID, "192.0.2.1", "chat", change(t, "slot", 10))
	}
	servertest.Eventually(t, "it is ended", func() bool { return d.failed.Load() != nil })
	if why := *d.failed.Load(); !errors.Is(why, rtmp.ErrUsedUp) || !strings.Contains(why.Error(), "shared objects") {
		t.Error(why)
	}
}

// One client has a share of what waits, however many objects it uses, and its address
// one as well.
func TestShareOfWhatWaits(t *testing.T) {
	t.Parallel()
	g := receive(t, t.TempDir(), sharedobject.StoreOptions{}, Rules{})
	asked(t, func(done func(struct{})) {
		g.post(func(o *owner) {
			o.budgets.Queues = o.budgets.Objects.Part("shared object queues", 64<<20)
			a := o.makerOf(session.Client{ID: "a", Address: "192.0.2.1:1"})
			b := o.makerOf(session.Client{ID: "b", Address: "192.0.2.1:2"})
			if !a.queue().Take(4<<20) || a.queue().Take(1) {
				t.Error("one client has not a 16th of it")
			}
			for a.at.queues.Has(4 << 20) {
				a.at.queues.Owe(4 << 20) // others of the address
			}
			if b.queue().Take(1) {
				t.Error("an address has more than half of it")
			}
			if used := o.budgets.Queues.Used(); used != 0 {
				t.Errorf("%d bytes are paid for twice", used)
			}
			a.add(0, 0, 0)
			b.add(0, 0, 0)
			done(struct{}{})
		})
	})
}
