package public

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/coder/websocket"
)

// accept makes a connection of a request for a WebSocket: its frames are pieces of one
// stream of bytes. A read's deadline does not end it: see WhenSilent. The caller closes
// both. An error was told to the client.
func accept(w http.ResponseWriter, r *http.Request) (net.Conn, *websocket.Conn, error) {
	below := &below{ResponseWriter: w}
	c, err := websocket.Accept(below, r, &websocket.AcceptOptions{
		Subprotocols:       []string{"binary"}, // what proxies of sockets are asked for
		InsecureSkipVerify: true,               // the origin was looked at
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("accept a WebSocket: %w", err)
	}
	nc := websocket.NetConn(context.WithoutCancel(r.Context()), c, websocket.MessageBinary)
	return &framed{nc, below.conn}, c, nil
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
	silent func() error
}

// Read implements net.Conn. One goroutine at a time reads.
func (p *patient) Read(b []byte) (int, error) {
	for {
		n, err := p.Conn.Read(b)
		if n > 0 || p.silent == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if err := p.silent(); err != nil {
			return 0, err
		}
	}
}

// framed is a WebSocket as a connection, whose reads have the deadlines of what is under
// it: those of websocket.NetConn close it.
type framed struct {
	net.Conn
	below *patient
}

// WhenSilent has a function called when a read's deadline has passed, by whoever reads. It
// sets another and returns nil, and the read goes on; or an error, which ends it. It is to
// be called before the reads; nil: the deadline ends the connection.
func (f *framed) WhenSilent(silent func() error) { f.below.silent = silent }

// SetReadDeadline implements net.Conn.
func (f *framed) SetReadDeadline(t time.Time) error { return f.below.Conn.SetReadDeadline(t) }

// SetDeadline implements net.Conn.
func (f *framed) SetDeadline(t time.Time) error {
	if err := f.SetWriteDeadline(t); err != nil {
		return err
	}
	return f.SetReadDeadline(t)
}
