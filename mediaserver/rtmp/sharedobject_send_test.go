package rtmp

import (
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// Messages of shared objects that nobody reads are told of once they have gone, or
// the connection has; neither limit nor budget of answers ends it for them.
func TestSendObject(t *testing.T) {
	t.Parallel()
	for _, pipe := range []bool{false, true} {
		server, _ := newRawPeer(t, pipe, Config{MaxQueue: 1 << 20, Answers: budget.New("answers", 64<<10)})
		var waiting, taken atomic.Int64
		m := &Message{Type: TypeSharedObject, Payload: make([]byte, 64<<10)}
		for range 256 { // more than sockets take
			waits, err := server.SendObject(m, func(bytes int) { taken.Add(int64(bytes)) })
			if err != nil {
				t.Fatal(err)
			}
			if waits {
				waiting.Add(int64(len(m.Payload)))
			}
		}
		if waiting.Load() < 2*maxAnswers || taken.Load() >= waiting.Load() {
			t.Errorf("pipe %v: %d bytes wait, %d have gone", pipe, waiting.Load(), taken.Load())
		}
		server.Close()
		if taken.Load() != waiting.Load() {
			t.Errorf("pipe %v: %d bytes waited, and %d were told of at the end", pipe, waiting.Load(), taken.Load())
		}
		if !pipe { // whoever writes finds out first
			until(t, "a closed connection takes no message", func() bool {
				_, err := server.SendObject(m, func(int) {})
				return err != nil
			})
		}
	}
}

// A peer that reads gets all of it, in order among answers, and the sender hears of
// each message once.
func TestSendObjectInOrder(t *testing.T) {
	t.Parallel()
	for _, owned := range []bool{false, true} {
		server, client := shaken(t, false, Config{})
		got := collect(t, client)
		if err := server.Send(SetChunkSize(ChunkSize)); err != nil {
			t.Fatal(err)
		}
		wake, done := make(chan struct{}, 1), make(chan struct{})
		if owned {
			server.Attach(func() {
				select {
				case wake <- struct{}{}:
				default:
				}
			})
		}
		const messages = 100
		var left atomic.Int64
		left.Store(messages)
		go func() {
			for n := range messages {
				m := &Message{Type: TypeSharedObject, Payload: make([]byte, 20<<10)}
				m.Payload[0] = byte(n)
				waits, err := server.SendObject(m, func(int) { left.Add(-1) })
				if err != nil {
					t.Error(err)
				}
				if !waits {
					left.Add(-1)
				}
				if err := server.Send(&Message{Type: TypeData, Payload: []byte{byte(n)}}); err != nil {
					t.Error(err)
				}
			}
		}()
		if owned {
			go func() {
				var b []byte
				for {
					select {
					case <-wake:
					case <-done:
						return
					}
					for {
						var ok bool
						if b, ok = server.TakeQueued(b); !ok || len(b) == 0 {
							break
						}
						n, err := server.TryWritev([][]byte{b})
						if err != nil {
							return
						}
						b = b[n:]
					}
				}
			}()
		}
		for n := range messages {
			for _, want := range []MessageType{TypeSharedObject, TypeData} {
				m := <-got
				for m.Type != TypeSharedObject && m.Type != TypeData {
					m = <-got
				}
				if m.Type != want || m.Payload[0] != byte(n) {
					t.Fatalf("owned %v: message of type %d, %d; want type %d, %d", owned, m.Type, m.Payload[0], want, n)
				}
			}
		}
		until(t, "all messages are told of", func() bool { return left.Load() == 0 })
		server.Close()
		close(done)
		client.Close()
	}
}
