package session_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Who takes nothing of a recorded stream for the write timeout is shown out.
func TestStalledPlayerOfARecordedStreamIsClosed(t *testing.T) {
	everyWay(t, testStalledPlayerOfARecordedStreamIsClosed)
}

func testStalledPlayerOfARecordedStreamIsClosed(t *testing.T, w way) {
	h, _ := run(t, w, open.named("app", apppath.DefaultInstance))
	p := h.publish(t, "big")
	for ms := media.Timestamp(0); ms < 20; ms++ {
		picture := append([]byte{0x12}, make([]byte, 1<<20)...)
		if err := p.Write(&rtmp.Message{Type: rtmp.TypeVideo, Timestamp: ms, Payload: picture}); err != nil {
			t.Fatal(err)
		}
	}
	h.unpublish(t, p)

	far, s, served := h.visit(t, session.Config{RTMP: rtmp.Config{WriteTimeout: 300 * time.Millisecond}})
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

// A player that lets the server send 64 KiB without an acknowledgement, and
// acknowledges what it gets, gets all of a stream: messages as large as the
// window, written by a fan-out loop.
func TestPlayerWithAWindow(t *testing.T) { everyWay(t, testPlayerWithAWindow) }

func testPlayerWithAWindow(t *testing.T, w way) {
	s, _ := run(t, w, open)
	player, publisher := connect(t, s, "app/one").hello(), connect(t, s, "app/one").hello()
	if err := player.conn.Send(rtmp.SetPeerBandwidth(64<<10, 0)); err != nil {
		t.Fatal(err)
	}
	publisher.on(1, "publish", "cam", "live")
	publisher.expect("event 0", "onStatus NetStream.Publish.Start")
	player.on(1, "play", "cam", -1000.0)
	player.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	joined(t, s, 1)
	const messages = 60
	payload := append([]byte{0xaf, 1}, make([]byte, 100<<10)...)
	for n := range media.Timestamp(messages) {
		if err := publisher.conn.SendWait(context.Background(), &rtmp.Message{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: n, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range messages {
		player.expect(fmt.Sprintf("audio %d", n))
	}
}
