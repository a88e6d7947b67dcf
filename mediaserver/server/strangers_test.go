//go:build clients

package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// strangersAddress is where strangers come from.
const strangersAddress = "127.0.0.66"

// stranger holds the connections of a trial.
type stranger struct {
	server *child
	sent   atomic.Uint64
	beside sync.WaitGroup
	// crowded says that others try at the same time: it may find no place.
	crowded bool

	mu   sync.Mutex
	open []net.Conn
}

// leave closes all that is open.
func (s *stranger) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, nc := range s.open {
		nc.Close()
	}
}

// failed is for what a stranger cannot do: a fault, unless it is crowded.
func (s *stranger) failed(t *testing.T, err error) {
	if !s.crowded {
		t.Error(err)
	}
}

// counted counts what is sent.
type counted struct {
	net.Conn
	sent *atomic.Uint64
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.sent.Add(uint64(n))
	return n, err
}

// dial connects, and holds the connection until the trial ends.
func (s *stranger) dial() (net.Conn, error) { return s.dialTo(s.server.address) }

func (s *stranger) dialTo(address string) (net.Conn, error) {
	nc, err := dialFrom(strangersAddress, address)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.open = append(s.open, nc)
	s.mu.Unlock()
	return counted{nc, &s.sent}, nc.SetDeadline(time.Now().Add(time.Minute))
}

// shake is dial and the handshake.
func (s *stranger) shake() (*rtmp.Conn, net.Conn, error) {
	nc, err := s.dial()
	if err != nil {
		return nil, nil, err
	}
	conn := rtmp.NewClientConn(nc, rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		return nil, nil, err
	}
	return conn, nc, nc.SetDeadline(time.Now().Add(time.Minute))
}

// connected is shake and connect, with streams; what it is told is dropped, and
// done is closed when it is closed.
func (s *stranger) connected(streams int) (conn *rtmp.Conn, nc net.Conn, done <-chan struct{}, err error) {
	conn, nc, err = s.shake()
	if err != nil {
		return nil, nil, nil, err
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = conn.Serve(func(*rtmp.Message) error { return nil })
	}()
	err = errors.Join(
		conn.Send(rtmp.SetChunkSize(1<<20)),
		conn.SendCommand(0, "connect", 1, amf.NewObject("app", "app/one", "tcUrl", "rtmp://localhost/app/one")))
	for n := range streams {
		err = errors.Join(err, conn.SendCommand(0, "createStream", float64(2+n), nil))
	}
	return conn, nc, left, err
}

// pour sends bytes, of which the server may refuse the rest.
func pour(nc net.Conn, b []byte) { _, _ = nc.Write(b) }

// half is a message of which the last byte does not come, on a chunk stream.
func half(id byte, kind rtmp.MessageType, size int) []byte {
	b := []byte{id, 0, 0, 0, byte(size >> 16), byte(size >> 8), byte(size), byte(kind), 0, 0, 0, 0}
	return append(b, make([]byte, size-1)...)
}

// referring is a connect of 60 KB, most of which is references to one object of
// many long names.
func referring() (*rtmp.Message, error) {
	many := &amf.Object{}
	for i := range 900 {
		many.Properties = append(many.Properties, amf.Property{Name: fmt.Sprintf("%063d", i)})
	}
	list := amf.NewArray()
	for range 280 {
		list.Items = append(list.Items, many)
	}
	return rtmp.NewCommand(0, "connect", 1, amf.NewObject("app", "app/one", "objectEncoding", list))
}

// spendingTrials are the strangers. Rooms that bound something else add theirs.
func spendingTrials() []trial {
	return []trial{
		{
			name:    "30 connects of 60 KB whose values are 900 names, referred to 280 times.",
			bound:   "64 KB and 128 KB of values before connect is answered; names count",
			notices: "nothing", memory: 64 << 20,
			send: func(t *testing.T, s *stranger) {
				m, err := referring()
				if err != nil {
					t.Error(err)
					return
				}
				for range 30 {
					conn, nc, err := s.shake()
					if err != nil {
						s.failed(t, err)
						return
					}
					if err := conn.Send(rtmp.SetChunkSize(1<<20), m); err == nil {
						_, _ = io.Copy(io.Discard, nc) // until it is closed
					}
				}
			},
		},
		{
			name:    "Messages that do not end, one or two on each of 120 connections: 60 before connect, and 60 after it.",
			bound:   "64 KB a connection before connect is answered, 1 MB after, 32 MB for all who do not publish",
			notices: "nothing; who holds too much is closed", memory: 128 << 20,
			send: func(t *testing.T, s *stranger) {
				// As much as is let, and on every third connection more.
				for n := range 60 {
					conn, nc, err := s.shake()
					if err == nil {
						err = conn.Send(rtmp.SetChunkSize(1 << 20))
					}
					if err != nil {
						s.failed(t, err)
						return
					}
					pour(nc, half(4, rtmp.TypeCommand, 60<<10))
					if n%3 == 0 {
						pour(nc, half(5, rtmp.TypeVideo, 8<<20-1))
					}
					if _, nc, _, err = s.connected(1); err != nil {
						s.failed(t, err)
						return
					}
					pour(nc, half(4, rtmp.TypeCommand, 1000<<10))
					if n%3 == 0 {
						pour(nc, half(5, rtmp.TypeVideo, 8<<20-1))
					}
				}
			},
		},
		{
			name:    "1,000 connections of one address that say nothing.",
			bound:   "spec.limits.maxConnectionsPerAddress, and half of all places",
			notices: "nothing: other addresses have their places", memory: 64 << 20,
			send: func(t *testing.T, s *stranger) {
				for range 1000 {
					if _, err := s.dial(); err != nil {
						s.failed(t, err)
						return
					}
				}
			},
		},
		{
			name:    "A player that waits for 50 names that nobody publishes.",
			bound:   "32 names a connection, thousands for the process; none of spec.limits.maxStreams",
			notices: "nothing: publishers come first", memory: 32 << 20,
			send: func(t *testing.T, s *stranger) {
				conn, _, _, err := s.connected(50)
				if err != nil {
					s.failed(t, err)
					return
				}
				for n := range 50 {
					_ = conn.SendCommand(uint32(n+1), "play", 0, nil, fmt.Sprint("nobody", n), -1.0)
				}
			},
		},
		{
			name:    "Wrong keys, one behind another, on 20 connections.",
			bound:   "five a connection; after three of an address, answers take 250 ms and twice as long for each, to 8 s",
			notices: "nothing: the right key is answered at once", memory: 32 << 20,
			send: func(t *testing.T, s *stranger) {
				for range 20 {
					conn, _, done, err := s.connected(1)
					if err != nil {
						s.failed(t, err)
						return
					}
					for n := range 1000 {
						if conn.SendCommand(1, "publish", 0, nil, fmt.Sprintf("cam?key=%d", n), "live") != nil {
							break
						}
					}
					select {
					case <-done:
					case <-time.After(100 * time.Millisecond): // it waits for its answer
					}
				}
			},
		},
		{
			name:    "50,000 calls whose answers are not read, on each of 20 connections.",
			bound:   "1 MB a connection, 32 MB for all",
			notices: "nothing; who reads nothing is closed", memory: 96 << 20,
			send: func(t *testing.T, s *stranger) {
				for range 20 {
					conn, nc, err := s.shake()
					if err != nil {
						s.failed(t, err)
						return
					}
					_ = conn.SendCommand(0, "connect", 1, amf.NewObject("app", "app/one"))
					call, err := rtmp.NewCommand(0, "FCPublish", 2, nil, "a name that is repeated in the answer")
					if err != nil {
						return
					}
					calls := []byte{}
					for range 1000 {
						calls = rtmp.AppendChunks(calls, call, 128)
					}
					_ = nc.SetWriteDeadline(time.Now().Add(2 * time.Second))
					for range 50 {
						pour(nc, calls)
					}
				}
			},
		},
	}
}
