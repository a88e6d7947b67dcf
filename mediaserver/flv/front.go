package flv

import (
	"fmt"
	"io"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// Front is a tag of a file of which the beginning was read.
type Front struct {
	Type uint8
	Time media.Timestamp
	At   int64 // of its payload in the file
	Size int   // of its payload, in bytes
	// Data is the beginning of the payload, and all of it where what it is cannot be
	// told from less. It is valid until the next tag.
	Data []byte
	// Begins says of a picture whether playing may begin with it.
	Begins payload.Beginning
}

// Fronts reads the beginnings of all sound and pictures, in their order, with as many
// reads as Scan has. It ends at the first error of do, of the file or of the meter. Where
// the file has become shorter since it was opened, it ends there.
func (f *File) Fronts(r io.ReaderAt, meter media.Meter, do func(*Front) error) error {
	s := scanner{f: r, size: f.x.Size, work: &media.Work{Meter: meter}}
	var judge Index // of pictures alone
	for at := f.x.First; ; {
		b, err := s.peek(at)
		if err != nil {
			return err
		}
		if at >= f.x.Size || len(b) < tagHeaderSize {
			return nil
		}
		h, err := parseTagHeader(b)
		if err != nil {
			return fmt.Errorf("byte %d: %w", at, err)
		}
		if h.kind != TypeScript {
			front := Front{Type: h.kind, Time: h.time, At: at + tagHeaderSize, Size: h.size}
			if front.Data, err = s.front(&judge, h, b[tagHeaderSize:], front.At, false); err != nil {
				return err
			}
			if v, ok := payload.ParseVideo(front.Data); ok && h.kind == TypeVideo {
				front.Begins = judge.pictures.Next(&v, h.time)
			}
			if err := do(&front); err != nil {
				return err
			}
		}
		if err := s.work.Steps(stepsPerTag); err != nil {
			return err
		}
		at += int64(tagHeaderSize + h.size + trailerSize)
	}
}

// largeFront is as much as of nearly all tags is looked at.
const largeFront = frontSize + payload.LookAhead

// front is as much of a tag's data, at a place of the file, as says what it is, or the
// whole of it; front is what was read. It is valid until the next call.
func (s *scanner) front(x *Index, h tagHeader, front []byte, at int64, whole bool) ([]byte, error) {
	front = front[:min(len(front), h.size)]
	size := h.size
	if size > len(front) && !whole {
		size = x.needed(h, front)
	}
	if size <= len(front) {
		return front, nil
	}
	if err := s.work.Steps(size / bytesPerStep); err != nil {
		return nil, err
	}
	if size <= largeFront && !whole {
		if s.large == nil {
			s.large = make([]byte, largeFront)
		}
		front = s.large[:size]
	} else {
		front = make([]byte, size)
	}
	if _, err := s.f.ReadAt(front, at); err != nil {
		return nil, fmt.Errorf("byte %d: %w", at, err)
	}
	return front, nil
}
