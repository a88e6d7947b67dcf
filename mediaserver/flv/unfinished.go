package flv

import (
	"encoding/binary"
	"io"
	"math"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// Unfinished says, from its front alone, whether a file of size bytes is one
// that Create or Append began and that was not finished: Repair would mend it.
func Unfinished(f io.ReaderAt, size int64) bool {
	if s, ok := readStamp(f); ok {
		return s.fileSize != float64(size)
	}
	meta, torn, err := front(f)
	if err != nil {
		return false
	}
	by, _ := meta.Get("creator")
	said, _ := meta.Get("filesize")
	return (by == creator || torn) && said != float64(size)
}

// stamp is what a Writer's metadata begins with: it says whether the file is
// finished, and how long it plays, before the index and 32 KB of room for it.
type stamp struct{ fileSize, duration float64 }

// readStamp reads the stamp of a file, with one small read; ok is false when it
// does not begin as a Writer's does, which may yet be one.
func readStamp(f io.ReaderAt) (s stamp, ok bool) {
	var front [stampEnd + 64]byte
	n, err := f.ReadAt(front[:], 0)
	if err != nil && n < len(front) {
		return s, false
	}
	b := front[:]
	if checkFileHeader(b) != nil || b[fileHeaderSize]&0x3f != TypeScript {
		return s, false
	}
	b = b[fileHeaderSize+tagHeaderSize:]
	name, rest, err := amf.Decode(b)
	const head = 5 // marker, and a number of properties that nobody trusts
	if err != nil || name != metaName || len(rest) < head || rest[0] != ecmaArray {
		return s, false
	}
	b = rest[head:]
	for i, want := range [...]string{"filesize", "creator", "duration"} {
		value, rest, ok := property(b, want)
		if !ok {
			return s, false
		}
		switch b = rest; i {
		case 0:
			s.fileSize, ok = value.(float64)
		case 1:
			ok = value == creator
		case 2:
			s.duration, ok = value.(float64)
		}
		if !ok {
			return s, false
		}
	}
	return s, s.duration >= 0 && s.duration*1000 <= math.MaxUint32
}

const ecmaArray = 8 // its marker [AMF0 §2.10]

// property cuts the first property, if that has a name.
func property(b []byte, name string) (value amf.Value, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n != len(name) || len(b) < n || string(b[:n]) != name {
		return nil, nil, false
	}
	value, rest, err := amf.Decode(b[n:])
	return value, rest, err == nil
}
