package public

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// accept makes a connection of a request for a WebSocket: its frames are pieces of one
// stream of bytes. A read's deadline does not end it: see WhenSilent. The caller closes
// it. An error was told to the client.
func accept(w http.ResponseWriter, r *http.Request) (*framed, error) {
	below := &below{ResponseWriter: w}
	c, err := websocket.Accept(below, r, &websocket.AcceptOptions{
		Subprotocols:       []string{"binary"}, // what proxies of sockets are asked for
		InsecureSkipVerify: true,               // the origin was looked at
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, fmt.Errorf("accept a WebSocket: %w", err)
	}
	nc := websocket.NetConn(context.WithoutCancel(r.Context()), c, websocket.MessageBinary)
	return &framed{Conn: nc, frames: c, below: below.conn, done: make(chan struct{})}, nil
}

// below is an answer that keeps hold of the connection that is taken from it.
type below struct {
	http.ResponseWriter
	conn *patient
}

// Hijack implements http.Hijacker.
func (b *below) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := http.NewResponseController(b.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	b.conn = &patient{Conn: nc}
	return b.conn, rw, nil
}

// patient is the connection under a WebSocket, which takes any error of a read for the
// connection's end: that its time is over it is told only where nobody wants to wait on.
type patient struct {
	net.Conn
	silent atomic.Pointer[func() error] // of who reads, until bye
	bye    atomic.Bool                  // what is read is no concern of theirs any more
}

// Read implements net.Conn. One goroutine at a time reads.
func (p *patient) Read(b []byte) (int, error) {
	for {
		n, err := p.Conn.Read(b)
		silent := p.silent.Load()
		if n > 0 || silent == nil || p.bye.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if err := (*silent)(); err != nil {
			return 0, err
		}
	}
}

// lastTime is how long a page may take to answer a close frame that goes before the end of
// its connection. Nothing but the socket waits for it.
const lastTime = 2 * time.Second

// framed is a WebSocket as a connection, whose reads have the deadlines of what is under
// it: those of websocket.NetConn close it. It ends as RFC 6455 has it (§7.1.2), with a
// close frame that says why, and without waiting for the page.
type framed struct {
	net.Conn
	frames *websocket.Conn
	below  *patient

	why     atomic.Pointer[error]
	reading atomic.Bool
	over    atomic.Bool // Close was called
	last    sync.Once   // the close frame
	end     sync.Once
	done    chan struct{} // closed when its socket is
}

// Farewell has the close frame say why; see rtmp.Conn. The first one counts.
func (f *framed) Farewell(why error) { f.why.CompareAndSwap(nil, &why) }

// Read implements net.Conn. A page that closes has come to its end, whatever it says of it.
func (f *framed) Read(b []byte) (int, error) {
	f.reading.Store(true)
	defer f.reading.Store(false)
	if !f.over.Load() {
		n, err := f.Conn.Read(b)
		if !f.over.Load() {
			if websocket.CloseStatus(err) != -1 {
				err = io.EOF
			}
			return n, err
		}
	}
	_ = f.below.SetReadDeadline(time.Now().Add(lastTime)) // what comes now is the close frame's
	return 0, net.ErrClosed
}

// CloseWrite tells the page that nothing more comes, and why. What it still says is read;
// its answer ends that.
func (f *framed) CloseWrite() error {
	f.last.Do(func() { go f.bye(false) })
	return nil
}

// Close implements net.Conn. A page that was not told why yet is told so, where its socket
// takes it: nobody waits for that.
func (f *framed) Close() error {
	f.end.Do(func() {
		f.over.Store(true)
		if f.reading.Load() {
			_ = f.below.SetReadDeadline(time.Now()) // which ends the read, and sets another
		}
		told := true
		f.last.Do(func() {
			told = false
			go f.bye(true)
		})
		if told {
			time.AfterFunc(lastTime, func() { f.below.Close() })
		}
	})
	return nil
}

// bye says why, and waits a few seconds for the page to answer; lastTime, where nobody else
// does any more.
func (f *framed) bye(alone bool) {
	defer close(f.done)
	f.below.bye.Store(true)
	if alone {
		_ = f.below.SetWriteDeadline(time.Now().Add(lastTime))
		defer time.AfterFunc(lastTime, func() { f.below.Close() }).Stop()
	}
	code, reason := websocket.StatusNormalClosure, ""
	if why := f.why.Load(); why != nil {
		code, reason = closing(*why)
	}
	_ = f.frames.Close(code, reason)
	f.below.Close()
}

// WhenSilent has a function called when a read's deadline has passed, by whoever reads. It
// sets another and returns nil, and the read goes on; or an error, which ends it. It is to
// be called before the reads; nil: the deadline ends the connection.
func (f *framed) WhenSilent(silent func() error) {
	if silent == nil {
		f.below.silent.Store(nil)
		return
	}
	f.below.silent.Store(&silent)
}

// SetReadDeadline implements net.Conn.
func (f *framed) SetReadDeadline(t time.Time) error { return f.below.Conn.SetReadDeadline(t) }

// SetDeadline implements net.Conn.
func (f *framed) SetDeadline(t time.Time) error {
	if err := f.SetWriteDeadline(t); err != nil {
		return err
	}
	return f.SetReadDeadline(t)
}
