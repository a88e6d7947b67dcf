package disk

import (
	"context"
	"errors"
	"io"
)

// Span is some bytes of memory, and behind them a piece of a file: an io.ReadSeeker for
// answers with ranges. Its reads of the file are in places. It is one request's.
type Span struct {
	front []byte
	from  int64 // of the file, that follows the front
	size  int64 // of both
	at    int64

	ctx    context.Context
	places *Places
	of     string
	file   io.ReaderAt
}

// NewSpan makes a span of front and of what an owner's file has between from and to; ctx
// is the request's.
func NewSpan(ctx context.Context, places *Places, of string, front []byte, file io.ReaderAt, from, to int64) *Span {
	return &Span{
		front: front, from: from, size: int64(len(front)) + max(0, to-from),
		ctx: ctx, places: places, of: of, file: file,
	}
}

// Read implements io.Reader.
func (s *Span) Read(p []byte) (n int, err error) {
	if s.at >= s.size {
		return 0, io.EOF
	}
	if s.at < int64(len(s.front)) {
		n = copy(p, s.front[s.at:])
		s.at += int64(n)
		return n, nil
	}
	p = p[:min(int64(len(p)), s.size-s.at)]
	err = s.places.Do(s.ctx, s.of, func() error {
		n, err = s.file.ReadAt(p, s.from+s.at-int64(len(s.front)))
		return err
	})
	s.at += int64(n)
	if errors.Is(err, io.EOF) && n > 0 {
		err = nil
	}
	return n, err
}

// Seek implements io.Seeker.
func (s *Span) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, errors.New("a place before the beginning")
	}
	s.at = offset
	return offset, nil
}

// Size is how many bytes it has.
func (s *Span) Size() int64 { return s.size }
