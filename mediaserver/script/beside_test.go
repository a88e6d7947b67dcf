package script_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// greedy is a script that computes and allocates without end.
const greedy = `Client.prototype.loop = function() { trace("loops"); for (;;); }
	Client.prototype.hog = function() { trace("hogs"); var all = []; for (;;) all.push({n: all.length}) }
	Client.prototype.alive = function() { return "alive" }`

// TestBeside is a script whose calls are answered while those of others compute and
// allocate without end, which end with an error of their scripts'.
func TestBeside(t *testing.T) {
	t.Parallel()
	loops, hogs, quiet := newFake(), newFake(), newFake()
	config := script.Config{Files: files("main.asc", greedy), Limits: engine.Limits{Time: time.Hour, Memory: 4 << 20}}
	a, b, c := start(t, loops, config), start(t, hogs, config), start(t, quiet, config)
	for _, h := range []*script.Host{a, b, c} {
		h.Connect(newClient("a"), nil)
	}
	loops.call(a, "a", "loop")
	loops.await(t, "loops")
	hogs.call(b, "a", "hog")
	for range 500 {
		quiet.call(c, "a", "alive")
	}
	c.Sync()
	if n := strings.Count(strings.Join(quiet.all(), "\n"), "result: alive"); n != 500 {
		t.Errorf("%d of 500 calls were answered beside a loop", n)
	}
	if got := loops.all(); got[len(got)-1] != "loops" {
		t.Error("the loop has ended by itself")
	}
	hogs.await(t, "error: the script's memory is used up")
	hogs.call(b, "a", "alive")
	hogs.await(t, "result: alive")
	a.Interrupt()
	loops.await(t, "error: the script was stopped")
}

// BenchmarkBeside is how long calls take, one after another, while the script of
// another instance computes without end, and when none does.
func BenchmarkBeside(b *testing.B) {
	for _, other := range []string{"alive", "loop"} {
		b.Run(other, func(b *testing.B) {
			config := script.Config{Files: files("main.asc", greedy), Limits: engine.Limits{Time: time.Hour}}
			f := newFake()
			busy, h := start(b, f, config), start(b, newFake(), config)
			busy.Connect(newClient("a"), nil)
			h.Connect(newClient("a"), nil)
			f.call(busy, "a", other)
			h.Sync()
			took := make([]time.Duration, 0, b.N)
			answered := make(chan struct{})
			for b.Loop() {
				begin := time.Now()
				h.Call(script.Call{Client: "a", Method: "alive", Answer: func(script.CallAnswer) { answered <- struct{}{} }})
				<-answered
				took = append(took, time.Since(begin))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			busy.Interrupt()
		})
	}
}

// FuzzCall is what a stranger can ask for: whatever the method is called, nothing but
// the script's own functions runs, and there is one answer.
func FuzzCall(f *testing.F) {
	for _, name := range []string{
		"own", "box.open", "box/open", "list.push", "toString", "__proto__.constructor", "app.shutdown", "", "..", "a/../b", "box.open.call", "\x00",
		"box.constructor.constructor", "self.self.self.own", "own.prototype", "watch", "app.clients.0.call", "é.ü", "\xff", "0", "list.0",
	} {
		f.Add(name, []byte{2, 0, 1, 'x'})
	}
	inst := newFake()
	h := start(f, inst, script.Config{Files: files("main.asc", `
		var ran = 0;
		Client.prototype.own = function() { ran++; return "own" };
		Client.prototype.box = {open: function() { ran++; return "own" }};
		application.onConnect = function(c) { c.list = [1, "x", new Date()]; c.app = application; c.self = c; c.everything = this; return true };
		application.onDisconnect = function() { trace("gone") }`)})
	h.Connect(newClient("a"), nil)
	h.Sync()
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		args, _, err := amf.DecodeWithin(data, 1<<16)
		if err != nil {
			args = nil
		}
		answers := make(chan script.CallAnswer, 2)
		h.Call(script.Call{Client: "a", Method: name, Args: args, Answer: func(a script.CallAnswer) { answers <- a }})
		h.Sync()
		if len(answers) != 1 {
			t.Fatalf("%d answers", len(answers))
		}
		a := <-answers
		if a.Failed == "" && a.Value != "own" {
			t.Errorf("%q gave %v", name, a.Value)
		}
		if got := inst.all(); len(got) != 1 {
			t.Fatalf("%q had the instance asked: %q", name, got)
		}
	})
}
