package rtmp

import (
	"bytes"
	"io"
	"net"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// A layout is on the wire what AppendChunks makes, whatever the sizes and
// wherever the payload is divided.
func TestLayoutIsWhatAppendChunksMakes(t *testing.T) {
	l := NewLayout()
	for _, at := range []media.Timestamp{0, 40, noTimestamp - 1, noTimestamp, 1 << 31} {
		for _, front := range []int{0, 5, ChunkSize - 1, ChunkSize, ChunkSize + 1} {
			for _, size := range []int{0, 1, ChunkSize - 5, ChunkSize, 3 * ChunkSize} {
				l.Reset()
				payload := pattern(front + size)
				l.Add(TypeVideo, 7, at, payload[:front], payload[front:])
				l.Add(TypeAudio, 7, at, nil, payload[:min(3, len(payload))])
				want := AppendChunks(nil, &Message{TypeVideo, 7, at, payload}, ChunkSize)
				want = AppendChunks(want, &Message{TypeAudio, 7, at, payload[:min(3, len(payload))]}, ChunkSize)
				if got := l.AppendTo(nil); !bytes.Equal(got, want) || l.Size() != len(want) {
					t.Fatalf("time %d, front %d, payload %d: %d bytes, want %d", at, front, size, len(got), len(want))
				}
			}
		}
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b
}

// What the socket does not take at once arrives all the same, and room is told
// when it has; whoever asks meanwhile waits.
func TestSendLayout(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	peer, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	nc, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := NewServerConn(nc, Config{})
	defer c.Close()

	l := NewLayout()
	var want []byte
	room := make(chan struct{}, 1)
	rounds := 0
	for ; c.HasRoom(func() { room <- struct{}{} }); rounds++ {
		l.Reset()
		for i := 0; !l.Full(); i++ {
			l.Add(TypeVideo, 1, media.Timestamp(rounds), []byte{0x27, 1}, pattern(i*10))
		}
		want = l.AppendTo(want)
		if err := c.SendLayout(l); err != nil {
			t.Fatal(err)
		}
	}
	if rounds == 0 {
		t.Fatal("a new connection has no room")
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(peer, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("other bytes arrived than were sent")
	}
	<-room
	if !c.HasRoom(nil) {
		t.Error("no room although everything was read")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSendLayoutOfOneLargePicture sends what is larger than the queue may be,
// where it has to be queued: HasRoom has said that nothing else is.
func TestSendLayoutOfOneLargePicture(t *testing.T) {
	server, client := shaken(t, true, Config{MaxQueue: 1 << 20})
	got := collect(t, client)
	if err := server.Send(SetChunkSize(ChunkSize)); err != nil {
		t.Fatal(err)
	}
	picture := pattern(3 << 20)
	for room := make(chan struct{}, 1); !server.HasRoom(func() { room <- struct{}{} }); {
		<-room
	}
	l := NewLayout()
	l.Add(TypeVideo, 1, 0, nil, picture)
	if err := server.SendLayout(l); err != nil {
		t.Fatal(err)
	}
	if m, ok := <-got; !ok || !bytes.Equal(m.Payload, picture) {
		t.Fatalf("%d bytes arrived of %d", len(m.Payload), len(picture))
	}
}
