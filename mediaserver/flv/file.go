package flv

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

// File is an FLV file that is played: a media.File whose positions are offsets
// of tags. It knows the whole tags that were there when it was opened, and ends
// behind them even if the file grows.
type File struct {
	x     *Index
	grown atomic.Bool // another shares its index
}

// Open is OpenMetered where the index may cost what it does.
func Open(r io.ReaderAt, size int64) (*File, error) { return OpenMetered(r, size, nil) }

// OpenMetered reads the index of a file of size bytes: see Scan. Errors are those
// of Scan, or the meter's.
func OpenMetered(r io.ReaderAt, size int64, meter media.Meter) (*File, error) {
	x, err := scan(r, size, &media.Work{Meter: meter})
	if err != nil {
		return nil, err
	}
	return &File{x: x}, nil
}

// Grown returns the file as it is now that it has size bytes, and reads only what
// came behind. f stays as it was. ok is false when it does not seem to be the
// same file, which has only become longer: then it is opened anew.
func (f *File) Grown(r io.ReaderAt, size int64, meter media.Meter) (g *File, ok bool, err error) {
	x, ok, err := f.x.grown(r, size, &media.Work{Meter: meter}, f.grown.Swap(true))
	if !ok || err != nil {
		return nil, false, err
	}
	return &File{x: x}, true, nil
}

// Size is where the whole tags of the file end, which is at most as far as the file
// goes. Positions before it are offsets of tags.
func (f *File) Size() int64 { return f.x.Size }

// Duration implements media.File.
func (f *File) Duration() time.Duration { return f.x.Last.Duration() }

// Memory implements media.File.
func (f *File) Memory() int64 { return f.x.memory() }

// Meta implements media.File, without what describes the file's layout.
func (f *File) Meta() *amf.ECMAArray { return Described(f.x.Meta, float64(f.x.Last)/1000) }

// Seek implements media.File.
func (f *File) Seek(to media.Timestamp) media.Position {
	if to > f.x.Last {
		return media.Position{Time: to, At: f.x.Size}
	}
	e := f.x.Seek(to)
	if e.Offset == f.x.First {
		e.Time = f.x.began // players do not wait for what is not there
	}
	return media.Position{Time: e.Time, At: e.Offset}
}

// SeekAfter implements media.File.
func (f *File) SeekAfter(from media.Timestamp) (media.Position, bool) {
	list := f.x.Entries
	i := sort.Search(len(list), func(i int) bool { return list[i].Time >= from })
	if i == len(list) {
		return media.Position{}, false
	}
	return media.Position{Time: list[i].Time, At: list[i].Offset}, true
}

// Headers implements media.File.
func (f *File) Headers(r io.ReaderAt, at media.Position) ([]media.Frame, error) {
	var out []media.Frame
	bytes := 0
	for _, e := range f.x.HeadersBefore(at.At) {
		t, err := ReadTag(r, e.Offset)
		if err != nil {
			return nil, fmt.Errorf("sequence header at byte %d: %w", e.Offset, err)
		}
		if bytes += len(t.Data); bytes > maxHeaderBytes {
			break
		}
		out = append(out, media.Frame{Type: t.Type, Data: t.Data})
	}
	return out, nil
}

// Read implements media.File: with one read of the file, unless the first tag
// is larger than the buffer.
func (f *File) Read(r io.ReaderAt, at media.Position, b *media.Batch) (media.Position, error) {
	b.Reset()
	return readBatch(r, at, f.x.Size, b)
}

// readBatch reads the tags from a place on, as many as fit into the buffer, and
// before an end.
func readBatch(r io.ReaderAt, at media.Position, end int64, b *media.Batch) (media.Position, error) {
	left := end - at.At
	if left < tagHeaderSize {
		return at, io.EOF
	}
	b.Grow(tagHeaderSize + trailerSize)
	for {
		buf := b.Buf[:min(int64(len(b.Buf)), left)]
		n, err := r.ReadAt(buf, at.At)
		if err != nil && !errors.Is(err, io.EOF) {
			return at, fmt.Errorf("byte %d: %w", at.At, err)
		}
		next, first, err := appendTags(buf[:n], at, b)
		switch {
		case err != nil:
			return at, err
		case len(b.Frames) > 0:
			return next, nil
		case int64(first) > left, n < len(buf):
			return at, io.EOF // it was cut since it was opened
		}
		if had := len(b.Buf); b.Parted(first) {
			if len(b.Buf) > had {
				continue // with as much as is read of such a tag
			}
			return beginTag(buf[:n], at, b)
		}
		b.Grow(first)
	}
}

// beginTag appends the frame of a tag of which buf has the beginning.
func beginTag(buf []byte, at media.Position, b *media.Batch) (next media.Position, err error) {
	h, err := parseTagHeader(buf)
	if err != nil {
		return at, fmt.Errorf("byte %d: %w", at.At, err)
	}
	data := buf[tagHeaderSize:min(len(buf), tagHeaderSize+h.size):len(buf)]
	b.Frames = append(b.Frames, media.Frame{
		Type: h.kind, Time: h.time, At: at.At, Data: data,
		More: h.size - len(data), From: at.At + int64(tagHeaderSize+len(data)),
	})
	return media.Position{Time: h.time, At: at.At + int64(tagHeaderSize+h.size+trailerSize)}, nil
}

// appendTags appends the whole tags of buf to the frames. Without one, first is
// how many bytes the first takes.
func appendTags(buf []byte, at media.Position, b *media.Batch) (next media.Position, first int, err error) {
	first = tagHeaderSize + trailerSize
	for len(buf) >= tagHeaderSize && len(b.Frames) < media.MaxFrames {
		h, err := parseTagHeader(buf)
		if err != nil {
			return at, 0, fmt.Errorf("byte %d: %w", at.At, err)
		}
		whole := tagHeaderSize + h.size + trailerSize
		if whole > len(buf) {
			first = whole
			break
		}
		b.Frames = append(b.Frames, media.Frame{Type: h.kind, Time: h.time, At: at.At, Data: buf[tagHeaderSize : tagHeaderSize+h.size : tagHeaderSize+h.size]})
		at.At += int64(whole)
		at.Time = h.time
		buf = buf[whole:]
	}
	return at, first, nil
}

// dataGap is how far data messages may lie from one another to be read at once.
const dataGap = 4 << 10

// Data implements media.DataFile. Messages that lie close together are read at
// once, with what lies between them.
func (f *File) Data(r io.ReaderAt, at media.Position, b *media.Batch) (media.Position, error) {
	b.Reset()
	list := f.x.Scripts
	i := sort.Search(len(list), func(i int) bool { return list[i].Offset >= at.At })
	if i == len(list) {
		return at, io.EOF
	}
	from := list[i].Offset
	n := i + 1
	for n < len(list) && list[n].Offset-list[n-1].Offset <= dataGap && list[n].Offset-from < int64(len(b.Buf)) {
		n++
	}
	end := f.x.Size
	if n < len(list) {
		end = list[n].Offset
	}
	room := b.Buf
	if n == i+1 { // alone: nobody needs what comes behind it
		b.Buf = b.Buf[:min(len(b.Buf), dataGap)]
	}
	next, err := readBatch(r, media.Position{Time: list[i].Time, At: from}, end, b)
	if cap(b.Buf) == cap(room) {
		b.Buf = b.Buf[:max(len(b.Buf), len(room))]
	}
	if err != nil {
		return at, err
	}
	b.Frames = slices.DeleteFunc(b.Frames, func(f media.Frame) bool { return f.Type != TypeScript })
	return next, nil
}
