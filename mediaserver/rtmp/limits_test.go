package rtmp

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// begin is a header of format 0, of any chunk stream, for a message of a size.
func begin(csid, size int) (b []byte) {
	switch {
	case csid < 64:
		b = append(b, byte(csid))
	case csid < 320:
		b = append(b, 0, byte(csid-64))
	default:
		b = append(b, 1)
		b = binary.LittleEndian.AppendUint16(b, uint16(csid-64))
	}
	return append(b, 0, 0, 0, byte(size>>16), byte(size>>8), byte(size), byte(TypeVideo), 1, 0, 0, 0)
}

// What strangers send to a server without end, or as if there were none, ends
// their connection, with the reason.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name string
		// bytes makes what comes after n others, and nothing when it has said
		// enough and been let.
		bytes func(n int) []byte
		cfg   Config
		want  error
	}{
		{"a message of 16 MiB", func(int) []byte { return begin(4, 1<<24-1) }, Config{}, ErrTooBig},
		{"a message that is a byte too large", func(int) []byte { return begin(4, 1001) }, Config{MaxMessageSize: 1000}, ErrTooBig},
		{"as many chunk streams as there are", func(n int) []byte {
			if n > 65599 {
				return nil
			}
			return begin(max(2, n), 0)
		}, Config{}, ErrProtocol},
		{"large messages that do not end, on every chunk stream", func(n int) []byte {
			if n == 0 {
				return AppendChunks(nil, SetChunkSize(1<<20-1), defaultChunkSize)
			}
			if n > 60 {
				return nil
			}
			return append(begin(3+n, 1<<20), make([]byte, 1<<20-1)...)
		}, Config{MaxMessageSize: 1 << 20}, ErrTooBig},
		{"a chunk size of nothing", func(int) []byte {
			return AppendChunks(nil, &Message{Type: TypeSetChunkSize, Payload: make([]byte, 4)}, defaultChunkSize)
		}, Config{}, ErrProtocol},
		{"a control message of one byte", func(int) []byte {
			return AppendChunks(nil, &Message{Type: TypeAck, Payload: []byte{1}}, defaultChunkSize)
		}, Config{}, ErrProtocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, peer := newRawPeer(t, false, c.cfg)
			go func() {
				for n := 0; ; n++ {
					b := c.bytes(n)
					if _, err := peer.Write(b); err != nil || len(b) == 0 {
						_ = peer.Conn.(*net.TCPConn).CloseWrite()
						return
					}
				}
			}()
			if err := server.Serve(func(*Message) error { return nil }); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// A chunk size that is announced is no promise: memory follows what comes.
func TestLargestChunkSize(t *testing.T) {
	server, peer := newRawPeer(t, false, Config{})
	peer.send(SetChunkSize(math.MaxInt32))
	if _, err := peer.Write(append(begin(4, 5), "hello"...)); err != nil {
		t.Fatal(err)
	}
	got := collect(t, server)
	if m := <-got; string(m.Payload) != "hello" {
		t.Errorf("%q", m.Payload)
	}
}

// What is dropped half way is not counted any more.
func TestAbortedMessagesAreNotHeld(t *testing.T) {
	server, peer := newRawPeer(t, false, Config{MaxMessageSize: 1000})
	peer.send(SetChunkSize(999))
	for range 100 {
		if _, err := peer.Write(append(begin(4, 1000), make([]byte, 999)...)); err != nil {
			t.Fatal(err)
		}
		peer.send(&Message{Type: TypeAbort, Payload: []byte{0, 0, 0, 4}})
	}
	peer.send(&Message{Type: TypeAudio, Payload: []byte("end")})
	got := collect(t, server)
	if m := <-got; string(m.Payload) != "end" {
		t.Errorf("%+v", m)
	}
}

// A handshake that comes a byte at a time has no more time than another.
func TestSlowHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := pair(t, true)
		done := make(chan error, 1)
		go func() { done <- NewServerConn(near, Config{HandshakeTimeout: 300 * time.Millisecond}).Handshake() }()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		deadline := time.After(20 * time.Second)
		for b := byte(3); ; b = 0 {
			select {
			case err := <-done:
				if !isTimeout(err) {
					t.Errorf("%v, want a timeout", err)
				}
				return
			case <-deadline:
				t.Fatal("a byte every 20 ms makes the handshake last")
			case <-tick.C:
				// A pipe has no buffer: nobody reads once the handshake is over.
				if err := far.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
					t.Fatal(err)
				}
				if _, err := far.Write([]byte{b}); err != nil && !errors.Is(err, io.ErrClosedPipe) && !isTimeout(err) {
					t.Fatal(err)
				}
			}
		}
	})
}

// A peer that never reads is closed after the write timeout, whether or not
// its connection has a socket of its own.
func TestPeerThatNeverReads(t *testing.T) {
	t.Parallel()
	for _, pipe := range []bool{false, true} {
		t.Run(map[bool]string{false: "socket", true: "pipe"}[pipe], func(t *testing.T) {
			server, _ := newRawPeer(t, pipe, Config{WriteTimeout: 200 * time.Millisecond, MaxQueue: 64 << 20})
			picture := make([]byte, 8<<20)
			for range map[bool]int{false: 4, true: 1}[pipe] { // more than any socket takes, or a pipe
				// It may have been closed already.
				if err := server.Send(&Message{Type: TypeVideo, Payload: picture}); err != nil && !errors.Is(err, ErrSlow) {
					t.Fatal(err)
				}
			}
			if err := server.Serve(func(*Message) error { return nil }); !errors.Is(err, ErrSlow) {
				t.Errorf("%v, want ErrSlow", err)
			}
		})
	}
}
