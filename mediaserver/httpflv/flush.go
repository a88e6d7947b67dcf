package httpflv

import (
	"net"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

const (
	// pipeSize is what waits for a connection without a socket, beside as much that is
	// being written, and leastPipe what does where nobody pays for it.
	pipeSize  = 64 << 10
	leastPipe = 4 << 10
)

// pipe is what waits for a flusher. conn.mu guards it.
type pipe struct {
	samples *budget.Budget
	b       *pipeBuffer // nil: nothing waits
	short   bool        // the loop has more, and is to be woken
}

// pipeBuffer is memory for what waits.
type pipeBuffer struct {
	bytes []byte
	paid  *budget.Budget // nil: nobody has
}

var pipeBuffers = sync.Pool{New: func() any { return &pipeBuffer{bytes: make([]byte, 0, pipeSize)} }}

func newPipeBuffer(samples *budget.Budget) *pipeBuffer {
	if !samples.Take(pipeSize) {
		return &pipeBuffer{bytes: make([]byte, 0, leastPipe)}
	}
	b, _ := pipeBuffers.Get().(*pipeBuffer)
	b.paid = samples
	return b
}

func (b *pipeBuffer) giveBack() {
	if cap(b.bytes) == pipeSize {
		b.paid.Give(pipeSize)
		b.bytes, b.paid = b.bytes[:0], nil
		pipeBuffers.Put(b)
	}
}

// seal is TryWritev by TLS: it encrypts a little more than the socket takes, which a
// flusher sends.
func (c *conn) seal(bufs [][]byte) (n int, err error) {
	if c.sealed.Busy() {
		return 0, nil
	}
	n, full, err := c.sealed.Writev(bufs)
	if full {
		go c.flush()
	}
	return n, err
}

// fill is TryWritev without a socket: it copies as much as may wait.
func (c *conn) fill(bufs [][]byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return 0, net.ErrClosed
	}
	p := &c.piped
	for _, b := range bufs {
		if len(b) == 0 {
			continue
		}
		if p.b == nil {
			p.b = newPipeBuffer(p.samples)
		}
		k := min(len(b), cap(p.b.bytes)-len(p.b.bytes))
		p.b.bytes = append(p.b.bytes, b[:k]...)
		if n += k; k < len(b) {
			p.short = true
			break
		}
	}
	if p.b != nil && c.flusher == nil {
		c.flusher = make(chan struct{})
		go c.empty()
	}
	return n, nil
}

// flush is a flusher, unless there is one.
func (c *conn) flush() {
	c.mu.Lock()
	if c.flusher != nil {
		c.mu.Unlock()
		return
	}
	c.flusher = make(chan struct{})
	c.mu.Unlock()
	c.empty()
}

// empty is a flusher, which sends what waits, and wakes the loop. It waits for the peer.
func (c *conn) empty() {
	if err := c.sendKept(stallTime); err != nil {
		_ = c.CloseWithError(err) // it does not take it
	}
	c.done()
}

// begin makes the caller the flusher, once there is none. What it then writes, and what
// it waits for, takes no longer than within for each piece.
func (c *conn) begin(within time.Duration) error {
	if c.sealed == nil && c.stream == nil {
		if err := c.nc.SetWriteDeadline(time.Now().Add(within)); err != nil {
			return err
		}
	}
	for {
		c.mu.Lock()
		there := c.flusher
		if there == nil {
			c.flusher = make(chan struct{})
		}
		c.mu.Unlock()
		if there == nil {
			return nil
		}
		<-there
	}
}

// done lets others be the flusher, and wakes the loop, if there is one that waits.
func (c *conn) done() {
	if wake := c.give(); wake != nil {
		wake()
	}
}

// give lets others be the flusher, and returns how the loop is woken, if it is to be.
func (c *conn) give() (wake func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.cause == nil && (c.piped.b != nil || c.sealed != nil && c.sealed.Busy()): // since it was looked
		go c.empty()
		return nil
	case c.piped.b != nil:
		c.piped.b.giveBack()
		c.piped.b = nil
	}
	close(c.flusher)
	c.flusher = nil
	if c.sealed != nil || c.piped.short {
		c.piped.short = false
		return c.wake
	}
	return nil
}

// leave waits until nobody writes to a connection that is closed.
func (c *conn) leave() {
	c.mu.Lock()
	flusher := c.flusher
	c.mu.Unlock()
	if flusher != nil {
		<-flusher
	}
	if answer, ok := c.nc.(*response); ok {
		answer.leave()
	}
}

// sendKept sends what waits until nothing does. The caller is the flusher.
func (c *conn) sendKept(within time.Duration) error {
	if c.sealed != nil {
		return c.sealed.Drain(within)
	}
	for {
		c.mu.Lock()
		b := c.piped.b
		c.piped.b = nil
		c.mu.Unlock()
		if b == nil {
			return nil
		}
		// The loop looks after the time.
		_, err := c.nc.Write(b.bytes)
		b.giveBack()
		if err != nil {
			return err
		}
	}
}

// writeAll writes, behind what waits. The caller is the flusher.
func (c *conn) writeAll(b []byte, within time.Duration) error {
	var write func([]byte, time.Duration) error // nil: the connection has a time for it
	switch {
	case c.sealed != nil:
		write = c.sealed.WriteWaiting
	case c.stream != nil:
		write = c.stream.WriteWaiting
	}
	if write != nil {
		err := write(b, within)
		if err == nil {
			c.sent.Add(uint64(len(b)))
		}
		return err
	}
	if err := c.sendKept(within); err != nil {
		return err
	}
	n, err := c.nc.Write(b)
	c.sent.Add(uint64(n))
	return err
}
