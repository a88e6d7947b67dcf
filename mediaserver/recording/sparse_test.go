package recording

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
)

// sparse makes a file of a size, of which nothing is written but the parts.
func sparse(t *testing.T, path string, size int64, parts map[int64][]byte) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at, b := range parts {
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
}

// head64 is a box whose size has 64 bits.
func head64(kind string, size uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte{0, 0, 0, 1}, kind...), size)
}

// Files of a terabyte, of which there is next to nothing on the disk: each is
// refused, or known, for a few reads; nothing of it is read again while it stays
// as it is, and it is listed and deleted as any other.
func TestSparseTerabytes(t *testing.T) {
	const terabyte = 1 << 40
	ftyp := boxOf("ftyp", []byte("isom"), 0)
	flvHead := []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	whole, err := flv.AppendTag(append([]byte(nil), flvHead...), flv.Tag{Type: flv.TypeVideo, Data: key})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		size  int64
		parts map[int64][]byte
		plays bool
	}{
		"nothing.flv": {terabyte, nil, false},
		"headed.flv":  {terabyte, map[int64][]byte{0: flvHead}, true},
		"tag.flv":     {terabyte, map[int64][]byte{0: whole}, true},
		"nothing.mp4": {terabyte, nil, false},
		"typed.mp4":   {terabyte, map[int64][]byte{0: ftyp}, false},
		"media.mp4":   {terabyte, map[int64][]byte{0: append(append([]byte(nil), ftyp...), head64("mdat", uint64(terabyte-len(ftyp)))...)}, false},
		"movie.mp4":   {terabyte, map[int64][]byte{0: append(append([]byte(nil), ftyp...), head64("moov", uint64(terabyte-len(ftyp)))...)}, false},
		"beyond.mp4":  {terabyte + 1, map[int64][]byte{0: ftyp}, false},
		"nothing.mp3": {terabyte, nil, false},
		"tagged.mp3":  {terabyte, map[int64][]byte{0: []byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f")}, false},
		"nothing.f4v": {terabyte, nil, false},
		"tables.mov":  {terabyte, map[int64][]byte{0: append(append([]byte(nil), ftyp...), append(head64("moov", uint64(terabyte-len(ftyp))), append(head64("trak", uint64(terabyte-len(ftyp)-16)), head64("mdia", uint64(terabyte-len(ftyp)-32))...)...)...)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			sparse(t, filepath.Join(dir, name), c.size, c.parts)
			indexes := budget.New("indexes", 64*mib)
			s := open(t, dir, Options{Indexes: indexes})
			page, _, err := s.List(context.Background(), "", 10)
			if err != nil || len(page) != 1 || page[0].Bytes != c.size {
				t.Fatalf("listed are %+v, %v", page, err)
			}
			playing := page[0].Name
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			d, err := s.Length(context.Background(), playing)
			runtime.ReadMemStats(&after)
			if cost := after.TotalAlloc - before.TotalAlloc; cost > 2*mib {
				t.Errorf("%d bytes were allocated", cost)
			}
			if c.plays != (err == nil) || err != nil && !errors.Is(err, media.ErrInvalid) {
				t.Errorf("%s is %v long, %v", playing, d, err)
			}
			s.nothingMore(!c.plays) // what is refused is not read again
			if again, e := s.Length(context.Background(), playing); again != d || c.plays != (e == nil) || e != nil && e.Error() != err.Error() {
				t.Errorf("then it is %v long, %v", again, e)
			}
			s.nothingMore(false)
			if err := s.Delete(playing); err != nil {
				t.Error(err)
			}
		})
	}
}

// Hundreds of pictures of 16 MB, which are holes, in a file that says that a server
// has written it and was killed: no start waits for it, and the pictures' headers
// are all that is read.
func TestSparsePictures(t *testing.T) {
	const (
		picture = 1<<24 - 1
		tag     = 11 + picture + 4
		count   = 300
	)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.flv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := flv.Create(f)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	at := w.Size()
	for n := range count {
		head := []byte{flv.TypeVideo, 0xff, 0xff, 0xff, byte(n * 40 >> 16), byte(n * 40 >> 8), byte(n * 40), 0, 0, 0, 0, 0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 1}
		if _, err := f.WriteAt(head, at); err != nil {
			t.Fatal(err)
		}
		at += tag
	}
	if err := f.Truncate(at); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	s := open(t, dir, Options{Indexes: budget.New("indexes", 64*mib)})
	if took := time.Since(started); took > time.Minute {
		t.Errorf("the start took %v", took)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d, err := s.Length(context.Background(), "a")
	runtime.ReadMemStats(&after)
	if err != nil || d != (count-1)*40*time.Millisecond {
		t.Errorf("it is %v long, %v", d, err)
	}
	if cost := after.TotalAlloc - before.TotalAlloc; cost > 16*mib {
		t.Errorf("%d MiB were allocated", cost>>20)
	}
}
