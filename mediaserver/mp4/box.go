package mp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/abema/go-mp4"

	"flashpod.dev/flashpod/mediaserver/media"
)

const (
	windowSize = 32 << 10
	tableRead  = 16 << 10
	// maxPayload is how much of a box is held in memory: those that are read
	// whole describe a track or a codec.
	maxPayload = 1 << 20
	// maxBoxes bounds the boxes of one level: at two a frame, ten hours.
	maxBoxes = 4 << 20
	maxDepth = 12 // real files have seven boxes inside one another
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", media.ErrInvalid, fmt.Sprintf(format, args...))
}

// window reads a file through one buffer, because the headers of boxes are
// small and lie close together. It is the io.ReadSeeker that go-mp4 wants.
type window struct {
	r    io.ReaderAt
	size int64
	at   int64
	from int64 // what the buffer begins with
	buf  []byte
	deep int // walks inside one another
}

func newWindow(r io.ReaderAt, size int64) *window {
	return &window{r: r, size: size, buf: make([]byte, 0, windowSize)}
}

func (w *window) Read(p []byte) (int, error) {
	if w.at < 0 || w.at >= w.size {
		return 0, io.EOF
	}
	if w.at < w.from || w.at >= w.from+int64(len(w.buf)) {
		n := min(int64(cap(w.buf)), w.size-w.at)
		w.buf = w.buf[:n]
		w.from = w.at
		if err := media.ReadFull(w.r, w.buf, w.at); err != nil {
			w.buf = w.buf[:0]
			return 0, err
		}
	}
	n := copy(p, w.buf[w.at-w.from:])
	w.at += int64(n)
	return n, nil
}

func (w *window) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += w.at
	case io.SeekEnd:
		offset += w.size
	}
	if offset < 0 {
		return 0, invalid("a box lies before the beginning of the file")
	}
	w.at = offset
	return offset, nil
}

// box is where the payload of a box lies.
type box struct {
	kind       mp4.BoxType
	head       int64 // where the box begins
	start, end int64
	beyond     bool // the file ends before it does; end is the file's
}

func (b box) is(kind string) bool { return string(b.kind[:]) == kind }

func (b box) String() string { return fmt.Sprintf("box %q at byte %d", string(b.kind[:]), b.head) }

// errStop ends a walk early.
var errStop = errors.New("stop")

// walk calls fn for the boxes from one byte to another. What is too short for a
// box is no error: QuickTime ends some lists with four zero bytes.
func (w *window) walk(from, to int64, fn func(box) error) error {
	if w.deep++; w.deep > maxDepth {
		return invalid("boxes are nested more than %d deep at byte %d", maxDepth, from)
	}
	defer func() { w.deep-- }()
	for n := 0; to-from >= mp4.SmallHeaderSize; n++ {
		if n == maxBoxes {
			return invalid("more than %d boxes in a row at byte %d", maxBoxes, from)
		}
		w.at = from
		i, err := mp4.ReadBoxInfo(w)
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = invalid("no box begins at byte %d", from)
			}
			return err
		}
		b := box{kind: i.Type, head: from, start: from + int64(i.HeaderSize)}
		if i.ExtendToEOF && to != w.size {
			return nil // zeros behind the last box of a list
		}
		if i.Size < i.HeaderSize {
			return invalid("%v has %d bytes, fewer than its header", b, i.Size)
		}
		if b.beyond = i.Size > uint64(to-from); b.beyond {
			if to != w.size {
				return invalid("%v has %d bytes, more than the box around it", b, i.Size)
			}
			i.Size = uint64(to - from)
		}
		b.end = from + int64(i.Size)
		b.start = min(b.start, b.end)
		if err := fn(b); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return err
		}
		from = b.end
	}
	return nil
}

// payload reads a small box whole.
func (w *window) payload(b box) ([]byte, error) {
	if b.end-b.start > maxPayload {
		return nil, invalid("%v has %d bytes, more than the %d of any that describes something", b, b.end-b.start, maxPayload)
	}
	p := make([]byte, b.end-b.start)
	return p, media.ReadFull(w.r, p, b.start)
}

// decode reads a small box into go-mp4's type for it.
func (w *window) decode(b box, dst mp4.IBox, ctx mp4.Context) error {
	p, err := w.payload(b)
	if err != nil {
		return err
	}
	// From memory: a length inside the box cannot claim what is behind it.
	if _, err := mp4.Unmarshal(bytes.NewReader(p), uint64(len(p)), dst, ctx); err != nil {
		return invalid("%v: %v", b, err)
	}
	return nil
}

// table reads the numbers of a box one after the other. The tables of a long
// recording have millions: they are never in memory, and reflection, which
// go-mp4 decodes with, would take seconds for them.
type table struct {
	r       io.ReaderAt
	at, end int64
	buf     []byte // what was read and not returned yet
	room    []byte
	version uint8
	flags   uint32
	err     error // sticky
}

// table begins to read a box that has version and flags; a box that is not
// there has no numbers.
func (w *window) table(b box) *table {
	t := &table{r: w.r, at: b.start, end: b.end}
	if b.end > b.start {
		t.room = make([]byte, min(tableRead, b.end-b.start))
		v := t.u32()
		t.version, t.flags = uint8(v>>24), v&0xffffff
	}
	return t
}

// left is how many bytes were not read.
func (t *table) left() int64 { return int64(len(t.buf)) + t.end - t.at }

// next returns the next n bytes, nil when there are fewer. They are valid until it
// is called again.
func (t *table) next(n int) []byte {
	if len(t.buf) < n {
		if t.err != nil || t.left() < int64(n) {
			if t.err == nil {
				t.err = invalid("a table ends too early, at byte %d", t.end)
			}
			return nil
		}
		kept := copy(t.room[:cap(t.room)], t.buf)
		more := min(int64(len(t.room)-kept), t.end-t.at)
		t.buf = t.room[:kept+int(more)]
		if t.err = media.ReadFull(t.r, t.buf[kept:], t.at); t.err != nil {
			t.buf = nil
			t.end = t.at
			return nil
		}
		t.at += more
	}
	p := t.buf[:n]
	t.buf = t.buf[n:]
	return p
}

// u32 returns the next number, 0 when there is none.
func (t *table) u32() uint32 {
	if p := t.next(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (t *table) u64() uint64 {
	if p := t.next(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// count reads how many entries of size bytes follow, and checks that they do.
func (t *table) count(size int64) uint32 {
	if t.end == t.at && len(t.buf) == 0 {
		return 0
	}
	n := t.u32()
	if t.err == nil && int64(n)*size > t.left() {
		t.err = invalid("a table that ends at byte %d says %d entries, and has room for %d", t.end, n, t.left()/size)
	}
	if t.err != nil {
		return 0
	}
	return n
}
