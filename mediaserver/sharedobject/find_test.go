package sharedobject

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	s := OpenStore(dir, StoreOptions{})
	if names, err := OpenStore(filepath.Join(dir, "none"), StoreOptions{}).Find(func(string) bool { return true }, 10); err != nil || len(names) != 0 {
		t.Errorf("in no folder: %q, %v", names, err)
	}
	for _, name := range []string{"a", "rooms/a", "rooms/b", "rooms/deep/c"} {
		o := NewObject(name, true, Limits{}, nil)
		if _, ok := o.Set("x", Value{Raw: []byte{1, 1}}); !ok {
			t.Fatal("not set")
		}
		fresh, err := s.Load(NewObject(name, true, Limits{}, nil), Quota{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Save(o.Snapshot(), fresh, Quota{}); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"other.txt": "", "a b" + extension: "", ".hidden" + tempSuffix: ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		match func(string) bool
		most  int
		want  []string
	}{
		{func(string) bool { return true }, 10, []string{"a", "rooms/a", "rooms/b", "rooms/deep/c"}},
		{func(name string) bool { return strings.HasPrefix(name, "rooms/") }, 2, []string{"rooms/a", "rooms/b"}},
		{func(string) bool { return false }, 10, nil},
	} {
		names, err := s.Find(row.match, row.most)
		slices.Sort(names)
		if err != nil || !slices.Equal(names, row.want) {
			t.Errorf("%q, %v; want %q", names, err, row.want)
		}
	}
}
