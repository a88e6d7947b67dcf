package http2

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/socket"
)

// stallTime is how long a client may take nothing of what is to be written, or leave
// net/http without a window.
const stallTime = 20 * time.Second

// Conn is a connection by TLS for a server of net/http that takes it for one without
// (http.Protocols.SetUnencryptedHTTP2). It closes one that does not speak HTTP/2.
type Conn struct {
	net.Conn // TLS, which net/http is not to find: it would take it for HTTP/1.1's
	sealed   sealed

	// mu guards what follows, up to the next line that is empty, and of each stream what
	// belongs to the connection. Nothing else is taken, and nobody called, while it is
	// held. What every write looks at lies together: among thousands of connections it
	// is in no cache.
	mu      sync.Mutex
	busy    bool               // somebody has the turn to write
	queue   int                // how many wait for it whom it was not handed yet
	waiting int                // streams that net/http lets go first
	untold  int                // those that wait for their turn, or for the connection's window, and were not told that it is there
	since   int                // bytes that net/http has written since one of them has
	window  int64              // of the connection: what may be sent, in bytes
	initial int64              // what windows of streams begin with, in bytes
	lent    int64              // what net/http takes the connection's for
	needs   int64              // what it waits for
	way     chan struct{}      // closed when one has written; nil: nobody waits
	grown   chan struct{}      // closed when there is more; nil: nobody waits
	most    int64              // no stream's window is more beyond initial
	streams map[uint32]*Stream // that are open

	stuck  atomic.Bool   // TLS has left something, and somebody is to send it
	turn   chan struct{} // by which it is handed to one that waits
	closed chan struct{}
	close  func() // closes that
	field  string // that has the number of a request's stream
	in     inbound
	out    outbound
}

// sealed is the socket below TLS: see [socket.Sealed].
type sealed interface {
	Writev(bufs [][]byte) (n int, full bool, err error)
	Drain(timeout time.Duration) error
}

// New puts a Conn above a TLS connection; nil where that has no socket that can be
// written to without waiting: see [socket.TLS]. Nobody else uses it any more.
func New(t *tls.Conn) *Conn {
	sealed := socket.Under(t)
	if sealed == nil {
		return nil
	}
	c := &Conn{
		Conn: t, sealed: sealed, field: "flashpod-" + strings.ToLower(rand.Text()),
		turn: make(chan struct{}, 1), closed: make(chan struct{}),
		streams: map[uint32]*Stream{}, initial: firstWindow, window: firstWindow, lent: firstWindow,
	}
	c.close = sync.OnceFunc(func() { close(c.closed) })
	sealed.Attach(t, func() {
		if !c.stuck.Swap(true) {
			go c.unstick()
		}
	})
	return c
}

// TLS is what the connection lies above. It may be asked what was agreed on.
func (c *Conn) TLS() *tls.Conn {
	t, _ := c.Conn.(*tls.Conn)
	return t
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	c.close()
	return c.Conn.Close()
}

// take waits for the turn to write. It fails when the connection is closed.
func (c *Conn) take() error {
	c.mu.Lock()
	if !c.busy {
		c.busy = true
		c.mu.Unlock()
		return nil
	}
	c.queue++
	c.mu.Unlock()
	select {
	case <-c.turn:
		return nil
	case <-c.closed:
	}
	c.mu.Lock()
	if c.queue > 0 {
		c.queue--
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.mu.Unlock()
	<-c.turn // it was handed meanwhile
	c.give()
	return net.ErrClosed
}

// give ends a turn, and has streams written that wait for one.
func (c *Conn) give() {
	c.mu.Lock()
	c.hand()
	wakes := c.wakes(forTurn)
	c.mu.Unlock()
	call(wakes)
}

// hand gives the turn to one that waits, or to nobody. The caller has it, and holds mu.
func (c *Conn) hand() {
	if c.queue == 0 {
		c.busy = false
		return
	}
	c.queue--
	c.turn <- struct{}{} // there is room: nobody else has the turn
}

// unstick sends what TLS has left, which no writer knows of.
func (c *Conn) unstick() {
	if c.take() == nil {
		c.stuck.Store(false)
		c.drain()
	}
}

// drain sends what the kernel has not taken, waits for the client, and gives back the
// turn, which is the caller's.
func (c *Conn) drain() {
	if err := c.sealed.Drain(stallTime); err != nil {
		_ = c.Close() // it does not take it
	}
	c.give()
}

type (
	connKey   struct{}
	streamKey struct{}
)

// WithConn is for http.Server.ConnContext: requests of a Conn are known by it.
func WithConn(ctx context.Context, c *Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// Handler makes the streams of requests known to h, for Take. What it is for net/http is
// seen by nobody.
func Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*Conn); ok {
			if s := c.named(r.Header); s != nil {
				r = r.WithContext(context.WithValue(r.Context(), streamKey{}, s))
			}
		}
		h.ServeHTTP(w, r)
	})
}
