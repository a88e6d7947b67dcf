package session_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Who does not get to the point is shown out, at whatever it stops.
func TestWhoNeverConnects(t *testing.T) {
	h := newHouse(t)
	hello := append([]byte{3}, make([]byte, 2*1536)...)
	for _, c := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"says nothing", nil, "closed before the handshake"},
		{"stops in the handshake", hello[:700], "handshake failed"},
		{"stops before the end of the handshake", hello[:2000], "handshake failed"},
		{"stops behind the handshake", hello, "never connected to an instance"},
		{"stops in connect", rtmp.AppendChunks(hello, say(0, "connect", nil), 128)[:len(hello)+20], "never connected to an instance"},
		{"wants RTMPE", append([]byte{6}, hello[1:]...), "handshake failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			far, err := net.Dial("unix", h.unix.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer far.Close()
			near, err := h.unix.Accept()
			if err != nil {
				t.Fatal(err)
			}
			refused := make(chan string, 10)
			s := session.New(near, h, session.Config{
				RTMP:           rtmp.Config{HandshakeTimeout: 100 * time.Millisecond},
				ConnectTimeout: 100 * time.Millisecond,
				Refused:        func(reason string) { refused <- reason },
			})
			served := make(chan struct{})
			go func() { defer close(served); s.Serve() }()
			if _, err := far.Write(c.bytes); err != nil {
				t.Fatal(err)
			}
			if err := far.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, far); isTimeout(err) {
				t.Fatal("the connection is still open")
			}
			<-served
			if got := <-refused; got != c.want {
				t.Errorf("refused because of %q, want %q", got, c.want)
			}
		})
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// createStream ends somewhere, and what is deleted can be had again.
func TestStreamsOfAConnection(t *testing.T) {
	h := newHouse(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	streams := map[uint32]*rtmp.NetStream{}
	for n := uint32(2); n <= session.MaxNetStreams; n++ { // the first is the client's own
		s, err := h.witness.CreateStream(ctx)
		if err != nil || s.ID() != n {
			t.Fatalf("stream %d: %v, %v", n, s, err)
		}
		streams[n] = s
	}
	var refused *rtmp.StatusError
	if _, err := h.witness.CreateStream(ctx); !errors.As(err, &refused) || refused.Code != "NetConnection.Call.Failed" {
		t.Fatalf("one more: %v", err)
	}
	if err := streams[7].Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := h.witness.CreateStream(ctx); err != nil || s.ID() != 7 {
		t.Errorf("after one was deleted: %v, %v", s, err)
	}
}
