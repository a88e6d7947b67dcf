package instance

import (
	"fmt"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/session"
)

// plays is play for a client of its own.
func plays(t *testing.T, i *Instance, client, name string) session.PlayAnswer {
	t.Helper()
	return asked(t, func(answer func(session.PlayAnswer)) {
		i.Play(session.PlayRequest{Client: session.Client{ID: client}, Name: name, From: session.LiveOnly}, answer)
	})
}

// Whoever waits for names that nobody publishes has a share of places of their
// own, and keeps no publisher from any of them.
func TestWaitingForNobody(t *testing.T) {
	waiting := budget.New("waiting names", 40)
	i, _ := newInstance(t, func(r *Rules) { r.MaxStreams = 2 })
	i.budgets.Waiting = waiting
	var held []session.PlayAnswer
	wait := func(client, name string) *session.Refusal {
		a := plays(t, i, client, name)
		if a.Refusal == nil {
			held = append(held, a)
		}
		return a.Refusal
	}
	for n := range maxWaits {
		if why := wait("greedy", fmt.Sprint(n)); why != nil {
			t.Fatalf("name %d: %v", n, why)
		}
	}
	refusedWith(t, wait("greedy", "one more"), session.RefusedLimit)
	if why := wait("modest", "7"); why != nil {
		t.Errorf("a name that another waits for too: %v", why)
	}
	for n := range 8 { // what is left for all
		if why := wait("modest", fmt.Sprint("mine ", n)); why != nil {
			t.Errorf("another client's name %d: %v", n, why)
		}
	}
	refusedWith(t, wait("third", "a name of its own"), session.RefusedLimit)
	settled(t, i)
	if s := i.Stats(); s.Waiting != 40 || waiting.Used() != 40 || waiting.Refused() != 1 {
		t.Errorf("%d names are waited for, %d taken, %d refused", s.Waiting, waiting.Used(), waiting.Refused())
	}

	// Publishers come first, whether a name is waited for or not.
	p, q := published(t, i, "7", session.PublishLive), published(t, i, "new", session.PublishLive)
	refusedWith(t, publish(t, i, "8", session.PublishLive).Refusal, session.RefusedLimit)
	if why := wait("greedy", "new"); why != nil {
		t.Errorf("what is published takes no place: %v", why)
	}
	if why := wait("third", "a name of its own"); why != nil {
		t.Errorf("the place of a name that is published now: %v", why)
	}
	// Their players stay, and wait again.
	for _, one := range []session.Publication{p, q} {
		if err := ended(t, one); err != nil {
			t.Error(err)
		}
	}
	settled(t, i)
	if s := i.Stats(); s.Waiting != 42 {
		t.Errorf("%d names are waited for after publishers have left, want 42", s.Waiting)
	}
	for _, a := range held {
		a.Release()
	}
	settled(t, i)
	if s := i.Stats(); s.Waiting != 0 || waiting.Used() != 0 {
		t.Errorf("%d names are waited for at the end, %d taken", s.Waiting, waiting.Used())
	}
}
