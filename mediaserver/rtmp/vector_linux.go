package rtmp

import (
	"sync"
	"syscall"
	"unsafe"
)

// maxVector is the most buffers that one call takes (IOV_MAX).
const maxVector = 1024

// vector writes to a socket without waiting. A write borrows one, so that
// it allocates nothing and a connection that is silent holds nothing.
type vector struct {
	iov  [16]syscall.Iovec // enough for most writes
	more []syscall.Iovec
	cur  []syscall.Iovec
	n    int
	err  error
	call func(fd uintptr) bool
}

var vectors = sync.Pool{New: func() any {
	v := &vector{}
	v.call = v.writev
	return v
}}

// writeVector writes bufs, one after another, and returns how many bytes the
// socket took. err is nil when it is full.
func writeVector(raw syscall.RawConn, bufs [][]byte) (int, error) {
	v, _ := vectors.Get().(*vector)
	defer vectors.Put(v)
	return v.write(raw, bufs)
}

func (v *vector) write(raw syscall.RawConn, bufs [][]byte) (int, error) {
	bufs = bufs[:min(len(bufs), maxVector)]
	v.cur = v.iov[:0]
	if len(bufs) > len(v.iov) {
		v.cur = v.more[:0]
	}
	for _, b := range bufs {
		if len(b) > 0 {
			iov := syscall.Iovec{Base: &b[0]}
			iov.SetLen(len(b))
			v.cur = append(v.cur, iov)
		}
	}
	if len(bufs) > len(v.iov) {
		v.more = v.cur
	}
	if len(v.cur) == 0 {
		return 0, nil
	}
	v.n, v.err = 0, nil
	err := raw.Write(v.call)
	// Nothing may stay reachable because it was written once.
	clear(v.cur)
	if err != nil {
		return 0, err
	}
	return v.n, v.err
}

// writev always returns true: a full socket is the caller's to know, not to
// wait for.
//
// The call goes around the scheduler's bookkeeping for system calls. That is
// safe because a non-blocking write is short, and saves a quarter of its cost
// (hack/bench).
func (v *vector) writev(fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&v.cur[0])), uintptr(len(v.cur)))
		switch errno {
		case 0:
			v.n = int(n)
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
		default:
			v.err = errno
		}
		return true
	}
}
