package session

import (
	"net"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/stream"
)

// TestEndThatComesLate has a live item end while the client asks for another,
// which goes on.
func TestEndThatComesLate(t *testing.T) {
	fanout := stream.NewFanout(1)
	defer fanout.Close()
	near, far := net.Pipe()
	defer far.Close()
	s := New(near, nil, Config{})
	defer s.Close()
	done := make(chan struct{})
	s.turns.post(func() {
		defer close(done)
		play := func(name string, length time.Duration) *live {
			one := stream.New(name, fanout, stream.Options{})
			return s.streams[1].startLive(PlayAnswer{Live: one, Release: func() {}}, item{name: name, length: length})
		}
		ns := newNetStream(s, 1)
		s.streams[1] = ns
		old := play("a", time.Minute)
		ns.playing = old
		ns.end(false)
		ns.playing = play("b", 0)
		old.ended(1, 7, time.Minute) // it waited for its turn
		if !ns.active() {
			t.Error("b ended with a")
		}
		ns.end(false)
	})
	<-done
}
