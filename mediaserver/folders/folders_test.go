package folders

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
)

var tested = []List{
	{Has: func(name string) bool { return !strings.HasSuffix(name, ".part") }, Compare: strings.Compare},
	{Has: func(name string) bool { return strings.HasSuffix(name, "7") }, Compare: func(a, b string) int { return -strings.Compare(a, b) }},
	{Folders: true, Has: func(string) bool { return true }, Compare: strings.Compare},
}

// ways are those of knowing what lies in a folder.
var ways = map[string]func() *Watcher{
	"watched":        func() *Watcher { return NewWatcher(nil) },
	"by time":        unwatched,
	"without room":   func() *Watcher { return NewWatcher(budget.New("indexes", 10)) },
	"in little room": func() *Watcher { return NewWatcher(budget.New("indexes", 3000)) },
}

// unwatched is a watcher on a machine whose kernel tells nothing.
func unwatched() *Watcher {
	w := NewWatcher(nil)
	_ = syscall.Close(w.fd)
	w.fd = -1
	return w
}

func newIndex(t testing.TB, w *Watcher) (*Index, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	x := New(root, w, tested)
	t.Cleanup(func() { x.Close(); w.Close(); root.Close() })
	return x, dir
}

// expect compares all that an index says of a folder with what lies there.
func expect(t *testing.T, x *Index, root, dir string) {
	t.Helper()
	f, err := x.Open(t.Context(), dir)
	entries, there := os.ReadDir(filepath.Join(root, dir))
	if there != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%s: %v, want ErrNotExist", dir, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	for i, l := range tested {
		var want []string
		for _, e := range entries {
			if l.Folders == e.IsDir() && l.Has(e.Name()) {
				want = append(want, e.Name())
			}
		}
		slices.SortFunc(want, l.Compare)
		got, err := f.From(i, func(string) bool { return false }, len(entries)+1)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s, list %d: %v, %v; want %v", dir, i, got, err, want)
		}
		for k := 0; k < len(want); k += 1 + len(want)/5 {
			middle := func(name string) bool { return l.Compare(name, want[k]) < 0 }
			if got, err := f.From(i, middle, 3); err != nil || !slices.Equal(got, want[k:min(k+3, len(want))]) {
				t.Fatalf("%s, list %d from %s: %v, %v", dir, i, want[k], got, err)
			}
			before := slices.Clone(want[max(0, k-3):k])
			slices.Reverse(before)
			if got, err := f.Back(i, middle, 3); err != nil || !slices.Equal(got, before) {
				t.Fatalf("%s, list %d back from %s: %v, %v; want %v", dir, i, want[k], got, err, before)
			}
			if has, err := f.Has(i, want[k]); !has || err != nil {
				t.Fatalf("%s, list %d: %s is not there, %v", dir, i, want[k], err)
			}
		}
		if has, err := f.Has(i, "never"); has || err != nil {
			t.Fatalf("%s, list %d: what never was, is there, %v", dir, i, err)
		}
	}
}

// TestIndexFollows changes folders in every way, and asks in between.
func TestIndexFollows(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			x, root := newIndex(t, way())
			r := rand.New(rand.NewPCG(1, 2))
			dirs := []string{".", "a", "a/b", "c"}
			path := func() string {
				return filepath.Join(root, dirs[r.IntN(len(dirs))], []string{"", "x", "x.part"}[r.IntN(3)]+fmt.Sprint(r.IntN(40)))
			}
			for range 300 {
				switch r.IntN(8) {
				case 0:
					_ = os.Remove(path())
				case 1:
					_ = os.Rename(path(), path())
				case 2:
					_ = os.Mkdir(path(), 0o700)
				case 3:
					_ = os.Mkdir(filepath.Join(root, dirs[1+r.IntN(3)]), 0o700)
				case 4:
					_ = os.Rename(filepath.Join(root, dirs[1+r.IntN(3)]), filepath.Join(root, dirs[1+r.IntN(3)]))
				case 5:
					if r.IntN(10) == 0 {
						_ = os.RemoveAll(filepath.Join(root, dirs[1+r.IntN(3)]))
					}
				default:
					_ = os.WriteFile(path(), nil, 0o600)
				}
				for _, dir := range dirs {
					if r.IntN(3) == 0 {
						expect(t, x, root, dir)
					}
				}
			}
		})
	}
}

// TestMoreChangesThanTheKernelKeeps makes more files between two questions than
// the kernel remembers.
func TestMoreChangesThanTheKernelKeeps(t *testing.T) {
	x, root := newIndex(t, NewWatcher(nil))
	expect(t, x, root, ".")
	for i := range 9000 {
		path := filepath.Join(root, fmt.Sprint("a", i))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if err := os.Rename(path, path+"7"); err != nil {
				t.Fatal(err)
			}
		}
	}
	expect(t, x, root, ".")
}

// TestMemoryIsBounded asks for more folders than there is memory for.
func TestMemoryIsBounded(t *testing.T) {
	const memory = 20000
	b := budget.New("indexes", memory)
	w := NewWatcher(b)
	x, root := newIndex(t, w)
	for d := range 50 {
		dir := fmt.Sprint("d", d)
		for f := range 20 * d % 130 {
			if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, dir, fmt.Sprint(f)), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 3 {
		for d := range 50 {
			expect(t, x, root, fmt.Sprint("d", d))
		}
	}
	var sum int64
	for _, c := range x.kept {
		sum += c.bytes
	}
	if sum == 0 || sum != b.Used() || sum > memory || len(w.watched) != len(x.kept) {
		t.Errorf("%d folders take %d bytes, counted as %d; %d are watched", len(x.kept), sum, b.Used(), len(w.watched))
	}
	x.Close()
	if b.Used() != 0 || len(w.watched) != 0 || w.kept.Len() != 0 {
		t.Errorf("%d bytes and %d watches are left", b.Used(), len(w.watched))
	}
}

// TestManyAskAtOnce has one folder read by the first of many.
func TestManyAskAtOnce(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			x, root := newIndex(t, way())
			for f := range 300 {
				if err := os.WriteFile(filepath.Join(root, fmt.Sprint(f)), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var all sync.WaitGroup
			for n := range 8 {
				all.Go(func() {
					for i := range 20 {
						f, err := x.Open(t.Context(), ".")
						if err != nil {
							t.Error(err)
							return
						}
						if has, err := f.Has(0, "299"); err != nil || !has {
							t.Errorf("%v, %v", has, err)
						}
						name := fmt.Sprintf("mine-%d-%d", n, i)
						if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
							t.Error(err)
						}
						if f, err = x.Open(t.Context(), "."); err != nil {
							t.Error(err)
							return
						}
						if has, err := f.Has(0, name); err != nil || !has {
							t.Errorf("what was just made is there: %v, %v", has, err)
						}
					}
				})
			}
			all.Wait()
		})
	}
}

func TestPipeIsNoFolder(t *testing.T) {
	x, root := newIndex(t, NewWatcher(nil))
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, none := range []string{"pipe", "pipe/x", "none", "none/x"} {
		if _, err := x.Open(t.Context(), none); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want ErrNotExist", none, err)
		}
	}
	if _, err := x.Open(t.Context(), "../x"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("outside: %v", err)
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{100, 100000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x, root := newIndex(b, NewWatcher(nil))
			for i := range n {
				if err := os.WriteFile(filepath.Join(root, fmt.Sprintf("cam-%06d.flv", i)), nil, 0o600); err != nil {
					b.Fatal(err)
				}
			}
			if _, err := x.Open(b.Context(), "."); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				f, err := x.Open(b.Context(), ".")
				if err != nil {
					b.Fatal(err)
				}
				if has, err := f.Has(0, "missing"); has || err != nil {
					b.Fatal(has, err)
				}
			}
		})
	}
}
