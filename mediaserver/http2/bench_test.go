package http2

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"flashpod.dev/flashpod/mediaserver/socket"
)

// BenchmarkWrite writes to a client by TLS, as a loop does, in a stream and without
// HTTP/2: what frames cost. cpu-ns/op is the writer's own time, the kernel's for it
// included, and hardly knows of what else the machine does.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{4 << 10, 48 << 10, 72 << 10} { // a picture, a round of 1.1 Mbit/s, and one with a keyframe
		b.Run(fmt.Sprintf("HTTP/1.1 %d KB", size>>10), func(b *testing.B) {
			_, sealed := pair(b)
			benchmark(b, size, func(bufs [][]byte) (int, error) {
				n, full, err := sealed.Writev(bufs)
				if full && err == nil {
					err = sealed.Drain(time.Minute)
				}
				return n, err
			})
		})
		b.Run(fmt.Sprintf("HTTP/2 %d KB", size>>10), func(b *testing.B) {
			t, _ := pair(b)
			c := New(t)
			c.open(1)
			c.sent(1)
			s := c.streams[1]
			c.window, s.window = 1<<60, 1<<60
			var laid Laid // as in a round, in which others get the same
			benchmark(b, size, func(bufs [][]byte) (int, error) {
				n, err := s.TryWriteLaid(bufs, &laid)
				if n < len(bufs[0]) && err == nil {
					if err = c.take(); err == nil { // behind who drains it
						c.give()
					}
				}
				return n, err
			})
		})
	}
}

func benchmark(b *testing.B, size int, write func([][]byte) (int, error)) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	whole := noise(size)
	began := threadTime(b)
	defer func() { b.ReportMetric(float64(threadTime(b)-began)/float64(b.N), "cpu-ns/op") }()
	for b.Loop() {
		for rest := whole; len(rest) > 0; {
			n, err := write([][]byte{rest})
			if err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
}

// threadTime is the CPU time of the calling thread.
func threadTime(b *testing.B) time.Duration {
	b.Helper()
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
		b.Fatal(err)
	}
	return time.Duration(at.Nano())
}

// pair is a server's TLS connection, whose client throws away what comes.
func pair(b *testing.B) (*tls.Conn, *socket.Sealed) {
	b.Helper()
	like := httptest.NewTLSServer(nil) // has a certificate
	b.Cleanup(like.Close)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	go func() {
		nc, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			return // and nobody is accepted
		}
		if tls.Client(nc, &tls.Config{InsecureSkipVerify: true}).Handshake() == nil {
			_, _ = io.Copy(io.Discard, nc)
		}
	}()
	nc, err := ln.Accept()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { nc.Close() })
	t := socket.TLS(nc, like.TLS)
	if err := t.Handshake(); err != nil {
		b.Fatal(err)
	}
	sealed := socket.Under(t)
	sealed.Attach(t, func() {})
	return t, sealed
}
