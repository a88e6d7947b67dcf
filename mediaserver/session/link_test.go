package session_test

import (
	"io"
	"net"
	"sync"
	"testing"

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
}

func newLink(t testing.TB, far *house) *linked {
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
	l.Edge = edge.New(edge.Config{Origin: ln.Addr().String(), Keys: keys, Fanout: l.fanout, Log: far.cfg.Log})
	l.runs.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			l.runs.Go(func() {
				if _, err := io.ReadFull(nc, make([]byte, len(link.Preface))); err == nil {
					_ = o.Serve(nc) // how it ends is the edge's business
				}
				nc.Close()
			})
		}
	})
	return l
}

func (l *linked) close() {
	l.Edge.Close()
	l.origin.Close()
	l.tcp.Close()
	l.runs.Wait()
	l.fanout.Close()
}
