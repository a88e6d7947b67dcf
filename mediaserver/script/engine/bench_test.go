package engine_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// long is for benchmarks, which are measured, not limited.
var long = engine.Limits{Time: time.Hour}

func function(b testing.TB, r *engine.Runtime, source string) *engine.Object {
	b.Helper()
	return load(b, r, "("+source+")").Object()
}

// BenchmarkNew is what a runtime costs to make and to close.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		r, err := engine.New(long)
		if err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

// BenchmarkCall is a call of a function of the script's, with two arguments.
func BenchmarkCall(b *testing.B) {
	r := open(b, long)
	f := function(b, r, "function (a, b) { return a + b }")
	for b.Loop() {
		if v, err := f.Call(engine.Undefined, engine.Number(1), engine.Number(2)); err != nil || v.Number() != 3 {
			b.Fatal(v, err)
		}
	}
}

// BenchmarkCallString is one with a string, and one back.
func BenchmarkCallString(b *testing.B) {
	r := open(b, long)
	f := function(b, r, "function (a) { return 'hello ' + a }")
	for b.Loop() {
		if _, err := f.Call(engine.Undefined, engine.String("world")); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCallBack is a call of a Go function by the script, in a loop of the script's.
func BenchmarkCallBack(b *testing.B) {
	r := open(b, long)
	g, err := r.NewFunction("g", 1, func(c *engine.Call) (engine.Value, error) { return c.Arg(0), nil })
	if err != nil {
		b.Fatal(err)
	}
	f := function(b, r, "function (g, n) { for (var i = 0; i < n; i++) g(i) }")
	b.ResetTimer()
	if _, err := f.Call(engine.Undefined, g.Value(), engine.Number(float64(b.N))); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkProperty is a property that Go computes, read in a loop of the script's.
func BenchmarkProperty(b *testing.B) {
	r := open(b, long)
	class, err := r.Define(engine.Class{Name: "C", Properties: []engine.Property{{
		Name: "x", Get: func(c *engine.Call) (engine.Value, error) { return engine.Number(1), nil },
	}}})
	if err != nil {
		b.Fatal(err)
	}
	o, err := class.New(1)
	if err != nil {
		b.Fatal(err)
	}
	f := function(b, r, "function (o, n) { for (var i = 0; i < n; i++) o.x }")
	b.ResetTimer()
	if _, err := f.Call(engine.Undefined, o.Value(), engine.Number(float64(b.N))); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLoop is the engine's own speed: a step of a loop that adds.
func BenchmarkLoop(b *testing.B) {
	r := open(b, long)
	f := function(b, r, "function (n) { var s = 0; for (var i = 0; i < n; i++) s += i & 7; return s }")
	b.ResetTimer()
	if _, err := f.Call(engine.Undefined, engine.Number(float64(b.N))); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkObjects makes objects, arrays and strings, and leaves them to the engine's memory.
func BenchmarkObjects(b *testing.B) {
	r := open(b, long)
	f := function(b, r, "function (n) { var o; for (var i = 0; i < n; i++) o = {a: [i, i], s: 'x' + i, o: {}} }")
	b.ResetTimer()
	if _, err := f.Call(engine.Undefined, engine.Number(float64(b.N))); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkExport(b *testing.B) {
	r := open(b, long)
	v := load(b, r, "({name: 'a', list: [1, 2, 3, {x: 1, y: 2}], when: new Date(0)})")
	for b.Loop() {
		if _, err := r.Export(v, engine.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkImport(b *testing.B) {
	r := open(b, long)
	d, err := r.Export(load(b, r, "({name: 'a', list: [1, 2, 3, {x: 1, y: 2}], when: new Date(0)})"), engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		v, err := r.Import(d)
		if err != nil {
			b.Fatal(err)
		}
		v.Object().Release()
	}
}

// BenchmarkIdle is what a thousand runtimes with a small script cost that do nothing: bytes of the process each.
func BenchmarkIdle(b *testing.B) {
	const n = 1000
	for b.Loop() {
		before := resident(b)
		all := make([]*engine.Runtime, n)
		for i := range all {
			r, err := engine.New(engine.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			all[i] = r
			load(b, r, "var users = {}; function onConnect(client, name) { users[name] = client; return true }")
		}
		runtime.GC()
		b.ReportMetric(float64(resident(b)-before)/n, "B/runtime")
		for _, r := range all {
			r.Close()
		}
	}
}

// resident is how much memory the process has, in bytes.
func resident(b *testing.B) int {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err != nil {
				b.Fatal(err)
			}
			return kb << 10
		}
	}
	b.Fatal(fmt.Errorf("no RssAnon in %s", text))
	return 0
}
