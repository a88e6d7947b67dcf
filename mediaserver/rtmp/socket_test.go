package rtmp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// The kernel gives the number of a closed socket to whoever connects next: what is
// written while a connection is closed must never reach that one.
func TestWritesWhileAConnectionIsClosedReachNobodyElse(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	pair := func() (ours, peer net.Conn) {
		peer, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if ours, err = ln.Accept(); err != nil {
			t.Fatal(err)
		}
		return ours, peer
	}
	word := bytes.Repeat([]byte("another's"), 100)
	for range 100 {
		ours, peer := pair()
		c := NewServerConn(ours, Config{})
		var writers sync.WaitGroup
		begun := make(chan struct{})
		writers.Go(func() {
			for first := true; ; first = false {
				_, err := c.TryWritev([][]byte{word, word})
				if first {
					close(begun)
				}
				if err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
		<-begun
		c.Close()
		next, heir := pair() // with the number of ours, most likely
		writers.Wait()
		if _, err := next.Write([]byte("mine")); err != nil {
			t.Fatal(err)
		}
		next.Close()
		if got, err := io.ReadAll(heir); err != nil || string(got) != "mine" {
			t.Fatalf("the next connection was sent %.40q (%v)", got, err)
		}
		heir.Close()
		peer.Close()
	}
}

func TestAFullSocketTakesNothingAndDoesNotWait(t *testing.T) {
	t.Parallel()
	ours, _ := socketPair(t)
	c := NewServerConn(ours, Config{})
	piece := make([]byte, 1<<20)
	for range 1000 {
		n, err := c.TryWritev([][]byte{piece})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
	t.Fatal("a gigabyte found room in a socket that nobody reads")
}

func socketPair(t *testing.T) (ours, peer net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if peer, err = net.DialTimeout("tcp", ln.Addr().String(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if ours, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close(); ours.Close() })
	return ours, peer
}
