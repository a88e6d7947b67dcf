package script_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/servertest"
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
	// It computes until it has rested so often, however long that takes.
	h := start(t, f, script.Config{Limits: engine.Limits{Time: time.Hour}, Turn: func() script.Turn { return u }, Files: files("main.asc", `
		application.onConnect = function () { for (;;); };
	`)})
	h.Sync()
	before := u.rested.Load()
	h.Connect(newClient("a"), nil)
	servertest.Eventually(t, "it rests again and again", func() bool { return u.rested.Load() >= before+100 })
	h.Interrupt()
	f.await(t, "reject a")
	if n := u.begun.Load(); n < 2 {
		t.Errorf("begun %d times", n)
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
