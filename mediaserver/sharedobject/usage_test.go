package sharedobject

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// one makes an object with a value of so many bytes.
func one(t testing.TB, s *Store, name string, bytes int, q Quota) (*Object, error) {
	t.Helper()
	o := NewObject(name, true, Limits{}, nil)
	fresh, err := s.Load(o, q, nil)
	if err != nil {
		return nil, err
	}
	v, err := NewValue(strings.Repeat("x", bytes))
	if err != nil {
		t.Fatal(err)
	}
	o.Set("x", v)
	return o, s.Save(o.Snapshot(), fresh, q)
}

// What the folder takes is known all the time, and bounded; what others delete is
// noticed, and what a server has left half written goes.
func TestQuotaOfObjects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, b := range map[string]string{
		"deep/.0123456789abcdef.new": strings.Repeat("x", 1<<20), "note.txt": "?",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := OpenStore(dir, StoreOptions{})
	q := Quota{Files: 20, Bytes: 64 << 10}
	var objects []*Object
	var full *QuotaError
	for n := range 20 {
		o, err := one(t, s, fmt.Sprint("deep/", n), 8<<10, q)
		if errors.As(err, &full) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	if !full.Bytes || len(objects) != 8 || full.Used <= 64<<10 || s.Bytes() != full.Used {
		t.Errorf("%d objects of 8 KiB, %d bytes; %+v", len(objects), s.Bytes(), full)
	}
	large, err := NewValue(strings.Repeat("x", 9<<10))
	if err != nil {
		t.Fatal(err)
	}
	objects[0].Set("y", large)
	if err := s.Save(objects[0].Snapshot(), false, q); !errors.As(err, &full) {
		t.Errorf("it grows beyond the quota: %v", err)
	}
	objects[0].Delete("x")
	objects[0].Delete("y")
	if err := s.Save(objects[0].Snapshot(), false, q); err != nil {
		t.Errorf("it cannot shrink: %v", err)
	}
	look := func() {
		t.Helper()
		files, bytes, _, err := s.walk()
		if err != nil || files != s.Files() || bytes != s.Bytes() {
			t.Errorf("%d files and %d bytes are known; there are %d and %d; %v", s.Files(), s.Bytes(), files, bytes, err)
		}
	}
	look()
	if err := s.Remove("deep/0"); err != nil {
		t.Fatal(err)
	}
	s.Forgo()
	look()
	for n := 1; n < len(objects); n++ {
		if err := os.Remove(filepath.Join(dir, "deep", fmt.Sprint(n, extension))); err != nil {
			t.Fatal(err)
		}
	}
	// It is counted again, but not all the time.
	for late := time.After(2 * time.Minute); ; {
		_, err := one(t, s, "new", 60<<10, q)
		if err == nil {
			break
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-late:
			t.Fatalf("all others were deleted, and still: %v", err)
		}
	}
	look()
	if _, err := os.Stat(filepath.Join(dir, "deep", ".0123456789abcdef.new")); err == nil {
		t.Error("what a server has left half written is still there")
	}
}

// Objects that come and go at once are counted as those that are there, and leave
// no folder behind.
func TestObjectsComeAndGo(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{})
	var clients sync.WaitGroup
	for n := range 8 {
		clients.Go(func() {
			name := fmt.Sprintf("a/b/%d/o", n%2*n)
			if n%2 == 0 {
				name = fmt.Sprintf("a/b/c%d", n)
			}
			for range 50 {
				o, err := one(t, s, name, 100, Quota{})
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Remove(o.Name); err != nil {
					t.Error(err)
					return
				}
				s.Forgo()
				_ = s.Recount()
			}
		})
	}
	clients.Wait()
	if s.Files() != 0 || s.Bytes() != 0 || s.usage.places != 0 || s.usage.claimed != 0 {
		t.Errorf("%+v", s.usage)
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != versionsFile {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}

// Where the disk has little left, or an object is larger than can be read again,
// nothing is written, and what is there stays.
func TestStoreLeavesRoom(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{})
	o, err := one(t, s, "a/b", 100, Quota{})
	if err != nil {
		t.Fatal(err)
	}
	s.minFree = 1 << 60
	before, used := o.Snapshot().Size(), s.Bytes()
	o.Delete("x")
	if err := s.Save(o.Snapshot(), false, Quota{}); !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "a/b.fso") {
		t.Error(err)
	}
	if _, err := one(t, s, "c/d", 100, Quota{}); !errors.Is(err, ErrDiskFull) {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(s.dir, "a", "b.fso")); err != nil || info.Size() != before || s.Bytes() != used || s.Files() != 1 {
		t.Errorf("%v; %d bytes in %d files", err, s.Bytes(), s.Files())
	}
	if err := s.Remove("a/b"); err != nil {
		t.Error(err)
	}
	s.minFree = 0
	v := Value{Raw: make([]byte, 1<<20)}
	for n := range maxFile>>20 + 1 {
		o.Set(fmt.Sprint(n), v)
	}
	if err := s.Save(o.Snapshot(), true, Quota{}); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}
