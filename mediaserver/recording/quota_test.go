package recording

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// counted has what lies in the folder counted.
func counted(t *testing.T, s *Store) usage {
	t.Helper()
	s.beside.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.usage
}

func TestQuotaOfFiles(t *testing.T) {
	dir := t.TempDir()
	touch(t, filepath.Join(dir, "theirs.txt"))
	touch(t, filepath.Join(dir, "other", "not ours.txt"))
	s := open(t, dir, Options{MaxFiles: 5, Others: []string{"other"}})
	counted(t, s)
	refused := func(name string) {
		t.Helper()
		var quota *QuotaError
		if _, err := s.Record(name, ModeRecord, make(source), func(error) {}); !errors.As(err, &quota) || quota.Field != "spec.recording.maxFiles" || quota.Max != 5 || quota.Used != 5 {
			t.Errorf("%s: %v", name, err)
		}
	}
	record(t, s, "a/b/one", ModeRecord, seconds(1, 0)) // with two folders
	record(t, s, "a/b/nothing", ModeRecord, nil)
	src, r := started(t, s, "a/two", ModeRecord)
	refused("three")
	stop(t, src, r)
	refused("three")
	if u := counted(t, s); u.files != 5 {
		t.Errorf("%d are counted", u.files)
	}
	if err := s.Delete("a/b/one"); err != nil { // with its folder
		t.Fatal(err)
	}
	record(t, s, "three", ModeRecord, seconds(1, 0))
	record(t, s, "three", ModeRecord, seconds(1, 0))
	record(t, s, "three", ModeAppend, seconds(1, 0))
	record(t, s, "four", ModeRecord, seconds(1, 0))
	refused("five")
	kept := counted(t, s)
	s = open(t, dir, Options{MaxFiles: 5, Others: []string{"other"}})
	if u := counted(t, s); u.files != kept.files || u.bytes != kept.bytes {
		t.Errorf("the next server counts %+v, this one %+v", u, kept)
	}
}

// TestQuotaOfBytes ends a recording that grows over it, which plays as far as it
// got.
func TestQuotaOfBytes(t *testing.T) {
	dir := t.TempDir()
	const most = 200 << 10
	if err := os.WriteFile(filepath.Join(dir, "film.mp4"), make([]byte, 100<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	var hours atomic.Int64
	s := open(t, dir, Options{MaxTotalSize: most, Now: func() time.Time {
		return time.Now().Add(time.Duration(hours.Load()) * time.Hour)
	}})
	counted(t, s)
	src := make(source)
	ended := make(chan error, 1)
	r, err := s.Record("cam", ModeRecord, src, func(err error) { ended <- err })
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range seconds(1, 0) {
		src <- m
	}
	frame := append([]byte{}, key...)
	frame = append(frame, make([]byte, 10<<10)...)
	var why error
	for at := message(rtmp.TypeVideo, 1000, frame); why == nil; at.Timestamp += 40 {
		hours.Add(1) // each is flushed
		select {
		case src <- at:
		case why = <-ended:
		}
	}
	var quota *QuotaError
	if !errors.As(why, &quota) || quota.Field != "spec.recording.maxTotalSize" || quota.Max != most || quota.Used < most || quota.Used > most+50<<10 {
		t.Errorf("ended with %v", why)
	}
	_ = r.Stop(context.Background())
	if d, err := s.Length(t.Context(), "cam"); err != nil || d < time.Second {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := s.Record("more", ModeRecord, make(source), func(error) {}); !errors.As(err, &quota) {
		t.Errorf("another begins: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "film.mp4")); err != nil {
		t.Fatal(err)
	}
	hours.Add(1) // others are looked for now and then
	_ = s.within(true)
	counted(t, s)
	record(t, s, "more", ModeRecord, seconds(1, 0))
}

// What has no name yet is counted once, wherever it lies, and what it replaces as
// long as that is there.
func TestQuotaOfWhatHasNoNameYet(t *testing.T) {
	dir := t.TempDir()
	letter := filepath.Join(dir, "cam.flv.part")
	if err := os.WriteFile(letter, []byte("of somebody else"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{MaxFiles: 10})
	record(t, s, "cam", ModeRecord, seconds(1, 0))
	counted(t, s)
	r, err := s.Prepare(t.Context(), "cam", ModeRecord, make(source))
	if err != nil {
		t.Fatal(err)
	}
	if r.temp != "cam.flv.2.part" {
		t.Fatalf("it lies in %s", r.temp)
	}
	s.mu.Lock()
	s.startCount()
	s.mu.Unlock()
	if u := counted(t, s); u.files != 2 { // the letter and what was recorded; its recorder counts the third
		t.Errorf("%d files are counted beside what is being recorded, want 2", u.files)
	}
	r.Abandon()
	if u := counted(t, s); u.files != 2 {
		t.Errorf("%d files are counted, want 2", u.files)
	}
}
