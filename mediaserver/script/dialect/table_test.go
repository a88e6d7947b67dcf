package dialect_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
)

var update = flag.Bool("update", false, "write DIALECT.md from what ran")

// row is a form of old scripts.
type row struct {
	form, example string
	// gave is what SpiderMonkey made of the example.
	gave string
	// here is what comes out, where that is something else, and why is said of
	// it in the table.
	here, why string
	// refused is part of what the refusal says.
	refused string
}

// chapter is a part of the table.
type chapter struct {
	title string
	rows  []row
}

var chapters = []chapter{names, functions, statements, objectForms, literals, patterns, files, refusals, editions}

const preface = `# Old scripts

What becomes of forms that server-side scripts were written in for SpiderMonkey (ECMA-262 edition 3 and JavaScript 1.5), and that engines of
today do not know, or know otherwise. ` + "`go test -run TestDialect ./mediaserver/script/dialect`" + ` runs each example twice, in QuickJS alone and as
[Rewrite](dialect.go) and [Prelude](prelude.go) have it, and fails when this table says anything else than what happened; with ` + "`-update`" + ` it writes it.

**how**: *as it is*, the engine takes it; *rewritten* in the source, which keeps its lines; *emulated* by the prelude, at run time;
*refused* when the file is loaded, with its line. What differs from SpiderMonkey is said in the last column. ⏎ is a line's end, ␍ a carriage return.
`

// TestDialect fills the table.
func TestDialect(t *testing.T) {
	var out strings.Builder
	out.WriteString(preface)
	for _, c := range chapters {
		fmt.Fprintf(&out, "\n## %s\n\n| form | example | SpiderMonkey | QuickJS alone | here | how | to know |\n|---|---|---|---|---|---|---|\n", c.title)
		for _, r := range c.rows {
			t.Run(r.form, func(t *testing.T) { out.WriteString(r.line(t)) })
		}
	}
	const file = "DIALECT.md"
	want, err := os.ReadFile(file)
	if err != nil && !(*update && errors.Is(err, os.ErrNotExist)) {
		t.Fatal(err)
	}
	switch {
	case t.Failed():
	case *update:
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	case out.String() != string(want):
		t.Errorf("%s does not say what was tried (go test -run TestDialect -update writes it):\n%s", file, out.String())
	}
}

// line tries a row, and gives its line of the table.
func (r row) line(t *testing.T) string {
	t.Helper()
	alone := bare(t, r.example)
	source, err := dialect.Rewrite("main.asc", []byte(r.example))
	if r.refused != "" {
		if err == nil || !strings.Contains(err.Error(), r.refused) {
			t.Errorf("%s: it is not refused with %q: %v", r.example, r.refused, err)
			return ""
		}
		return r.cells(alone, "main.asc:"+strings.SplitN(err.Error(), ":", 2)[1], "refused")
	}
	if err != nil {
		t.Error(err)
		return ""
	}
	got, err := newVM(t).load("main.asc", r.example)
	if err != nil {
		t.Errorf("%s: %v", r.example, err)
		return ""
	}
	want := r.gave
	if r.here != "" {
		want = r.here
	}
	if got != want {
		t.Errorf("%s: got %q, want %q:\n%s", r.example, got, want, source.Text)
	}
	return r.cells(alone, got, how(source))
}

// how gives the actions that the findings tell of.
func how(s *dialect.Source) string {
	var all []string
	for _, f := range s.Findings {
		if word := f.Action.String(); !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	if len(all) == 0 {
		return "as it is"
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// bare runs an example in the engine as it is.
func bare(t *testing.T, example string) string {
	t.Helper()
	m := newRuntime(t)
	defer m.Close()
	got, err := run(m, "main.asc", example)
	if err != nil {
		return strings.SplitN(thrown(err), "\n", 2)[0]
	}
	return got
}

func (r row) cells(alone, here, how string) string {
	gave := r.gave
	if r.refused != "" && gave == "" {
		gave = "an error"
	}
	cells := []string{r.form, code(r.example), code(gave), code(alone), code(here), how, r.why}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// code writes what a cell shows as code.
func code(text string) string {
	text = strings.NewReplacer("\r\n", "␍⏎", "\n", "⏎", "\r", "␍", "|", `\|`, "\ufeff", "\\ufeff").Replace(strings.ToValidUTF8(text, "\ufffd"))
	switch {
	case text == "":
		return ""
	case strings.Contains(text, "`"):
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}
