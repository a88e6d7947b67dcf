package script_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/script"
)

// turn notes what a script does with its own.
type turn struct {
	has           bool // used by the script
	begun, rested atomic.Int64
}

func (u *turn) Begin(<-chan struct{}) { u.has = true; u.begun.Add(1) }
func (u *turn) Rest(<-chan struct{})  { u.has = true; u.rested.Add(1) }
func (u *turn) End() bool             { had := u.has; u.has = false; return had }

// A script computes in its turn, and gives it back when it has nothing to do.
func TestScriptComputesInTurns(t *testing.T) {
	t.Parallel()
	f := newFake()
	u := &turn{}
	h := start(t, f, script.Config{Limits: short, Turn: func() script.Turn { return u }, Files: files("main.asc", `
		application.onConnect = function () { for (;;); };
	`)})
	h.Sync()
	before := u.rested.Load()
	h.Connect(newClient("a"), nil)
	f.await(t, "reject a")
	if u.begun.Load() < 2 || u.rested.Load() < before+100 {
		t.Errorf("begun %d times, rested %d times", u.begun.Load(), u.rested.Load()-before)
	}
	h.Close()
	<-h.Done()
	if u.has {
		t.Error("it keeps its turn")
	}
	if said := strings.Join(f.all(), "\n"); strings.Contains(said, "lost") {
		t.Error(said)
	}
}
