package session_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// BenchmarkSharedObject is a change of a slot that a thousand clients hear, over
// sockets of this machine; the clients and the kernel's part count, too. One
// client has window changes under way: with many of them, what happens in quick
// succession goes out together.
func BenchmarkSharedObject(b *testing.B) {
	for _, window := range []int{1, 64} {
		b.Run(fmt.Sprint("window ", window), func(b *testing.B) { share(b, here, window) })
	}
}

// BenchmarkSharedObjectAtEdges is BenchmarkSharedObject with the clients behind four edges,
// which are this process, too.
func BenchmarkSharedObjectAtEdges(b *testing.B) {
	for _, w := range []way{overLink, overOldLink} {
		for _, window := range []int{1, 64} {
			b.Run(fmt.Sprint(w, " window ", window), func(b *testing.B) { share(b, w, window) })
		}
	}
}

func share(b *testing.B, w way, window int) {
	h, stop := run(b, w, open.with(func(r *instance.Rules) { r.MaxPerAddress = 0 }))
	defer stop()
	if h.link != nil {
		h.spread = []session.Directory{h.link.Edge, h.link.another(), h.link.another(), h.link.another()}
	}
	const clients = 1000
	var heard atomic.Int64
	var all sync.WaitGroup
	conns := make([]*rtmp.Conn, clients)
	under := make(chan struct{}, window)
	arrived := make(chan struct{}, 1)
	for n := range conns {
		conns[n] = joinObject(b, h, func(m *sharedobject.Message) {
			for _, e := range m.Events {
				switch e.Type {
				case sharedobject.Success:
					<-under
				case sharedobject.Change:
					if heard.Add(1)%(clients-1) == 0 && window == 1 {
						arrived <- struct{}{}
					}
				}
			}
		}, &all)
	}
	v, err := sharedobject.NewValue("here I am")
	if err != nil {
		b.Fatal(err)
	}
	payload := (&sharedobject.Message{Name: "room", Events: []sharedobject.Event{{Type: sharedobject.RequestChange, Name: "a", Value: v}}}).Encode(false)[1:]
	var took []time.Duration
	cpu, linked := processor(), h.linked()
	b.ResetTimer()
	for range b.N {
		began := time.Now()
		under <- struct{}{}
		if err := conns[0].Send(&rtmp.Message{Type: rtmp.TypeSharedObject, Payload: payload}); err != nil {
			b.Fatal(err)
		}
		if window == 1 {
			<-arrived
			took = append(took, time.Since(began))
		}
	}
	want := int64(b.N) * (clients - 1)
	for heard.Load() < want {
		runtime.Gosched()
	}
	b.StopTimer()
	b.ReportMetric(float64(want)/(processor()-cpu).Seconds(), "deliveries/s·core")
	if h.link != nil {
		b.ReportMetric(float64(h.linked()-linked)/float64(b.N), "link-B/change")
	}
	if window == 1 {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Milliseconds()), "p99-ms")
	}
	for _, c := range conns {
		c.Close()
	}
	all.Wait()
}

// linked is how many bytes the origin has sent over links.
func (h *house) linked() int64 {
	if h.link == nil {
		return 0
	}
	return h.link.sent.Load()
}

// joinObject is a client of the object "room", once it has it.
func joinObject(b *testing.B, h *house, hear func(*sharedobject.Message), all *sync.WaitGroup) *rtmp.Conn {
	b.Helper()
	conn, u, err := rtmp.Dial(b.Context(), "rtmp://"+h.RTMPAddr().String()+"/app/one/-", rtmp.Config{})
	if err != nil {
		b.Fatal(err)
	}
	used := make(chan struct{})
	all.Go(func() {
		_ = conn.Serve(func(m *rtmp.Message) error {
			if m.Type != rtmp.TypeSharedObject {
				return nil
			}
			got, err := sharedobject.Parse(m.Payload, 1<<20)
			if err != nil {
				return err
			}
			if got.Events[0].Type == sharedobject.UseSuccess {
				close(used)
				return nil
			}
			hear(got)
			return nil
		})
	})
	use := (&sharedobject.Message{Name: "room", Events: []sharedobject.Event{{Type: sharedobject.Use}}}).Encode(false)[1:]
	if err := conn.SendCommand(0, "connect", 1, u.ConnectObject()); err != nil {
		b.Fatal(err)
	}
	if err := conn.Send(&rtmp.Message{Type: rtmp.TypeSharedObject, Payload: use}); err != nil {
		b.Fatal(err)
	}
	<-used
	return conn
}

// processor is the time of processors that this process has had.
func processor() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
