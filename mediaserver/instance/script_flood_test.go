package instance

import (
	"testing"

	"flashpod.dev/flashpod/mediaserver/session"
)

// blocked is a client whose connection takes nothing for a while.
type blocked struct {
	*guestOf
	until chan struct{}
	calls int // used by who says what the script says
}

func (d *blocked) Invoke(session.Invocation, func(session.Answer)) { <-d.until; d.calls++ }

// What a script says takes room where it has no arguments, too, and for each who is to
// hear it.
func TestWhatAScriptSaysWithoutArguments(t *testing.T) {
	t.Parallel()
	i, actors := acted(t, nil)
	s := taken(t, actors)
	d := &blocked{guestOf: newGuest("deaf"), until: make(chan struct{})}
	asked(t, func(answer func(session.ConnectAnswer)) {
		i.Connect(session.ConnectRequest{Client: session.Client{ID: "deaf"}}, d, answer)
	})
	s.Accept("deaf")
	for range 50 {
		comes(t, i, newGuest("x"), false)
	}
	settled(t, i)
	const tries = 100000
	for n := range tries {
		if n%2 == 0 {
			s.Broadcast("x", nil)
		} else {
			s.Invoke("deaf", "x", nil, nil)
		}
	}
	settled(t, i)
	out := &i.script.out
	out.mu.Lock()
	waiting, bytes := len(out.waiting), out.bytes
	out.mu.Unlock()
	if waiting > maxUnsaid/perSaying || bytes > maxUnsaid || bytes < maxUnsaid/2 {
		t.Errorf("%d things wait, of %d bytes", waiting, bytes)
	}
	close(d.until)
	for range 2 { // it is told once to go
		s.Disconnect("deaf")
	}
	d.hears(t, "disconnect")
	settled(t, i)
	for out.take(maxUnsaid) == false { // until all is given back
		settled(t, i)
	}
	out.give(maxUnsaid)
	if len(d.said) != 0 {
		t.Error("it is told twice")
	}
}
