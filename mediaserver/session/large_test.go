package session_test

import (
	"bytes"
	"context"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// TestLargePicturesOfSeveralStreams plays pictures that are far larger than what is
// read at once on two NetStreams of one connection: their parts come among one
// another, and every picture is whole.
func TestLargePicturesOfSeveralStreams(t *testing.T) {
	everyWay(t, testLargePicturesOfSeveralStreams)
}

func testLargePicturesOfSeveralStreams(t *testing.T, w way) {
	s, _ := run(t, w, open)
	var tags []flv.Tag
	for i := range media.Timestamp(6) {
		picture := append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 1<<20+int(i)*99999)...)
		for j := range picture[5:] {
			picture[5+j] = byte(j>>7) + byte(i)
		}
		tags = append(tags, flv.Tag{Type: flv.TypeVideo, Timestamp: i * 40, Data: picture})
	}
	shootTags(t, s, "film", tags...)
	conn, _, err := rtmp.Dial(context.Background(), "rtmp://"+s.RTMPAddr().String()+"/x", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ended, done := make(chan uint32, 2), make(chan struct{})
	seen := map[uint32]int{}
	go func() {
		defer close(done)
		_ = conn.Serve(func(m *rtmp.Message) error {
			switch {
			case m.Type == rtmp.TypeVideo:
				if n := seen[m.StreamID]; n >= len(tags) || !bytes.Equal(m.Payload, tags[n].Data) || m.Timestamp != tags[n].Timestamp {
					t.Errorf("picture %d of stream %d is not what it was: %d bytes, time %d", n, m.StreamID, len(m.Payload), m.Timestamp)
				}
				seen[m.StreamID]++
			case servertest.Word(m) == "onStatus NetStream.Play.Stop":
				ended <- m.StreamID
			}
			return nil
		})
	}()
	tell(t, conn, "connect", 1, amf.NewObject("app", "app/one", "tcUrl", "rtmp://h/app/one"))
	for id := range uint32(2) {
		tell(t, conn, "createStream", 2, nil)
		if err := conn.Send(rtmp.UserControl(rtmp.EventSetBufferLength, id+1, 3600000)); err != nil {
			t.Fatal(err)
		}
		if err := conn.SendCommand(id+1, "play", 0, nil, "film", 0.0); err != nil {
			t.Fatal(err)
		}
	}
	<-ended
	<-ended
	conn.Close()
	<-done
	for id := range uint32(2) {
		if n := seen[id+1]; n != len(tags) {
			t.Errorf("%d pictures of stream %d, want %d", n, id+1, len(tags))
		}
	}
}
