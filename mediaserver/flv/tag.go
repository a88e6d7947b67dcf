package flv

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"flashpod.dev/flashpod/mediaserver/media"
)

// Types of a tag. They are those of RTMP messages as well.
const (
	TypeAudio  = 8
	TypeVideo  = 9
	TypeScript = 18
)

const (
	// fileHeaderSize is the header of the file with the zero that stands for
	// the size of the tag before the first [FLV §E.2, §E.3].
	fileHeaderSize = 13
	tagHeaderSize  = 11
	trailerSize    = 4 // behind each tag: its size
	maxTagData     = 1<<24 - 1
)

// ErrInvalid says that the bytes are no FLV; errors that wrap it tell where.
var ErrInvalid = fmt.Errorf("%w: no valid FLV", media.ErrInvalid)

// Tag is one message of a file.
type Tag struct {
	Type      uint8
	Timestamp media.Timestamp
	Data      []byte
}

// size is what the tag takes in a file, trailer included.
func (t Tag) size() int { return tagHeaderSize + len(t.Data) + trailerSize }

// FileHeader is that of a file with what its tags bring, and the zero that stands for
// the size of the tag before the first [FLV §E.2]. Readers that believe it wait for
// both of what it promises.
func FileHeader(video, audio bool) []byte {
	flags := byte(0)
	if video {
		flags |= 1
	}
	if audio {
		flags |= 4
	}
	return []byte{'F', 'L', 'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0}
}

// fileHeader is that of a file that may have audio and video: which of them,
// is known only later, and readers look at the tags.
var fileHeader = FileHeader(true, true)

// TagOverhead is what a tag takes beside its data: what AppendTagHeader and
// AppendTagTrailer append.
const TagOverhead = tagHeaderSize + trailerSize

// MaxTagData is the most data that a tag can say, in bytes.
const MaxTagData = maxTagData

// AppendTagHeader appends what goes before the data of a tag, of MaxTagData bytes at
// most [FLV §E.4.1].
func AppendTagHeader(dst []byte, kind uint8, at media.Timestamp, size int) []byte {
	return append(dst, kind, byte(size>>16), byte(size>>8), byte(size),
		byte(at>>16), byte(at>>8), byte(at), byte(at>>24), 0, 0, 0)
}

// AppendTagTrailer appends what goes behind it [FLV §E.3].
func AppendTagTrailer(dst []byte, size int) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(tagHeaderSize+size))
}

// AppendTag appends a tag with its trailer [FLV §E.4.1]. Data longer than a tag
// can say is an error.
func AppendTag(dst []byte, t Tag) ([]byte, error) {
	n := len(t.Data)
	if n > maxTagData {
		return dst, fmt.Errorf("%w: tag of %d bytes, %d at most", ErrInvalid, n, maxTagData)
	}
	dst = AppendTagHeader(dst, t.Type, t.Timestamp, n)
	return AppendTagTrailer(append(dst, t.Data...), n), nil
}

// tagHeader is a tag without its data.
type tagHeader struct {
	kind uint8
	time media.Timestamp
	size int // of the data
}

func parseTagHeader(b []byte) (tagHeader, error) {
	h := tagHeader{
		kind: b[0] & 0x1f,
		size: int(b[1])<<16 | int(b[2])<<8 | int(b[3]),
		time: media.Timestamp(b[7])<<24 | media.Timestamp(b[4])<<16 | media.Timestamp(b[5])<<8 | media.Timestamp(b[6]),
	}
	switch {
	case b[0]&0x20 != 0:
		return h, fmt.Errorf("%w: encrypted tag", ErrInvalid)
	case h.kind != TypeAudio && h.kind != TypeVideo && h.kind != TypeScript:
		return h, fmt.Errorf("%w: tag of type %d", ErrInvalid, h.kind)
	}
	return h, nil
}

// Reader reads tags one after another.
type Reader struct {
	r      io.Reader
	offset int64
	head   [tagHeaderSize]byte
	data   []byte
}

// NewReader reads the header of a file.
func NewReader(r io.Reader) (*Reader, error) {
	var b [fileHeaderSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return nil, fmt.Errorf("%w: it ends inside its header", ErrInvalid)
	}
	if err := checkFileHeader(b[:]); err != nil {
		return nil, err
	}
	return &Reader{r: r, offset: fileHeaderSize}, nil
}

func checkFileHeader(b []byte) error {
	if string(b[:3]) != "FLV" || binary.BigEndian.Uint32(b[5:]) != 9 {
		return fmt.Errorf("%w: no FLV header", ErrInvalid)
	}
	return nil
}

// ReaderAt continues at the beginning of a tag: offset bytes into the file,
// where r stands as well.
func ReaderAt(r io.Reader, offset int64) *Reader { return &Reader{r: r, offset: offset} }

// Offset is where the next tag begins.
func (r *Reader) Offset() int64 { return r.offset }

// Next reads a tag, whose data is valid until the next call. It fails with
// io.EOF at the end of a file, io.ErrUnexpectedEOF in a tag that is torn, or
// ErrInvalid.
func (r *Reader) Next() (Tag, error) {
	if _, err := io.ReadFull(r.r, r.head[:]); err != nil {
		return Tag{}, err
	}
	h, err := parseTagHeader(r.head[:])
	if err != nil {
		return Tag{}, fmt.Errorf("byte %d: %w", r.offset, err)
	}
	// Memory grows with the bytes that are there, not with what the header
	// says.
	r.data = r.data[:0]
	for want := h.size + trailerSize; len(r.data) < want; {
		n := min(want-len(r.data), 64<<10)
		at := len(r.data)
		r.data = slices.Grow(r.data, n)[:at+n]
		if _, err := io.ReadFull(r.r, r.data[at:]); err != nil {
			return Tag{}, io.ErrUnexpectedEOF
		}
	}
	if got := binary.BigEndian.Uint32(r.data[h.size:]); got != uint32(tagHeaderSize+h.size) && got != 0 {
		return Tag{}, fmt.Errorf("byte %d: %w: trailer says %d bytes, header %d", r.offset, ErrInvalid, got, tagHeaderSize+h.size)
	}
	r.offset += int64(tagHeaderSize + len(r.data))
	return Tag{Type: h.kind, Timestamp: h.time, Data: r.data[:h.size]}, nil
}
