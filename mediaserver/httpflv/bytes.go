package httpflv

import (
	"errors"
	"io"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
)

// fileBytes are what goes before the tags of an FLV file, and those as they lie there:
// an io.ReadSeeker for ranges.
type fileBytes struct {
	film  *film
	front []byte
	from  int64 // of the file, that follows the front
	size  int64 // of both
	at    int64
}

// bytes are a file from a place on. What it says of itself at its front is left out of
// one that does not begin with it, which then begins with begin; else only its header
// is made, so that offsets in its own metadata hold.
func (f *film) bytes(file *flv.File, at media.Position, begin []byte, moved bool) *fileBytes {
	b := &fileBytes{film: f, front: begin, from: at.At}
	if !moved {
		header := flv.FileHeader(f.has(true), f.has(false))
		b.front, b.from = header, int64(len(header))
	}
	b.size = int64(len(b.front)) + max(0, file.Size()-b.from)
	return b
}

// Read implements io.Reader.
func (b *fileBytes) Read(p []byte) (n int, err error) {
	if b.at >= b.size {
		return 0, io.EOF
	}
	if b.at < int64(len(b.front)) {
		n = copy(p, b.front[b.at:])
		b.at += int64(n)
		return n, nil
	}
	p = p[:min(int64(len(p)), b.size-b.at)]
	err = b.film.inPlace(func() error {
		n, err = b.film.Reader.ReadAt(p, b.from+b.at-int64(len(b.front)))
		return err
	})
	b.at += int64(n)
	if errors.Is(err, io.EOF) && n > 0 {
		err = nil
	}
	return n, err
}

// Seek implements io.Seeker.
func (b *fileBytes) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.size
	}
	if offset < 0 {
		return 0, errors.New("a place before the beginning")
	}
	b.at = offset
	return offset, nil
}
