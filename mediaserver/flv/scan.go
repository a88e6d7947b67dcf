package flv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

const (
	// Of a tag, so much is read; where tags are small, many are at once.
	frontRead = tagHeaderSize + frontSize
	manyRead  = 16 << 10
	smallTag  = 1 << 10

	stepsPerTag  = 8
	bytesPerStep = 64

	// maxMetaTag is how much onMetaData is decoded. Decoded it takes sixteen times
	// its bytes; what is more is passed over.
	maxMetaTag = 1 << 20
)

// metaFront is what an onMetaData script begins with: its name as a string of
// AMF0.
var metaFront = append([]byte{2, 0, byte(len(metaName))}, metaName...)

// Scan reads the headers of all tags of a file of size bytes. What follows the
// last whole tag is no error: Index.Size tells where it begins.
func Scan(f io.ReaderAt, size int64) (*Index, error) { return scan(f, size, &media.Work{}) }

func scan(f io.ReaderAt, size int64, work *media.Work) (*Index, error) {
	var b [fileHeaderSize]byte
	if _, err := f.ReadAt(b[:], 0); err != nil {
		return nil, fmt.Errorf("%w: it ends inside its header", ErrInvalid)
	}
	if err := checkFileHeader(b[:]); err != nil {
		return nil, err
	}
	x := &Index{Size: fileHeaderSize, First: fileHeaderSize}
	s := scanner{f: f, size: size, work: work}
	return x, s.scan(x)
}

// scanner goes from tag to tag.
type scanner struct {
	f    io.ReaderAt
	size int64 // of the file
	work *media.Work

	from int64 // what the buffer begins with
	buf  []byte
	room []byte

	large []byte // for more of a tag
}

// scan adds all whole tags behind those that the index has.
func (s *scanner) scan(x *Index) error {
	for {
		b, err := s.peek(x.Size)
		if err != nil {
			return err
		}
		if len(b) < tagHeaderSize {
			return nil
		}
		h, err := parseTagHeader(b)
		if err != nil {
			return nil //nolint:nilerr // no tag begins here: the tail is torn
		}
		end := x.Size + int64(tagHeaderSize+h.size+trailerSize)
		if end > s.size {
			return nil
		}
		x.lastTag, x.lastHeader = x.Size, [tagHeaderSize]byte(b)
		if err := x.makeRoom(s.work); err != nil {
			return err
		}
		if err := s.tag(x, h, b[tagHeaderSize:], end); err != nil {
			return err
		}
		if err := s.work.SpendAll(x.memory()); err != nil {
			return err
		}
		if err := s.work.Steps(stepsPerTag); err != nil {
			return err
		}
	}
}

// peek returns the beginning of a tag: its header and frontSize bytes, less where
// the file ends. It is valid until the next call.
func (s *scanner) peek(at int64) ([]byte, error) {
	if at < s.from || at+frontRead > s.from+int64(len(s.buf)) {
		n := frontRead
		if s.room == nil {
			s.room = make([]byte, manyRead)
		} else if at-s.from < smallTag {
			n = manyRead
		}
		got, err := s.f.ReadAt(s.room[:n], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("byte %d: %w", at, err)
		}
		s.from, s.buf = at, s.room[:got]
	}
	b := s.buf[at-s.from:]
	return b[:min(len(b), frontRead)], nil
}

// tag adds one whole tag to the index; front is the beginning of its data.
func (s *scanner) tag(x *Index, h tagHeader, front []byte, end int64) error {
	at := x.Size
	meta := h.kind == TypeScript && x.Meta == nil && bytes.HasPrefix(front[:min(len(front), h.size)], metaFront)
	front, err := s.front(x, h, front, at+tagHeaderSize, meta && h.size <= maxMetaTag)
	if err != nil {
		return err
	}
	if meta && x.described(front, h.size, at, end) {
		return nil
	}
	x.add(h.kind, h.time, front, h.size, at)
	x.Size = end
	return nil
}

// described takes what the first onMetaData says. It is true for one at the front
// of the file, which is not played.
func (x *Index) described(data []byte, size int, at, end int64) (done bool) {
	meta := metaOf(data, size, at)
	if meta == nil {
		return false
	}
	x.Meta, x.metaOffset, x.metaSize = meta, at, end-at
	if at != x.First {
		return false
	}
	x.First, x.Size = end, end
	return true
}

// metaOf is what an onMetaData tag of size bytes at an offset says; nil when it is
// none. What is too large to be decoded says nothing.
func metaOf(data []byte, size int, at int64) *amf.ECMAArray {
	if size > maxMetaTag {
		return &amf.ECMAArray{}
	}
	meta := parseMeta(data)
	if at == fileHeaderSize && tornMeta(meta, data) {
		meta = &amf.ECMAArray{}
	}
	return meta
}

// grown returns the index of a file that has become longer since x was made, of
// which only what came behind is read. ok is false when it does not seem to be
// the file that it was. x stays as it is, and shares what both have; shared says
// that another index does so already.
func (x *Index) grown(f io.ReaderAt, size int64, work *media.Work, shared bool) (y *Index, ok bool, err error) {
	if size < x.Size || x.lastTag == 0 {
		return nil, false, nil
	}
	// The last tag is where it was, and ends as it did.
	var b [fileHeaderSize]byte
	if _, err := f.ReadAt(b[:tagHeaderSize], x.lastTag); err != nil || [tagHeaderSize]byte(b[:]) != x.lastHeader {
		return nil, false, nil //nolint:nilerr // whoever reads it from the beginning hears it
	}
	if _, err := f.ReadAt(b[:], 0); err != nil || checkFileHeader(b[:]) != nil {
		return nil, false, nil //nolint:nilerr // the same
	}
	new := *x
	y = &new
	if shared { // what is appended must not lie where the other's is
		y.Entries, y.Scripts = slices.Clip(y.Entries), slices.Clip(y.Scripts)
		y.VideoHeaders, y.AudioHeaders = slices.Clip(y.VideoHeaders), slices.Clip(y.AudioHeaders)
	}
	if ok, err := y.readMeta(f); !ok || err != nil {
		return nil, false, err
	}
	s := scanner{f: f, size: size, work: work}
	if err := work.SpendAll(y.memory()); err != nil {
		return nil, false, err
	}
	return y, true, s.scan(y)
}

// readMeta reads the metadata again: it is written anew when a recording ends. ok
// is false when it is not where it was.
func (x *Index) readMeta(f io.ReaderAt) (ok bool, err error) {
	if x.Meta == nil {
		return true, nil
	}
	size := int(x.metaSize) - tagHeaderSize - trailerSize
	b := make([]byte, tagHeaderSize+min(size, maxMetaTag))
	if _, err := f.ReadAt(b, x.metaOffset); err != nil {
		return false, fmt.Errorf("byte %d: %w", x.metaOffset, err)
	}
	h, err := parseTagHeader(b)
	if err != nil || h.kind != TypeScript || h.size != size {
		return false, nil //nolint:nilerr // it is another file
	}
	x.Meta = metaOf(b[tagHeaderSize:], size, x.metaOffset)
	return x.Meta != nil, nil
}
