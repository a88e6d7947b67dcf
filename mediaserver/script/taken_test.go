package script_test

import (
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/script"
)

// What clients have answered is let go of when the script has had it, or is gone before.
func TestAnswersAreLetGo(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.block = make(chan struct{})
	var taken atomic.Int32
	f.answers["sum"] = script.Answer{Value: "six", Taken: func() { taken.Add(1) }}
	h := start(t, f, script.Config{Limits: short, Files: files("main.asc", `
		application.onConnect = function() { return true }
		Client.prototype.go = function() { for (var i = 0; i < 3; i++) this.call("sum", {onResult: function(v) { trace("had " + v) }}) }
		Client.prototype.die = function() { this.go(); this.call("block") }`)})
	h.Connect(newClient("a"), nil)
	f.call(h, "a", "go")
	f.await(t, "had six")
	h.Sync()
	if n := taken.Load(); n != 3 {
		t.Errorf("%d of 3 answers were let go", n)
	}
	f.call(h, "a", "die")
	f.await(t, "lost ")
	h.Sync()
	if n := taken.Load(); n != 6 {
		t.Errorf("%d of 6 answers were let go when the script had died", n)
	}
	close(f.block)
}
