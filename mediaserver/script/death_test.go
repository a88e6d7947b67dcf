package script_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
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
			h.Reload(nil)
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
	limits := engine.Limits{Time: short.Time / 10, Grace: short.Grace} // to be loaded it has twenty times as long
	h := start(t, f, script.Config{Limits: limits, Files: files("main.asc", `var n = 0;
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
			h.Reload(nil)
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
			lost the script was loaded anew a b
			out
			out
			begin
			in 1
			accept c`,
	}, {
		name: "files that cannot be loaded",
		script: `trace("begin"); application.onStatus = function(i) { trace(i.code + " " + i.filename + ":" + i.lineno) }
			application.onAppStop = function() { trace("never") };`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), nil)
			h.Reload(script.Loadable(script.Config{Application: "app", Files: files("main.asc", `load("lib.asc")`, "lib.asc", "var a = 1;\nvar b = ;")}))
			h.Connect(newClient("b"), nil)
		},
		want: `begin
			accept a
			failed lib.asc:2 load fatal=false: the script's files have changed, and cannot be loaded: the script goes on as it was, until they are mended: lib.asc:2: an expression is missing: here stands ;
			Application.Script.Error lib.asc:2
			accept b`,
	}, {
		name:   "one that could not be loaded before is tried again",
		script: `var a = ;`,
		events: func(h *script.Host, f *fake) {
			h.Reload(script.Loadable(script.Config{Application: "app", Files: files("main.asc", "var b = ;")}))
			h.Sync()
			h.Sync()
			h.Connect(newClient("a"), nil)
		},
		want: `failed main.asc:1 load fatal=true: main.asc:1: an expression is missing: here stands ;
			lost the script was loaded anew
			failed main.asc:1 load fatal=true: main.asc:1: an expression is missing: here stands ;
			reject a the application's script is not in order: main.asc:1: an expression is missing: here stands ;`,
	}})
}

// TestConnectWhileTheScriptIsLoadedAnew: who comes once that was decided, as those do
// who were just told to go, is asked about by the next script; who has gone by then is
// forgotten.
func TestConnectWhileTheScriptIsLoadedAnew(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.block = make(chan struct{})
	h := start(t, f, script.Config{Limits: engine.Limits{Time: time.Minute}, Files: files("main.asc", `
		application.onConnect = function(c) { this.c = c; return true }
		application.onAppStop = function() { this.c.call("block") }
		Client.prototype.alive = function() { return "alive" }`)})
	h.Connect(newClient("old"), nil)
	h.Sync()
	h.Reload(nil)
	f.await(t, "invoke old block")
	f.call(h, "old", "alive")
	for _, id := range []string{"a", "b", "gone"} {
		h.Connect(newClient(id), nil)
	}
	h.Leave("gone")
	close(f.block)
	f.await(t, "accept b")
	f.call(h, "a", "alive")
	h.Sync()
	want := lines(`accept old
		invoke old block
		lost the script was loaded anew old
		error: the script was loaded anew
		accept a
		accept b
		result: alive`)
	if got := lines(strings.Join(f.all(), "\n")); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestLoadable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ main, lib, want string }{
		"all of it":                  {`load("lib.asc"); load("netservices.asc"); function f() { load(some + "thing"); load("none.asc"); nothing.there }`, "var a = 1", ""},
		"the first file":             {"var a = 1;\nvar b = ;", "", "main.asc:2"},
		"one that is loaded":         {`load("lib.asc")`, "\n\nfunction (", "lib.asc:3"},
		"what is not to be had here": {"\nx = <xml/>", "", "main.asc:2"},
		"two that load one another":  {`load("lib.asc")`, `if (!getGlobal().once) { once = true; load("main.asc") }`, ""},
	} {
		err := script.Loadable(script.Config{Application: "app", Files: files("main.asc", c.main, "lib.asc", c.lib)})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for name, in := range map[string]fs.FS{"no script": files("readme.txt", ""), "an archive that is none": files("main.far", "PK")} {
		if err := script.Loadable(script.Config{Application: "app", Files: in}); err == nil {
			t.Errorf("%s can be loaded", name)
		}
	}
}

// TestTrial tells a script that fails whatever is around it from one of which that is not
// known: what is outside of it hears of neither.
func TestTrial(t *testing.T) {
	t.Parallel()
	const thrown = "main.asc:2"
	for name, c := range map[string]struct{ main, want string }{
		"what is not there":                   {"var a = 1;\nnothing.there", thrown},
		"a class that is not there":           {"\nvar a = new Nothing()", thrown},
		"in a file that it loads":             {"\nload('lib.asc')", "lib.asc:1"},
		"behind what it only defines":         {"application.onConnect = function(c) { return nothing.there }; Client.prototype.f = function() {}; trace(application.name); application.registerClass('a', function() {});\nnothing.there", thrown},
		"it does not end":                     {"\nfor (;;) ;", "main.asc"},
		"nothing":                             {"application.onAppStart = function() { nothing.there }", ""},
		"behind a stream":                     {"var s = Stream.get('tv');\nnothing.there", ""},
		"behind an object":                    {"SharedObject.get('o', true);\nnothing.there", ""},
		"behind one that it has caught":       {"try { new File('x').open('text', 'write') } catch (e) {}\nnothing.there", ""},
		"behind a timer":                      {"setInterval(function() {}, 1);\nnothing.there", ""},
		"behind a question to another server": {"var l = new LoadVars(); l.load('http://127.0.0.1/');\nnothing.there", ""},
		"behind a file that asks for some":    {"load('streams.asc');\nnothing.there", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var limits engine.Limits
			if name == "it does not end" {
				limits.Time = 10 * time.Millisecond
			}
			err := script.Loadable(script.Config{
				Application: "app", Limits: limits,
				Files: files("main.asc", c.main, "lib.asc", "nothing.there", "streams.asc", "Stream.get('radio')"),
			})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestTrialIsPaid has nothing said of a script that nobody pays for.
func TestTrialIsPaid(t *testing.T) {
	t.Parallel()
	b := budget.New("scripts", 64<<20)
	cfg := script.Config{Application: "app", Files: files("main.asc", "nothing.there")}
	cfg.Limits.Pays = b
	if err := script.Loadable(cfg); err == nil || errors.Is(err, script.ErrUnpaid) {
		t.Errorf("with memory: %v", err)
	}
	if n := b.Used(); n != 0 {
		t.Errorf("%d bytes are not given back", n)
	}
	for b.Take(1 << 10) { //nolint:revive // until nothing is left
	}
	if err := script.Loadable(cfg); !errors.Is(err, script.ErrUnpaid) {
		t.Errorf("without memory: %v", err)
	}
}
