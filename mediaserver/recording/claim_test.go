package recording

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// lateStore is the store of an instance below a folder of instances, of which
// nothing need be there.
func lateStore(t *testing.T, streams, name string) *Store {
	t.Helper()
	s, err := Open(filepath.Join(streams, filepath.FromSlash(name)), nil, Options{Late: &Late{Claims: Claims{Streams: streams}, Name: name}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// recordOne records a second under a name.
func recordOne(s *Store, name string) error {
	src := make(source, 100)
	r, err := s.Record(name, ModeRecord, src, func(error) {})
	if err != nil {
		return err
	}
	for _, m := range seconds(1, 0) {
		src <- m
	}
	close(src)
	return r.Stop(context.Background())
}

// TestNothingIsThereBeforeSomethingIsRecorded looks at the disk after each step.
func TestNothingIsThereBeforeSomethingIsRecorded(t *testing.T) {
	t.Parallel()
	streams := filepath.Join(t.TempDir(), "streams")
	s := lateStore(t, streams, "hall/one")
	if _, err := s.OpenFile(t.Context(), "cam"); !errors.Is(err, ErrNotFound) {
		t.Errorf("plays: %v", err)
	}
	if page, next, err := s.List(t.Context(), "", 10); err != nil || len(page) > 0 || next != "" {
		t.Errorf("list: %v, %q, %v", page, next, err)
	}
	src := make(source)
	r, err := s.Record("cam", ModeAppend, src, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	stop(t, src, r)
	if _, err := os.Stat(streams); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing was recorded, and there is something: %v", err)
	}
	if err := recordOne(s, "cam"); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"hall/one/cam.flv", "hall/one/" + marker} {
		if _, err := os.Stat(filepath.Join(streams, file)); err != nil {
			t.Error(err)
		}
	}
	if s.Busy(0) {
		t.Error("it is busy when nothing is recorded any more")
	}
	// With its last recording the folder goes, and the marker.
	if err := s.Delete("cam"); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if _, err := os.Stat(filepath.Join(streams, "hall", "one")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its folder is left: %v", err)
	}
}

// TestAFolderIsOfWhoeverHadItFirst, before and after a restart.
func TestAFolderIsOfWhoeverHadItFirst(t *testing.T) {
	t.Parallel()
	var claimed *ClaimedError
	t.Run("the stream", func(t *testing.T) {
		t.Parallel()
		streams := t.TempDir()
		hall, one := lateStore(t, streams, "hall"), lateStore(t, streams, "hall/one")
		if err := recordOne(hall, "one/cam"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := recordOne(one, "cam"); !errors.As(err, &claimed) || claimed.By != "hall" || claimed.Folder != "hall/one" {
				t.Errorf("the instance records: %v", err)
			}
			if _, err := one.OpenFile(t.Context(), "cam"); !errors.As(err, &claimed) {
				t.Errorf("the instance plays what is another's: %v", err)
			}
			if page, _, err := one.List(t.Context(), "", 10); err != nil || len(page) > 0 {
				t.Errorf("the instance lists what is another's: %v, %v", page, err)
			}
			if err := (Claims{Streams: streams}).Check("hall/one/two"); !errors.As(err, &claimed) || claimed.By != "hall" {
				t.Errorf("an instance inside: %v", err)
			}
			if _, err := hall.OpenFile(t.Context(), "one/cam"); err != nil {
				t.Errorf("the stream does not play: %v", err)
			}
			closeStore(t, one)
			closeStore(t, hall)
			hall, one = lateStore(t, streams, "hall"), lateStore(t, streams, "hall/one")
		}
	})
	t.Run("the instance", func(t *testing.T) {
		t.Parallel()
		streams := t.TempDir()
		hall, two := lateStore(t, streams, "hall"), lateStore(t, streams, "hall/one/two")
		if err := recordOne(two, "cam"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for _, name := range []string{"one/cam", "one/two/cam"} {
				if err := recordOne(hall, name); !errors.Is(err, ErrBadName) || !strings.Contains(err.Error(), "another instance, one below this one") {
					t.Errorf("the stream %s is recorded: %v", name, err)
				}
				if _, err := hall.OpenFile(t.Context(), name); !errors.Is(err, ErrBadName) {
					t.Errorf("the stream %s plays what is another's: %v", name, err)
				}
			}
			if page, _, err := hall.List(t.Context(), "", 10); err != nil || len(page) > 0 {
				t.Errorf("lists what is another's: %v, %v", page, err)
			}
			if err := hall.Delete("one/two/cam"); !errors.Is(err, ErrBadName) {
				t.Errorf("deletes what is another's: %v", err)
			}
			if files, bytes, err := hall.walk(); err != nil || files > 0 || bytes > 0 {
				t.Errorf("counts what is another's: %d, %d, %v", files, bytes, err)
			}
			closeStore(t, hall)
			hall = lateStore(t, streams, "hall")
		}
		// Folders on the way are instances' as well, which nobody need have asked for.
		if err := recordOne(lateStore(t, streams, "hall/one"), "cam"); err != nil {
			t.Error(err)
		}
	})
	t.Run("a folder without files", func(t *testing.T) {
		t.Parallel()
		streams := t.TempDir()
		if err := os.MkdirAll(filepath.Join(streams, "hall", "one", "empty"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := recordOne(lateStore(t, streams, "hall/one"), "cam"); err != nil {
			t.Error(err)
		}
	})
	t.Run("a manifest", func(t *testing.T) {
		t.Parallel()
		streams := t.TempDir()
		if err := os.MkdirAll(filepath.Join(streams, "hall", "one"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(streams, "hall", "one", "cam.flv"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		c := Claims{Streams: streams, Known: func(name string) bool { return name == "hall/one" }}
		if err := errors.Join(c.Check("hall/one/two"), c.Make("hall/one/two")); err != nil {
			t.Error(err)
		}
	})
}

// TestOneOfTwoAtOnceHasTheFolder: a stream and an instance begin to record into one
// folder at the same time, again and again. Never do both.
func TestOneOfTwoAtOnceHasTheFolder(t *testing.T) {
	t.Parallel()
	neither := 0
	const rounds = 30
	for range rounds {
		streams := t.TempDir()
		hall, one := lateStore(t, streams, "hall"), lateStore(t, streams, "hall/one")
		var stream, instance error
		var both sync.WaitGroup
		both.Go(func() { stream = recordOne(hall, "one/cam") })
		both.Go(func() { instance = recordOne(one, "cam") })
		both.Wait()
		switch {
		case stream == nil && instance == nil:
			t.Fatal("both have recorded into one file")
		case stream != nil && instance != nil:
			neither++
		}
		for _, err := range []error{stream, instance} {
			if err != nil && !errors.Is(err, ErrBadName) {
				t.Error(err)
			}
		}
		closeStore(t, hall)
		closeStore(t, one)
	}
	if neither == rounds {
		t.Error("neither had it, ever")
	}
}

// TestWhatWasTornIsMendedAtTheFirstUse and not before: the journal lies where it
// lay until the instance is asked for.
func TestWhatWasTornIsMendedAtTheFirstUse(t *testing.T) {
	t.Parallel()
	streams := t.TempDir()
	s := lateStore(t, streams, "hall/one")
	src, r := started(t, s, "cam", ModeRecord)
	later := copyOf(t, streams)
	stop(t, src, r)
	again := lateStore(t, later, "hall/one")
	<-again.mended
	if n := marksIn(t, filepath.Join(later, "hall", "one")); n != 1 { // its interruption
		t.Errorf("%d marks", n)
	}
	if f, err := again.OpenFile(t.Context(), "cam"); err != nil {
		t.Error(err)
	} else {
		f.Release()
	}
	if _, ok := again.Interrupted("cam"); !ok {
		t.Error("nobody knows that its publisher was lost")
	}
}

// TestFilesOfAFolderArePaidFor from when it is there until the store is closed.
func TestFilesOfAFolderArePaidFor(t *testing.T) {
	t.Parallel()
	streams := t.TempDir()
	files := budget.For(1<<30, 4, nil).Files
	open := func(name string) *Store {
		s, err := Open(filepath.Join(streams, name), nil, Options{Late: &Late{Claims: Claims{Streams: streams}, Name: name, Files: files}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeStore(t, s) })
		return s
	}
	a, b, c := open("a"), open("b"), open("c")
	for _, s := range []*Store{a, b} {
		if err := recordOne(s, "cam"); err != nil {
			t.Fatal(err)
		}
	}
	// Who plays finds none; who records does.
	if err := os.Mkdir(filepath.Join(streams, "c"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := c.OpenFile(t.Context(), "cam"); !errors.Is(err, ErrTooMany) || files.Used() != 4 {
		t.Errorf("%v, and %d files are taken", err, files.Used())
	}
	if err := recordOne(c, "cam"); err != nil || files.Used() != 6 {
		t.Errorf("%v, and %d files are taken", err, files.Used())
	}
	for _, s := range []*Store{a, b, c} {
		closeStore(t, s)
	}
	if files.Used() != 0 {
		t.Errorf("%d files are taken when all are closed", files.Used())
	}
}

var instanceNames = []struct {
	name string
	why  string // a part of; empty: it can be
}{
	{"lobby", ""}, {"hall/one", ""}, {"_definst_", ""}, {"Größe", ""}, {"部屋", ""}, {"a b", ""},
	{strings.Repeat("x", 200), ""}, {"a/b/c/d/e/f/g/h", ""},
	{"", "is empty"}, {"..", "no plain path"}, {"a/../b", "no plain path"}, {"a//b", "no plain path"}, {"/a", "no plain path"}, {"a/", "no plain path"},
	{".hidden", "begins or ends with a dot"}, {"a/.recording", "begins or ends with a dot"}, {"a.", "begins or ends"}, {"a ", "begins or ends"},
	{"a\\b", "not for files"}, {"a:b", "not for files"}, {"a*", "not for files"}, {"a?b", "not for files"}, {"a|b", "not for files"},
	{"a\x00b", "not for files"}, {"a\nb", "not for files"}, {"a\x7f", "not for files"}, {"a\xff", "not for files"}, {"a\u202eb", "control a terminal"}, {"a\u0085b", "control a terminal"},
	{strings.Repeat("x", 201), "longer than 200 bytes"}, {strings.Repeat("x", 150) + "/" + strings.Repeat("x", 150), "longer than 200 bytes"},
	{"a/b/c/d/e/f/g/h/i", "more than 8 parts"}, {"cam.flv", "called as a file"}, {"a/x.MP4/b", "called as a file"}, {"x.part", "called as a file"},
}

func TestNamesOfInstances(t *testing.T) {
	for _, one := range instanceNames {
		err := CheckInstance(one.name)
		if (err == nil) != (one.why == "") || err != nil && (!strings.Contains(err.Error(), one.why) || !errors.Is(err, ErrBadName)) {
			t.Errorf("%q: %v, and not %q", one.name, err, one.why)
		}
	}
}

// FuzzCheckInstance: what is let pass is a folder below that of its application, and
// in nobody's way there.
func FuzzCheckInstance(f *testing.F) {
	for _, one := range instanceNames {
		f.Add(one.name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckInstance(name) != nil {
			return
		}
		const streams = "/data/app/streams"
		dir := filepath.Join(streams, filepath.FromSlash(name))
		if rel, err := filepath.Rel(streams, dir); err != nil || !filepath.IsLocal(rel) || filepath.ToSlash(rel) != name || rel == "." {
			t.Errorf("%q is the folder %s", name, dir)
		}
		if len(name) > maxInstanceName || !utf8.ValidString(name) {
			t.Errorf("%q is let pass", name)
		}
		for part := range strings.SplitSeq(name, "/") {
			if part == marker || part == journalDir || formatOf(part) != nil {
				t.Errorf("%q: the part %q is a file's or ours", name, part)
			}
		}
		if mayHaveStreams(name) != (CheckInstance(name) == nil) && !mayHaveStreams(name) {
			t.Errorf("%q could have no streams", name)
		}
	})
}
