package flv

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

// Storage is what a Writer needs of a file; *os.File is one.
type Storage interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
}

// Writer appends tags to a file and keeps its metadata. It buffers: Flush
// hands what was written to the file. A file that was not finished is whole up
// to its last flush, and Repair makes it as if it had been.
type Writer struct {
	f     Storage
	index *Index
	meta  *amf.ECMAArray
	buf   []byte // not yet in the file; index.Size counts it
}

// Create begins a file, which is empty.
func Create(f Storage) (*Writer, error) {
	w := &Writer{f: f, index: &Index{
		Size: fileHeaderSize + metaReserve, First: fileHeaderSize + metaReserve,
		metaOffset: fileHeaderSize, metaSize: metaReserve,
	}}
	tag, err := metaTag(w.index, nil, 0, metaReserve)
	if err != nil {
		return nil, err
	}
	w.buf = append(append(w.buf, fileHeader...), tag...)
	return w, nil
}

// Append goes on behind the last whole tag of a file of size bytes, and cuts
// what is behind it.
func Append(f Storage, size int64) (*Writer, error) {
	x, err := Scan(f, size)
	if err != nil {
		return nil, err
	}
	if x.Size != size {
		if err := f.Truncate(x.Size); err != nil {
			return nil, fmt.Errorf("cut torn tail: %w", err)
		}
	}
	return &Writer{f: f, index: x, meta: x.Meta}, nil
}

// Last returns the timestamps of the last tags, the larger of both being how
// long the file plays.
func (w *Writer) Last() (video, audio media.Timestamp) { return w.index.LastVideo, w.index.LastAudio }

// Duration is the largest timestamp so far.
func (w *Writer) Duration() time.Duration { return w.index.Last.Duration() }

// Size is the length of the file with what is buffered, in bytes.
func (w *Writer) Size() int64 { return w.index.Size }

// Buffered is how much of it is not in the file yet.
func (w *Writer) Buffered() int { return len(w.buf) }

// SetMeta sets what the file's onMetaData has of the stream's own; it is false for
// data that is none.
func (w *Writer) SetMeta(data []byte) bool {
	m := parseMeta(data)
	if m == nil {
		return false
	}
	w.meta = m
	return true
}

// Write adds a tag. Its data is copied.
func (w *Writer) Write(t Tag) error {
	b, err := AppendTag(w.buf, t)
	if err != nil {
		return err
	}
	w.buf = b
	w.index.add(t.Type, t.Timestamp, t.Data, len(t.Data), w.index.Size)
	w.index.Size += int64(t.size())
	return nil
}

// Flush hands what is buffered to the file.
func (w *Writer) Flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	n, err := w.f.WriteAt(w.buf, w.index.Size-int64(len(w.buf)))
	w.buf = append(w.buf[:0], w.buf[n:]...)
	return err
}

// Finish flushes, writes the metadata with duration and keyframe index into
// its place, and syncs. A file that came from elsewhere keeps its own metadata
// when there is no room.
//
// A process that dies in the middle leaves a file that Repair knows: the size
// that marks a finished file is written when all else is there.
func (w *Writer) Finish() error {
	if err := w.Flush(); err != nil {
		// What got there is whole up to some tag: leave it so.
		return err
	}
	if w.index.metaSize >= metaReserve {
		for _, size := range []int64{0, w.index.Size} {
			tag, err := metaTag(w.index, w.meta, size, int(w.index.metaSize))
			if err != nil {
				return err
			}
			if size > 0 {
				if err := w.f.Sync(); err != nil {
					return err
				}
				tag = tag[:stampEnd] // they differ in the size alone
			}
			if _, err := w.f.WriteAt(tag, w.index.metaOffset); err != nil {
				return err
			}
		}
	}
	return w.f.Sync()
}

// Repair mends a file of size bytes that Create or Append began and did not
// finish: the torn tail is cut, metadata and index are written anew. It returns
// how many bytes were cut, and leaves alone, mended false, what is finished or was
// not written by this package.
//
// What is finished or another program's is known by its front, so that looking
// through a thousand files is quick.
func Repair(f Storage, size int64) (cut int64, mended bool, err error) {
	if s, ok := readStamp(f); ok && s.fileSize == float64(size) {
		return 0, false, nil
	}
	meta, torn, err := front(f)
	if err != nil {
		return 0, false, err
	}
	if by, _ := meta.Get("creator"); by != creator && !torn {
		return 0, false, nil
	}
	if said, _ := meta.Get("filesize"); said == float64(size) {
		return 0, false, nil
	}
	w, err := Append(f, size)
	if err != nil {
		return 0, false, err
	}
	return size - w.index.Size, true, w.Finish()
}

// Finished returns the duration of a file of size bytes that a Writer
// finished, from its front alone; ok is false for every other file.
func Finished(f io.ReaderAt, size int64) (d time.Duration, ok bool) {
	if s, ok := readStamp(f); ok {
		return inSeconds(s.duration), s.fileSize == float64(size)
	}
	meta, _, err := front(f)
	if err != nil {
		return 0, false
	}
	by, _ := meta.Get("creator")
	whole, _ := meta.Get("filesize")
	seconds, _ := meta.Get("duration")
	s, is := seconds.(float64)
	if by != creator || whole != float64(size) || !is || !(s >= 0 && s*1000 <= math.MaxUint32) {
		return 0, false
	}
	return inSeconds(s), true
}

func inSeconds(s float64) time.Duration { return time.Duration(math.Round(s*1000)) * time.Millisecond }

// front reads the metadata that a file begins with; nil when it begins with
// something else. It is torn when it is a Writer's and was being written when
// its process died.
func front(f io.ReaderAt) (meta *amf.ECMAArray, torn bool, err error) {
	var b [fileHeaderSize + tagHeaderSize]byte
	n, err := f.ReadAt(b[:], 0)
	if n < len(b) && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	if n < fileHeaderSize {
		return nil, false, fmt.Errorf("%w: it ends inside its header", ErrInvalid)
	}
	if err := checkFileHeader(b[:]); err != nil || n < len(b) {
		return nil, false, err
	}
	const maxMeta = 1 << 20 // where Append found another's room
	h, err := parseTagHeader(b[fileHeaderSize:])
	if err != nil || h.kind != TypeScript || h.size > maxMeta {
		return nil, false, nil
	}
	data := make([]byte, h.size)
	if _, err := f.ReadAt(data, int64(len(b))); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, false, nil // cut inside: nothing of the stream is there
		}
		return nil, false, err
	}
	meta = parseMeta(data)
	return meta, tornMeta(meta, data), nil
}
