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
	// A window begins small: the boxes of a fragment lie close together, and the
	// next fragment does not.
	smallWindow = 4 << 10
	windowSize  = 32 << 10
	tableRead   = 16 << 10
	// maxPayload is how much of a box is held in memory: those that are read
	// whole describe a codec.
	maxPayload = 256 << 10
	// maxDecoded is how much of a box go-mp4 decodes: of those that it is given,
	// no field lies behind that. It does so by reflection, a number at a time.
	maxDecoded = 4 << 10
	// maxBoxes bounds the boxes of one level: at two a frame, ten hours.
	maxBoxes = 4 << 20
	maxDepth = 12 // real files have seven boxes inside one another
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", media.ErrInvalid, fmt.Sprintf(format, args...))
}

// window reads a file through one buffer, because the headers of boxes are
// small and lie close together.
type window struct {
	r    io.ReaderAt
	size int64
	from int64 // what the buffer begins with
	buf  []byte
	deep int // walks inside one another
	work *media.Work
}

func newWindow(r io.ReaderAt, size int64, work *media.Work) *window {
	return &window{r: r, size: size, buf: make([]byte, 0, windowSize), work: work}
}

// peek returns up to n bytes from a place on, less where the file ends; n is at
// most smallWindow. They are valid until it is called again.
func (w *window) peek(at int64, n int) ([]byte, error) {
	n = int(min(int64(n), w.size-at))
	if n <= 0 {
		return nil, nil
	}
	if at < w.from || at+int64(n) > w.from+int64(len(w.buf)) {
		room := smallWindow
		if at >= w.from && at <= w.from+int64(len(w.buf)) {
			room = windowSize // what lies behind what was read last
		}
		w.buf = w.buf[:min(int64(room), w.size-at)]
		w.from = at
		if err := media.ReadFull(w.r, w.buf, at); err != nil {
			w.buf = w.buf[:0]
			return nil, err
		}
	}
	p := w.buf[at-w.from:]
	return p[:n:n], nil
}

// box is where the payload of a box lies.
type box struct {
	kind       mp4.BoxType
	head       int64 // where the box begins
	start, end int64
	beyond     bool // the file ends before it does; end is the file's
}

func (b box) is(kind string) bool { return string(b.kind[:]) == kind }

// String says which box it is and where, for errors.
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
	for n := 0; to-from >= boxHead; n++ {
		if n == maxBoxes {
			return invalid("more than %d boxes in a row at byte %d", maxBoxes, from)
		}
		if err := w.work.Steps(stepsPerBox); err != nil {
			return err
		}
		b, size, err := w.boxAt(from)
		if err != nil {
			return err
		}
		if size == 0 { // as far as the file goes
			if to != w.size {
				return nil // zeros behind the last box of a list
			}
			size = uint64(to - from)
		}
		if size < uint64(b.start-from) {
			return invalid("%v has %d bytes, fewer than its header", b, size)
		}
		if b.beyond = size > uint64(to-from); b.beyond {
			if to != w.size {
				return invalid("%v has %d bytes, more than the box around it", b, size)
			}
			size = uint64(to - from)
		}
		b.end = from + int64(size)
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

// Headers of a box [ISO §4.2].
const (
	boxHead     = 8
	boxHeadWide = 16 // with a size of 64 bits

	stepsPerBox = 8
)

// boxAt reads the header of a box, and how many bytes it says the box has; 0: as
// many as there are.
func (w *window) boxAt(at int64) (b box, size uint64, err error) {
	p, err := w.peek(at, boxHeadWide)
	if err != nil {
		return b, 0, err
	}
	if len(p) < boxHead {
		return b, 0, invalid("no box begins at byte %d", at)
	}
	size = uint64(binary.BigEndian.Uint32(p))
	b = box{kind: mp4.BoxType(p[4:8]), head: at, start: at + boxHead}
	if size == 1 {
		if len(p) < boxHeadWide {
			return b, 0, invalid("no box begins at byte %d", at)
		}
		if size = binary.BigEndian.Uint64(p[boxHead:]); size == 0 {
			return b, 0, invalid("%v has no size", b)
		}
		b.start = at + boxHeadWide
	}
	return b, size, nil
}

// front reads the first n bytes of a box, or all where it has fewer. They are
// valid until the window is used again.
func (w *window) front(b box, n int) ([]byte, error) {
	return w.peek(b.start, int(min(int64(n), b.end-b.start)))
}

// payload reads a small box whole.
func (w *window) payload(b box) ([]byte, error) {
	if b.end-b.start > maxPayload {
		return nil, invalid("%v has %d bytes, more than the %d of any that describes something", b, b.end-b.start, maxPayload)
	}
	p := make([]byte, b.end-b.start)
	return p, media.ReadFull(w.r, p, b.start)
}

// decode reads the front of a box into go-mp4's type for it. None of those has a
// list whose length the box says.
func (w *window) decode(b box, dst mp4.IBox, ctx mp4.Context) error {
	p, err := w.front(b, maxDecoded)
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
	work    *media.Work
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
	t := &table{r: w.r, work: w.work, at: b.start, end: b.end}
	if b.end > b.start {
		t.room = make([]byte, min(tableRead, b.end-b.start))
		v := t.u32()
		t.version, t.flags = uint8(v>>24), v&0xffffff
	}
	return t
}

// bytesPerStep is how much of a table is read in one step.
const bytesPerStep = 64

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
		if t.err = t.work.Steps(int(more) / bytesPerStep); t.err == nil {
			t.err = media.ReadFull(t.r, t.buf[kept:], t.at)
		}
		if t.err != nil {
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
