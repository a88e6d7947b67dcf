package httpflv

import (
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// BenchmarkViewers publishes packets of 4 kB to a hundred viewers on real sockets, by
// RTMP and in both forms of FLV. An operation is one packet to all of them; it
// allocates what the publisher's part of the log takes, whoever watches.
func BenchmarkViewers(b *testing.B) {
	for _, c := range []struct {
		name string
		form stream.Encoding
	}{{"RTMP", nil}, {"HTTP", tags{}}, {"WebSocket", messages{}}} {
		b.Run(c.name, func(b *testing.B) { benchViewers(b, c.form) })
	}
}

// counted is a connection that says how much it was sent.
type counted interface {
	stream.Conn
	bytes() uint64
}

func (c *conn) bytes() uint64 { return c.sent.Load() }

type rtmpConn struct{ *rtmp.Conn }

func (c rtmpConn) bytes() uint64 { return c.BytesOut() }

func benchViewers(b *testing.B, form stream.Encoding) {
	const viewers, size = 100, 4000
	fanout := stream.NewFanout(1)
	defer fanout.Close()
	s := stream.New("a", fanout, stream.Options{GOPCache: true})
	p, err := s.Publish()
	if err != nil {
		b.Fatal(err)
	}
	opts := stream.PlayOptions{Encoding: form, Takes: tracks.Oldest()}
	if form != nil {
		opts.Until = &stream.Until{Publication: true, OnEnd: func(media.Timestamp) {}}
	}
	conns := make([]counted, viewers)
	for i := range conns {
		near := drained(b)
		if form == nil {
			conns[i] = rtmpConn{rtmp.NewServerConn(near, rtmp.Config{})}
		} else {
			c := newConn(near, &atomic.Uint64{}, nil)
			if !c.socket.Used() {
				b.Fatal("no socket")
			}
			conns[i] = c
		}
		player := s.PlayWith(conns[i], 1, opts)
		defer func() {
			player.Close()
			_ = conns[i].CloseWithError(net.ErrClosed)
		}()
	}
	write := func(at media.Timestamp, payload []byte) {
		if err := p.Write(&rtmp.Message{Type: rtmp.TypeVideo, Timestamp: at, Payload: payload}); err != nil {
			b.Fatal(err)
		}
	}
	write(0, key(1))
	picture := append(inter(1), make([]byte, size)...)
	behind := func(n uint64) bool {
		for _, c := range conns {
			if c.bytes() < n {
				return true
			}
		}
		return false
	}
	b.SetBytes(size * viewers)
	b.ReportAllocs()
	began, written, at := conns[0].bytes(), uint64(0), media.Timestamp(0)
	for b.Loop() {
		at++
		write(at, picture)
		written += size
		for written > 1<<20 && behind(began+written-1<<20) { // the slowest may be a megabyte behind
			runtime.Gosched()
		}
	}
}

// drained is a connection whose far end reads and forgets.
func drained(b *testing.B) net.Conn {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	far, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	near, err := ln.Accept()
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, far)
	}()
	b.Cleanup(func() {
		near.Close()
		<-done
		far.Close()
	})
	return near
}
