package rtmp

import (
	"crypto/tls"
	"net"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/socket"
)

const (
	// recordSize is the most that one TLS record carries [RFC 8446 §5.1].
	recordSize = 16 << 10
	// sealAtOnce is how much is encrypted before the socket is asked to take it:
	// some records a write, and little to keep when it takes none of them.
	sealAtOnce = 4 * recordSize
	// sealedRoom is what those make, with headers, tags and a record that was
	// begun before its end.
	sealedRoom = sealAtOnce + 4<<10
	// maxSealed bounds what is kept for a peer that reads nothing: what it makes
	// this end say unasked, such as answers to new keys, comes on top.
	maxSealed = 2 * sealedRoom
)

// NewTLSListener is tls.NewListener for connections that are served from a
// fan-out loop: a Conn over one of them encrypts in the goroutine that writes,
// and hands records to the socket without waiting, as it does with plain bytes.
func NewTLSListener(ln net.Listener, cfg *tls.Config) net.Listener {
	return tls.NewListener(socketListener{ln}, cfg)
}

type socketListener struct{ net.Listener }

// Accept implements net.Listener.
func (l socketListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newTLSSocket(nc), nil
}

// newTLSSocket puts a tlsSocket between TLS and a connection that has a socket
// of its own; any other is returned as it is.
func newTLSSocket(nc net.Conn) net.Conn {
	s := &tlsSocket{Conn: nc}
	if s.socket.Use(nc) == nil {
		return nc
	}
	return s
}

// tlsSocket is the socket below a TLS connection. What TLS writes, records of
// media and its own alerts and answers alike, goes to the kernel at once as far
// as that takes it; the rest is kept, in order, for a flusher of the Conn above.
// So nobody waits under TLS's own lock, which a reader takes as well.
//
// As long as no Conn is above it, it is a plain net.Conn.
type tlsSocket struct {
	net.Conn
	socket socket.Socket
	tls    *tls.Conn
	stuck  func() // records are kept that no writer knows of; it must not wait
	gate   *gate  // what comes is decrypted when it is the peer's turn

	// mu is held while the kernel takes what it can at once; nothing else is
	// taken or called under it.
	mu        sync.Mutex
	kept      []byte // records, the rest of which the kernel has not taken
	sent      int    // bytes of kept that it has
	gathering bool   // a writer makes several records, and sends them together
	draining  bool   // a flusher writes; it alone may touch the socket
	err       error
}

var sealedBuffers = sync.Pool{New: func() any { return new([sealedRoom]byte) }}

// attachTLS puts a Conn above the tlsSocket of a TLS connection, and returns it;
// nil: it has none.
func attachTLS(nc net.Conn, gate *gate, stuck func()) *tlsSocket {
	t, ok := nc.(*tls.Conn)
	if !ok {
		return nil
	}
	s, ok := t.NetConn().(*tlsSocket)
	if !ok {
		return nil
	}
	s.tls, s.stuck, s.gate = t, stuck, gate
	return s
}

// Read implements net.Conn. Only the Conn above reads, in one goroutine.
func (s *tlsSocket) Read(b []byte) (int, error) {
	if s.gate == nil {
		return s.Conn.Read(b)
	}
	s.gate.leave()
	n, err := s.Conn.Read(b)
	s.gate.enter()
	return n, err
}

// Close implements net.Conn.
func (s *tlsSocket) Close() error { return s.socket.Close(s.Conn.Close) }

// SetDeadline implements net.Conn. Writes do not wait, and what is kept has
// deadlines of its own: those that TLS sets as it ends would cut it off.
func (s *tlsSocket) SetDeadline(t time.Time) error {
	if s.tls == nil {
		return s.Conn.SetDeadline(t)
	}
	return s.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn: see SetDeadline.
func (s *tlsSocket) SetWriteDeadline(t time.Time) error {
	if s.tls == nil {
		return s.Conn.SetWriteDeadline(t)
	}
	return nil
}

// Write takes records from TLS. It does not wait.
func (s *tlsSocket) Write(b []byte) (int, error) {
	if s.tls == nil {
		return s.Conn.Write(b)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	if s.err == nil && !s.gathering && !s.draining && len(s.kept) == 0 {
		n, s.err = s.socket.Write([][]byte{b})
	}
	if len(s.kept)+len(b)-n > maxSealed && s.err == nil {
		s.err = ErrSlow
	}
	if s.err != nil {
		return 0, s.err
	}
	if n == len(b) {
		return n, nil
	}
	if s.kept == nil {
		s.kept = sealedBuffers.Get().(*[sealedRoom]byte)[:0]
	}
	s.kept = append(s.kept, b[n:]...)
	if !s.gathering && !s.draining {
		s.stuck()
	}
	return len(b), nil
}

// failed is why nothing can be written any more; nil: it can.
func (s *tlsSocket) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// busy says whether records are kept, which go before all else.
func (s *tlsSocket) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err == nil && (s.draining || len(s.kept) > 0)
}

// write encrypts and sends as much of bufs as the socket takes without waiting,
// and up to sealAtOnce more, which is kept: full says so, and that drain is to
// be called. Two writes never run at once.
func (s *tlsSocket) write(bufs [][]byte) (n int, full bool, err error) {
	from := cursor{bufs: bufs}
	for from.more() {
		if ok, err := s.gather(); !ok {
			return n, err == nil, err
		}
		k, err := s.seal(&from, sealAtOnce)
		n += k
		full, failed := s.send()
		if err == nil {
			err = failed
		}
		if full || err != nil {
			return n, full, err
		}
	}
	return n, false, nil
}

// gather has records kept until send, unless some are already.
func (s *tlsSocket) gather() (ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gathering = s.err == nil && !s.draining && len(s.kept) == 0
	return s.gathering, s.err
}

// send hands the kernel what gather has collected, and says whether it left
// something.
func (s *tlsSocket) send() (full bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gathering = false
	if s.err != nil || s.draining {
		return s.draining, s.err
	}
	if s.sent, s.err = s.socket.Write([][]byte{s.kept}); s.err != nil {
		return false, s.err
	}
	if s.sent < len(s.kept) {
		return true, nil
	}
	release(s.kept)
	s.kept, s.sent = nil, 0
	return false, nil
}

// release gives a buffer back, unless it has outgrown sealedBuffers.
func release(b []byte) {
	if cap(b) == sealedRoom {
		sealedBuffers.Put((*[sealedRoom]byte)(b[:sealedRoom]))
	}
}

// seal encrypts up to limit bytes. Large pieces go from where they lie, small
// ones are put together first: every record costs a header, a tag and a call.
func (s *tlsSocket) seal(from *cursor, limit int) (n int, err error) {
	var stage *[recordSize]byte
	for n < limit && from.more() {
		piece := from.whole(recordSize, limit-n)
		if piece == nil {
			if stage == nil {
				stage, _ = stages.Get().(*[recordSize]byte)
				defer stages.Put(stage)
			}
			piece = stage[:from.copy(stage[:min(recordSize, limit-n)])]
		}
		if _, err = s.tls.Write(piece); err != nil {
			return n, err
		}
		n += len(piece)
	}
	return n, nil
}

var stages = sync.Pool{New: func() any { return new([recordSize]byte) }}

// drain sends what is kept, waiting for the peer: it takes something within
// every timeout. Two drains never run at once.
func (s *tlsSocket) drain(timeout time.Duration) error {
	for {
		s.mu.Lock()
		b, sent := s.kept, s.sent
		if s.err != nil || len(b) == 0 {
			if s.draining && s.err == nil {
				// A deadline that stays would end a later write.
				s.err = s.Conn.SetWriteDeadline(time.Time{})
			}
			s.draining = false
			defer s.mu.Unlock()
			return s.err
		}
		s.kept, s.sent, s.draining = nil, 0, true
		s.mu.Unlock()
		err := s.writeAll(b[sent:], timeout)
		release(b)
		if err != nil {
			s.fail(slow(err, timeout))
		}
	}
}

// fail keeps the first reason: those that follow come of it.
func (s *tlsSocket) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *tlsSocket) writeAll(b []byte, timeout time.Duration) error {
	for len(b) > 0 {
		if err := s.Conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
		n, err := s.Conn.Write(b[:min(len(b), flushPiece)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// writeWaiting encrypts and sends b, waiting for the peer.
func (s *tlsSocket) writeWaiting(b []byte, timeout time.Duration) error {
	for from := (cursor{bufs: [][]byte{b}}); from.more(); {
		if err := s.drain(timeout); err != nil {
			return err
		}
		ok, err := s.gather()
		switch {
		case err != nil:
			return err
		case !ok:
			continue // TLS has said something of its own meanwhile
		}
		_, err = s.seal(&from, sealAtOnce)
		s.mu.Lock()
		s.gathering = false
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return s.drain(timeout)
}

// cursor walks over buffers.
type cursor struct {
	bufs [][]byte
	at   int // in the first of them
}

func (c *cursor) more() bool {
	for len(c.bufs) > 0 && c.at == len(c.bufs[0]) {
		c.bufs, c.at = c.bufs[1:], 0
	}
	return len(c.bufs) > 0
}

// whole takes a piece that need not be copied: of at least size bytes, or the
// last; nil: there is none. The piece is limit bytes at most, and a multiple of
// size unless it is the last.
func (c *cursor) whole(size, limit int) []byte {
	b := c.bufs[0][c.at:]
	b = b[:min(len(b), limit)]
	if last := len(c.bufs) == 1; !last {
		b = b[:len(b)/size*size]
	}
	c.at += len(b)
	if len(b) == 0 {
		return nil
	}
	return b
}

// copy takes as much as fits.
func (c *cursor) copy(dst []byte) (n int) {
	for n < len(dst) && c.more() {
		k := copy(dst[n:], c.bufs[0][c.at:])
		n, c.at = n+k, c.at+k
	}
	return n
}
