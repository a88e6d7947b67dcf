package recording

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A recording that runs goes on to its end while the process may open no file.
func TestNoFilesLeft(t *testing.T) { // not parallel: the limit holds for all tests
	dir := t.TempDir()
	s := open(t, dir, Options{SyncEvery: time.Nanosecond}) // the disk is asked at every flush
	src := make(source)
	r, err := s.Record("cam", ModeRecord, src, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	send := func(from media.Timestamp) {
		for _, m := range seconds(1, from) {
			select {
			case src <- m:
			case <-r.done:
				t.Fatalf("the recording has ended: %v", r.err)
			}
		}
	}
	send(0)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	none := before
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	}()
	if _, err := s.root.Stat("cam.flv"); err != nil {
		t.Fatalf("the recording has no name yet: %v", err)
	}
	if _, err := s.root.Open("cam.flv"); !errors.Is(err, syscall.EMFILE) {
		t.Fatalf("a file can be opened: %v", err)
	}
	send(1000)
	send(2000)
	close(src)
	if err := r.Stop(t.Context()); err != nil {
		t.Errorf("the recording has ended with %v", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if all := tags(t, filepath.Join(dir, "cam.flv")); len(all) == 0 || all[len(all)-1].Timestamp < 2900 {
		t.Errorf("%d tags", len(all))
	}
}

// So many files are open for players and no more; players of one file share it,
// and recordings do not count.
func TestFilesThatArePlayed(t *testing.T) {
	t.Parallel()
	played := budget.New("files that are played", 2)
	s := open(t, t.TempDir(), Options{Played: played})
	for _, name := range []string{"a", "b", "c"} {
		record(t, s, name, ModeRecord, seconds(1, 0))
	}
	play := func(name string) *playback.File {
		t.Helper()
		f, err := s.OpenFile(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	all := []*playback.File{play("a"), play("b"), play("a")}
	if _, err := s.OpenFile(t.Context(), "c"); !errors.Is(err, ErrTooMany) {
		t.Errorf("a third file: %v", err)
	}
	if _, err := s.Length(t.Context(), "c"); !errors.Is(err, ErrTooMany) {
		t.Errorf("the length of a third: %v", err)
	}
	record(t, s, "d", ModeRecord, seconds(1, 0))
	all[1].Close()
	servertest.Eventually(t, "a file to be closed", func() bool { return played.Used() == 1 })
	all = append(all[:1], all[2], play("c"))
	if _, err := s.OpenFile(t.Context(), "no"); !errors.Is(err, ErrNotFound) {
		t.Errorf("what is not there: %v", err)
	}
	for _, f := range all {
		f.Close()
	}
	servertest.Eventually(t, "a file to be closed", func() bool { return played.Used() == 0 })
}
