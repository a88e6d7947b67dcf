package recording

import (
	"context"
	"errors"
	"io"
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

// foreign is an FLV file that says nothing at its front, of 2 s.
func foreign(t *testing.T, path string) {
	t.Helper()
	b := []byte{'F', 'L', 'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0}
	for i := range media.Timestamp(51) {
		b, _ = flv.AppendTag(b, flv.Tag{Type: flv.TypeVideo, Timestamp: i * 40, Data: key})
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func names(page []Info) (all []string) {
	for _, one := range page {
		all = append(all, one.Name)
	}
	return all
}

// stocked is a store with recordings of its own, among them one that is being
// recorded, and files of others, some of which are no recordings. stop ends the
// recording.
func stocked(t *testing.T) (s *Store, dir string, stop func()) {
	t.Helper()
	dir = t.TempDir()
	s = open(t, dir, Options{})
	for _, name := range []string{"b", "a b", "folder/c", "folder.d", "ä"} {
		record(t, s, name, ModeRecord, seconds(3, 0))
	}
	foreign(t, filepath.Join(dir, "elsewhere.flv"))
	for _, name := range []string{"broken.flv", "notes.txt", ".hidden.flv", "a:b.flv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("no film"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "out.flv")); err != nil {
		t.Fatal(err)
	}
	src := make(source, 200)
	r, err := s.Record("now", ModeRecord, src, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range seconds(1, 0) {
		src <- m
	}
	return s, dir, func() {
		t.Helper()
		close(src)
		if err := r.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestList(t *testing.T) {
	s, dir, stop := stocked(t)
	var page []Info
	for len(page) < 8 { // until the one that is being recorded has appeared
		var err error
		if page, _, err = s.List(context.Background(), "", 100); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"a b", "b", "broken", "elsewhere", "folder.d", "folder/c", "now", "ä"}
	if got := names(page); !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	for _, one := range page {
		info, err := os.Stat(filepath.Join(dir, one.Name+".flv"))
		if err != nil {
			t.Fatal(err)
		}
		length := 2965 * time.Millisecond
		switch one.Name {
		case "elsewhere":
			length = 2 * time.Second
		case "broken":
			length = -1
		case "now":
			if !one.Recording {
				t.Error("nothing says that it is being recorded")
			}
			continue // it grows
		}
		if one.Bytes != info.Size() || !one.Modified.Equal(info.ModTime()) || one.Duration != length || one.Recording {
			t.Errorf("%+v; it has %d bytes and lasts %v", one, info.Size(), length)
		}
		if found, err := s.Find(one.Name); err != nil || found != one {
			t.Errorf("found %+v, %v; listed %+v", found, err, one)
		}
	}
	stop()
	if one, err := s.Find("now"); err != nil || one.Recording || one.Duration != 965*time.Millisecond {
		t.Errorf("when it is recorded: %+v, %v", one, err)
	}
	// Another file of that name has another length.
	record(t, s, "b", ModeRecord, seconds(5, 0))
	if one, err := s.Find("b"); err != nil || one.Duration != 4965*time.Millisecond {
		t.Errorf("recorded anew: %+v, %v", one, err)
	}
}

func TestListInPages(t *testing.T) {
	s, _, stop := stocked(t)
	stop()
	want := []string{"a b", "b", "broken", "elsewhere", "folder.d", "folder/c", "now", "ä"}
	var paged []string
	for after, more := "", true; more; more = after != "" {
		var page []Info
		var err error
		was := after
		if page, after, err = s.List(context.Background(), was, 3); err != nil || len(page) == 0 {
			t.Fatalf("after %q: %v, %v", was, page, err)
		}
		paged = append(paged, names(page)...)
	}
	if !slices.Equal(paged, want) {
		t.Errorf("in pages: %q", paged)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := s.List(gone, "", 3); !errors.Is(err, context.Canceled) {
		t.Errorf("listed for a caller that has gone: %v", err)
	}
}

func TestDelete(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(filepath.Dir(dir), "outside.flv")
	foreign(t, outside)
	s := open(t, dir, Options{Now: func() time.Time { return time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC) }})
	record(t, s, "a", ModeRecord, seconds(10, 0))
	record(t, s, "cam", ModeDated, seconds(1, 0))
	foreign(t, filepath.Join(dir, "kept.flv"))
	for _, bad := range []string{"", "..", "../outside", "/etc/passwd", "a/../a", "a/", ".lock", "a\x00b"} {
		if err := s.Delete(bad); !errors.Is(err, ErrBadName) {
			t.Errorf("%q: %v, want ErrBadName", bad, err)
		}
	}
	for _, none := range []string{"b", "cam", "a.flv/b", "cam-20261124T100000Z-2"} {
		if err := s.Delete(none); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v, want ErrNotFound", none, err)
		}
	}

	if err := s.Delete("cam-20261124T100000Z"); err != nil {
		t.Error(err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"a.flv", "kept.flv"}) {
		t.Errorf("files %v", got)
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}

// A player of what is deleted goes on to its end.
func TestDeleteWhileItPlays(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	record(t, s, "a", ModeRecord, seconds(10, 0))
	f, err := s.OpenFile(context.Background(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete("a"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenFile(context.Background(), "a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("it plays still: %v", err)
	}
	frames := 0
	batch := media.NewBatch(4 << 10)
	for at := f.Seek(0); err == nil; frames += len(batch.Frames) {
		at, err = f.Read(f.Bytes, at, batch)
	}
	if f.Close(); frames != 2+500 || !errors.Is(err, io.EOF) {
		t.Errorf("%d frames came, %v", frames, err)
	}
}

// What is being recorded cannot be deleted before its end.
func TestDeleteWhileItIsRecorded(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	foreign(t, filepath.Join(dir, "kept.flv"))
	src := make(source)
	r, err := s.Record("kept", ModeAppend, src, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete("kept"); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	src <- message(rtmp.TypeVideo, 0, key)
	close(src)
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Length(context.Background(), "kept"); err != nil || d != 2020*time.Millisecond {
		t.Errorf("%v long, %v", d, err)
	}
	if err := s.Delete("kept"); err != nil {
		t.Error(err)
	}
	if got := files(t, dir); len(got) > 0 {
		t.Errorf("files %v", got)
	}
}

// A file is found and deleted by each name that plays it and no other, and a
// name that is another file's says so.
func TestFileFromElsewhereByName(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	for _, file := range []string{"film.mp4", "clip.f4v", "song.mp3", "both.mp4"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte("no film"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	record(t, s, "both.mp4", ModeRecord, seconds(1, 0)) // both.mp4.flv
	for _, c := range []struct{ asked, name string }{
		{"mp4:film", "mp4:film"}, {"mp4:film.mp4", "mp4:film"}, {"film.mp4", "mp4:film"},
		{"clip.f4v", "mp4:clip.f4v"}, {"song.mp3", "mp3:song"},
		{"both.mp4", "both.mp4"}, {"mp4:both", "mp4:both"},
	} {
		if one, err := s.Find(c.asked); err != nil || one.Name != c.name {
			t.Errorf("%s: %+v, %v; want %s", c.asked, one, err, c.name)
		}
	}
	for asked, hint := range map[string]string{"film": "(mp4:film is)", "clip": "(mp4:clip.f4v is)", "mp4:clip": "is mp4:clip.f4v)"} {
		if _, err := s.Find(asked); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %v, want %s", asked, err, hint)
		}
	}
	// The recording goes first, since it is what the name plays.
	for _, want := range []string{"both.mp4.flv", "both.mp4"} {
		if err := s.Delete("both.mp4"); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, want)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v, want it gone", want, err)
		}
	}
	if err := s.Delete("both.mp4"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
}
