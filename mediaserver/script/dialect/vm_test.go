package dialect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"modernc.org/quickjs"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
)

// vm is a runtime with the prelude, and what its host gives it.
type vm struct {
	*quickjs.VM
	scripts dialect.Scripts
}

func newVM(t testing.TB) *vm {
	t.Helper()
	m, err := quickjs.NewVM()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := m.SetEvalTimeout(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	v := &vm{VM: m}
	if err := m.RegisterFunc(dialect.HookName, v.scripts.Hook, false); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Eval(dialect.Prelude, quickjs.EvalGlobal); err != nil {
		t.Fatalf("the prelude: %v", err)
	}
	return v
}

// load rewrites a source and runs it, and gives the value of its last
// statement as a string.
func (v *vm) load(name, source string) (string, error) {
	s, err := dialect.Rewrite(name, []byte(source))
	if err != nil {
		return "", err
	}
	if a, b := strings.Count(source, "\n"), strings.Count(s.Text, "\n"); a != b && !strings.Contains(source, "\r") {
		return "", fmt.Errorf("%d lines became %d:\n%s", a, b, s.Text)
	}
	v.scripts.Add(s)
	got, err := v.Eval(s.Text, quickjs.EvalGlobal)
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, s.Text)
	}
	if _, none := got.(quickjs.Undefined); none {
		return "undefined", nil
	}
	return fmt.Sprint(got), nil
}
