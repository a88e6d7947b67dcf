package dialect_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// vm is a runtime with the prelude, and what its host gives it.
type vm struct {
	*engine.Runtime
	scripts dialect.Scripts
}

// newRuntime makes one with nothing of ours.
func newRuntime(t testing.TB) *engine.Runtime {
	t.Helper()
	r, err := engine.New(engine.Limits{Time: 20 * time.Second, Grace: 20 * time.Second, Memory: 64 << 20, Source: dialect.MaxSize})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func newVM(t testing.TB) *vm {
	t.Helper()
	v := &vm{Runtime: newRuntime(t)}
	hook, err := v.NewFunction(dialect.HookName, 3, func(c *engine.Call) (engine.Value, error) {
		return engine.String(v.scripts.Hook(c.Arg(0).Text(), c.Arg(1).Text(), c.Arg(2).Text())), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	global, err := v.Global()
	if err != nil {
		t.Fatal(err)
	}
	if err := global.Set(dialect.HookName, hook.Value()); err != nil {
		t.Fatal(err)
	}
	if _, err := run(v.Runtime, "prelude", dialect.Prelude); err != nil {
		t.Fatalf("the prelude: %v", err)
	}
	return v
}

// run runs a source, and gives the value of its last statement as a string.
func run(r *engine.Runtime, name, text string) (got string, err error) {
	err = r.Scope(func() error {
		v, err := r.Load(engine.Source{Name: name, Text: text})
		if err == nil {
			got, err = r.ToString(v)
		}
		return err
	})
	return got, err
}

// load rewrites a source, and runs it.
func (v *vm) load(name, source string) (string, error) {
	s, err := dialect.Rewrite(name, []byte(source))
	if err != nil {
		return "", err
	}
	if a, b := strings.Count(source, "\n"), strings.Count(s.Text, "\n"); a != b && !strings.Contains(source, "\r") {
		return "", fmt.Errorf("%d lines became %d:\n%s", a, b, s.Text)
	}
	v.scripts.Add(s)
	got, err := run(v.Runtime, name, s.Text)
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, s.Text)
	}
	return got, nil
}

// thrown is what a script threw, as it would say it itself.
func thrown(err error) string {
	e := new(engine.Error)
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Name == "" {
		return e.Message
	}
	return e.Name + ": " + e.Message
}
