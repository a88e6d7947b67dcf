package link

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// timed is a connection that notes how many bytes at most have gone by one deadline.
type timed struct {
	net.Conn

	mu          sync.Mutex
	read, wrote int // since the last one
	most        int
}

func (c *timed) note(n *int, more int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n += more
	c.most = max(c.most, *n)
}

func (c *timed) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.note(&c.read, n)
	return n, err
}

func (c *timed) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.note(&c.wrote, n)
	return n, err
}

func (c *timed) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.read = 0
	c.mu.Unlock()
	return c.Conn.SetReadDeadline(t)
}

func (c *timed) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	c.wrote = 0
	c.mu.Unlock()
	return c.Conn.SetWriteDeadline(t)
}

// A link that is slow is not one that is lost: however much is sent at once, it takes as
// long as it takes, as long as some of it comes.
func TestSlowIsNotLost(t *testing.T) {
	t.Parallel()
	const size = 2 << 20
	cert, err := Certificate()
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	ours, theirs := &timed{Conn: near}, &timed{Conn: far}
	taken := make(chan *Conn, 1)
	go func() {
		_, _ = io.ReadFull(theirs, make([]byte, len(Preface)))
		c, _, err := Accept(theirs, cert, FixedKeys("k"), 0, anybody)
		if err != nil {
			t.Error(err)
		}
		taken <- c
	}()
	edge, err := Dial(t.Context(), ours, FixedKeys("k"), Hello{Purpose: Control, Edge: "e"})
	origin := <-taken
	if err != nil || origin == nil {
		t.Fatal(err)
	}
	defer edge.Close()
	defer origin.Close()
	pipe := NewPipe(edge, 2*size)
	ended := make(chan error, 1)
	go func() { ended <- pipe.Run(func(Record) error { return nil }) }()
	pipe.Send(Call, 1, 1, make([]byte, size))
	if kind, b, err := origin.ReadFrame(); err != nil || kind != KindRecord || len(b) < size {
		t.Errorf("%q of %d bytes: %v", kind, len(b), err)
	}
	for name, c := range map[string]*timed{"written": ours, "read": theirs} {
		// Two records of TLS are less.
		if c.mu.Lock(); c.most > 3*atOnce {
			t.Errorf("%d bytes are to be %s within %v", c.most, name, silence)
		}
		c.mu.Unlock()
	}
	edge.Close()
	if err := <-ended; err == nil {
		t.Error("the pipe has ended without a reason")
	}
}

// stopped is a connection of a process that was stopped: so often the time for what it reads
// is over before it has looked whether something has come.
type stopped struct {
	net.Conn
	times atomic.Int64
}

func (c *stopped) Read(b []byte) (int, error) {
	if c.times.Add(-1) >= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return c.Conn.Read(b)
}

// A process that was stopped for a while has its links when it goes on: what has come
// meanwhile counts, and nothing at all does not.
func TestWhoWasStoppedLooksOnceMore(t *testing.T) {
	t.Parallel()
	cert, err := Certificate()
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	ours := &stopped{Conn: near}
	taken := make(chan *Conn, 1)
	go func() {
		_, _ = io.ReadFull(far, make([]byte, len(Preface)))
		c, _, err := Accept(far, cert, FixedKeys("k"), 0, anybody)
		if err != nil {
			t.Error(err)
		}
		taken <- c
	}()
	edge, err := Dial(t.Context(), ours, FixedKeys("k"), Hello{Purpose: Publish, Edge: "e"})
	origin := <-taken
	if err != nil || origin == nil {
		t.Fatal(err)
	}
	defer edge.Close()
	defer origin.Close()
	ours.times.Store(1)
	go func() { _ = origin.WriteValue(KindEnd, EndBody{}) }()
	if kind, _, err := edge.ReadFrame(); err != nil || kind != KindEnd {
		t.Errorf("%q, %v", kind, err)
	}
	ours.times.Store(2)
	if _, _, err := edge.ReadFrame(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nothing has come, and it says %v", err)
	}
}
