package engine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

func TestObjects(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	o, err := r.NewObject()
	must(err)
	must(o.Set("b", engine.Number(1)))
	must(o.Set("a\u20ac\x00", engine.String("x")))
	must(o.Define("fixed", engine.Number(2), 0))
	must(o.Define("hidden", engine.Number(3), engine.Writable|engine.Configurable))
	must(o.Set("fixed", engine.Number(9)))
	if v, err := o.Get("fixed"); err != nil || v != engine.Number(2) {
		t.Error(v, err)
	}
	if keys, err := o.Keys(); err != nil || !slices.Equal(keys, []string{"b", "a\u20ac\x00"}) {
		t.Errorf("%q, %v", keys, err)
	}
	for name, want := range map[string][2]bool{"b": {true, true}, "hidden": {true, true}, "toString": {true, false}, "none": {false, false}} {
		has, err := o.Has(name)
		own, err2 := o.HasOwn(name)
		if has != want[0] || own != want[1] || err != nil || err2 != nil {
			t.Error(name, has, own, err, err2)
		}
	}
	for name, want := range map[string]bool{"b": true, "none": true, "fixed": false} {
		if gone, err := o.Delete(name); err != nil || gone != want {
			t.Error(name, gone, err)
		}
	}
	a, err := r.NewArray(engine.Number(1), engine.String("two"), o.Value())
	must(err)
	must(a.SetIndex(5, engine.Null))
	if v, err := a.Get("length"); err != nil || v.Number() != 6 || a.Class() != "Array" {
		t.Error(v, err, a.Class())
	}
	if v, err := a.Index(2); err != nil || !v.Object().Same(o) || v.Object() == o {
		t.Error(v, err)
	}
	d, err := r.NewDate(86400000)
	must(err)
	if ms, ok := d.Date(); !ok || ms != 86400000 || d.Class() != "Date" {
		t.Error(ms, ok)
	}
	if _, ok := a.Date(); ok {
		t.Error("an array is a date")
	}
	e, err := r.NewError("wrong")
	must(err)
	if s, err := r.ToString(e.Value()); err != nil || s != "Error: wrong" || e.Class() != "Error" {
		t.Error(s, err)
	}
	if f, err := r.ToNumber(engine.String("0x10")); err != nil || f != 16 {
		t.Error(f, err)
	}
	proto, err := r.NewObject()
	must(err)
	must(proto.Set("inherited", engine.Bool(true)))
	must(o.SetPrototype(proto))
	if v, err := o.Get("inherited"); err != nil || !v.Bool() {
		t.Error(v, err)
	}
	if p, err := o.Prototype(); err != nil || !p.Same(proto) {
		t.Error(p, err)
	}
	must(o.SetPrototype(nil))
	if p, err := o.Prototype(); err != nil || p != nil {
		t.Error(p, err)
	}
	array := load(t, r, "Array").Object()
	if v, err := array.New(engine.Number(3)); err != nil || v.Object().Class() != "Array" || !array.IsFunction() || a.IsFunction() {
		t.Error(v, err)
	}
	if _, err := o.Call(engine.Undefined); err == nil || !strings.Contains(err.Error(), "not a function") {
		t.Error(err)
	}
}

// TestScopes: what comes up in a scope goes with it, what is kept stays until it is released.
func TestScopes(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	var kept, lost *engine.Object
	err := r.Scope(func() error {
		kept = load(t, r, "({})").Object().Keep()
		lost = load(t, r, "({})").Object()
		_, err := r.Load(engine.Source{Text: "throw {code: 7}"})
		var e *engine.Error
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		code, err := e.Value.Object().Get("code")
		if code.Number() != 7 {
			t.Error(code, err)
		}
		return err
	})
	if n, _ := r.Handles(); err != nil || n != 1 {
		t.Error(n, err)
	}
	if err := kept.Set("x", engine.Null); err != nil {
		t.Error(err)
	}
	if _, err := lost.Get("x"); !errors.Is(err, engine.ErrValue) {
		t.Error(err)
	}
	kept.Release()
	kept.Release()
	if n, _ := r.Handles(); n != 0 {
		t.Error(n)
	}
	other := open(t, engine.Limits{})
	o, err := r.NewObject()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.NewArray(o.Value()); !errors.Is(err, engine.ErrValue) {
		t.Error(err)
	}
}

// TestPromises: what they leave to do is done before a call is over, in its time, and what goes wrong in it is heard of.
func TestPromises(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{Time: 2 * time.Second, Grace: 5 * time.Second})
	load(t, r, "var log = []; Promise.resolve(1).then(function (v) { log.push(v) }); (async function () { await null; log.push(2) })(); log.push(0)")
	if got := text(t, r, "log.join()"); got != "0,1,2" {
		t.Error(got)
	}
	if e := fails(t, r, "Promise.reject(new TypeError('nobody heard'))"); e.Name != "TypeError" || e.Line != 1 {
		t.Error(e)
	}
	load(t, r, "Promise.reject(new TypeError('heard')).catch(function () {})")
	if e := fails(t, r, "function f() { return Promise.resolve().then(f) } f(); 0"); !errors.Is(e, engine.ErrTime) {
		t.Error(e)
	}
	if got := text(t, r, "'and on'"); got != "and on" {
		t.Error(got)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	if err := r.Check(engine.Source{Name: "a.asc", Text: "ran = true"}); err != nil {
		t.Error(err)
	}
	if got := text(t, r, "typeof ran"); got != "undefined" {
		t.Errorf("it ran: %s", got)
	}
	var e *engine.Error
	if err := r.Check(engine.Source{Name: "a b:3.asc", Text: "\n\n  )"}); !errors.As(err, &e) || e.File != "a b:3.asc" || e.Line != 3 || e.Column != 3 {
		t.Errorf("%+v", err)
	}
	// An error of a source's that the script reads itself is the script's.
	if e := fails(t, r, "eval(')')"); errors.Is(e, engine.ErrSyntax) || e.Name != "SyntaxError" {
		t.Errorf("%+v", e)
	}
}

// TestWhatIsThrownIsTold: whatever it is, it is said without running anything of the script's.
func TestWhatIsThrownIsTold(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	for source, want := range map[string]string{
		"throw 1": "main.asc: 1", "throw null": "main.asc: null", "throw undefined": "main.asc: undefined", "throw 'text'": "main.asc: text", "throw {code: 3}": "main.asc: [object Object]",
		"throw {message: 'hello'}": "main.asc: hello", "throw function () {}": "main.asc: [object Function]", "throw Symbol('x')": "main.asc: a symbol",
		"throw new Proxy({}, {get: function () { for (;;); }})":                                                  "main.asc: [object Proxy]",
		"var e = new Error('x'); Object.defineProperty(e, 'message', {get: function () { for (;;); }}); throw e": "main.asc:1:18: Error: ",
		"Error.prepareStackTrace = function () { for (;;); }; throw new Error('x')":                              "main.asc:1:69: Error: x",
		"function C() {} C.prototype = new Error('mine'); throw new C()":                                         "main.asc: mine",
		"null.x": "main.asc:1:5: TypeError: cannot read property 'x' of null", "none()": "main.asc:1:1: ReferenceError: 'none' is not defined",
	} {
		if got := text(t, r, source); got != want {
			t.Errorf("%s: %s", source, got)
		}
	}
	// What is no error object is told where the function begins that Go called.
	f := load(t, r, "\n\n(function thrower() {\n throw 5 })").Object()
	if _, err := f.Call(engine.Undefined); err == nil || err.Error() != "main.asc:3: 5" {
		t.Error(err)
	}
}

func TestMemoryIsGivenBack(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	before := r.Memory().Used
	load(t, r, "var big = []; for (var i = 0; i < 50000; i++) big.push({n: i}); 0")
	if during := r.Memory(); during.Used < before+1<<20 || during.Taken > during.Limit {
		t.Errorf("%+v", during)
	}
	load(t, r, "big = null; 0")
	if err := r.Collect(); err != nil {
		t.Fatal(err)
	}
	if after := r.Memory().Used; after > before+100<<10 {
		t.Errorf("%d bytes are used, %d before", after, before)
	}
}
