package server

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// Connections that say nothing count as well; who leaves makes room.
func TestMaxConnections(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{MaxConnections: 2}, open)
	silent := dial(t, s)
	c := connect(t, s, "app/one").hello()
	third := dial(t, s)
	if _, err := io.Copy(io.Discard, third); err != nil {
		t.Errorf("a third of two is not closed: %v", err)
	}
	turnedAway(t, s, "too many connections", 1)
	c.send("createStream", 9, nil)
	c.expect("_result [2]")
	silent.Close()
	// The server learns of it when it reads: somebody is let in then.
	deadline := time.Now().Add(servertest.Patience)
	for {
		next := dial(t, s)
		if _, err := next.Write(append([]byte{3}, make([]byte, 1536)...)); err == nil {
			if _, err := io.ReadFull(next, make([]byte, 3073)); err == nil {
				next.Close()
				return
			}
		}
		next.Close()
		if time.Now().After(deadline) {
			t.Fatal("nobody is let in after one has left")
		}
	}
}

// guest is connected and does nothing.
type guest int

func (g guest) Bytes() (in, out uint64)                         { return 0, 0 }
func (g guest) Invoke(session.Invocation, func(session.Answer)) {}
func (g guest) Traffic() session.Traffic                        { return session.Traffic{} }
func (g guest) CheckBandwidth()                                 {}
func (g guest) Ping()                                           {}
func (g guest) SetBandwidth(int64, int64)                       {}
func (g guest) Disconnect()                                     {}
func (g guest) Fail(error)                                      {}
func (g guest) Shutdown(string)                                 {}

func (g guest) Tell(sharedobject.Update, sharedobject.Waiter) bool { return true }

// What a manifest says of limits, or does not say, holds: 0 is no limit.
func TestLimitsOfManifests(t *testing.T) {
	t.Parallel()
	const defaultConnections, defaultStreams = 10000, 1000
	for _, c := range []struct {
		limits               string
		connections, streams int // 0: no limit
	}{
		{"", defaultConnections, defaultStreams},
		{", limits: {}", defaultConnections, defaultStreams},
		{", limits: {maxConnections: 0}", 0, defaultStreams},
		{", limits: {maxStreams: 0}", defaultConnections, 0},
		{", limits: {maxConnections: 3, maxStreams: 2}", 3, 2},
	} {
		t.Run(c.limits, func(t *testing.T) {
			s, _ := run(t, "{application: app, instance: one, access: {publish: {mode: Anyone}}"+c.limits+"}")
			// fits says whether the n-th of something is let in as its limit says.
			fits := func(what string, n, limit int, why *session.Refusal) {
				full := limit > 0 && n >= limit
				if full != (why != nil) || full && why.Code != session.RefusedLimit {
					t.Fatalf("%s %d: %v", what, n+1, why)
				}
			}
			for n := range max(c.connections, defaultConnections+1) {
				answers := make(chan session.ConnectAnswer, 1)
				s.Connect(session.ConnectRequest{Client: session.Client{ID: fmt.Sprint(n)}, Application: "app", Instance: "one"}, guest(n),
					func(a session.ConnectAnswer) { answers <- a })
				fits("client", n, c.connections, (<-answers).Refusal)
			}
			i := s.all()[0]
			for n := range max(c.streams, defaultStreams+1) {
				answers := make(chan session.PublishAnswer, 1)
				i.Publish(session.PublishRequest{Name: fmt.Sprint(n), Mode: session.PublishLive}, func(a session.PublishAnswer) { answers <- a })
				a := <-answers
				fits("stream", n, c.streams, a.Refusal)
				if p := a.Publication; p != nil {
					defer p.Close(session.EndedAsked, func(error) {})
				}
			}
		})
	}
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", s.RTMPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(servertest.Patience)); err != nil {
		t.Fatal(err)
	}
	return nc
}
