package rtmp

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// TestPeersTakeTurns has peers send at once, on sockets of their own, whose messages
// take a while to be looked at: as many are as there are places, but for those who
// need no turn.
func TestPeersTakeTurns(t *testing.T) {
	t.Parallel()
	const peers, messages = 8, 50
	for _, c := range []struct {
		name  string
		turns *budget.Turns
		most  int64
	}{
		{"in turns", budget.NewTurns(2), 2},
		{"all at once", nil, peers},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var working, most, crowded, handled atomic.Int64
			var all sync.WaitGroup
			for range peers {
				server, client := newRawPeer(t, false, Config{})
				limits := server.cfg.limits()
				limits.Turn = c.turns.For(server.RemoteAddr().String())
				server.SetLimits(limits)
				all.Go(func() {
					n := 0
					_ = server.Serve(func(*Message) error {
						now := working.Add(1)
						defer working.Add(-1)
						handled.Add(1)
						most.Store(max(most.Load(), now))
						if now > c.most {
							crowded.Add(1)
						}
						<-time.After(time.Millisecond)
						if n++; n == messages {
							return ErrProtocol // that is all
						}
						return nil
					})
				})
				all.Go(func() {
					for range messages {
						client.send(&Message{Type: TypeData, Payload: []byte{2, 0, 0}})
					}
				})
			}
			all.Wait()
			// A place goes to another when a machine is so busy that nothing goes on
			// for long.
			if handled.Load() != peers*messages || crowded.Load() > peers*messages/10 {
				t.Errorf("%d messages, %d of them looked at beside too many others", handled.Load(), crowded.Load())
			}
			if c.turns == nil && most.Load() < 3 {
				t.Errorf("%d at once", most.Load())
			}
			if c.turns != nil && c.turns.Waiting() > 0 {
				t.Errorf("%d wait for a turn", c.turns.Waiting())
			}
		})
	}
}

// TestMediaFirst has a peer send media and all else: its media is handled without a
// turn where that is said, and nothing else is.
func TestMediaFirst(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		server, client := newRawPeer(t, false, Config{})
		limits := server.cfg.limits()
		limits.Turn, limits.MediaFirst = budget.NewTurns(1).For("192.0.2.1:1"), first
		server.SetLimits(limits)
		kinds := []MessageType{TypeVideo, TypeData, TypeAudio, TypeCommandAMF3, TypeVideo, TypeUserControl, TypeAudio, TypeSharedObject, TypeVideo}
		go func() {
			for _, kind := range kinds {
				client.send(&Message{Type: kind, Payload: []byte{0, 9, 0, 0, 0, 1, 0, 0, 0, 0}})
			}
		}()
		n := 0
		_ = server.Serve(func(m *Message) error {
			media := m.Type == TypeAudio || m.Type == TypeVideo
			if had := limits.Turn.End(); had == (media && first) {
				t.Errorf("media first: %v. Message %d, of type %d, was handled with a turn: %v", first, n, m.Type, had)
			}
			if n++; n == len(kinds) {
				return ErrProtocol // that is all
			}
			return nil
		})
		if n != len(kinds) {
			t.Errorf("%d messages were handled, want %d", n, len(kinds))
		}
	}
}

// inside is what has no socket of its own, as RTMP in a WebSocket, and notes whether a
// turn is held where it waits.
type inside struct {
	net.Conn
	turn *budget.Turn
	held atomic.Int64
}

// Read implements net.Conn.
func (i *inside) Read(b []byte) (int, error) {
	if i.turn.End() {
		i.held.Add(1)
	}
	return i.Conn.Read(b)
}

// TestWaitsWithoutTurn has a peer come by what has no socket: what it says is handled
// in its turn, and nobody is kept from theirs while more is waited for.
func TestWaitsWithoutTurn(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close() })
	nc := &inside{Conn: far, turn: budget.NewTurns(1).For("192.0.2.1:1")}
	server := NewServerConn(nc, Config{})
	limits := server.cfg.limits()
	limits.Turn = nc.turn
	server.SetLimits(limits)
	const messages = 5
	go func() {
		for range messages { // a chunk of type 0 with one byte of data
			if _, err := near.Write([]byte{3, 0, 0, 0, 0, 0, 1, byte(TypeData), 0, 0, 0, 0, 5}); err != nil {
				return
			}
		}
	}()
	n := 0
	_ = server.Serve(func(*Message) error {
		if n%2 == 1 && !nc.turn.End() { // the others leave theirs to the connection
			t.Error("a message is handled without a turn")
		}
		if n++; n == messages {
			return ErrProtocol // that is all
		}
		return nil
	})
	if n != messages || nc.held.Load() != 0 {
		t.Errorf("%d messages of %d; a turn was held %d times while more was waited for", n, messages, nc.held.Load())
	}
}
