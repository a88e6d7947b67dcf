package http2

import (
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	firstWindow = 1<<16 - 1 // of a connection and of each stream [RFC 9113 §6.9.2]
	maxWindow   = 1<<31 - 1 // [§6.9.1]
	// spared is what streams leave net/http of the connection's window, if it knows of
	// so much: one of its frames.
	spared = 16 << 10
	// leastWindow is how much there is at least when one who waits is woken: who opens
	// windows by single bytes is written to now and then.
	leastWindow = 1 << 10
	// wayBytes is how much net/http writes until it lets streams go first that wait, and
	// wayTime how long: a loop may have others to write to before.
	wayBytes = 64 << 10
	wayTime  = 500 * time.Millisecond
)

var errWindow = errors.New("the client has opened a window beyond all bounds")

// free is what streams may use of the connection's window. The caller holds mu.
func (c *Conn) free() int64 { return c.window - max(min(c.lent, spared), c.needs) }

// allow takes up to n bytes of both windows for a stream; 0: it is woken when there are
// some. The caller holds mu.
func (c *Conn) allow(s *Stream, n int) int {
	free := c.free()
	own := c.initial + s.window
	k := min(int64(n), own, free)
	switch {
	case k > 0:
		c.window -= k
		s.window -= k
		return int(k)
	case own <= 0:
		c.wait(s, forWindow)
	default:
		c.wait(s, forConnection)
	}
	return 0
}

// spend takes n bytes of the connection's window for net/http. It waits for them, when it
// is to, and says whether it has them.
func (c *Conn) spend(n int, waits bool) (bool, error) {
	var late <-chan time.Time
	for {
		c.mu.Lock()
		c.needs = 0
		if c.window >= int64(n) {
			c.window -= int64(n)
			c.lent -= int64(n)
			c.mu.Unlock()
			return true, nil
		}
		if !waits {
			c.mu.Unlock()
			return false, nil
		}
		grown := make(chan struct{})
		c.needs, c.grown = int64(n), grown
		c.mu.Unlock()
		if late == nil {
			t := time.NewTimer(stallTime)
			defer t.Stop()
			late = t.C
		}
		select {
		case <-grown:
		case <-c.closed:
			return false, net.ErrClosed
		case <-late:
			return false, fmt.Errorf("the client has left the connection without a window for %v", stallTime)
		}
	}
}

// grow is for a client that opens the connection's window by n bytes, and says by how
// much net/http opens it.
func (c *Conn) grow(n uint32) (passes uint32, err error) {
	c.mu.Lock()
	if c.window += int64(n); c.window > maxWindow {
		c.mu.Unlock()
		return 0, errWindow
	}
	if more := c.window - c.lent; more > 0 {
		passes = uint32(more)
		c.lent = c.window
	}
	if c.grown != nil {
		close(c.grown)
		c.grown = nil
	}
	wakes := c.free() >= leastWindow
	c.mu.Unlock()
	if wakes {
		c.wakeAll(forConnection)
	}
	return passes, nil
}

// growStream is for a client that opens a stream's window by n bytes. own says that
// net/http is not to know.
func (c *Conn) growStream(id, n uint32) (own bool, err error) {
	c.mu.Lock()
	s := c.streams[id]
	if s == nil {
		c.mu.Unlock()
		return false, nil
	}
	s.window += int64(n)
	c.most = max(c.most, s.window)
	own, s.idle = s.taken, false
	var wake func()
	if c.initial+s.window >= leastWindow {
		wake = c.wake(s, forWindow)
	}
	tooMuch := own && c.initial+s.window > maxWindow
	c.mu.Unlock()
	if tooMuch {
		return false, errWindow
	}
	if wake != nil {
		wake()
	}
	return own, nil
}

// setInitial is for a client that has another window for streams, those that are open
// as well [RFC 9113 §6.9.2]. Nobody is woken: that would be much to do for a few bytes,
// and who waits tries again soon.
func (c *Conn) setInitial(n uint32) error {
	if n > maxWindow {
		return nil // net/http says what is wrong with it
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.initial = int64(n)
	if c.initial+c.most <= maxWindow {
		return nil
	}
	c.most = 0 // they have used theirs since
	for _, s := range c.streams {
		c.most = max(c.most, s.window)
	}
	if c.initial+c.most > maxWindow {
		return errWindow
	}
	return nil
}

// makeWay lets streams go first that wait, when net/http has written much.
func (c *Conn) makeWay() {
	c.mu.Lock()
	if c.waiting == 0 || c.since < wayBytes {
		c.mu.Unlock()
		return
	}
	way := make(chan struct{})
	c.way, c.since = way, 0
	c.mu.Unlock()
	t := time.NewTimer(wayTime)
	defer t.Stop()
	select {
	case <-way:
	case <-c.closed:
	case <-t.C: // they have nothing to write, or nobody reads it
		c.mu.Lock()
		for _, s := range c.streams {
			s.let, s.idle = false, s.idle || s.let
		}
		c.waiting, c.way = 0, nil
		c.mu.Unlock()
	}
}
