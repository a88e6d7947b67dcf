package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// TestProgramInManyRuntimes runs one program in several runtimes at once: each has variables of its own, and finds all that a source has,
// but its text.
func TestProgramInManyRuntimes(t *testing.T) {
	t.Parallel()
	p := engine.NewProgram(engine.Source{Name: "own.js", Line: 3, Text: `(function () {
		const secret = /a+(b)/i, wide = "\u20ac\u{1f600}";
		let count = 0;
		return {
			count() { return ++count },
			inner(text) { return eval(text) },
			fail() {
				throw new TypeError(wide)
			},
		}
	})()`})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			r := open(t, engine.Limits{})
			v, err := r.Run(p)
			if err == nil {
				g, _ := r.Global()
				err = g.Set("own", v)
			}
			if err != nil {
				t.Error(err)
				return
			}
			for n := range i + 1 {
				if got := load(t, r, "own.count()"); got.Number() != float64(n+1) {
					t.Errorf("call %d in runtime %d gave %v", n, i, got)
				}
			}
			if got := load(t, r, `own.inner("secret.exec('xAAB')[1] + wide + count")`).Text(); got != fmt.Sprintf("B€😀%d", i+1) {
				t.Errorf("the program's own eval gave %q", got)
			}
			if got := load(t, r, "String(own.fail)").Text(); strings.Contains(got, "throw") || !strings.Contains(got, "[native code]") {
				t.Errorf("its function shows %q", got)
			}
			_, err = r.Load(engine.Source{Name: "main.asc", Text: "own.fail()"})
			var e *engine.Error
			if !errors.As(err, &e) || e.File != "own.js" || e.Line != 10 || e.Message != "€😀" {
				t.Errorf("it failed with %v", err)
			}
		})
	}
	all.Wait()
}

func TestProgramThatIsNone(t *testing.T) {
	t.Parallel()
	p := engine.NewProgram(engine.Source{Name: "own.js", Text: "var a;\nvar 1"})
	r := open(t, engine.Limits{})
	for range 2 {
		_, err := r.Run(p)
		var e *engine.Error
		if !errors.Is(err, engine.ErrSyntax) || !errors.As(err, &e) || e.File != "own.js" || e.Line != 2 {
			t.Fatalf("it ran, or failed with %v", err)
		}
	}
	if got := load(t, r, "1 + 1"); got.Number() != 2 {
		t.Fatalf("the runtime gives %v afterwards", got)
	}
}

// TestProgramTakesWhatTheLimitAllows is about a runtime that has no room for it.
func TestProgramTakesWhatTheLimitAllows(t *testing.T) {
	t.Parallel()
	p := engine.NewProgram(engine.Source{Name: "own.js", Text: `"` + strings.Repeat("much", 1<<18) + `"`})
	small := open(t, engine.Limits{Memory: 1 << 20})
	if _, err := small.Run(p); !errors.Is(err, engine.ErrMemory) {
		t.Fatalf("1 MB of a runtime that has 1 MB: %v", err)
	}
	large := open(t, engine.Limits{})
	if v, err := large.Run(p); err != nil || len(v.Text()) != 4<<18 {
		t.Fatalf("in one that has 16 MB: %d bytes, %v", len(v.Text()), err)
	}
}
