package http2

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"flashpod.dev/flashpod/mediaserver/socket"
)

// Stream is an answer that somebody else than net/http writes: who has taken it sends its
// head by net/http (http.ResponseController.Flush), and what is written before that has
// been sent waits. When the handler returns the answer ends, and when net/http tears it,
// it is torn. One goroutine at a time calls TryWritev or WriteWaiting.
type Stream struct {
	conn *Conn
	id   uint32

	// Guarded by the connection's mu.
	window int64  // what may be sent beyond what all begin with, in bytes
	taken  bool   // its DATA is not net/http's
	headed bool   // the head of its answer is sent
	gone   bool   // nothing may be sent any more
	waits  wait   // for what
	told   bool   // that there is some
	let    bool   // it is among those whom net/http lets go first
	idle   bool   // it was let, and did not come: it is not let again until it shows that it may
	woken  func() // of who writes; nil: nobody does
}

// Take takes the answer to a request: ctx is the request's. It is nil where the request's
// connection is no Conn, and where it is taken already.
func Take(ctx context.Context) *Stream {
	s, _ := ctx.Value(streamKey{}).(*Stream)
	if s == nil {
		return nil
	}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.taken || s.gone || s.headed {
		return nil
	}
	s.taken = true
	return s
}

// named is the stream whose number a request's header has, which it loses.
func (c *Conn) named(head http.Header) *Stream {
	key := http.CanonicalHeaderKey(c.field)
	values := head[key]
	delete(head, key)
	if len(values) != 1 {
		return nil
	}
	id, err := strconv.ParseUint(values[0], 10, 31)
	if err != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streams[uint32(id)]
}

// Attach has wake called when more can be written than before, from any goroutine; it
// must not wait. nil ends that.
func (s *Stream) Attach(wake func()) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.woken = wake
}

// TryWritev writes as much of bufs, one after another, as windows and the socket take
// at once: n bytes. It neither waits nor keeps bufs. Where n is less than all of them,
// wake is called when there is more room, or there is some anyway.
func (s *Stream) TryWritev(bufs [][]byte) (n int, err error) { return s.TryWriteLaid(bufs, nil) }

// TryWriteLaid is TryWritev of bufs that others may be given as well, in which nothing
// changes until laid, which keeps them, is emptied.
func (s *Stream) TryWriteLaid(bufs [][]byte, laid *Laid) (n int, err error) {
	total := 0
	for _, b := range bufs {
		total += len(b)
	}
	k, err := s.begin(min(total, bytesAtOnce))
	if k == 0 {
		return 0, err
	}
	c := s.conn
	from := pieces{bufs: bufs}
	for ; k > 0; k = s.more(min(total-n, bytesAtOnce)) {
		frames := laid.frames(s.id, &from, k)
		m, full, err := c.sealed.Writev(frames.bytes[:]) // all of it or nothing
		if laid == nil {
			frames.giveBack()
		}
		laid = nil // what comes behind a full write is hardly ever the same
		if m > 0 && err == nil {
			n += k
			k = 0
		}
		switch {
		case err != nil:
			s.finish(n)
			return n, err
		case full:
			s.rests(n, k, n < total)
			go c.drain()
			return n, nil
		}
	}
	s.finish(n)
	return n, nil
}

// begin takes the turn, and up to n bytes of both windows: k. Without any, wake is called
// when there may be some; if none are asked for, it does nothing.
func (s *Stream) begin(n int) (k int, err error) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.gone:
		return 0, net.ErrClosed
	case n == 0:
	case !s.headed:
		c.wait(s, forWindow)
	case c.busy:
		c.wait(s, forTurn)
	default:
		if k = c.allow(s, n); k > 0 {
			c.unwait(s)
			c.busy = true
		}
	}
	return k, nil
}

// more takes up to n bytes of both windows.
func (s *Stream) more(n int) int {
	if n == 0 {
		return 0
	}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.conn.allow(s, n)
}

// finish ends the stream's turn, in which it has written n bytes.
func (s *Stream) finish(n int) {
	c := s.conn
	c.mu.Lock()
	s.written(n)
	c.hand()
	wakes := c.wakes(forTurn)
	c.mu.Unlock()
	call(wakes)
}

// rests is for a turn that goes on without the stream, until all is sent that it has
// written: n bytes. It gives back what was not written of its windows, and says whether
// it has more.
func (s *Stream) rests(n, unwritten int, more bool) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	s.written(n)
	c.window += int64(unwritten)
	s.window += int64(unwritten)
	if more {
		c.wait(s, forTurn)
	}
}

// written notes that the stream has written n bytes. The caller holds the connection's mu.
func (s *Stream) written(n int) {
	if n == 0 {
		return
	}
	s.conn.since, s.idle = 0, false
	s.conn.openWay()
}

// tryAgain is how often WriteWaiting tries again who opens windows by less than who is
// woken for.
const tryAgain = 100 * time.Millisecond

// WriteWaiting writes b, waiting for the client, which takes something within a time. No
// wake is attached.
func (s *Stream) WriteWaiting(b []byte, within time.Duration) error {
	more := make(chan struct{}, 1)
	s.Attach(func() {
		select {
		case more <- struct{}{}:
		default:
		}
	})
	defer s.Attach(nil)
	again := time.NewTicker(tryAgain)
	defer again.Stop()
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		n, err := s.TryWritev([][]byte{b})
		if b = b[n:]; err != nil || len(b) == 0 {
			return err
		}
		if n > 0 {
			late.Reset(within)
		}
		select {
		case <-more:
		case <-again.C:
		case <-s.conn.closed:
			return net.ErrClosed
		case <-late.C:
			return fmt.Errorf("%w: it took nothing for %v", socket.ErrSlow, within)
		}
	}
}

// open is for a client that begins a stream.
func (c *Conn) open(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.streams) < maxStreams {
		c.streams[id] = &Stream{conn: c, id: id}
	}
}

// end is for a stream on which nothing is sent any more.
func (c *Conn) end(id uint32) {
	c.mu.Lock()
	s := c.streams[id]
	var wake func()
	if s != nil {
		delete(c.streams, id)
		c.unwait(s)
		s.gone, wake = true, s.woken
		if c.waiting == 0 {
			c.openWay()
		}
	}
	c.mu.Unlock()
	if wake != nil {
		wake()
	}
}

// sent is for the head of an answer that is sent.
func (c *Conn) sent(id uint32) {
	c.mu.Lock()
	var wake func()
	if s := c.streams[id]; s != nil {
		s.headed = true
		wake = c.wake(s, forWindow)
	}
	c.mu.Unlock()
	if wake != nil {
		wake()
	}
}
