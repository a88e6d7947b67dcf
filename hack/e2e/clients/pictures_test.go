//go:build clients

package clients

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
)

// unmarked copies an FLV file and takes the mark of a frame's type from every
// picture, as a client library leaves it out that forwards streams.
func unmarked(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	r, err := flv.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	b := []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	for {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if tag.Type == flv.TypeVideo {
			tag.Data[0] &^= 0x70
		}
		if b, err = flv.AppendTag(b, tag); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := out.Write(b); err != nil {
		t.Fatal(err)
	}
}

// What real encoders make decodes from its first picture on, live and from the
// middle of a recording, though nothing but the pictures themselves says which
// of them are keyframes.
func TestPicturesThatAreNotMarked(t *testing.T) {
	t.Parallel()
	s := serve(t, anyone, "")
	dir := t.TempDir()
	source, bare, live, part := filepath.Join(dir, "film.flv"), filepath.Join(dir, "bare.flv"), filepath.Join(dir, "live.flv"), filepath.Join(dir, "part.flv")
	film(t, source, 8)
	unmarked(t, source, bare)
	publisher := start(t, program(t), "publish", bare, s.url+"/cam", "--mode", "record")
	s.untilMetric("streams", 1)
	until(t, "two GOPs to be there", func() bool { return s.metric("received_bytes_total") > 300e3 })
	run(t, program(t), "play", s.url+"/cam", "-o", live)
	publisher.wait()
	if n := decodes(t, live).count("h264"); n < 50 || n >= 200 {
		t.Errorf("%d pictures came live, want those of some seconds", n)
	}
	run(t, program(t), "play", s.url+"/cam", "--start", "5s", "-o", part)
	if n := decodes(t, part).count("h264"); n < 75 || n > 100 { // from the keyframe at or before
		t.Errorf("from 5 s of 8: %d pictures, want 75 and up to a second more", n)
	}
}
