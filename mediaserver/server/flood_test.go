package server

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// stalling passes connections on, and nothing towards the far end while it is stalled.
type stalling struct {
	mu      sync.Mutex
	stalled bool
	goes    *sync.Cond
	passed  atomic.Int64 // bytes to the far end
}

func newStalling(t *testing.T, to string) (s *stalling, address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = &stalling{}
	s.goes = sync.NewCond(&s.mu)
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			a, err := ln.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", to)
			if err != nil {
				a.Close()
				continue
			}
			passing.Go(func() { _, _ = io.Copy(a, b); a.Close() })
			passing.Go(func() { _, _ = io.Copy(b, reluctant{a, s}); b.Close() })
		}
	})
	t.Cleanup(func() { s.stall(false); ln.Close(); passing.Wait() })
	return s, ln.Addr().String()
}

func (s *stalling) stall(is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stalled = is
	s.goes.Broadcast()
}

type reluctant struct {
	net.Conn
	s *stalling
}

func (r reluctant) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	for r.s.stalled {
		r.s.goes.Wait()
	}
	r.s.passed.Add(int64(n))
	return n, err
}

// answerTo puts an answer, or what went wrong, into a channel.
func answerTo(to chan<- amf.Value) rtmp.Answered {
	return func(values []amf.Value, err error) {
		if err != nil || len(values) != 1 {
			to <- err
			return
		}
		to <- values[0]
	}
}

// One client of an edge that sends without end while its origin takes nothing fills neither
// the link nor the edge: it is closed, and another client of the same link is answered.
func TestFloodAtAnEdge(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "link.key")
	script := servertest.WriteFiles(t, t.TempDir(), "main.asc", `
		application.onConnect = function (c) { return true };
		Client.prototype.length = function (text) { return text.length };`)
	of, _ := runWith(t, Config{LinkKeyFile: key, ScriptFolder: script}, "{application: app, instance: one, script: {configMap: {name: x}}}")
	line, address := newStalling(t, of.RTMPAddr().String())
	e, _ := runWith(t, Config{LinkKeyFile: key, EdgeOf: address})
	dial := func() *rtmp.NetConnection {
		nc, err := rtmp.Connect(t.Context(), "rtmp://"+e.RTMPAddr().String()+"/app/one/-", rtmp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	flooder, other := dial(), dial()
	// What has credit gets through, one behind the other.
	large := strings.Repeat("x", 500<<10)
	answers := make(chan amf.Value, 100)
	for range 10 {
		if err := flooder.Ask("length", answerTo(answers), large); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		if is := <-answers; is != float64(len(large)) {
			t.Errorf("%v", is)
		}
	}
	links := e.cfg.Budgets.Links
	line.stall(true)
	go func() {
		for flooder.Notify("length", large) == nil {
			continue
		}
	}()
	asked := make(chan amf.Value, 1)
	if err := other.Ask("length", answerTo(asked), "abc"); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "the one who floods is closed", func() bool {
		if n := links.Used(); n > 20<<20 {
			t.Fatalf("%d bytes wait for the origin", n)
		}
		select {
		case <-flooder.Ended():
			return true
		default:
			return false
		}
	})
	line.stall(false)
	if is := <-asked; is != 3.0 {
		t.Errorf("the other is answered %v", is)
	}
	servertest.Eventually(t, "what was paid is given back", func() bool { return links.Used() == 0 && of.cfg.Budgets.Links.Used() == 0 })
}

// One client of an edge that reads nothing does not hold up the others, whatever it is sent.
func TestSlowClientAtAnEdge(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "link.key")
	script := servertest.WriteFiles(t, t.TempDir(), "main.asc", `
		application.onConnect = function (c) { return true };
		Client.prototype.shout = function (text) { application.broadcastMsg("heard", text); return true };`)
	of, _ := runWith(t, Config{LinkKeyFile: key, ScriptFolder: script}, "{application: app, instance: one, script: {configMap: {name: x}}}")
	e, _ := runWith(t, Config{LinkKeyFile: key, EdgeOf: of.RTMPAddr().String()})
	slow := servertest.DialNarrow(t, e.RTMPAddr())
	if err := slow.SendCommand(0, "connect", 1, amf.NewObject("app", "app/one", "tcUrl", "rtmp://h/app/one")); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "it is there", func() bool { return of.Stats()[0].Connections == 1 })
	nc, err := rtmp.Connect(t.Context(), "rtmp://"+e.RTMPAddr().String()+"/app/one/-", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	heard := make(chan struct{}, 1000)
	nc.Handle("heard", func([]amf.Value) (amf.Value, error) { heard <- struct{}{}; return nil, nil })
	text := strings.Repeat("x", 60<<10)
	for range 100 {
		if _, err := nc.Call(t.Context(), "shout", text); err != nil {
			t.Fatal(err)
		}
		<-heard
	}
	servertest.Eventually(t, "who reads nothing is closed", func() bool { return of.Stats()[0].Connections == 1 })
}
