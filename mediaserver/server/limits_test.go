package server

import (
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// Connections that say nothing count as well; who leaves makes room.
func TestMaxConnections(t *testing.T) {
	s, err := New(Config{Data: t.TempDir(), RTMPAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", MaxConnections: 2}, docs(t, open))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	silent := dial(t, s)
	c := connect(t, s, "app/one").hello()
	third := dial(t, s)
	if _, err := io.Copy(io.Discard, third); err != nil {
		t.Errorf("a third of two is not closed: %v", err)
	}
	if n := s.Refused()["too many connections"]; n != 1 {
		t.Errorf("%d are counted as too many", n)
	}
	c.send("createStream", 9, nil)
	c.expect("_result [2]")
	silent.Close()
	// The server learns of it when it reads: somebody is let in then.
	deadline := time.Now().Add(20 * time.Second)
	for {
		next := dial(t, s)
		if _, err := next.Write(append([]byte{3}, make([]byte, 1536)...)); err == nil {
			if _, err := io.ReadFull(next, make([]byte, 3073)); err == nil {
				next.Close()
				return
			}
		}
		next.Close()
		if time.Now().After(deadline) {
			t.Fatal("nobody is let in after one has left")
		}
	}
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", s.RTMPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return nc
}
