package script_test

import (
	"fmt"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/script"
)

// A script that asks more of its instance than that does is held back, whatever it asks.
func TestScriptIsHeldBack(t *testing.T) {
	t.Parallel()
	for _, what := range []string{
		`application.broadcastMsg("x")`, `c.call("x")`, `c.readAccess = "x"`, `Stream.get("x").send("x")`, `SharedObject.get("x").mark("x")`,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			f.behind = true
			h := start(t, f, script.Config{Limits: short, Files: files("main.asc", `
				application.onConnect = function (c) { for (;;) { `+what+` } };
			`)})
			h.Connect(newClient("a"), nil)
			f.await(t, "reject a")
			if n := len(f.all()); n > 300 {
				t.Errorf("%d things were asked", n)
			}
		})
	}
}

// A script whose events make more events than they are ends.
func TestScriptThatMakesMoreThanItHandles(t *testing.T) {
	t.Parallel()
	f := newFake()
	start(t, f, script.Config{Files: files("main.asc", `
		var s = Stream.get("a");
		s.onStatus = function () { for (var i = 0; i < 100; i++) s.play("b", -2, -1, true, {}) };
		s.onStatus();
	`)})
	if said := f.await(t, "lost"); !strings.Contains(said, "it makes more of them than it handles") {
		t.Error(said)
	}
}

// What fails again and again is told so often, and no more.
func TestFailuresThatMakeFailures(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := start(t, f, script.Config{Files: files("main.asc", `
		var so = SharedObject.get("chat"), big = Array(2000).join("x");
		so.onStatus = function () { for (var i = 0; i < 10; i++) so.setProperty("big", big) };
		so.onStatus();
		application.onConnect = function () { return true };
	`)})
	for range 100 {
		h.Sync()
	}
	if n := h.Queued(); n > 200 {
		t.Errorf("%d events wait", n)
	}
	h.Connect(newClient("a"), nil)
	f.await(t, "accept a")
}

// gc is done once for all who ask for it in one event.
func TestCollectsOnce(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := start(t, f, script.Config{Files: files("main.asc", `
		var calls = 0;
		application.onConnect = function () { for (var i = 0; i < 20000; i++) application.gc(); return true };
	`)})
	h.Connect(newClient("a"), nil)
	f.await(t, "accept a")
	if h.Sync(); h.Queued() > 0 {
		t.Error("there is more to do")
	}
}

// Calls that wait take so much together, whoever has made them.
func TestCallsThatWaitTakeSoMuch(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := start(t, f, script.Config{Files: files("main.asc", `application.onConnect = function (c) { c.m = function () { return 1 }; return true };`)})
	h.Connect(newClient("a"), nil)
	f.await(t, "accept a")
	answers := make(chan script.CallAnswer, 100)
	h.Hold(func() {
		for range 100 {
			h.Call(script.Call{Client: "a", Method: "m", Size: 1 << 20, Answer: func(a script.CallAnswer) { answers <- a }})
		}
	})
	done := 0
	for range 100 {
		if a := <-answers; a.Failed == "" {
			done++
		}
	}
	if done != 16 {
		t.Errorf("%d calls of a megabyte were answered", done)
	}
	h.Call(script.Call{Client: "a", Method: "m", Size: 1 << 30, Answer: func(a script.CallAnswer) { answers <- a }})
	if a := <-answers; a.Failed != "" {
		t.Errorf("there is room: %s", fmt.Sprint(a))
	}
}
