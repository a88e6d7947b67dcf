package recording

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestClear(t *testing.T) {
	for pattern, want := range map[string][]string{
		"/":            {"film.mp4", "show.mp3"},
		"/*":           {"film.mp4", "logs/a.flv", "logs/b.flv", "show.mp3"},
		"cam":          {"cam2.flv", "camera.flv", "film.mp4", "logs/a.flv", "logs/b.flv", "show.mp3"},
		"/cam?":        {"cam.flv", "camera.flv", "film.mp4", "logs/a.flv", "logs/b.flv", "show.mp3"},
		"/cam*":        {"film.mp4", "logs/a.flv", "logs/b.flv", "show.mp3"},
		"/logs/*":      {"cam.flv", "cam2.flv", "camera.flv", "film.mp4", "show.mp3"},
		"flv:/logs/a":  {"cam.flv", "cam2.flv", "camera.flv", "film.mp4", "logs/b.flv", "show.mp3"},
		"mp3:/*":       {"cam.flv", "cam2.flv", "camera.flv", "film.mp4", "logs/a.flv", "logs/b.flv"},
		"mp4:film":     {"cam.flv", "cam2.flv", "camera.flv", "logs/a.flv", "logs/b.flv", "show.mp3"},
		"[a-z]*":       {"cam.flv", "cam2.flv", "camera.flv", "film.mp4", "logs/a.flv", "logs/b.flv", "show.mp3"},
		"../../../etc": {"cam.flv", "cam2.flv", "camera.flv", "film.mp4", "logs/a.flv", "logs/b.flv", "show.mp3"},
	} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := open(t, dir, Options{})
			for _, name := range []string{"cam", "cam2", "camera", "logs/a", "logs/b"} {
				record(t, s, name, ModeRecord, seconds(1, 0))
			}
			for _, file := range []string{"film.mp4", "show.mp3"} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte("no matter what"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			n, err := s.Clear(context.Background(), pattern)
			if err != nil {
				t.Fatal(err)
			}
			got := allFiles(t, dir)
			if !slices.Equal(got, want) || n != 7-len(want) {
				t.Errorf("%d cleared, left: %q, want %q", n, got, want)
			}
		})
	}
}

// allFiles are those of a folder and what is in it.
func allFiles(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Base(path)[0] != '.' {
			rel, _ := filepath.Rel(dir, path)
			all = append(all, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// What is being recorded stays, and who asked is told; what nobody waits for any more
// is not done.
func TestClearWhatIsInUse(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	src := make(source)
	r, err := s.Record("busy", ModeRecord, src, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range seconds(2, 0) {
		src <- m
	}
	record(t, s, "idle", ModeRecord, seconds(1, 0))
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if n, err := s.Clear(gone, "/*"); !errors.Is(err, context.Canceled) || n != 0 {
		t.Errorf("%d cleared, %v", n, err)
	}
	if n, err := s.Clear(context.Background(), "/*"); !errors.Is(err, ErrBusy) || n != 1 {
		t.Errorf("%d cleared, %v", n, err)
	}
	close(src)
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Length(context.Background(), "busy"); err != nil || d < 1900*time.Millisecond {
		t.Errorf("%v long, %v", d, err)
	}
}

func TestSizeAndMeta(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	record(t, s, "a", ModeRecord, seconds(1, 0))
	info, err := os.Stat(filepath.Join(dir, "a.flv"))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Size(context.Background(), "a"); err != nil || n != info.Size() {
		t.Errorf("%d bytes, %v; want %d", n, err, info.Size())
	}
	if b, err := s.Meta(context.Background(), "a"); err != nil || len(b) == 0 {
		t.Errorf("meta %q, %v", b, err)
	}
	if _, err := s.Size(context.Background(), "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
}
