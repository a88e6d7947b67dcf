package rtmp

import "net"

// pumpSize is how much a connection without a socket of its own takes at once.
const pumpSize = 256 << 10

// Attach gives the connection's socket to an owner, a loop that writes to many
// connections: from now on Send only queues, and calls wake. The
// owner never makes two of its calls (TakeQueued, TryWritev, Detach) at once.
//
// wake is called from any goroutine, and from within Attach and Send, without a
// lock: it may call the connection, and must not wait.
func (c *Conn) Attach(wake func()) {
	o := &c.out
	o.mu.Lock()
	defer o.unlock()
	o.owner = wake
	o.wake() // what is queued already is the owner's to send
}

// TakeQueued appends to dst what Send has queued: whole messages, to be
// written before media. dst is what is left of earlier writes: all that is returned
// goes to TryWritev before anything else, and counts as waiting until the socket has
// taken it. Of shared objects it is a few KiB at a time, and wake is called when more
// of the queue is left. ok is false while the connection still writes something
// itself; nothing may be written then, and wake is called after it.
func (c *Conn) TakeQueued(dst []byte) (out []byte, ok bool) {
	if !c.said.Load() {
		return dst, true // no lock to take, in most rounds
	}
	o := &c.out
	o.mu.Lock()
	defer o.unlock()
	if o.flushing {
		return dst, false
	}
	n, held := c.part()
	dst = append(dst, o.queue[:n]...)
	switch o.queue = o.queue[n:]; {
	case len(o.queue) == 0:
		o.queue = nil // a player hears little after this: thousands keep nothing for it
	case held:
		o.wakeLater()
	default:
		o.wake()
	}
	c.said.Store(len(o.queue) > 0) // who says something from now on wakes the owner
	o.owned, c.owned = len(dst), len(dst)
	o.settle()
	_ = c.answered(0) // what was written of another's is less than there was
	return dst, true
}

// TryWritev writes as much of bufs, one after another, as the socket takes at
// once: n bytes, less than all of them when it is full, or when the peer has
// not acknowledged enough of what it was sent; it calls wake as it does. It
// does not wait, allocate, or keep bufs. It fails with ErrSlow when the peer
// has acknowledged nothing for the write timeout.
//
// Of a TLS connection it encrypts a little more than the socket takes; a
// flusher sends that, and wake is called after it. Until then n is 0.
//
// A connection without a socket of its own (a pipe) takes up to 256 KiB when it
// has nothing to write, and else 0; wake is called when it can take more.
func (c *Conn) TryWritev(bufs [][]byte) (n int, err error) {
	if c.direct() {
		n, err = c.tryNow(bufs)
	} else {
		n, err = c.trySlowly(bufs)
	}
	if n > 0 && c.owned > 0 { // no lock to take for media alone
		c.wrote(n)
	}
	return n, err
}

// tryNow is TryWritev for a connection that can write without waiting.
func (c *Conn) tryNow(bufs [][]byte) (n int, err error) {
	if c.sealed != nil && c.sealed.Busy() {
		return 0, nil
	}
	var full bool
	if c.window.limit.Load() != 0 || c.writes.rate.Load() != 0 {
		n, full, err = c.tryLimited(bufs)
	} else {
		n, full, err = c.writeNow(bufs)
	}
	if full {
		c.flushKept()
	}
	return n, err
}

// trySlowly is TryWritev for a connection that can only write and wait.
func (c *Conn) trySlowly(bufs [][]byte) (n int, err error) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	if o.flushing {
		return 0, nil
	}
	var b []byte
	for _, p := range bufs {
		b = append(b, p[:min(len(p), pumpSize-len(b))]...)
	}
	c.beginFlush()
	go c.flush(b)
	return len(b), nil
}

// Detach ends what Attach began. rest is the tail of a message that was
// written in part; it goes before everything queued since.
func (c *Conn) Detach(rest []byte) {
	o := &c.out
	o.mu.Lock()
	defer o.unlock()
	o.owner = nil
	o.owned, c.owned = 0, 0
	if o.err != nil {
		return
	}
	if len(rest) > 0 {
		o.queue = append(append(make([]byte, 0, len(rest)+len(o.queue)), rest...), o.queue...)
	}
	if !o.flushing {
		c.writeQueue()
	}
}
