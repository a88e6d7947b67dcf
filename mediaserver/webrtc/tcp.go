package webrtc

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/pion/ice/v4"
)

const (
	// maxFirst bounds the first frame of a connection, in bytes: browsers' have some 120.
	maxFirst = 512
	// maxTCP is how many connections a session may have at once: clients try one for each
	// address of theirs, and keep one.
	maxTCP = 4
	// tcpBuffer is how many bytes may wait for a connection; what comes while it is full is
	// lost, as by UDP.
	tcpBuffer = 512 << 10
	// tcpWrite is how long a client may take for a packet.
	tcpWrite = 10 * time.Second
)

// TCP is for clients whose networks let no packets of UDP through: they connect, and send
// the same packets, each behind its length [RFC 4571, RFC 6544]. Whoever listens hands
// connections over: see Handler.TakeTCP.
type TCP struct {
	address *net.TCPAddr
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
	mux     *ice.TCPMuxDefault
}

// NewTCP is for connections that come to an address.
func NewTCP(address *net.TCPAddr) *TCP {
	t := &TCP{address: address, conns: make(chan net.Conn), closed: make(chan struct{})}
	t.mux = ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: door{t}, Logger: silent{}, ReadBufferSize: 32, WriteBufferSize: tcpBuffer,
		FirstStunBindTimeout: time.Second, AliveDurationForConnFromStun: time.Second, // both are here by then
	})
	return t
}

// Close ends all connections.
func (t *TCP) Close() { _ = t.mux.Close() }

// door is where pion takes connections: of those that have come, the ones that belong to a
// session.
type door struct{ *TCP }

// Accept implements net.Listener.
func (d door) Accept() (net.Conn, error) {
	select {
	case nc := <-d.conns:
		return nc, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// Addr implements net.Listener.
func (d door) Addr() net.Addr { return d.address }

// Close implements net.Listener.
func (d door) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// TakeTCP takes a connection over, whose client has until the connect timeout for the first
// frame: where that is no binding request for a session that there is, or the session has
// as many connections as one may have, it is closed. It waits for the frame alone.
func (h *Handler) TakeTCP(nc net.Conn) {
	t := h.opts.TCP
	if t == nil {
		_ = nc.Close()
		return
	}
	_ = nc.SetDeadline(time.Now().Add(h.opts.ConnectTimeout)) // a closed one fails below
	frame, err := firstFrame(nc)
	var p *peer
	if err == nil {
		p = h.bound(userOf(frame[frameHead:]))
	}
	if p == nil {
		_ = nc.Close()
		return
	}
	_ = nc.SetDeadline(time.Time{})
	c := &byTCP{Conn: nc, ahead: frame, left: sync.OnceFunc(func() { p.tcp.Add(-1) })}
	select {
	case t.conns <- c:
	case <-t.closed:
		_ = c.Close()
	}
}

// bound is the session that a user name is for, if it may have a connection more.
func (h *Handler) bound(user string) *peer {
	own, _, _ := strings.Cut(user, ":")
	h.mu.Lock()
	p := h.users[own]
	h.mu.Unlock()
	if p == nil {
		return nil
	}
	if p.tcp.Add(1) > maxTCP {
		p.tcp.Add(-1)
		return nil
	}
	return p
}

// frameHead is the length before a packet, big-endian.
const frameHead = 2

var errFrame = errors.New("this is no frame of STUN")

// firstFrame reads the first frame, with its length.
func firstFrame(r io.Reader) ([]byte, error) {
	b := make([]byte, frameHead, frameHead+maxFirst)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > maxFirst {
		return nil, errFrame
	}
	b = b[:frameHead+n]
	if _, err := io.ReadFull(r, b[frameHead:]); err != nil {
		return nil, err
	}
	if packet := b[frameHead:]; !plausible(packet) || packet[0] > 3 {
		return nil, errFrame
	}
	return b, nil
}

// userOf is the USERNAME of a binding request [RFC 8489 §5, §14.3]; "": it is something
// else, or has none.
func userOf(b []byte) string {
	const header, attribute, bindingRequest, username = 20, 4, 1, 6
	if len(b) < header || binary.BigEndian.Uint16(b) != bindingRequest {
		return ""
	}
	for b = b[header:]; len(b) >= attribute; {
		kind, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if b = b[attribute:]; n > len(b) {
			return ""
		}
		if kind == username {
			return string(b[:n])
		}
		b = b[min(len(b), (n+3)&^3):]
	}
	return ""
}

// byTCP is a connection that begins with what was read of it already.
type byTCP struct {
	net.Conn
	ahead []byte
	left  func()
}

// Read implements net.Conn.
func (c *byTCP) Read(b []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(b, c.ahead)
		c.ahead = c.ahead[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// Write implements net.Conn: who takes nothing is closed.
func (c *byTCP) Write(b []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(tcpWrite)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}

// Close implements net.Conn.
func (c *byTCP) Close() error {
	c.left()
	return c.Conn.Close()
}
