package socket

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// MaxVector is the most buffers that one call takes (IOV_MAX).
const MaxVector = 1024

// Socket writes to a connection's socket without waiting. [syscall.RawConn] can,
// too, but has a lock for writers that wait and a look at their deadline, each in
// memory of its own: with thousands of players that is what a write waits for
// (hack/bench).
//
// What has to be kept of it is that the socket stays open while a write is under
// way, since the kernel gives the number of a closed one to whoever connects
// next. So all that closes the connection goes through Close. The zero value is
// no socket.
type Socket struct {
	used  bool // there is one
	fd    int32
	state atomic.Int32 // writes under way, and closing once no more may begin
	file  func() error // closes it; set before closing is
}

const closing = 1 << 30

// Use takes the socket of a connection, and returns the way to read from it; nil
// for a connection that has none of its own, as TLS or a pipe.
func (s *Socket) Use(nc net.Conn) syscall.RawConn {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	if err := raw.Control(func(fd uintptr) { s.fd, s.used = int32(fd), true }); err != nil {
		return nil
	}
	return raw
}

// Used says whether there is a socket.
func (s *Socket) Used() bool { return s.used }

// Close has the socket closed by file, at once or by the write that is under
// way. A second Close does nothing.
func (s *Socket) Close(file func() error) error {
	if !s.used {
		return file()
	}
	for {
		switch n := s.state.Load(); {
		case n&closing != 0:
			return nil
		case n == 0:
			if s.state.CompareAndSwap(0, closing) {
				return file()
			}
		default:
			s.file = file
			if s.state.CompareAndSwap(n, n|closing) {
				return nil
			}
		}
	}
}

func (s *Socket) enter() bool {
	for {
		n := s.state.Load()
		if n&closing != 0 {
			return false
		}
		if s.state.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (s *Socket) leave() {
	if s.state.Add(-1) == closing {
		_ = s.file()
	}
}

// Write writes bufs, one after another, and returns how many bytes the socket
// took; err is nil when it is full. It takes MaxVector buffers at most.
func (s *Socket) Write(bufs [][]byte) (n int, err error) {
	if !s.enter() {
		return 0, net.ErrClosed
	}
	defer s.leave()
	switch len(bufs) {
	case 0:
		return 0, nil
	case 1:
		return s.send(bufs[0])
	}
	if len(bufs) <= fewBuffers {
		var iov [fewBuffers]syscall.Iovec
		return s.sendmsg(iov[:0], bufs)
	}
	v, _ := vectors.Get().(*[MaxVector]syscall.Iovec)
	n, err = s.sendmsg(v[:0], bufs[:min(len(bufs), MaxVector)])
	clear(v[:min(len(bufs), MaxVector)]) // nothing stays reachable because it was written once
	vectors.Put(v)
	return n, err
}

// fewBuffers are enough for most writes.
const fewBuffers = 16

var vectors = sync.Pool{New: func() any { return new([MaxVector]syscall.Iovec) }}

// Never waiting, and never a signal for a peer that has gone.
const sendFlags = syscall.MSG_DONTWAIT | syscall.MSG_NOSIGNAL

// The calls go around the scheduler's bookkeeping for system calls. That is safe
// because a write that does not wait is short, and saves a quarter of its cost
// (hack/bench). send(2) and sendmsg(2) are cheaper than write(2) and writev(2),
// which go through the kernel's layer for files.

func (s *Socket) send(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), sendFlags, 0, 0)
		if errno != syscall.EINTR {
			return sent(n, errno)
		}
	}
}

func (s *Socket) sendmsg(iov []syscall.Iovec, bufs [][]byte) (int, error) {
	for _, b := range bufs {
		if len(b) > 0 {
			v := syscall.Iovec{Base: &b[0]}
			v.SetLen(len(b))
			iov = append(iov, v)
		}
	}
	if len(iov) == 0 {
		return 0, nil
	}
	m := syscall.Msghdr{Iov: &iov[0]}
	m.Iovlen = uint64(len(iov))
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_SENDMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&m)), sendFlags)
		if errno != syscall.EINTR {
			return sent(n, errno)
		}
	}
}

// Unsent is how many bytes the kernel has taken and not sent yet, of a TCP socket; of
// another, those that its peer has not read; 0 where the kernel says neither.
func (s *Socket) Unsent() int {
	if !s.used || !s.enter() {
		return 0
	}
	defer s.leave()
	for _, request := range [...]uintptr{siocoutqnsd, syscall.TIOCOUTQ} {
		var n int32
		if _, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(s.fd), request, uintptr(unsafe.Pointer(&n))); errno == 0 {
			return int(n)
		}
	}
	return 0
}

const siocoutqnsd = 0x894b // from linux/sockios.h, which package syscall does not have

// sent is what a call has sent. A full socket is the caller's to know, not to wait
// for.
func sent(n uintptr, errno syscall.Errno) (int, error) {
	switch errno {
	case 0:
		return int(n), nil
	case syscall.EAGAIN:
		return 0, nil
	}
	return 0, errno
}
