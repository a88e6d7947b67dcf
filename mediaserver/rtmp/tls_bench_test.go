package rtmp

import (
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkTLSAgainstPlain is what an owner's writes to TLS cost, against the
// same writes to plain sockets: CPU time of the thread that writes, over real
// sockets whose far ends throw everything away undeciphered. It takes turns, and
// reports the median of the ratios of neighbours. An operation is a pair of
// turns, a write to each connection.
func BenchmarkTLSAgainstPlain(b *testing.B) {
	for _, size := range []int{5 << 10, 48 << 10} {
		b.Run(fmt.Sprintf("write=%dKiB", size>>10), func(b *testing.B) {
			const connections = 300 // more than caches hold
			plain, sealed := newAudience(b, connections, false), newAudience(b, connections, true)
			write := make([]byte, size)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			plain.write(b, write, connections<<20)
			sealed.write(b, write, connections<<20) // until records are as large as they get
			var ratios, plains, tlses []float64
			for b.Loop() {
				p := plain.write(b, write, connections*size)
				s := sealed.write(b, write, connections*size)
				ratios, plains, tlses = append(ratios, s/p), append(plains, p), append(tlses, s)
			}
			b.ReportMetric(median(ratios), "tls/plain")
			b.ReportMetric(median(plains), "plain-µs/MB")
			b.ReportMetric(median(tlses), "tls-µs/MB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// audience is connections whose far ends read and forget.
type audience struct {
	conns []*Conn
	read  []*atomic.Int64
	base  []int64 // bytes sent before
}

func newAudience(b *testing.B, n int, sealed bool) *audience {
	b.Helper()
	a := &audience{}
	for range n {
		var server *Conn
		var far net.Conn
		if sealed {
			var t *tls.Conn
			server, _, t = sealedPair(b, tls.VersionTLS13, Config{})
			far = t.NetConn()
		} else {
			var near net.Conn
			near, far = pair(b, false)
			server = NewServerConn(near, Config{})
		}
		read := &atomic.Int64{}
		done := make(chan struct{})
		go func() {
			defer close(done)
			buf := make([]byte, 256<<10)
			for {
				n, err := far.Read(buf)
				if err != nil {
					return
				}
				read.Add(int64(n))
			}
		}()
		b.Cleanup(func() { server.Close(); far.Close(); <-done })
		server.Attach(func() {})
		a.conns, a.read, a.base = append(a.conns, server), append(a.read, read), append(a.base, int64(server.BytesOut()))
	}
	return a
}

// write writes total bytes, one connection after another, and returns the µs of
// CPU a MB. It lets the far ends read what there is before each round.
func (a *audience) write(b *testing.B, data []byte, total int) float64 {
	b.Helper()
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	bufs := [][]byte{nil}
	var used time.Duration
	written := 0
	for written < total {
		began := threadTime(b)
		for _, c := range a.conns {
			bufs[0] = data
			n, err := c.TryWritev(bufs)
			if err != nil {
				b.Fatal(err)
			}
			written += n
		}
		used += threadTime(b) - began
		for i, c := range a.conns {
			for deadline := time.Now().Add(10 * time.Second); a.read[i].Load() < int64(c.BytesOut())-a.base[i]; {
				if time.Now().After(deadline) {
					b.Fatal("the far end does not read")
				}
				<-tick.C
			}
		}
	}
	return float64(used.Microseconds()) / (float64(written) / 1e6)
}

// threadTime is the CPU time of this thread.
func threadTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	const thisThread = 1 // RUSAGE_THREAD
	if err := syscall.Getrusage(thisThread, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
