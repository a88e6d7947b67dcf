package engine_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// work is what scripts do, of all kinds, for ever.
const work = `
function work(go) {
	var kept = [];
	for (var n = 0;; n++) {
		var o = {name: 'user' + n, list: [n, n + 1, {deep: n}], when: new Date(n), f: function () { return o }};
		kept[n % 50] = o;
		JSON.parse(JSON.stringify({a: kept.length, b: o.list, c: 'x'.repeat(n % 3000)}));
		kept.slice().sort(function (a, b) { return a.name < b.name ? 1 : -1 });
		('a,b,' + n).split(',').join('-').replace(/\d+/g, function (d) { return d + 1 });
		[].concat(kept, [1, 2, 3]).indexOf(n);
		var s = ''; for (var i = 0; i < 50; i++) s += i;
		try { null.x } catch (e) { e.stack.length }
		go(o, s, 'y'.repeat(n % 5000));
	}
}`

// TestMemoryTakenAnywhere takes a runtime's memory away wherever it stands, in the engine or between it and Go: whatever it was about to
// do, the call comes back with an error, and the process goes on.
func TestMemoryTakenAnywhere(t *testing.T) {
	t.Parallel()
	for i := range 60 {
		r, err := engine.New(engine.Limits{Time: time.Duration(i%20*200+100) * time.Microsecond, Grace: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		g, err := r.NewFunction("go", 0, func(c *engine.Call) (engine.Value, error) {
			d, err := c.Runtime.Export(c.Arg(0), engine.Options{})
			if err != nil {
				return engine.Undefined, err
			}
			return c.Runtime.Import(d)
		})
		if err == nil {
			_, err = r.Load(engine.Source{Name: "work.asc", Text: work})
		}
		if err == nil {
			var f engine.Value
			f, err = mustGlobal(t, r).Get("work")
			if err == nil {
				_, err = f.Object().Call(engine.Undefined, g.Value())
			}
		}
		if !errors.Is(err, engine.ErrDead) && !errors.Is(err, engine.ErrTime) {
			t.Errorf("%v", err)
		}
		if strings.Contains(err.Error(), "failed") {
			t.Error(err)
		}
		g.Release()
		r.Close()
		r.Close()
		if _, err := r.Load(engine.Source{Text: "1"}); !errors.Is(err, engine.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		g.Release()
	}
}

// TestStop: another goroutine ends what runs, and nothing that comes later.
func TestStop(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	running := make(chan bool)
	goFunction(t, r, "begun", func(*engine.Call) (engine.Value, error) { close(running); return engine.Undefined, nil })
	go func() {
		<-running
		r.Stop()
	}()
	if e := fails(t, r, "begun(); for (;;) try { for (;;); } catch (e) {}"); !errors.Is(e, engine.ErrStopped) || e.File != "main.asc" {
		t.Error(e)
	}
	r.Stop()
	if got := text(t, r, "1 + 1"); got != "2" {
		t.Error(got)
	}
}
