package recording

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// copyOf is a folder as it is now: what a server that is killed leaves.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	later := t.TempDir()
	if err := os.CopyFS(later, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return later
}

// marksIn are the entries of a folder's journal.
func marksIn(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(dir, journalDir))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return len(list)
}

// started is a recording of a second that goes on.
func started(t *testing.T, s *Store, name string, mode Mode) (source, *Recorder) {
	t.Helper()
	src := make(source)
	r, err := s.Record(name, mode, src, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range seconds(1, 0) {
		src <- m
	}
	src <- message(rtmp.TypeAudio, 1000, sound) // taken: what was before it is in the file
	return src, r
}

func stop(t *testing.T, src source, r *Recorder) {
	t.Helper()
	close(src)
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestStartMendsWhatTheJournalSays kills servers that record: the next one
// mends these files, whoever asks first, and reads no other.
func TestStartMendsWhatTheJournalSays(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	record(t, s, "old", ModeRecord, seconds(1, 0))
	a, ra := started(t, s, "a", ModeRecord)
	b, rb := started(t, s, "folder/b", ModeDated)
	c, rc := started(t, s, "old", ModeAppend)
	later := copyOf(t, dir)
	for _, one := range []struct {
		src source
		r   *Recorder
	}{{a, ra}, {b, rb}, {c, rc}} {
		stop(t, one.src, one.r)
	}
	if n := marksIn(t, dir); n != 0 {
		t.Errorf("%d entries are left of recordings that are finished", n)
	}
	if n := marksIn(t, later); n != 3 {
		t.Fatalf("%d entries of 3 recordings", n)
	}

	s = open(t, later, Options{})
	<-s.mended
	for _, file := range files(t, later) {
		f, err := os.Open(filepath.Join(later, file))
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if d, ok := flv.Finished(f, info.Size()); !ok || d < 900*time.Millisecond {
			t.Errorf("%s is finished: %v, of %v", file, ok, d)
		}
		f.Close()
	}
	for name, want := range map[string]time.Duration{"a": 900, "folder/b": 900, "old": 1900} {
		if d, err := s.Length(context.Background(), name); err != nil || d < want*time.Millisecond {
			t.Errorf("%s: %v, %v", name, d, err)
		}
		if _, ok := s.Interrupted(name); !ok {
			t.Errorf("%s was interrupted, and nobody knows", name)
		}
	}
	for _, name := range []string{"never", "", "a/x"} {
		if _, ok := s.Interrupted(name); ok {
			t.Errorf("%q was not interrupted", name)
		}
	}
}

// TestTornFilesAreMendedBeforeTheyAreUsed asks for them as the first thing.
func TestTornFilesAreMendedBeforeTheyAreUsed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	src, r := started(t, s, "a", ModeRecord)
	long := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(dir, "a.flv"), long, long); err != nil {
		t.Fatal(err)
	}
	copies := map[string]string{}
	for _, how := range []string{"play", "append", "record", "find", "no journal"} {
		copies[how] = copyOf(t, dir)
	}
	stop(t, src, r)
	for how, later := range copies {
		if err := os.Chtimes(filepath.Join(later, "a.flv"), long, long); err != nil {
			t.Fatal(err)
		}
		if how == "no journal" {
			if err := os.RemoveAll(filepath.Join(later, journalDir)); err != nil {
				t.Fatal(err)
			}
		}
		s := open(t, later, Options{})
		want := 965 * time.Millisecond
		switch how {
		case "append":
			record(t, s, "a", ModeAppend, seconds(1, 0))
			want = 1900 * time.Millisecond
		case "record":
			record(t, s, "a", ModeRecord, seconds(2, 0))
			want = 1900 * time.Millisecond
		case "find":
			if one, err := s.Find("a"); err != nil || one.Duration < want {
				t.Errorf("found %+v, %v", one, err)
			}
		}
		if d, err := s.Length(context.Background(), "a"); err != nil || d < want {
			t.Errorf("%s: %v, %v", how, d, err)
		}
		f, err := os.Open(filepath.Join(later, "a.flv"))
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := flv.Finished(f, info.Size()); !ok {
			t.Errorf("%s: it is not finished", how)
		}
		f.Close()
		if mended := how != "append" && how != "record"; mended && !info.ModTime().Equal(long) {
			t.Errorf("%s: mended, it is of %v", how, info.ModTime())
		}
	}
}

// TestPartsAreNeverRemovedUnread starts in folders with recordings that have no
// name yet, of ours and of others.
func TestPartsAreNeverRemovedUnread(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	src := make(source)
	r, err := s.Record("cam", ModeRecord, src, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	src <- message(rtmp.TypeVideo, 0, avcHeader)
	src <- message(rtmp.TypeVideo, 0, nil)
	nothing := copyOf(t, dir)
	for at := range media.Timestamp(50) { // sound before the first picture
		src <- message(rtmp.TypeAudio, at*10, sound)
	}
	src <- message(rtmp.TypeVideo, 0, nil)
	something, moved := copyOf(t, dir), copyOf(t, dir)
	stop(t, src, r)

	s = open(t, nothing, Options{})
	<-s.mended
	if got := files(t, nothing); len(got) != 0 {
		t.Errorf("a recording of nothing leaves %v", got)
	}
	s = open(t, something, Options{})
	if d, err := s.Length(context.Background(), "cam"); err != nil || d < 400*time.Millisecond {
		t.Errorf("what had no name yet: %v, %v", d, err)
	}
	if got := files(t, something); !slices.Equal(got, []string{"cam.flv"}) {
		t.Errorf("files %v", got)
	}

	// Without a journal it is found by the next recording of that name; another's
	// stays, and is in nobody's way.
	if err := os.RemoveAll(filepath.Join(moved, journalDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(moved, "other.flv.part"), []byte("a letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(moved, "third.flv.part"), 0o700); err != nil {
		t.Fatal(err)
	}
	s = open(t, moved, Options{})
	record(t, s, "cam", ModeRecord, nil)
	record(t, s, "other", ModeRecord, seconds(1, 0))
	record(t, s, "third", ModeRecord, seconds(1, 0))
	if got := files(t, moved); !slices.Equal(got, []string{"cam.flv", "other.flv", "other.flv.part", "third.flv"}) {
		t.Errorf("files %v", got)
	}
	if b, err := os.ReadFile(filepath.Join(moved, "other.flv.part")); err != nil || string(b) != "a letter" {
		t.Errorf("another's is %q, %v", b, err)
	}
}

// TestInterrupted tells ends that publishers wished from others, over restarts.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	clock := Options{Now: func() time.Time { return now }}
	s := open(t, dir, clock)
	check := func(want bool) {
		t.Helper()
		since, ok := s.Interrupted("cam")
		if ok != want || ok && now.Sub(since) < 0 {
			t.Errorf("interrupted %v, since %v; want %v", ok, since, want)
		}
	}
	check(false)
	src, r := started(t, s, "cam", ModeDated)
	check(false)
	r.MarkInterrupted()
	stop(t, src, r)
	check(true)
	now = now.Add(time.Minute)
	s = open(t, copyOf(t, dir), clock) // it was finished before its server ended
	check(true)
	if since, _ := s.Interrupted("cam"); now.Sub(since).Round(time.Second) != time.Minute {
		t.Errorf("since %v, at %v", since, now)
	}
	src, r = started(t, s, "cam", ModeDated) // it is back
	check(false)
	stop(t, src, r) // and goes because it wants to
	check(false)

	s = open(t, copyOf(t, dir), clock)
	s.Forget("cam")
	check(false)
	later := copyOf(t, dir)
	now = now.Add(interruptedFor)
	s = open(t, later, clock)
	check(false)
	if n := marksIn(t, later); n != 0 {
		t.Errorf("%d entries are kept for ever", n)
	}
}

// TestJournalOfStrangers has entries that no server wrote.
func TestJournalOfStrangers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, journalDir), 0o700); err != nil {
		t.Fatal(err)
	}
	foreign(t, filepath.Join(dir, "film.flv"))
	for i, text := range []string{
		"", "{", `{"stream": 1}`, `{"stream": "film", "file": "film.mp4"}`, `{"stream": "a", "file": "../a.flv"}`,
		`{"stream": "film", "file": "film.flv", "temp": "film.flv"}`, `{"stream": "film", "file": "film.flv", "temp": "/etc/passwd.part"}`,
		`{"stream": "x", "file": "x.flv", "temp": "x.flv/../film.flv.part"}`, `{"stream": "film", "file": "film.flv", "temp": "film.flv.part"}`,
		`{"stream": "` + strings.Repeat("a", maxMark) + `"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, journalDir, strings.Repeat("a", i+1)+markExtension), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadFile(filepath.Join(dir, "film.flv"))
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{})
	<-s.mended
	if d, err := s.Length(context.Background(), "film"); err != nil || d != 2*time.Second {
		t.Errorf("%v, %v", d, err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "film.flv")); err != nil || string(after) != string(before) {
		t.Errorf("the film was changed, %v", err)
	}
	if _, ok := s.Interrupted("film"); ok {
		t.Error("it was interrupted, a stranger says")
	}
}

// A publisher comes back: what was known of the name is forgotten while its next
// recording of the same file begins, whose entry stays.
func TestForgettingLeavesTheNextRecordingsEntry(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	lost := &mark{Stream: "cam", File: "cam.flv", Began: began}
	if err := s.begin(lost); err != nil {
		t.Fatal(err)
	}
	s.end(lost, true)
	s.mu.Lock()
	over := s.replaceMarks("cam", nil) // as Forget does, up to here
	s.mu.Unlock()
	if err := s.begin(&mark{Stream: "cam", File: "cam.flv", Began: began.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	s.erase(over)
	left, err := filepath.Glob(filepath.Join(dir, journalDir, "*"+markExtension))
	if err != nil || len(left) != 1 {
		t.Fatalf("entries left: %v %v, want the next recording's", left, err)
	}
	// As a server reads it that starts now. What that one then finds out, it finds
	// out beside all else: there is no file.
	m, err := s.readMark(journalDir + "/" + filepath.Base(left[0]))
	if err != nil || !m.Began.Equal(began.Add(time.Minute)) {
		t.Errorf("left is the entry %+v %v, want the next recording's", m, err)
	}
}

// A publisher that goes on with its publication goes on in the file of it, for as long as the
// interruption is remembered, and in no other: not in that of one who ended it, nor in the
// name's own.
func TestResumedRecordingsGoOnInTheirFile(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	s := open(t, dir, Options{Now: func() time.Time { return now }})
	record := func(mode Mode, interrupted bool) (file string) {
		t.Helper()
		now = now.Add(time.Second)
		src, r := started(t, s, "cam", mode)
		file = r.file
		if interrupted {
			r.MarkInterrupted()
		}
		stop(t, src, r)
		return file
	}
	first := record(ModeDated, true)
	if again := record(ModeResumed, true); again != first {
		t.Errorf("it goes on in %s, and was in %s", again, first)
	}
	if again := record(ModeResumed, false); again != first {
		t.Errorf("it goes on in %s once more, and was in %s", again, first)
	}
	second := record(ModeResumed, true)
	if second == first {
		t.Error("a publication that was ended goes on")
	}
	now = now.Add(interruptedFor)
	third := record(ModeResumed, false)
	if third == first || third == second {
		t.Errorf("what was interrupted long before goes on in %s", third)
	}
	if own := record(ModeRecord, true); record(ModeResumed, false) == own {
		t.Errorf("%s, the name's own, goes on", own)
	}
}
