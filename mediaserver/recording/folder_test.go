package recording

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// foldersIn are those below a folder, but the journal's.
func foldersIn(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, p); err == nil && d.IsDir() && rel != "." && rel != journalDir {
			all = append(all, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestFoldersComeAndGoWithWhatIsInThem makes none for who sends nothing.
func TestFoldersComeAndGoWithWhatIsInThem(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Others: []string{"a/other"}})
	check := func(when string, want ...string) {
		t.Helper()
		if got := foldersIn(t, dir); !slices.Equal(got, want) {
			t.Errorf("%s: folders %v, want %v", when, got, want)
		}
	}
	src := make(source)
	r, err := s.Record("a/b/cam", ModeRecord, src, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	src <- message(rtmp.TypeVideo, 0, inter) // no picture without a keyframe
	src <- message(rtmp.TypeVideo, 0, inter)
	check("nothing to write has come")
	src <- message(rtmp.TypeVideo, 0, avcHeader)
	src <- message(rtmp.TypeVideo, 0, nil)
	check("the first packet has come", "a", "a/b")
	stop(t, src, r)
	check("no picture came")

	record(t, s, "a/b/cam", ModeRecord, seconds(1, 0))
	record(t, s, "a/b/c/cam", ModeDated, seconds(1, 0))
	check("two are recorded", "a", "a/b", "a/b/c")
	if err := s.Delete("a/b/cam"); err != nil {
		t.Fatal(err)
	}
	check("one is deleted", "a", "a/b", "a/b/c")
	page, _, err := s.List(context.Background(), "", 2)
	if err != nil || len(page) != 1 {
		t.Fatalf("%v, %v", page, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "a", "other"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(page[0].Name); err != nil {
		t.Fatal(err)
	}
	check("both are deleted, and another instance has its own", "a", "a/other")

	record(t, s, "file", ModeRecord, seconds(1, 0))
	if err := os.Rename(filepath.Join(dir, "file.flv"), filepath.Join(dir, "file")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Record("file/b/c", ModeRecord, make(source), func(error) {}); !errors.Is(err, ErrBadName) {
		t.Errorf("below a file: %v, want ErrBadName", err)
	}
	if _, err := s.Length(context.Background(), "file/b/c"); !errors.Is(err, ErrNotFound) {
		t.Errorf("below a file: %v, want ErrNotFound", err)
	}
}

// TestFolderThatCannotBeMade tells before the first packet.
func TestFolderThatCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	src, r := make(source), (*Recorder)(nil)
	r, err := s.Record("link/cam", ModeRecord, src, func(error) {})
	if err == nil { // then with the first packet
		go func() { src <- message(rtmp.TypeVideo, 0, key); close(src) }()
		<-r.done
		err = r.err
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) && len(foldersIn(t, dir)) > 0 {
		t.Errorf("%v; folders %v", err, foldersIn(t, dir))
	}
}

// TestOneRecordingOfTwoStreams publishes names that are one file.
func TestOneRecordingOfTwoStreams(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	src, r := started(t, s, "cam", ModeDated)
	for _, name := range []string{"mp4:cam", "mp3:cam", "cam.flv", "flv:cam"} {
		for _, mode := range []Mode{ModeRecord, ModeDated} {
			_, err := s.Record(name, mode, make(source), func(error) {})
			var taken *TakenError
			if !errors.As(err, &taken) || taken.By != "cam" || !errors.Is(err, ErrBusy) {
				t.Errorf("%s beside cam: %v", name, err)
			}
		}
	}
	other, ro := started(t, s, "cam", ModeDated) // its publisher has come back
	stop(t, other, ro)
	stop(t, src, r)
	record(t, s, "mp4:cam", ModeRecord, seconds(1, 0))
}

// TestFolderOfAllRecordingsIsGone tells who wishes to record at once, wherever
// the file would be.
func TestFolderOfAllRecordingsIsGone(t *testing.T) {
	for _, name := range []string{"cam", "a/b/cam"} {
		dir := t.TempDir()
		s := open(t, dir, Options{})
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Record(name, ModeRecord, make(source), nil); err == nil || !strings.Contains(err.Error(), "is gone") {
			t.Errorf("recording %s: %v", name, err)
		}
	}
}
