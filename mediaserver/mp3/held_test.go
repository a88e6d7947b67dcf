package mp3

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// hole is a file of zeros but for its beginning and its end. It counts what is
// read of it.
type hole struct {
	size        int64
	front, back []byte
	read        int64
}

func (h *hole) ReadAt(p []byte, at int64) (int, error) {
	n := int(max(0, min(int64(len(p)), h.size-at)))
	h.read += int64(n)
	clear(p[:n])
	for from, part := range map[int64][]byte{0: h.front, h.size - int64(len(h.back)): h.back} {
		if at < from+int64(len(part)) && from < at+int64(n) {
			copy(p[max(0, from-at):n], part[max(0, at-from):])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// bounded opens a file, which costs no more than a few reads.
func bounded(t *testing.T, name string, h *hole) (*File, error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := Open(h, h.size)
	runtime.ReadMemStats(&after)
	if cost := after.TotalAlloc - before.TotalAlloc; cost > 1<<20 || h.read > 4<<20 {
		t.Errorf("%s: %d bytes were read, and %d allocated", name, h.read, cost)
	}
	return f, err
}

// The largest tag that there can be, of 256 MB, is passed over and not read,
// whatever lies in it, and also where it says more than the file has.
func TestTagOf256Megabytes(t *testing.T) {
	const size = 1<<28 - 1 // four numbers of seven bits
	front := []byte{'I', 'D', '3', 4, 0, 0, 0x7f, 0x7f, 0x7f, 0x7f}
	text := textFrame("TIT2", []byte("\x03song"))
	sounds := sound(stereo128, 40)
	f, err := bounded(t, "before sound", &hole{size: id3Header + size + int64(len(sounds)), front: cat(front, text), back: sounds})
	if err != nil {
		t.Fatal(err)
	}
	if title, _ := f.Meta().Get("title"); title != "song" || f.bytes != int64(len(sounds)) {
		t.Errorf("%v, %d bytes of sound", f.Meta(), f.bytes)
	}
	huge := []byte{'T', 'I', 'T', '2', 0x7f, 0x7f, 0x7f, 0x7f, 0, 0}
	for name, h := range map[string]*hole{
		"alone":               {size: id3Header + size, front: front},
		"that is cut":         {size: 1000, front: front},
		"with nothing behind": {size: 2 << 28, front: front},
		"of one text":         {size: id3Header + size, front: cat(front, huge)},
		"of sounds":           {size: id3Header + size, front: cat(front, bytes.Repeat(sounds, 100))},
	} {
		if _, err := bounded(t, name, h); !errors.Is(err, media.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file of a terabyte that is all but empty costs what is in it.
func TestTerabyteOfNothing(t *testing.T) {
	const terabyte = 1 << 40
	sounds := sound(stereo128, 40)
	f, err := bounded(t, "sound and nothing", &hole{size: terabyte, front: sounds, back: sounds})
	if err != nil || f.bytes != int64(len(sounds)) {
		t.Errorf("sound and nothing: %+v, %v", f, err)
	}
	for name, h := range map[string]*hole{
		"nothing and sound": {size: terabyte, back: sounds}, "more than a terabyte": {size: terabyte + 1, front: sounds},
	} {
		if _, err := bounded(t, name, h); !errors.Is(err, media.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
