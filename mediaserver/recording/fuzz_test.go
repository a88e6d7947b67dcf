package recording

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzAfter lists after whatever a client of HTTP says that it has seen.
func FuzzAfter(f *testing.F) {
	dir := f.TempDir()
	for _, file := range []string{"a.flv", "a/b.flv", "a/b/c.mp3", "a.b.mp4", "mp3.flv", "mp4;.flv", "z-20260101T000000Z-2.flv", "ä/x.f4v"} {
		touch(f, filepath.Join(dir, filepath.FromSlash(file)))
	}
	s := open(f, dir, Options{})
	whole, next, err := s.List(context.Background(), "", 100)
	if err != nil || next != "" || len(whole) != 8 {
		f.Fatal(whole, next, err)
	}
	all := names(whole)
	for _, after := range append(slices.Clone(all), "", "/", "a/", "mp3:", "mp4:zz", "a/b/"+highest, highest, "../a", "a\x00", "\xff") {
		f.Add(after, 2)
	}
	f.Fuzz(func(t *testing.T, after string, limit int) {
		limit = 1 + (limit&0x7fffffff)%10
		var want []string
		for _, name := range all {
			if name > after {
				want = append(want, name)
			}
		}
		page, next, err := s.List(context.Background(), after, limit)
		if err != nil || !slices.Equal(names(page), want[:min(limit, len(want))]) || (next != "") != (len(want) > limit) {
			t.Fatalf("after %q by %d: %q, next %q, %v; want %q", after, limit, names(page), next, err, want)
		}
	})
}

// FuzzNames holds every name that a file can have to what it stands for.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"a", "a.flv", "mp4:a", "mp4:a/b.f4v", "mp3:a.mp3", "a.flv.flv", "flv:a", "a-20260101T000000Z-2", "-20260101T000000Z", "a/../b", "a.flv.part/x", "\u202e", "a\x85"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		prefix, base, ending, err := splitName(name)
		if err != nil {
			return
		}
		if !filepath.IsLocal(filepath.FromSlash(base)) || strings.ContainsAny(base, "\\:\x00\n") || strings.HasPrefix(base, journalDir) {
			t.Fatalf("%q is the file %q", name, base)
		}
		file := base + extension
		if own, ok := nameOf(file); ok && own != base {
			t.Errorf("%q plays by %q", file, own)
		}
		if ending == "" {
			ending = extensionOf(prefix)
		}
		if lists[listFLV].Has(filepath.Base(base)+ending) && lists[listMP4].Has(filepath.Base(base)+ending) {
			t.Errorf("%q is in two lists", base+ending)
		}
		if stream, v, ok := cutDated(filepath.Base(file)); ok {
			if len(stream) == 0 || len(v.stamp) != len(dated) || compareDated(filepath.Base(file), filepath.Base(file)) != 0 {
				t.Errorf("%q is of %q, %v", file, stream, v)
			}
		}
	})
}

// FuzzMark reads whatever lies in the place of a journal's entry.
func FuzzMark(f *testing.F) {
	dir := f.TempDir()
	s := open(f, dir, Options{})
	if err := os.Mkdir(filepath.Join(dir, journalDir), 0o700); err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{"", "{}", `{"stream":"a","file":"a.flv","temp":"a.flv.part","began":"2026-01-01T00:00:00Z"}`, `{"stream":"a","file":"a-20260101T000000Z.flv","began":"2026-01-01T00:00:00Z","interrupted":"2026-01-01T00:00:00Z"}`} {
		f.Add("a.flv", []byte(text))
	}
	f.Fuzz(func(t *testing.T, file string, text []byte) {
		path := (&mark{File: file, Began: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}).path()
		if err := os.WriteFile(filepath.Join(dir, path), text, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := s.readMark(path)
		if err := os.Remove(filepath.Join(dir, path)); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		name, ok := nameOf(m.File)
		if !ok || name+extension != m.File || !filepath.IsLocal(m.File) || m.Temp != "" && (filepath.Dir(m.Temp) != filepath.Dir(m.File) || !strings.HasSuffix(m.Temp, partial)) {
			t.Fatalf("%+v", m)
		}
	})
}
