package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// smallScript is a script as a chat room has it.
const smallScript = `
var count = 0;
application.onAppStart = function () { this.started = new Date(); };
application.onConnect = function (client, name) {
	client.name = name || "somebody";
	application.acceptConnection(client);
};
Client.prototype.add = function (a, b) { count++; return a + b; };
Client.prototype.say = function (line) { return {from: this.name, text: line.text, n: ++count}; };
`

// withScript is a folder with the script, and what the manifest says of it.
func (b *bench) withScript() (spec string, flags []string, err error) {
	dir, err := os.MkdirTemp(b.dir, "script-")
	if err != nil {
		return "", nil, err
	}
	return "  script: {configMap: {name: bench}}\n", []string{"--script-folder", dir}, os.WriteFile(filepath.Join(dir, "main.asc"), []byte(smallScript), 0o600)
}

const (
	callers     = 20
	callsAtOnce = 50 // that each caller has under way
)

// calls is what calls of clients cost.
type calls struct {
	rate    float64 // a second of the server's CPU
	share   float64 // of its core
	clients float64 // of the other
	rss     int64
}

// callAt has clients call a method for a while, on a server that it ends. want says
// whether an answer is the one that is measured: with others among them, a rate would be
// that of refusals.
func callAt(t *target, clients, atOnce int, window time.Duration, want func([]amf.Value, error) bool, method string, args ...amf.Value) (c calls, err error) {
	defer t.stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var answers, others atomic.Int64
	var why atomic.Value // of the last of the others
	for range clients {
		nc, err := rtmp.Connect(ctx, fmt.Sprintf("rtmp://%s/%s/_definst_/-", t.addr, t.app), rtmp.Config{})
		if err != nil {
			return c, err
		}
		defer nc.Close()
		var ask func()
		answered := func(got []amf.Value, err error) {
			if ctx.Err() == nil && !want(got, err) {
				others.Add(1)
				why.Store(fmt.Sprintf("%v, %v", got, err))
			}
			answers.Add(1)
			ask()
		}
		ask = func() { _ = nc.Ask(method, answered, args...) } // it fails once the connection is closed
		for range atOnce {
			ask()
		}
	}
	<-time.After(settle)
	first := answers.Load()
	before, err := used(t.pid())
	if err != nil {
		return c, err
	}
	ours, err := cpuOf(os.Getpid())
	if err != nil {
		return c, err
	}
	<-time.After(window)
	n := answers.Load() - first
	after, err := used(t.pid())
	if err != nil {
		return c, err
	}
	spent, err := cpuOf(os.Getpid())
	if err != nil {
		return c, err
	}
	if n == 0 {
		return c, fmt.Errorf("no call of %s was answered", method)
	}
	if m := others.Load(); m > 0 {
		return c, fmt.Errorf("%d of the calls of %s had another answer than the one that is measured: %v", m, method, why.Load())
	}
	took := after.at.Sub(before.at).Seconds()
	c.rate = float64(n) / (after.cpu - before.cpu).Seconds()
	c.share, c.clients, c.rss = (after.cpu-before.cpu).Seconds()/took, (spent-ours).Seconds()/took, after.rss
	return c, nil
}

// callScript measures calls that a script answers, or that of a name which nobody knows
// on a server without one: what the wire costs.
func (b *bench) callScript(script bool, clients, atOnce int, window time.Duration) (calls, error) {
	var spec string
	var flags []string
	if script {
		var err error
		if spec, flags, err = b.withScript(); err != nil {
			return calls{}, err
		}
	}
	t, err := b.serveSpec("Balanced", spec, flags)
	if err != nil {
		return calls{}, err
	}
	want := func(got []amf.Value, err error) bool { return err != nil }
	if script {
		want = func(got []amf.Value, err error) bool { return err == nil && len(got) == 1 && got[0] == 3.0 }
	}
	return callAt(t, clients, atOnce, window, want, "add", 1.0, 2.0)
}

// engineCalls is how often a second of CPU the engine alone calls such a function.
func engineCalls(window time.Duration) (rate float64, err error) {
	r, err := engine.New(engine.Limits{Time: time.Hour})
	if err != nil {
		return 0, err
	}
	defer r.Close()
	err = r.Scope(func() error {
		f, err := r.Load(engine.Source{Name: "add", Text: "(function (a, b) { return a + b })"})
		if err != nil {
			return err
		}
		before, err := cpuOf(os.Getpid())
		if err != nil {
			return err
		}
		n := 0
		for end := time.Now().Add(window); time.Now().Before(end); {
			for range 1000 {
				if _, err := f.Object().Call(engine.Undefined, engine.Number(1), engine.Number(2)); err != nil {
					return err
				}
			}
			n += 1000
		}
		after, err := cpuOf(os.Getpid())
		rate = float64(n) / (after - before).Seconds()
		return err
	})
	return rate, err
}

// callsRow holds calls that a script answers against those that nobody does.
func callsRow(b *bench) ([]result, error) {
	var with, without, ratios []float64
	window := b.window / 2
	for range 3 {
		s, err := b.callScript(true, callers, callsAtOnce, window)
		if err != nil {
			return nil, err
		}
		w, err := b.callScript(false, callers, callsAtOnce, window)
		if err != nil {
			return nil, err
		}
		with, without, ratios = append(with, s.rate), append(without, w.rate), append(ratios, w.rate/s.rate)
	}
	ceiling, err := engineCalls(time.Second)
	if err != nil {
		return nil, err
	}
	rate := median(with)
	return []result{{
		what:   fmt.Sprintf("calls of %d clients that a script answers, a second of a core", callers),
		figure: fmt.Sprintf("%.0f", rate),
		floor:  fmt.Sprintf("unknown to all, without a script %.0f; in the engine alone %.0f", median(without), ceiling),
		ratio:  median(ratios), target: "40,000", verdict: judge(rate >= 40000),
	}}, nil
}
