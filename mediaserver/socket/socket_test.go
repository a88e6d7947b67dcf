package socket

import (
	"bytes"
	"io"
	"net"
	"testing"
)

// A close that comes while a write is under way is done by that write.
func TestAWriteThatIsUnderWayClosesTheSocket(t *testing.T) {
	t.Parallel()
	closed := 0
	file := func() error { closed++; return nil }
	s := Socket{used: true}
	if !s.enter() {
		t.Fatal("closed from the beginning")
	}
	if err := s.Close(file); err != nil || closed != 0 {
		t.Fatalf("closed %d times under a write (%v)", closed, err)
	}
	if s.enter() {
		t.Fatal("a write begins behind the close")
	}
	s.leave()
	if err := s.Close(file); err != nil || closed != 1 {
		t.Fatalf("closed %d times in all (%v)", closed, err)
	}
}

// Buffers go out one after another, however many there are and whichever are
// empty, and a full socket takes what it can.
func TestVectorsOfEveryLength(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, fewBuffers, fewBuffers + 1, MaxVector, MaxVector + 7} {
		ours, peer := pair(t)
		var s Socket
		if s.Use(ours) == nil || !s.Used() {
			t.Fatal("TCP has no socket")
		}
		var bufs [][]byte
		var want []byte
		for i := range n {
			b := bytes.Repeat([]byte{byte(i)}, i%3)
			bufs, want = append(bufs, b), append(want, b...)
		}
		for left := bufs; len(left) > 0; left = left[min(len(left), MaxVector):] {
			part := left[:min(len(left), MaxVector)]
			if got, err := s.Write(part); err != nil || got != total(part) {
				t.Fatalf("%d buffers: sent %d of %d (%v)", n, got, total(part), err)
			}
		}
		if err := s.Close(ours.Close); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(peer)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d buffers: %d bytes came of %d (%v)", n, len(got), len(want), err)
		}
	}
}

func total(bufs [][]byte) (n int) {
	for _, b := range bufs {
		n += len(b)
	}
	return n
}

// pair is a connection and its peer.
func pair(t *testing.T) (ours, peer net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if peer, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	if ours, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	return ours, peer
}
