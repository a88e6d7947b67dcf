package recording

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A path through a recording, as if that were a folder, is a name of nothing:
// that is no error of the disk, which a server would tell its log.
func TestPathsThroughFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, Options{})
	record(t, s, "rec", ModeRecord, seconds(1, 0))
	out := t.TempDir()
	record(t, open(t, out, Options{}), "secret", ModeRecord, seconds(1, 0))
	for link, to := range map[string]string{"link": out, "linked.flv": filepath.Join(out, "secret.flv")} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"rec.flv/x", "rec.flv/x/y", "rec.flv/x.flv", "flv:rec.flv/x", "mp4:rec.flv/x", "mp3:rec.flv/x.mp3", "rec.flv/x.mp4", "link/secret", "linked", "link/x"} {
		if _, err := s.OpenFile(context.Background(), name); !errors.Is(err, ErrNotFound) {
			t.Errorf("open %s: %v", name, err)
		}
		if _, err := s.Length(context.Background(), name); !errors.Is(err, ErrNotFound) {
			t.Errorf("length of %s: %v", name, err)
		}
		if _, err := s.Find(name); !errors.Is(err, ErrNotFound) {
			t.Errorf("find %s: %v", name, err)
		}
		if err := s.Delete(name); !errors.Is(err, ErrNotFound) {
			t.Errorf("delete %s: %v", name, err)
		}
	}
	if _, err := s.Find("rec"); err != nil {
		t.Error(err)
	}
}
