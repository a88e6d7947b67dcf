package engine_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

func open(t testing.TB, l engine.Limits) *engine.Runtime {
	t.Helper()
	if l.Time == 0 {
		l.Time = time.Minute // what is not about time has time, on a busy machine too
	}
	r, err := engine.New(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func load(t testing.TB, r *engine.Runtime, text string) engine.Value {
	t.Helper()
	v, err := r.Load(engine.Source{Name: "main.asc", Text: text})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// text runs a source and returns what it gives, as text; an exception's text for what throws.
func text(t testing.TB, r *engine.Runtime, source string) string {
	t.Helper()
	v, err := r.Load(engine.Source{Name: "main.asc", Text: source})
	if err != nil {
		return err.Error()
	}
	s, err := r.ToString(v)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	v.Object().Release()
	return s
}

func fails(t testing.TB, r *engine.Runtime, source string) *engine.Error {
	t.Helper()
	v, err := r.Load(engine.Source{Name: "main.asc", Text: source})
	var e *engine.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: gave %v and %v", source, v, err)
	}
	return e
}

func TestValuesGoOutAndIn(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	for source, want := range map[string]engine.Value{
		"undefined": engine.Undefined, "null": engine.Null, "true": engine.Bool(true), "1": engine.Number(1), "-1.5": engine.Number(-1.5),
		"'\\u00e9\\u20ac\\0x'": engine.String("é€\x00x"), "'\\ud83d\\ude00'": engine.String("😀"),
		"'a\\ud800b'": engine.String("a\xed\xa0\x80b"), "4294967296": engine.Number(1 << 32),
	} {
		if got := load(t, r, source); got != want {
			t.Errorf("%s gave %#v, want %#v", source, got, want)
		}
		id := load(t, r, "(function (x) { return x })").Object()
		if got, err := id.Call(engine.Undefined, want); err != nil || got != want {
			t.Errorf("%#v went in and came out as %#v, %v", want, got, err)
		}
		id.Release()
	}
	if kept, _ := r.Handles(); kept != 0 {
		t.Errorf("%d values are kept after all were released", kept)
	}
}

func TestWhereItWasThrown(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	load(t, r, "\n\nfunction outer() {\n  inner();\n}\nfunction inner() {\n\n  undefinedFunction();\n}\n")
	f, err := mustGlobal(t, r).Get("outer")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Object().Call(engine.Undefined)
	var e *engine.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if e.Name != "ReferenceError" || e.File != "main.asc" || e.Line != 8 || len(e.Stack) != 2 || e.Stack[1].Line != 4 ||
		e.Stack[1].Function != "outer" || !strings.Contains(e.Message, "undefinedFunction") {
		t.Errorf("%+v", e)
	}
	if e := fails(t, r, "\nvar a = ;"); e.File != "main.asc" || e.Line != 2 || !errors.Is(e, engine.ErrSyntax) {
		t.Errorf("%+v", e)
	}
	if _, err := r.Load(engine.Source{Name: "part.asc", Line: 40, Text: "\nnone()"}); !errors.As(err, &e) || e.Line != 41 {
		t.Errorf("%+v", err)
	}
}

func mustGlobal(t testing.TB, r *engine.Runtime) *engine.Object {
	t.Helper()
	g, err := r.Global()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestTimeHolds(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{Time: 50 * time.Millisecond, Grace: 2 * time.Second})
	for _, source := range []string{
		"for (;;);",
		"try { for (;;); } catch (e) {} finally { for (;;); }",
		"/(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab')",
		"var a = []; for (var i = 0; i < 100000; i++) a[i] = i; for (;;) a.indexOf(-1);",
		"var a = []; for (var i = 0; i < 100000; i++) a[i] = i; for (;;) a.join('').length;",
	} {
		begin := time.Now()
		e := fails(t, r, source)
		if took := time.Since(begin); !errors.Is(e, engine.ErrTime) || took > 2*time.Minute { // on a machine that is very busy
			t.Errorf("%s: %v after %v", source, e, took)
		}
	}
	if got := text(t, r, "1+1"); got != "2" {
		t.Errorf("afterwards: %s", got)
	}
}
