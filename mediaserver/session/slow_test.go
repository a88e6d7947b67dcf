package session_test

import (
	"net"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Who takes nothing of a recorded stream for the write timeout is shown out.
func TestStalledPlayerOfARecordedStreamIsClosed(t *testing.T) {
	h := newHouse(t)
	p := h.publish(t, "big")
	for ms := media.Timestamp(0); ms < 20; ms++ {
		picture := append([]byte{0x12}, make([]byte, 1<<20)...)
		if err := p.Write(&rtmp.Message{Type: rtmp.TypeVideo, Timestamp: ms, Payload: picture}); err != nil {
			t.Fatal(err)
		}
	}
	h.unpublish(t, p)

	far, err := net.Dial("unix", h.unix.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := h.unix.Accept()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	s := session.New(near, h, session.Config{RTMP: rtmp.Config{WriteTimeout: 300 * time.Millisecond}})
	go func() { defer close(served); s.Serve() }()
	client := rtmp.NewClientConn(far, rtmp.Config{})
	defer client.Close()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*rtmp.Message{
		hello(), say(0, "createStream", nil), say(1, "play", nil, "big", 0.0),
	} {
		if err := client.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	select { // the client reads nothing
	case <-served:
	case <-time.After(patience):
		t.Fatal("the connection is still open")
	}
	if _, out := s.Bytes(); out < 64<<10 || out > 16<<20 {
		t.Errorf("%d bytes were sent", out)
	}
}
