package session_test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/edge"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/origin"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// linked is an edge, whose sessions ask a house at the other end of a link: the real ones.
type linked struct {
	*edge.Edge
	origin *origin.Origin
	fanout *stream.Fanout
	tcp    net.Listener
	runs   sync.WaitGroup
	cfg    edge.Config
	others []*edge.Edge                                     // of the same origin
	sent   atomic.Int64                                     // bytes that the origin has sent its edges
	late   atomic.Pointer[func(n, bytes int) time.Duration] // see lateBy
}

// counted is an edge's connection, at the origin.
type counted struct {
	net.Conn
	sent *atomic.Int64
	late func(bytes int) time.Duration // how long what comes is on its way; nil: not at all
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.late != nil {
		<-time.After(c.late(n))
	}
	return n, err
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.sent.Add(int64(n))
	return n, err
}

// newLink makes an edge that speaks no newer version of the link's protocol; 0: any.
func newLink(t testing.TB, far *house, version int) *linked {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	keys := link.FixedKeys("a link's key")
	o, err := origin.New(origin.Config{Directory: far, Keys: keys, Log: far.cfg.Log, Delivery: func(session.Instance) stream.Options { return stream.Options{GOPCache: true} }})
	if err != nil {
		t.Fatal(err)
	}
	l := &linked{origin: o, tcp: ln, fanout: stream.NewFanout(0)}
	l.cfg = edge.Config{Origin: ln.Addr().String(), Keys: keys, Fanout: l.fanout, Log: far.cfg.Log, LinkVersion: version}
	l.Edge = edge.New(l.cfg)
	l.runs.Go(func() {
		for n := 1; ; n++ {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			one := counted{Conn: nc, sent: &l.sent}
			if by := l.late.Load(); by != nil {
				one.late = func(bytes int) time.Duration { return (*by)(n, bytes) }
			}
			l.runs.Go(func() {
				if _, err := io.ReadFull(nc, make([]byte, len(link.Preface))); err == nil {
					_ = o.Serve(one) // how it ends is the edge's business
				}
				nc.Close()
			})
		}
	})
	return l
}

// another is one more edge of the origin.
func (l *linked) another() *edge.Edge {
	e := edge.New(l.cfg)
	l.others = append(l.others, e)
	return e
}

func (l *linked) close() {
	l.Edge.Close()
	for _, e := range l.others {
		e.Close()
	}
	l.origin.Close()
	l.tcp.Close()
	l.runs.Wait()
	l.fanout.Close()
}
