package values

import (
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// known are errors that a value may end with, both ways.
func known(err error) bool {
	for _, e := range []error{engine.ErrValue, engine.ErrHandles, engine.ErrMemory, engine.ErrTime, engine.ErrDepth} {
		if errors.Is(err, e) {
			return true
		}
	}
	var script *engine.Error
	return errors.As(err, &script) && script.Kind == nil // a constructor or a getter has thrown it
}

// settled says whether a value that came out of a script, and went in and out again,
// is the same.
func settled(t *testing.T, rt *engine.Runtime, v *Values, first amf.Value) {
	t.Helper()
	b, err := amf.Append(nil, first)
	if err != nil {
		return // what is met again too far behind, or a name that AMF3 cannot carry
	}
	a, rest, err := amf.Decode(b)
	if errors.Is(err, amf.ErrTooMany) {
		return
	}
	if err != nil || len(rest) != 0 {
		t.Fatalf("left as %s, which does not decode: %v", hex.EncodeToString(b), err)
	}
	err = rt.Scope(func() error {
		e, err := v.In(a)
		if err != nil {
			return err
		}
		second, err := v.Out(e)
		if err != nil {
			return err
		}
		again, err := amf.Append(nil, second)
		if err != nil || string(again) != string(b) {
			t.Fatalf("left as\n%s, then as\n%s, %v", hex.EncodeToString(b), hex.EncodeToString(again), err)
		}
		return nil
	})
	if err != nil && !known(err) {
		t.Fatal(err)
	}
}

// FuzzIn: whatever arrives becomes a script's value or a known error, nothing of it
// stays in Go's hands, and what leaves again says the same whenever it comes back.
func FuzzIn(f *testing.F) {
	for _, c := range cases {
		if b, err := amf.Append(nil, c.value); err == nil && len(b) < 4<<10 {
			f.Add(b)
		}
		if b, err := amf.Append3([]byte{0x11}, c.value); err == nil && len(b) < 4<<10 {
			f.Add(b)
		}
	}
	f.Add([]byte("\x0a\x00\x00\x00\x02\x10\x00\x01C\x00\x01a\x07\x00\x00\x00\x00\x09\x07\x00\x01"))
	rt, v := fuzzed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, _, err := amf.Decode(b)
		if err != nil {
			return
		}
		before, _ := rt.Handles()
		var out amf.Value
		err = rt.Scope(func() error {
			e, err := v.In(a)
			if err == nil {
				out, err = v.Out(e)
			}
			return err
		})
		if after, _ := rt.Handles(); after != before {
			t.Errorf("%d values more are kept", after-before)
		}
		if err == nil {
			settled(t, rt, v, out)
		} else if !known(err) {
			t.Fatal(err)
		}
	})
}

func fuzzed(f *testing.F) (*engine.Runtime, *Values) {
	rt, v := open(f, engine.Limits{Time: 2 * time.Second, Memory: 64 << 20})
	load(f, rt, "XML; function C() { this.b = 1 } C.prototype.onInitialize = function () { this.c = this.a }")
	if err := v.Register("C", load(f, rt, "C").Object()); err != nil {
		f.Fatal(err)
	}
	return rt, v
}

// FuzzOut: whatever a script makes leaves, or ends in a known error, and what has left
// is the same when it comes back and leaves again.
func FuzzOut(f *testing.F) {
	for _, source := range []string{
		"[1, , 'x', {a: null}]", "var o = {}; o.o = o; [o, o]", "new Map([[{}, []], [1, new Map()]])", "new Date(NaN)", "new XML('<a>x</a>')",
		"var b = new ByteArray(); b.writeObject({b: b}); [b, b]", "({get x() { return {} }})", "var a = []; a[-1] = a; a[4294967294] = 1; a",
		"(function f() { return f })()", "new Proxy([], {})", "'\\ud800'", "Object.assign(new C(), {a: 1})", "({__proto__: []})", "[].concat(/x/, Error('x'))",
	} {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		rt, v := open(t, engine.Limits{Time: 300 * time.Millisecond, Memory: 4 << 20})
		_ = rt.Scope(func() error {
			if c, err := rt.Load(engine.Source{Name: "c", Text: "function C() {} C"}); err == nil {
				return v.Register("C", c.Object())
			}
			return nil
		})
		var out amf.Value
		err := rt.Scope(func() error {
			e, err := rt.Load(engine.Source{Name: "main.asc", Text: source})
			if err != nil {
				return engine.ErrValue // which is none of ours
			}
			out, err = v.Out(e)
			return err
		})
		if err == nil {
			rt, v := open(t, engine.Limits{})
			settled(t, rt, v, out)
		} else if !known(err) && !errors.Is(err, engine.ErrDead) {
			t.Fatal(err)
		}
	})
}

func BenchmarkIn(b *testing.B) {
	rt, v := open(b, engine.Limits{})
	value := amf.NewObject("name", "bob", "list", amf.NewArray(1.0, 2.0, amf.NewObject("x", 1.0)), "text", "hello world")
	for name, a := range map[string]amf.Value{"text": "hello", "object": value} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := rt.Scope(func() error { _, err := v.In(a); return err }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOut(b *testing.B) {
	rt, v := open(b, engine.Limits{})
	e := load(b, rt, "({name: 'bob', list: [1, 2, {x: 1}], text: 'hello world'})")
	for b.Loop() {
		if _, err := v.Out(e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNew is what a runtime pays that never uses any of it.
func BenchmarkNew(b *testing.B) {
	for name, make := range map[string]bool{"with": true, "without": false} {
		b.Run(name, func(b *testing.B) {
			used := 0
			for b.Loop() {
				rt, err := engine.New(engine.Limits{})
				if err != nil {
					b.Fatal(err)
				}
				if make {
					if _, err := New(rt); err != nil {
						b.Fatal(err)
					}
				}
				used = rt.Memory().Used
				rt.Close()
			}
			b.ReportMetric(float64(used), "script-B")
		})
	}
}
