package servertest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
)

// Sound is some seconds of sound: a frame at the beginning of each, and one at the
// end of the last.
func Sound(seconds int) (tags []flv.Tag) {
	for i := range seconds + 1 {
		tags = append(tags, flv.Tag{Type: flv.TypeAudio, Timestamp: media.Timestamp(i * 1000), Data: []byte{0xaf, 1, 0}})
	}
	return tags
}

// WriteFLV makes a recording that is finished, and the folders that its path
// names.
func WriteFLV(t testing.TB, path string, tags ...flv.Tag) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := flv.Create(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		if err := errors.Join(w.Write(tag), w.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
}
