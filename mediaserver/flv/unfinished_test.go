package flv

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
)

// measured counts what is read of a file.
type measured struct {
	io.ReaderAt
	bytes int
}

func (c *measured) ReadAt(b []byte, at int64) (int, error) {
	c.bytes += len(b)
	return c.ReaderAt.ReadAt(b, at)
}

// TestOneSmallReadTells asks of files whether they are finished.
func TestOneSmallReadTells(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "a.flv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := Create(f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range media.Timestamp(1000) {
		if err := w.Write(Tag{Type: TypeVideo, Timestamp: i * 40, Data: []byte{0x17, 1, 0, 0, 0, 9}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	const small = 512 // bytes
	ask := func(size int64) (finished, unfinished bool, d time.Duration) {
		t.Helper()
		c := &measured{ReaderAt: f}
		d, finished = Finished(c, size)
		if unfinished = Unfinished(c, size); c.bytes > 2*small {
			t.Errorf("%d bytes were read for two questions", c.bytes)
		}
		return finished, unfinished, d
	}
	if finished, unfinished, _ := ask(w.Size()); finished || !unfinished {
		t.Errorf("while it is written: finished %v, unfinished %v", finished, unfinished)
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if finished, unfinished, d := ask(w.Size()); !finished || unfinished || d != 39960*time.Millisecond {
		t.Errorf("when it is written: finished %v, of %v, unfinished %v", finished, d, unfinished)
	}
	if finished, unfinished, _ := ask(w.Size() + 1); finished || !unfinished {
		t.Errorf("when it grows: finished %v, unfinished %v", finished, unfinished)
	}
	for _, other := range [][]byte{nil, []byte("FLV"), []byte("no film"), append(append([]byte{}, fileHeader...), make([]byte, 400)...), bytes.Repeat([]byte{0x12}, 600)} {
		r := bytes.NewReader(other)
		if _, ok := Finished(r, r.Size()); ok || Unfinished(r, r.Size()) {
			t.Errorf("%.20q is taken for one of ours", other)
		}
	}
}

func BenchmarkFinished(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "a.flv"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w, err := Create(f)
	if err == nil {
		err = w.Write(Tag{Type: TypeVideo, Data: []byte{0x17, 1, 0, 0, 0, 9}})
	}
	if err == nil {
		err = w.Finish()
	}
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, ok := Finished(f, w.Size()); !ok {
			b.Fatal("it is not finished")
		}
	}
}
