package rtmp

import (
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"
)

// However a connection comes to have room, and whoever brings that about, a
// callback may call the connection: none is called with its lock held.
func TestCallbacksMayCallTheConnection(t *testing.T) {
	for _, c := range []struct {
		name  string
		pipe  bool // a connection without a socket of its own
		owned bool
		drive func(t *testing.T, server, client *Conn)
		fails bool // what the callback sends
	}{
		{"the owner takes what is queued", false, true, func(t *testing.T, server, _ *Conn) {
			if _, ok := server.TakeQueued(nil); !ok {
				t.Error("the connection writes something itself")
			}
		}, false},
		{"the owner lets go", false, true, func(_ *testing.T, server, _ *Conn) { server.Detach(nil) }, false},
		{"the owner lets go of a pipe", true, true, func(_ *testing.T, server, client *Conn) {
			server.Detach(nil)
			go func() { _, _ = io.Copy(io.Discard, client.nc) }()
		}, false},
		{"the queue is too long", false, true, func(t *testing.T, server, _ *Conn) { queueTooMuch(t, server) }, true},
		{"the peer reads at last", true, false, func(_ *testing.T, _, client *Conn) {
			go func() { _, _ = io.Copy(io.Discard, client.nc) }()
		}, false},
		{"the peer goes", true, false, func(_ *testing.T, _, client *Conn) { client.Close() }, true},
		{"the connection is closed", true, false, func(_ *testing.T, server, _ *Conn) { server.Close() }, true},
		{"nothing more is to be sent", true, false, func(t *testing.T, server, client *Conn) {
			if err := server.CloseWrite(); err != nil {
				t.Error(err)
			}
			go func() { _, _ = io.Copy(io.Discard, client.nc) }()
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, client := shaken(t, c.pipe, Config{})
			if c.owned {
				server.Attach(func() {})
			}
			// More than counts for room: an owner leaves it where it is.
			if err := server.Send(&Message{Type: TypeVideo, Payload: make([]byte, 2*roomBelow)}); err != nil {
				t.Fatal(err)
			}
			told := make(chan error, 1)
			if server.HasRoom(func() {
				err := server.Send(UserControl(EventStreamBegin, 1))
				server.HasRoom(nil)
				told <- err
			}) {
				t.Fatal("there is room already")
			}
			go c.drive(t, server, client)
			select {
			case err := <-told:
				if (err != nil) != c.fails {
					t.Errorf("it sends: %v", err)
				}
			case <-time.After(patience):
				t.Fatal("the callback does not return, or is not called")
			}
		})
	}
}

// An owner that is woken may take at once what there is, whether it is woken by
// Attach, by a message, or by a write that is over.
func TestWakeMayCallTheConnection(t *testing.T) {
	for _, pipe := range []bool{false, true} {
		server, client := shaken(t, pipe, Config{})
		go func() { _, _ = io.Copy(io.Discard, client.nc) }()
		var took atomic.Int64
		woken := make(chan struct{}, 100)
		done := make(chan struct{})
		go func() {
			defer close(done)
			server.Attach(func() {
				if b, ok := server.TakeQueued(nil); ok {
					took.Add(int64(len(b)))
				}
				woken <- struct{}{}
			})
			for range 3 {
				if err := server.Send(UserControl(EventStreamBegin, 1)); err != nil {
					t.Error(err)
				}
			}
			if _, err := server.TryWritev([][]byte{AppendChunks(nil, SetChunkSize(ChunkSize), ChunkSize)}); err != nil {
				t.Error(err)
			}
		}()
		want := 4 // Attach and three messages
		if pipe {
			want++ // and the goroutine that writes
		}
		for range want {
			select {
			case <-woken:
			case <-time.After(patience):
				t.Fatalf("pipe %v: wake does not return, or is not called", pipe)
			}
		}
		<-done
		if took.Load() == 0 {
			t.Error("nothing was taken")
		}
	}
}

// queueTooMuch sends to a peer that does not read until the connection takes no
// more.
func queueTooMuch(t *testing.T, c *Conn) {
	t.Helper()
	var err error
	for range 100 {
		if err = c.Send(&Message{Type: TypeVideo, Payload: make([]byte, 1<<20)}); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrSlow) {
		t.Errorf("100 MiB are queued: %v", err)
	}
}
