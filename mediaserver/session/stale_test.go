package session

import (
	"net"
	"testing"
	"time"
)

// TestEndThatComesLate has a live item end while the client asks for another,
// which goes on.
func TestEndThatComesLate(t *testing.T) {
	h := newHouse(t)
	near, far := net.Pipe()
	defer far.Close()
	s := New(near, h, Config{})
	defer s.Close()
	s.inst = h.inst
	s.mu.Lock()
	ns := newNetStream(s, 1)
	if err := ns.startLive(item{name: "a", length: time.Minute}, resetting); err != nil {
		t.Fatal(err)
	}
	ns.end(false)
	if err := ns.startLive(item{name: "b", length: -1}, resetting); err != nil {
		t.Fatal(err)
	}
	s.mu.Unlock()
	ns.onLiveEnd(1, 7, time.Minute) // it waited for the lock
	s.mu.Lock()
	defer s.mu.Unlock()
	if ns.over || ns.player == nil {
		t.Error("b ended with a")
	}
	ns.end(false)
}
