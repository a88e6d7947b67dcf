package rtmp

import (
	"errors"
	"io"
	"sync"
	"syscall"
)

// errBufferFull is a mistake in the program: nobody looks further ahead than
// a header.
var errBufferFull = errors.New("rtmp: read buffer is full")

var readBuffers = sync.Pool{New: func() any { return new([readBufferSize]byte) }}

// glance is how much is read at first where a read waits with a buffer in its
// hands: little enough for every TLS player to have.
const glance = 256

// input is a read buffer over a connection. It has memory only while it holds
// bytes: thousands of players that say nothing share a few buffers.
type input struct {
	r   io.Reader
	raw syscall.RawConn // nil when the connection has none

	gate *gate // of raw, and of r unless own
	own  bool  // r has the gate, and leaves it where it waits, as TLS does
	// before is called before each read, to set deadlines; timeout decides
	// whether to go on after one passed.
	before  func() error
	timeout func() error
	count   func(n int)

	buf   *[readBufferSize]byte
	first *[glance]byte // for reads that wait; nil until there is one
	from  int           // unread bytes are buf[from:to]
	to    int

	n      int
	err    error
	waited bool // for something to read, without a turn
}

// has says whether n bytes are in the buffer.
func (in *input) has(n int) bool { return in.to-in.from >= n }

// peek returns the next n bytes, n being small, without taking them.
func (in *input) peek(n int) ([]byte, error) {
	for !in.has(n) {
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
	return in.buf[in.from : in.from+n], nil
}

// take returns the next n bytes, valid until the next call.
func (in *input) take(n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	b, err := in.peek(n)
	in.from += len(b)
	return b, err
}

// some takes up to n of the next bytes: those that are there, and one at least.
// They are valid until the next call.
func (in *input) some(n int) ([]byte, error) {
	if !in.has(1) {
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
	n = min(n, in.to-in.from)
	b := in.buf[in.from : in.from+n]
	in.from += n
	return b, nil
}

// fill reads what there is, and waits for something when there is nothing.
func (in *input) fill() error {
	switch {
	case in.from == in.to:
		in.from, in.to = 0, 0
		in.release()
	case in.to == readBufferSize && in.from > 0:
		in.to = copy(in.buf[:], in.buf[in.from:in.to])
		in.from = 0
	case in.to == readBufferSize:
		return errBufferFull
	}
	for {
		if err := in.before(); err != nil {
			return err
		}
		n, err := in.read()
		if n > 0 {
			in.to += n
			in.count(n)
			return nil
		}
		if err == nil {
			continue
		}
		var timeout interface{ Timeout() bool }
		if errors.As(err, &timeout) && timeout.Timeout() {
			if err := in.timeout(); err != nil {
				return err
			}
			continue
		}
		return err
	}
}

func (in *input) borrow() {
	if in.buf == nil {
		in.buf, _ = readBuffers.Get().(*[readBufferSize]byte)
	}
}

func (in *input) release() {
	if in.buf != nil {
		readBuffers.Put(in.buf)
		in.buf = nil
	}
}

func (in *input) read() (int, error) {
	if in.raw == nil && (in.own || in.gate == nil) {
		return in.readWaiting()
	}
	if in.raw == nil {
		in.gate.Leave() // whoever has a turn while it waits keeps others from theirs
		n, err := in.readWaiting()
		in.gate.Enter()
		return n, err
	}
	for again := true; again; again = in.waited {
		in.gate.Enter()
		in.n, in.err, in.waited = 0, nil, false
		if err := in.raw.Read(in.readable); err != nil {
			return 0, err
		}
	}
	if in.n == 0 && in.err == nil {
		return 0, io.EOF
	}
	return in.n, in.err
}

// readWaiting reads from what has no socket to ask: with a buffer, when one is
// held already, and else a little first.
func (in *input) readWaiting() (int, error) {
	if in.buf != nil {
		return in.r.Read(in.buf[in.to:])
	}
	if in.first == nil {
		in.first = new([glance]byte)
	}
	n, err := in.r.Read(in.first[:])
	if n > 0 {
		in.borrow()
		copy(in.buf[:], in.first[:n])
	}
	return n, err
}

// readable is called when there may be something to read. It borrows a buffer
// only then, and gives it back when there was nothing. A peer that takes turns has
// none while it is waited for, and reads when it has one again.
func (in *input) readable(fd uintptr) bool {
	in.gate.waits.Store(false)
	if in.waited {
		return true
	}
	empty := in.buf == nil
	in.borrow()
	for {
		in.n, in.err = syscall.Read(int(fd), in.buf[in.to:])
		if errors.Is(in.err, syscall.EINTR) {
			continue
		}
		in.n = max(0, in.n)
		if !errors.Is(in.err, syscall.EAGAIN) {
			return true
		}
		in.err = nil
		if empty {
			in.release()
		}
		if in.gate.open() {
			in.gate.waits.Store(true)
		} else {
			in.gate.Leave()
			in.waited = true
		}
		return false
	}
}
