package pieces

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/media"
)

const (
	// maxAhead is how many pieces are fetched before a reader has come to them that reads
	// one after another; at first it is one.
	maxAhead = 8
	// maxWanted is how many pieces one read may span that are fetched at once for it.
	maxWanted = 16
)

// File is a file that somebody reads: a media.LaterReader. All methods may be called from
// any goroutine.
type File struct {
	c    *Cache
	id   fileID
	size int64
	src  Source

	closed chan struct{}
	close  func()
	last   atomic.Int64 // the piece that was read last; -1: none
	ahead  atomic.Int64 // pieces that are fetched before it comes to them
}

// Open is a file of size bytes that is known by a key: as long as that is the same, so are
// its bytes, of which there may be more later. Its pieces come from src. The caller closes it.
func (c *Cache) Open(key string, size int64, src Source) *File {
	f := &File{c: c, id: identify(key), size: size, src: src, closed: make(chan struct{})}
	f.close = sync.OnceFunc(func() { close(f.closed) })
	f.last.Store(-1)
	return f
}

// Close ends reads that wait: they fail with fs.ErrClosed. A second call does nothing.
func (f *File) Close() { f.close() }

// Size is how many bytes the file has.
func (f *File) Size() int64 { return f.size }

// Now implements media.LaterReader.
func (f *File) Now() io.ReaderAt { return &now{File: f} }

// Peek implements media.LaterReader.
func (f *File) Peek() io.ReaderAt { return &now{File: f, peeks: true} }

// ReadAt implements io.ReaderAt: it waits for what is not here.
func (f *File) ReadAt(b []byte, at int64) (n int, err error) {
	r := now{File: f}
	for {
		n, err = r.ReadAt(b, at)
		var not *media.NotYetError
		if !errors.As(err, &not) {
			return n, err
		}
		came := make(chan struct{})
		not.When(func() { close(came) })
		select {
		case <-came:
		case <-f.closed:
			return 0, fs.ErrClosed
		}
	}
}

// now reads what is here. It has failed for good when something has not come that it has
// waited for.
type now struct {
	*File
	peeks bool // it asks for nothing

	mu  sync.Mutex // nothing else is taken, and nobody called, while it is held
	err error      // why
}

// ReadAt implements io.ReaderAt. It reads all of b, or what there is before the end of the
// file, or nothing: then what is missing is fetched.
func (r *now) ReadAt(b []byte, at int64) (n int, err error) {
	f := r.File
	if at < 0 {
		return 0, fmt.Errorf("byte %d of a file", at)
	}
	end := min(at+int64(len(b)), f.size)
	for place := at; place < end; {
		piece := place / Size
		to := min(end, (piece+1)*Size)
		if !f.c.readPiece(f, piece, b[place-at:to-at], int(place-piece*Size)) {
			return 0, r.later(piece, (end-1)/Size)
		}
		place = to
	}
	if n = int(max(0, end-at)); n < len(b) {
		err = io.EOF
	}
	f.c.stats.served.Add(uint64(n))
	if n > 0 {
		f.goOn(at/Size, (end-1)/Size)
	}
	return n, err
}

// later asks for the pieces of a read of which the first is not here.
func (r *now) later(from, to int64) error {
	if err := r.failed(); err != nil {
		return err
	}
	if r.peeks {
		return &media.NotYetError{}
	}
	f := r.File
	if f.last.Load() != from {
		f.c.stats.misses.Add(1)
		f.touch(from)
	}
	for n := from; n <= min(to, from+maxWanted); n++ {
		f.c.want(f, n, true, nil)
	}
	return &media.NotYetError{When: func(wake func()) {
		f.c.want(f, from, true, func(err error) {
			r.fails(err)
			wake()
		})
	}}
}

// goOn has what comes behind a read fetched.
func (f *File) goOn(from, to int64) {
	fresh := to - from + 1
	if last := f.last.Load(); from <= last && last <= to {
		fresh = to - last
	}
	if fresh > 0 {
		f.c.stats.hits.Add(uint64(fresh))
		f.touch(to)
	}
	for n := to + 1; n <= to+f.ahead.Load() && n*Size < f.size; n++ {
		f.c.want(f, n, false, nil)
	}
}

// touch is for a piece that the reader has come to.
func (f *File) touch(n int64) {
	if last := f.last.Swap(n); last >= 0 && (n == last+1 || n == last+2) {
		f.ahead.Store(min(2*f.ahead.Load(), maxAhead))
	} else if n != last {
		f.ahead.Store(1)
	}
}

// fails notes why a piece that was waited for does not come; nil: it does.
func (r *now) fails(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

func (r *now) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// sizeOf is how many bytes a piece of the file has.
func (f *File) sizeOf(n int64) int { return int(min(Size, f.size-n*Size)) }
