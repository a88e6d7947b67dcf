package stream

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// BenchmarkFanout publishes packets of 4 kB to players on real sockets, whose
// far ends throw everything away. An operation is one packet to all players;
// allocations are those of publisher and loops together, and must not grow
// with the audience.
func BenchmarkFanout(b *testing.B) {
	for _, c := range []struct {
		players int
		id      uint32 // of the NetStream: all but 1 need headers of their own
		opts    PlayOptions
		several bool // tracks are published
	}{
		{1, 1, PlayOptions{}, false},
		{10, 1, PlayOptions{}, false},
		{100, 1, PlayOptions{}, false},
		{100, 3, PlayOptions{}, false},
		{100, 3, PlayOptions{Continue: true, From: 7}, false},
		{100, 1, PlayOptions{Takes: tracks.Oldest()}, false},
		{100, 1, PlayOptions{Takes: tracks.Oldest()}, true},
	} {
		players := c.players
		b.Run(fmt.Sprintf("players=%d/id=%d/restamped=%v/old=%v/several=%v", players, c.id, c.opts.Continue, c.opts.Takes.Old, c.several), func(b *testing.B) {
			f := NewFanout(1)
			defer f.Close()
			s := New("a", f, Options{GOPCache: true})
			p, err := s.Publish()
			if err != nil {
				b.Fatal(err)
			}
			conns := make([]*rtmp.Conn, players)
			for i := range conns {
				conns[i] = drained(b)
				player := s.PlayWith(conns[i], c.id, c.opts)
				defer player.Close()
			}
			m := rtmp.Message{Type: rtmp.TypeVideo, Payload: append(inter(1), make([]byte, 4000)...)}
			keyframe := rtmp.Message{Type: rtmp.TypeVideo, Payload: key(1)}
			if c.several {
				m.Payload, keyframe.Payload = append(interOf(0, 1), make([]byte, 4000)...), keyOf(0, 1)
			}
			if err := p.Write(&keyframe); err != nil {
				b.Fatal(err)
			}
			sent := func(n uint64) bool {
				for _, c := range conns {
					if c.BytesOut() < n {
						return false
					}
				}
				return true
			}
			b.SetBytes(int64(4000 * players))
			b.ReportAllocs()
			began := conns[0].BytesOut()
			written := uint64(0)
			for b.Loop() {
				m.Timestamp++
				if err := p.Write(&m); err != nil {
					b.Fatal(err)
				}
				written += 4000
				// The slowest may be a megabyte behind: nobody is skipped.
				for written > 1<<20 && !sent(began+written-1<<20) {
					runtime.Gosched()
				}
			}
		})
	}
}

// BenchmarkRecorded publishes packets of 4 kB to one reader: an operation is one
// packet that was published and read.
func BenchmarkRecorded(b *testing.B) {
	f := NewFanout(1)
	defer f.Close()
	s := New("a", f, Options{})
	p, err := s.Publish()
	if err != nil {
		b.Fatal(err)
	}
	r := s.NewReader()
	m := rtmp.Message{Type: rtmp.TypeAudio, Payload: append([]byte{0xaf, 1}, make([]byte, 4000)...)}
	b.SetBytes(4000)
	b.ReportAllocs()
	for b.Loop() {
		m.Timestamp++
		if err := p.Write(&m); err != nil {
			b.Fatal(err)
		}
		if _, err := r.Next(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	r.Close()
	p.Close()
}

// drained is a server's end whose client reads and forgets.
func drained(b *testing.B) *rtmp.Conn {
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
	c := rtmp.NewServerConn(near, rtmp.Config{})
	b.Cleanup(func() {
		c.Close()
		<-done
		far.Close()
	})
	return c
}
