package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRecordings asks for the same recordings while a server serves them and
// when none does, and is told the same.
func TestRecordings(t *testing.T) {
	t.Parallel()
	s := serveOne(t, "")
	streams := s.Served()[0].Streams
	for _, name := range []string{"a b.flv", "c.flv"} {
		copyFile(t, filepath.Join(streams, name), film(t, 2))
	}
	data := filepath.Dir(filepath.Dir(filepath.Dir(streams)))
	served, folder := []string{"--url", "http://" + s.HTTPAddr().String()}, []string{"--data", data}
	ask := func(where []string, args ...string) string {
		t.Helper()
		out, err := flashpod(t.Context(), nil, append(append([]string{"recordings"}, args...), where...)...)
		if err != nil {
			out += err.Error()
		}
		return strings.ReplaceAll(out, where[1], "WHERE")
	}
	questions := [][]string{
		{}, {"list", "-o", "json"}, {"--instance", "app/one"},
		{"info", "a b", "--instance", "app/one"}, {"info", "c", "--instance", "app/one", "-o", "json"},
		{"info", "nothing", "--instance", "app/one"}, {"info", "../c", "--instance", "app/one"}, {"info", "c"},
		{"delete", "nothing", "--instance", "app/one"},
	}
	told := make([]string, len(questions))
	for i, q := range questions {
		told[i] = ask(served, q...)
	}
	for i, want := range []string{"a b", `"seconds": 1.92`, "1.9s", "name", `"name": "c"`, "recording nothing: stream is not recorded: nothing", "not a name for a recorded stream", "which instance?", "delete nothing: "} {
		if !strings.Contains(told[i], want) {
			t.Errorf("%q says %q, without %q", questions[i], told[i], want)
		}
	}
	if got := ask(served, "--instance", "app/two"); !strings.Contains(got, "instance app/two is not served here") {
		t.Errorf("an instance that is none: %s", got)
	}
	if got := ask(folder); !strings.Contains(got, "another flashpod serves from it") {
		t.Errorf("a folder that is served from: %s", got)
	}
	if got := ask(served, "delete", "a b", "--instance", "app/one"); got != "a b is deleted.\n" {
		t.Errorf("delete says %q", got)
	}
	copyFile(t, filepath.Join(streams, "a b.flv"), film(t, 2))
	for i, q := range questions {
		told[i] = ask(served, q...)
	}
	s.stop()
	for i, q := range questions {
		if got := ask(folder, q...); got != told[i] {
			t.Errorf("%q of a folder says\n%s\nand of a server\n%s", q, got, told[i])
		}
	}
	if got := ask(folder, "delete", "a b", "--instance", "app/one"); got != "a b is deleted.\n" {
		t.Errorf("delete says %q", got)
	}
	if got := ask(folder); strings.Contains(got, "a b") || !strings.Contains(got, "c") {
		t.Errorf("behind it there are\n%s", got)
	}
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
