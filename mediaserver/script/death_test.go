package script_test

import (
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// mortal is a script that can die in each of its ways, and says how often it began.
const mortal = `trace("begin");
	application.onConnect = function(c, wait) { if (!wait) return true }
	application.onDisconnect = function() { trace("never told") }
	Client.prototype.alive = function() { return "alive" }
	Client.prototype.native = function() { var n = 0;
		[].indexOf.call({get length() { return n++ ? 4294967295 : 1 }}, 1) }
	var hog = [], piece = []; for (var i = 0; i < 5000; i++) piece[i] = i;
	Client.prototype.hog = function() { for (;;) hog.push(piece.concat(piece)) }
	Client.prototype.block = function() { this.call("block") }
	Client.prototype.loop = function() { for (;;); }`

func TestDeath(t *testing.T) {
	for method, why := range map[string]string{
		"native": "main.asc:6: the script's runtime is dead: took longer than 300ms in a function of the language's own that cannot be stopped (in array_indexOf)",
		"hog":    "the script's memory is used up: what it holds on to takes",
		"block":  "the script's runtime is dead: does not come back from the server's function call",
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			f.block = make(chan struct{})
			limits := short
			limits.Memory = 4 << 20
			if method == "hog" {
				limits = engine.Limits{Memory: limits.Memory}
			}
			h := start(t, f, script.Config{Files: files("main.asc", mortal), Limits: limits})
			h.Connect(newClient("a"), nil)
			h.Connect(newClient("pending"), []amf.Value{true})
			f.call(h, "a", method)
			if method == "hog" {
				f.call(h, "a", method)
				f.call(h, "a", method)
			}
			f.call(h, "a", "alive") // which waits behind it
			h.Connect(newClient("late"), nil)
			lost := f.await(t, "lost ")
			if got := lines(lost); !strings.HasPrefix(got, "lost the script has died: "+why) {
				t.Errorf("got %s, want %s", got, why)
			}
			f.await(t, "reject late the script has died")
			f.await(t, "error: the script has died: ")
			// The next one begins in a moment, or at once when the script was mended.
			h.Reload()
			h.Sync()
			h.Connect(newClient("c"), nil)
			f.await(t, "accept c")
			f.call(h, "c", "alive")
			f.await(t, "result: alive")
			if n := strings.Count(strings.Join(f.all(), "\n"), "begin"); n < 2 {
				t.Errorf("it began %d times", n)
			}
			close(f.block) // what comes back then finds another world, and goes
		})
	}
}

func errorsOf(f *fake) (found []string) {
	for _, s := range f.all() {
		if strings.HasPrefix(s, "error: ") {
			found = append(found, s)
		}
	}
	return found
}

// TestDeathAgain is a script that dies when it is loaded: the next life waits longer.
func TestDeathAgain(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := start(t, f, script.Config{Limits: short, Files: files("main.asc", `var n = 0;
		[].indexOf.call({get length() { return n++ ? 4294967295 : 1 }}, 1)`)})
	f.await(t, "lost ")
	h.Connect(newClient("a"), nil)
	f.await(t, "reject a the script has died: ")
}

// TestCloseEndsALoop is a script that is ended while it loops, long before its time is
// up.
func TestCloseEndsALoop(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := start(t, f, script.Config{Files: files("main.asc", mortal), Limits: engine.Limits{Time: short.Time, Grace: short.Grace}})
	h.Connect(newClient("a"), nil)
	for range 100 {
		f.call(h, "a", "loop")
	}
	h.Close()
	<-h.Done()
	if n := len(errorsOf(f)); n != 100 {
		t.Errorf("%d of 100 calls were answered", n)
	}
	f.call(h, "a", "alive")
	if got := errorsOf(f); got[len(got)-1] != "error: the script has ended" {
		t.Error(got)
	}
}

func TestReload(t *testing.T) {
	runAll(t, []scenario{{
		name: "all is new",
		script: `trace("begin"); var n = n ? n + 1 : 1;
			application.onConnect = function(c, wait) { trace("in " + n++); if (!wait) return true }
			application.onDisconnect = function(c) { trace("out") }
			application.onAppStop = function(i) { trace(i.code); return false }
			setInterval(function() { trace("never") }, 100000);`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), nil)
			h.Connect(newClient("b"), []amf.Value{true})
			h.Sync()
			h.Reload()
			h.Sync()
			h.Sync()
			leave(h, "a")
			leave(h, "b")
			h.Connect(newClient("c"), nil)
		},
		want: `begin
			in 1
			accept a
			in 2
			Application.Shutdown
			lost the script was loaded anew
			out
			out
			begin
			in 1
			accept c`,
	}})
}
