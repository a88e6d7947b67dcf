package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Sockets are used raw: whatever Go's network poller costs here would be taken
// from the core that also plays and publishes.

// dialed counts connections, to spread their source addresses: one address has
// some 28,000 ports, and those of the last row are still in TIME_WAIT.
var dialed atomic.Uint32

const (
	perSource         = 8000
	ipBindAddrNoPort  = 24 // IP_BIND_ADDRESS_NO_PORT
	sourceAddresses   = 200
	msgTrunc          = syscall.MSG_TRUNC
	socketTimeoutSecs = 10
)

// dial connects a blocking socket, whose reads and writes give up after 10 s.
func dial(to netip.AddrPort) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	timeout := syscall.Timeval{Sec: socketTimeoutSecs}
	n := dialed.Add(1) / perSource
	err = errors.Join(
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, ipBindAddrNoPort, 1),
		syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout),
		syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &timeout),
		syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(1 + n%sourceAddresses)}}),
		syscall.Connect(fd, &syscall.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}),
	)
	if err != nil {
		closeSocket(fd)
		return -1, fmt.Errorf("connect to %s: %w", to, err)
	}
	return fd, nil
}

// sendAll writes all of b to a blocking socket.
func sendAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := syscall.SendmsgN(fd, b, nil, nil, syscall.MSG_NOSIGNAL)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("send", err)
		}
		b = b[n:]
	}
	return nil
}

// receive reads without waiting; with discard, the kernel throws the bytes
// away and only counts them. n is 0 at the end of the stream, -1 with an
// errno. It goes around Go's scheduler, which a call that cannot wait does not
// need.
func receive(fd int, b []byte, discard bool) (n int, errno syscall.Errno) {
	flags := syscall.MSG_DONTWAIT
	if discard {
		flags |= msgTrunc
	}
	r, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(flags), 0, 0)
	if e != 0 {
		return -1, e
	}
	return int(r), 0
}

// nap waits on the calling thread.
func nap(ns int64) {
	if ns <= 0 {
		return
	}
	t := syscall.NsecToTimespec(ns)
	_ = syscall.Nanosleep(&t, nil) // woken early, its caller looks at the clock again
}

// closeSocket closes one; nothing that it could still say is of use.
func closeSocket(fd int) { _ = syscall.Close(fd) }
