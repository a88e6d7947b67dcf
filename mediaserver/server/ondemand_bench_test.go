package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/manifest"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// served serves a spec as long as a benchmark runs.
func served(b *testing.B, data, spec string) *Server {
	b.Helper()
	all, err := manifest.Load(strings.NewReader("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: i0}\nspec: "+spec), "test")
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(Config{Data: data, RTMPAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0"}, all)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return s
}

// BenchmarkFirstConnect is the time from dialling to Connect.Success of a client
// whose instance starts for it: with so many recordings in its folder, or in the
// folder around that ("inside").
func BenchmarkFirstConnect(b *testing.B) {
	data := b.TempDir()
	for _, n := range []int{0, 100000} {
		dir := filepath.Join(data, "app", "streams", fmt.Sprint("room", n))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		for i := range n {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("rec-%06d.flv", i)), nil, 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	s := served(b, data, rooms+", recording: {maxFiles: 1000000}}")
	d := s.onDemand["app"]
	for _, name := range []string{"room0", "room100000", "room0/inside", "room100000/inside"} {
		b.Run(name, func(b *testing.B) {
			var slowest time.Duration
			for b.Loop() {
				began := time.Now()
				conn := servertest.Dial(b, s.RTMPAddr())
				c := servertest.NewClient(b, conn, servertest.Word)
				c.Connect("app/" + name)
				c.Until(servertest.Success)
				slowest = max(slowest, time.Since(began))
				b.StopTimer()
				conn.Close()
				servertest.Eventually(b, "it is not used", func() bool {
					d.mu.Lock()
					in := d.rooms[name]
					d.mu.Unlock()
					if in == nil {
						return true
					}
					d.retire(in, func() {})
					return false
				})
				b.StartTimer()
			}
			b.ReportMetric(float64(slowest.Microseconds())/1000, "ms-slowest")
		})
	}
}

// BenchmarkIdleInstance is what an instance costs that nobody uses and of which
// nothing is on the disk: of the heap, and of stacks.
func BenchmarkIdleInstance(b *testing.B) {
	s := served(b, b.TempDir(), rooms+", limits: {maxInstances: 0, maxConnectionsPerAddress: 0}}")
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := used()
	n := 0
	for b.Loop() {
		if a := enter(s, fmt.Sprint(n), "192.0.2.1:1", fmt.Sprint("room", n)); a.Refusal != nil {
			b.Fatal(a.Refusal)
		}
		n++
	}
	b.ReportMetric(float64(used()-before)/float64(n), "B/instance")
}
