package console

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
)

// media serves a stream, live or recorded, to whoever has a session.
func (c *Console) media(w http.ResponseWriter, r *http.Request, of *login) {
	w.Header().Set("Cache-Control", "no-store")
	http.StripPrefix(strings.TrimSuffix(mediaPath, "/"), c.opts.Media).ServeHTTP(permitted{w, of}, r)
}

// permitted is an answer whose connection, where a stream has it for itself, is closed
// when the session ends.
type permitted struct {
	http.ResponseWriter
	of *login
}

// Unwrap is for http.ResponseController.
func (p permitted) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// Hijack implements http.Hijacker.
func (p permitted) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, buffered, err := http.NewResponseController(p.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	gone := make(chan struct{})
	go func() {
		select {
		case <-p.of.ended:
			_ = nc.Close() // who plays there sees that it is
		case <-gone:
		}
	}()
	return &permittedConn{nc, sync.OnceFunc(func() { close(gone) })}, buffered, nil
}

// permittedConn says when it is closed. It is a socket, as what it has is.
type permittedConn struct {
	net.Conn
	goes func()
}

// SyscallConn implements syscall.Conn.
func (c *permittedConn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// CloseWrite ends what the client reads, before Close ends all.
func (c *permittedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close implements net.Conn.
func (c *permittedConn) Close() error {
	defer c.goes()
	return c.Conn.Close()
}
