package rtmp

import (
	"io"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// An owner is given messages of shared objects a few at a time, and those who sent
// them hear that they have gone once the socket has taken them: not before.
func TestOwnerTakesObjectsInParts(t *testing.T) {
	t.Parallel()
	answers := budget.New("answers", 1<<20)
	server, client := shaken(t, false, Config{Answers: answers})
	go func() { _, _ = io.Copy(io.Discard, client.nc) }() // until it is closed
	woken := make(chan struct{}, 1)
	server.Attach(func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	const messages, size = 4, 6 << 10
	sent := 0
	for range messages {
		waits, err := server.SendObject(&Message{Type: TypeSharedObject, Payload: make([]byte, size)}, func(int) { sent++ })
		if err != nil || !waits {
			t.Fatal(waits, err)
		}
	}
	if err := server.Send(&Message{Type: TypeData, Payload: make([]byte, 2*freeAnswers)}); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= messages; n++ {
		<-woken
		b, ok := server.TakeQueued(nil)
		if whole := n < messages && len(b) > objectsAtOnce; !ok || len(b) < size || whole {
			t.Fatalf("part %d: %d bytes, %v", n, len(b), ok)
		}
		if sent != n-1 {
			t.Fatalf("%d messages have gone while part %d is the owner's", sent, n)
		}
		if answers.Used() == 0 {
			t.Fatalf("nobody pays for an answer that part %d has", n)
		}
		writeAll(t, server, b)
		if sent != n {
			t.Fatalf("%d messages have gone after part %d", sent, n)
		}
	}
	if answers.Used() != 0 {
		t.Errorf("%d bytes of answers are paid for, and none waits", answers.Used())
	}
	if b, ok := server.TakeQueued(nil); !ok || len(b) > 0 {
		t.Errorf("%d bytes more", len(b))
	}
	server.Close()
}

// A socket that has much to send gets no messages of shared objects on top: media that
// comes next would be behind them. Where it stays so they go all the same.
func TestObjectsWaitForTheSocket(t *testing.T) {
	t.Parallel()
	for _, reads := range []bool{true, false} {
		server, client := shaken(t, false, Config{})
		woken := make(chan struct{}, 1)
		server.Attach(func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
		media := make([]byte, 64<<10)
		for n := len(media); n == len(media); {
			var err error
			if n, err = server.TryWritev([][]byte{media}); err != nil {
				t.Fatal(err)
			}
		}
		answer := &Message{Type: TypeData, Payload: []byte("an answer")}
		if err := server.Send(answer); err != nil {
			t.Fatal(err)
		}
		if _, err := server.SendObject(&Message{Type: TypeSharedObject, Payload: make([]byte, 4<<10)}, func(int) {}); err != nil {
			t.Fatal(err)
		}
		if b, ok := server.TakeQueued(nil); !ok || len(b) == 0 || len(b) > 1<<10 {
			t.Errorf("reads %v: of an answer and a message of 4 KiB %d bytes are the owner's", reads, len(b))
		}
		if reads {
			go func() { _, _ = io.Copy(io.Discard, client.nc) }() // until it is closed
		}
		var b []byte
		for len(b) == 0 { // with nobody who says anything
			<-woken
			b, _ = server.TakeQueued(nil)
		}
		server.Close()
		client.Close()
	}
}

// writeAll is an owner that waits for a peer which reads.
func writeAll(t *testing.T, c *Conn, b []byte) {
	t.Helper()
	until(t, "the peer takes all", func() bool {
		n, err := c.TryWritev([][]byte{b})
		if err != nil {
			t.Fatal(err)
		}
		b = b[n:]
		return len(b) == 0
	})
}
