package httpflv

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/http2"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/socket"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// conn is the connection of a viewer of a live stream, as a fan-out loop uses it: a
// socket, or TLS, or a stream of HTTP/2, or what can only be written to and waited for,
// for which it has a goroutine as long as there is something to write.
type conn struct {
	// What a loop looks at in every round.
	socket socket.Socket
	sealed *socket.Sealed // below TLS; nil: there is none
	stream *http2.Stream  // nil: it is none
	said   atomic.Bool    // TakeQueued has something to take
	sent   *atomic.Uint64 // bytes

	nc net.Conn

	mu      sync.Mutex    // of locks, only that of sealed is taken, and nobody called, while it is held
	queue   []byte        // goes before media
	pong    []byte        // the newest, behind that: an answer to older pings as well [RFC 6455 §5.5.3]
	wake    func()        // of the loop; nil: it has none
	rest    []byte        // what the loop has left of a packet
	cause   error         // why it was closed; nil: it was not
	flusher chan struct{} // closed when it has no flusher any more; nil: there is none. A flusher alone writes
	piped   pipe          // what waits for a flusher, where there is no socket
}

// newConn makes one of a connection, whose bytes sent counts. What waits for one without a
// socket is paid for by samples.
func newConn(nc net.Conn, sent *atomic.Uint64, samples *budget.Budget) *conn {
	c := &conn{nc: nc, sent: sent}
	if answer, ok := nc.(*response); ok && answer.stream != nil {
		c.stream = answer.stream
		return c
	}
	if c.socket.Use(nc) != nil {
		return c
	}
	if c.sealed = socket.Under(nc); c.sealed != nil {
		c.sealed.Attach(nc, func() { go c.flush() })
		return c
	}
	c.piped.samples = samples
	return c
}

// say has bytes written before the media that comes.
func (c *conn) say(b []byte) {
	c.mu.Lock()
	c.queue = append(c.queue, b...)
	c.tell()
}

// sayPong has a pong written, in place of one that waits.
func (c *conn) sayPong(payload []byte) {
	c.mu.Lock()
	c.pong = append(appendFrameHeader(c.pong[:0], opPong, len(payload)), payload...)
	c.tell()
}

// tell wakes the loop, and frees mu, which the caller holds.
func (c *conn) tell() {
	c.said.Store(true)
	wake := c.wake
	c.mu.Unlock()
	if wake != nil {
		wake()
	}
}

// Attach implements stream.Conn.
func (c *conn) Attach(wake func()) {
	c.mu.Lock()
	c.wake = wake
	c.mu.Unlock()
	if c.stream != nil {
		c.stream.Attach(wake)
	}
	wake()
}

// TakeQueued implements stream.Conn.
func (c *conn) TakeQueued(dst []byte) (out []byte, ok bool) {
	if !c.said.Load() {
		return dst, true // no lock to take, in nearly all rounds
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said.Store(false)
	return c.takeQueued(dst), true
}

// takeQueued empties the queue. The caller holds mu.
func (c *conn) takeQueued(dst []byte) []byte {
	dst = append(append(dst, c.queue...), c.pong...)
	c.queue, c.pong = nil, c.pong[:0]
	return dst
}

// TryWritev implements stream.Conn.
func (c *conn) TryWritev(bufs [][]byte) (n int, err error) {
	switch {
	case c.socket.Used():
		n, err = c.socket.Write(bufs)
	case c.sealed != nil:
		n, err = c.seal(bufs)
	case c.stream != nil:
		n, err = c.stream.TryWritev(bufs)
	default:
		n, err = c.fill(bufs)
	}
	c.sent.Add(uint64(n))
	return n, err
}

// TryWriteShared implements stream.Sharer: by HTTP/2, frames are laid out once for all
// viewers whose streams have the same number.
func (c *conn) TryWriteShared(bufs [][]byte, shared *stream.Shared) (n int, err error) {
	if c.stream == nil {
		return c.TryWritev(bufs)
	}
	if shared.Made == nil {
		shared.Made = new(http2.Laid)
	}
	laid, _ := shared.Made.(*http2.Laid) // nil: others have theirs
	n, err = c.stream.TryWriteLaid(bufs, laid)
	c.sent.Add(uint64(n))
	return n, err
}

// Detach implements stream.Conn.
func (c *conn) Detach(rest []byte) {
	if c.stream != nil {
		c.stream.Attach(nil)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wake, c.rest = nil, slices.Clip(rest) // what lies behind it in memory is others'
}

// Send implements stream.Conn. FLV has no words for what RTMP says of a player.
func (c *conn) Send(...*rtmp.Message) error { return nil }

// CloseWithError implements stream.Conn. The first one counts.
func (c *conn) CloseWithError(cause error) error {
	c.mu.Lock()
	if c.cause == nil {
		c.cause = cause
	}
	c.mu.Unlock()
	return c.socket.Close(c.nc.Close)
}

// hurry ends a write that waits for the peer, which has gone.
func (c *conn) hurry() {
	if c.sealed != nil {
		_ = c.CloseWithError(errGone) // its writes have a time of their own
		return
	}
	_ = c.nc.SetWriteDeadline(time.Unix(1, 0))
}

// write writes a message, behind what was said. There is no loop. It waits for the
// peer, which takes something within a time.
func (c *conn) write(message []byte, within time.Duration) error {
	if err := c.begin(within); err != nil {
		return err
	}
	defer c.done()
	c.mu.Lock()
	c.said.Store(false)
	head := c.takeQueued(nil)
	c.mu.Unlock()
	if err := c.writeAll(appendFrameHeader(head, opBinary, len(message)), within); err != nil {
		return err
	}
	return c.writeAll(message, within)
}

// end writes what is left, and last behind it, and tells the peer that nothing more
// comes. No loop has the connection any more. It waits for the peer, which takes
// something within a time.
func (c *conn) end(last []byte, within time.Duration) error {
	if err := c.begin(within); err != nil {
		return err
	}
	defer c.done()
	c.mu.Lock()
	b := c.takeQueued(c.rest)
	c.rest = nil
	c.mu.Unlock()
	if err := c.writeAll(append(b, last...), within); err != nil {
		return err
	}
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
