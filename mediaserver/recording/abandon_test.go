package recording

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// bytesOf is what lies in the file of "cam".
func bytesOf(t *testing.T, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "cam.flv"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A recorder that nobody wants any more leaves all as it was, and the next one
// begins as if it had not been.
func TestAbandonedRecorderLeavesAllAsItWas(t *testing.T) {
	for _, mode := range []Mode{ModeRecord, ModeAppend, ModeAppendWithGap, ModeDated} {
		for name, before := range map[string]string{"something": "cam", "nothing": "", "a folder": "f/x"} {
			dir := t.TempDir()
			s := open(t, dir, Options{MaxFiles: 100})
			if before != "" {
				record(t, s, before, ModeRecord, seconds(2, 0))
			}
			was, used := files(t, dir), counted(t, s)
			stream := "cam"
			if before == "f/x" {
				stream = "f/cam"
			}
			var good []byte
			if before == "cam" {
				good = bytesOf(t, dir)
			}
			src := make(source, 10)
			for _, m := range seconds(1, 0)[:10] {
				src <- m
			}
			r, err := s.Prepare(t.Context(), stream, mode, src)
			if err != nil {
				t.Fatal(err)
			}
			r.Abandon()
			if got := files(t, dir); !slices.Equal(got, was) || marksIn(t, dir) != 0 {
				t.Errorf("%d over %s: %v are left of %v, and %d entries", mode, name, got, was, marksIn(t, dir))
			}
			if good != nil && !bytes.Equal(bytesOf(t, dir), good) {
				t.Errorf("%d over %s: the file is another", mode, name)
			}
			if u := counted(t, s); u.files != used.files || u.bytes != used.bytes {
				t.Errorf("%d over %s: %d files, %d bytes are counted of %d, %d", mode, name, u.files, u.bytes, used.files, used.bytes)
			}
			if err := r.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			record(t, s, stream, mode, seconds(1, 0))
			if d, err := s.Length(t.Context(), stream); err != nil || d < 900*time.Millisecond {
				t.Errorf("%d over %s: the next one has %v, %v", mode, name, d, err)
			}
		}
	}
}

// mendingFor has a file torn, and mended until the test says so.
func mendingFor(t *testing.T, s *Store, file, stream string) (mended func()) {
	t.Helper()
	one := &torn{mark: &mark{Stream: stream, File: file}, queued: true, done: make(chan struct{})}
	s.mu.Lock()
	s.torn[file] = one
	s.marks[stream] = []*mark{one.mark}
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		delete(s.torn, file)
		delete(s.marks, stream)
		s.mu.Unlock()
		close(one.done)
	}
}

// While a file is mended, whoever has gone is not kept, those who look are told
// what is known, and nobody deletes it.
func TestMendingKeepsNobody(t *testing.T) { synctest.Test(t, testMendingKeepsNobody) }

func testMendingKeepsNobody(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	record(t, s, "cam", ModeRecord, seconds(3, 0))
	mended := mendingFor(t, s, "cam.flv", "cam")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.OpenFile(gone, "cam"); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone is told %v", err)
	}
	if _, err := s.Prepare(gone, "cam", ModeRecord, make(source)); !errors.Is(err, context.Canceled) {
		t.Errorf("who does not record any more is told %v", err)
	}
	if list, _, err := s.List(t.Context(), "", 10); len(list) != 1 || err != nil {
		t.Errorf("listed are %v, %v", list, err)
	}
	began := time.Now()
	if one, err := s.Find("cam"); err != nil || one.Name != "cam" || one.Bytes == 0 {
		t.Errorf("found is %+v, %v", one, err)
	}
	if err := s.Delete("cam"); !errors.Is(err, ErrBusy) {
		t.Errorf("deleting says %v", err)
	}
	if took := time.Since(began); took > 3*mendTime {
		t.Errorf("both took %v", took)
	}
	if s.Mending("cam", ModeRecord) == nil || s.Mending("cam", ModeDated) != nil || s.Mending("other", ModeRecord) != nil {
		t.Error("it is not said what is being mended")
	}
	mended()
	if s.Mending("cam", ModeRecord) != nil {
		t.Error("it is mended, and nobody says so")
	}
	if f, err := s.OpenFile(t.Context(), "cam"); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	if err := s.Delete("cam"); err != nil {
		t.Error(err)
	}
}

// However many files a server has left torn, few are mended at once, and all of
// them are.
func TestFewAreMendedAtOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	src, r := started(t, s, "a", ModeRecord)
	later := copyOf(t, dir)
	stop(t, src, r)
	s = open(t, later, Options{})
	<-s.mended
	const many = 12
	one, err := os.ReadFile(filepath.Join(dir, "a.flv"))
	if err != nil {
		t.Fatal(err)
	}
	var all []<-chan struct{}
	s.mu.Lock()
	for i := range many {
		file := string(rune('a'+i%26)) + string(rune('a'+i/26)) + extension
		if err := os.WriteFile(filepath.Join(later, file), one[:len(one)-3], 0o600); err != nil {
			t.Fatal(err)
		}
		s.torn[file] = &torn{done: make(chan struct{})}
	}
	waiting := make([]string, 0, many)
	for file := range s.torn {
		waiting = append(waiting, file)
	}
	s.mu.Unlock()
	for _, file := range waiting {
		if done := s.mending(file); done != nil {
			all = append(all, done)
		}
		s.mu.Lock()
		if s.menders > maxMenders {
			t.Errorf("%d mend at once", s.menders)
		}
		s.mu.Unlock()
	}
	for _, done := range all {
		<-done
	}
	for _, file := range waiting {
		name, _ := nameOf(file)
		if d, err := s.Length(t.Context(), name); err != nil || d < 800*time.Millisecond {
			t.Errorf("%s: %v, %v", file, d, err)
		}
	}
}

// A disk does not take the end of a recording. Nobody writes it any more: what is
// known of its publisher is so of the next one, and the file is mended before it is
// played, here too.
func TestRecordingThatIsNotWhole(t *testing.T) {
	for _, lost := range []bool{false, true} {
		dir := t.TempDir()
		s := open(t, dir, Options{})
		src, r := started(t, s, "cam", ModeRecord)
		if lost {
			r.MarkInterrupted()
		}
		src <- seconds(1, 0)[3] // it is in Next again, and not in its file
		if err := r.f.Close(); err != nil {
			t.Fatal(err)
		}
		close(src)
		if err := r.Stop(t.Context()); err == nil {
			t.Fatal("it is whole, it says")
		}
		if _, ok := s.Interrupted("cam"); ok != lost {
			t.Errorf("interrupted: %v, want %v", ok, lost)
		}
		if n := marksIn(t, dir); n != 1 {
			t.Errorf("%d entries, want that of the file that is not whole", n)
		}
		if d, err := s.Length(t.Context(), "cam"); err != nil || d < 900*time.Millisecond {
			t.Errorf("it plays %v, %v", d, err)
		}
		if want, n := map[bool]int{true: 1}[lost], marksIn(t, dir); n != want {
			t.Errorf("%d entries of what is mended, want %d", n, want)
		}
		src, r = started(t, s, "cam", ModeRecord)
		if _, ok := s.Interrupted("cam"); ok {
			t.Error("it is back, and expected still")
		}
		r.MarkInterrupted()
		stop(t, src, r)
		if _, ok := s.Interrupted("cam"); !ok {
			t.Error("the next one was lost, and nobody knows")
		}
	}
}
