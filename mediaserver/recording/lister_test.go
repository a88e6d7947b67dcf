package recording

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/folders"
)

// touch makes a file of nothing, with its folder.
func touch(t testing.TB, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPagesAreAllNamesInOrder lists a folder of everything by pages of every
// size, from every name on.
func TestPagesAreAllNamesInOrder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Others: []string{"a/other"}})
	r := rand.New(rand.NewPCG(3, 4))
	parts := []string{"a", "a.b", "a-b", "a0", "b", "mp3", "mp3-", "mp3a", "mp4", "mp4;", "m", "z", "ä", "other", ".hidden", "x.flv"}
	endings := []string{".flv", ".flv", ".mp4", ".f4v", ".mp3", ".mov", ".txt", ".flv.part", ".f4v.mp4", ".flv.flv"}
	for range 250 {
		var path []string
		for range r.IntN(4) {
			path = append(path, parts[r.IntN(len(parts))])
		}
		path = append(path, parts[r.IntN(len(parts))]+endings[r.IntN(len(endings))])
		_ = os.MkdirAll(filepath.Join(dir, filepath.Join(path[:len(path)-1]...)), 0o700)
		_ = os.WriteFile(filepath.Join(dir, filepath.Join(path...)), nil, 0o600)
	}
	var want []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == "." {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") || file == "a/other") {
			return fs.SkipDir
		}
		if name, ok := nameOf(file); ok && !d.IsDir() {
			want = append(want, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if len(want) < 80 {
		t.Fatalf("only %d names", len(want))
	}
	for _, limit := range []int{1, 3, len(want) - 1, len(want), len(want) + 1} {
		var got []string
		for after, more := "", true; more; more = after != "" {
			page, next, err := s.List(context.Background(), after, limit)
			if err != nil || len(page) > limit || next != "" && len(page) < limit {
				t.Fatalf("by %d after %q: %d, next %q, %v", limit, after, len(page), next, err)
			}
			after = next
			got = append(got, names(page)...)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("by %d: %q, want %q", limit, got, want)
		}
	}
	for i, after := range want {
		for _, after := range []string{after, after + " "} {
			page, _, err := s.List(context.Background(), after, 1)
			if i++; err != nil || i < len(want) && (len(page) != 1 || page[0].Name != want[i] && page[0].Name != after) {
				t.Fatalf("after %q: %v, %v; want %q", after, names(page), err, want[min(i, len(want)-1)])
			}
			i--
		}
	}
}

// TestEmptyFoldersAreLookedThroughByPages ends pages that would cost too much.
func TestEmptyFoldersAreLookedThroughByPages(t *testing.T) {
	dir := t.TempDir()
	for i := range 1500 {
		if err := os.Mkdir(filepath.Join(dir, fmt.Sprint("e", i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	touch(t, filepath.Join(dir, "e0", "first.flv"))
	touch(t, filepath.Join(dir, "e1499", "b", "middle.flv"))
	touch(t, filepath.Join(dir, "last.mp4"))
	deep := dir
	for range 300 {
		deep = filepath.Join(deep, "d")
	}
	touch(t, filepath.Join(deep, "hole.flv"))
	s := open(t, dir, Options{})
	var got []string
	pages := 0
	for after, more := "", true; more; more = after != "" {
		page, next, err := s.List(context.Background(), after, 1000)
		if err != nil || next != "" && next <= after {
			t.Fatalf("after %q: %q, %v", after, next, err)
		}
		after = next
		got = append(got, names(page)...)
		pages++
	}
	if want := []string{"e0/first", "e1499/b/middle", "mp4:last"}; !slices.Equal(got, want) || pages < 4 || pages > 20 {
		t.Errorf("%q in %d pages", got, pages)
	}
}

// TestNewestIsKnown records under names that look like one another.
func TestNewestIsKnown(t *testing.T) {
	for name, watcher := range map[string]*folders.Watcher{"kept": nil, "without room": noRoom(t)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, Options{Folders: watcher})
			at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for i, file := range []string{
				"c.flv", "c-20260101T000000Z.flv", "c-20260101T000001Z.flv", "c-20260101T000001Z-2.flv", "c-20260101T000001Z-10.flv",
				"c-99999999T999999Z.flv", "c-z.flv", "c-20260101T000001Z-20260102T000000Z.flv", "c-d-20260103T000000Z.flv", "f/c-20260104T000000Z.flv",
				"c-20270101T000000Z.flv.part", "c-20270101T000000Z.mp4",
			} {
				touch(t, filepath.Join(dir, file))
				when := at.Add(time.Duration(i) * time.Hour)
				if err := os.Chtimes(filepath.Join(dir, file), when, when); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Mkdir(filepath.Join(dir, "c-20280101T000000Z.flv"), 0o700); err != nil {
				t.Fatal(err)
			}
			for asked, want := range map[string]string{
				"c": "c-20260101T000001Z-10.flv", "c-20260101T000001Z": "c-20260101T000001Z-20260102T000000Z.flv",
				"c-d": "c-d-20260103T000000Z.flv", "f/c": "f/c-20260104T000000Z.flv", "c-20260101T000000Z": "c-20260101T000000Z.flv", "x": "", "f": "", "c-": "",
			} {
				if file, _, _ := s.newest(t.Context(), asked); file != want {
					t.Errorf("%s plays %q, want %q", asked, file, want)
				}
			}
			now := time.Now()
			if err := os.Chtimes(filepath.Join(dir, "c.flv"), now, now); err != nil {
				t.Fatal(err)
			}
			if file, _, _ := s.newest(t.Context(), "c"); file != "c.flv" {
				t.Errorf("plays %q, and c.flv was written last", file)
			}
			record(t, s, "c", ModeDated, seconds(1, 0))
			if file, _, _ := s.newest(t.Context(), "c"); !strings.HasPrefix(file, "c-2") || file == "c-20260101T000001Z-10.flv" {
				t.Errorf("plays %q, and another was recorded since", file)
			}
		})
	}
}

func noRoom(t *testing.T) *folders.Watcher {
	t.Helper()
	w := folders.NewWatcher(budget.New("indexes", 1))
	t.Cleanup(w.Close)
	return w
}
