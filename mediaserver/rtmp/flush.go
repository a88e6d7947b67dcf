package rtmp

import (
	"net"
	"time"

	"flashpod.dev/flashpod/mediaserver/socket"
)

// writeQueue writes what the socket takes at once and starts a flusher for the
// rest. The caller holds mu; there is neither owner nor flusher.
func (c *Conn) writeQueue() {
	o := &c.out
	full := false
	if c.direct() && len(o.queue) > 0 {
		n, err := c.room()
		if err == nil && n > 0 {
			n, full, err = c.writeNow([][]byte{o.queue[:min(n, len(o.queue))]})
		}
		if err != nil {
			c.fail(err)
			return
		}
		o.queue = o.queue[:copy(o.queue, o.queue[n:])]
	}
	if len(o.queue) > 0 || full {
		c.flushQueue()
		return
	}
	o.settle()
	c.finishWrite()
}

// direct says whether the connection can write without waiting.
func (c *Conn) direct() bool { return c.socket.Used() || c.sealed != nil }

// writeNow writes bufs, one after another, as far as the socket takes them
// without waiting, and returns how many bytes it took. full says that it has
// taken more than it could send: a flusher is needed for that. Two calls never
// run at once, nor one while a flusher does.
func (c *Conn) writeNow(bufs [][]byte) (n int, full bool, err error) {
	if c.sealed != nil {
		n, full, err = c.sealed.Writev(bufs)
	} else {
		n, err = c.socket.Write(bufs)
	}
	c.sent.Add(uint64(n))
	return n, full, err
}

// flushKept has a flusher send what lies between TLS and the socket, unless one
// is about to.
func (c *Conn) flushKept() {
	o := &c.out
	o.mu.Lock()
	defer o.unlock()
	if !o.flushing { // even behind the last message: TLS has its own to say then
		c.beginFlush()
		go c.flush(nil)
	}
}

// flushQueue starts a flusher for what is queued. The caller holds mu; there is
// neither owner nor flusher.
func (c *Conn) flushQueue() {
	c.beginFlush()
	first := c.out.takeQueue()
	go c.flush(first)
}

// beginFlush gives the socket to a flusher. The caller holds mu.
func (c *Conn) beginFlush() {
	c.out.flushing = true
	c.said.Store(true)
}

// flush writes, waiting for the peer, until nothing is left, or an owner takes
// over.
func (c *Conn) flush(b []byte) {
	o := &c.out
	for {
		err := c.writeAll(b)
		o.mu.Lock()
		o.flight = 0
		if err != nil {
			o.flushing = false
			c.fail(socket.Slow(err, c.cfg.WriteTimeout))
			o.wake()
			o.unlock()
			return
		}
		if c.sealed != nil && c.sealed.Busy() {
			b = nil // TLS said something of its own since
			o.unlock()
			continue
		}
		if o.owner != nil || len(o.queue) == 0 {
			o.flushing = false
			o.settle()
			_ = c.answered(0) // less than there was
			if o.owner == nil {
				c.finishWrite()
			}
			o.wake()
			o.unlock()
			return
		}
		b = o.takeQueue()
		o.settle()
		_ = c.answered(0) // less than there was
		o.unlock()
	}
}

func (c *Conn) writeAll(b []byte) error {
	if c.sealed != nil {
		if err := c.sealed.Drain(c.cfg.WriteTimeout); err != nil {
			return err
		}
	}
	for len(b) > 0 {
		room, err := c.awaitRoom()
		if err != nil {
			return err
		}
		n, err := c.writeWaiting(b[:min(len(b), flushPiece, room)])
		c.sent.Add(uint64(n))
		if err != nil {
			return err
		}
		b = b[n:]
	}
	if c.sealed != nil {
		return nil
	}
	// A deadline that stays would end a later write.
	return c.nc.SetWriteDeadline(time.Time{})
}

// writeWaiting writes a flusher's piece.
func (c *Conn) writeWaiting(b []byte) (int, error) {
	if c.sealed != nil {
		if err := c.sealed.WriteWaiting(b, c.cfg.WriteTimeout); err != nil {
			return 0, err
		}
		return len(b), nil
	}
	if err := c.nc.SetWriteDeadline(time.Now().Add(c.cfg.WriteTimeout)); err != nil {
		return 0, err
	}
	return c.nc.Write(b)
}

// CloseWrite tells the peer, once everything queued is sent, that nothing more
// comes. It does not wait. While the connection has an owner it waits for the
// owner to let go.
func (c *Conn) CloseWrite() error {
	o := &c.out
	o.mu.Lock()
	defer o.unlock()
	if o.err != nil {
		return o.err
	}
	o.closeWrite = true
	if o.owner == nil && !o.flushing {
		c.finishWrite()
	}
	return nil
}

// finishWrite half-closes when that was asked for. The caller holds mu, and
// everything is sent.
func (c *Conn) finishWrite() {
	o := &c.out
	if !o.closeWrite || o.err != nil {
		return
	}
	o.end(net.ErrClosed)
	o.due = append(o.due, c.halfClose)
}

// halfClose tells the peer that nothing more comes, and closes where that
// cannot be told.
func (c *Conn) halfClose() {
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		return
	}
	c.Close()
}
