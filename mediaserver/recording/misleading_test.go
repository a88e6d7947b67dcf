package recording

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Files that somebody has called so that it misleads who reads it play, are listed
// and can be deleted. Nothing more is recorded under such a name.
func TestNamesThatMislead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	record(t, s, "plain", ModeRecord, seconds(1, 0))
	whole, err := os.ReadFile(filepath.Join(dir, "plain.flv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete("plain"); err != nil {
		t.Fatal(err)
	}
	names := []string{"a\u0085b", "a\u202egpj", "\u200emix", "\u2066a/b", "a\u2028b"}
	for _, name := range names {
		file := filepath.Join(dir, filepath.FromSlash(name)+extension)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if list, _, err := s.List(t.Context(), "", 10); err != nil || len(list) != len(names) {
		t.Errorf("listed are %+v, %v", list, err)
	}
	for _, name := range names {
		if d, err := s.Length(t.Context(), name); err != nil || d < 900*time.Millisecond {
			t.Errorf("%q plays %v, %v", name, d, err)
		}
		if one, err := s.Find(name); err != nil || one.Name != name {
			t.Errorf("%q is found as %+v, %v", name, one, err)
		}
		for _, mode := range []Mode{ModeRecord, ModeAppend, ModeDated} {
			if _, err := s.Record(name, mode, make(source), func(error) {}); !errors.Is(err, ErrBadName) {
				t.Errorf("recorded as %q: %v", name, err)
			}
		}
		if err := s.Delete(name); err != nil {
			t.Errorf("%q is not deleted: %v", name, err)
		}
	}
}
