package socket

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// ErrSlow says that the peer takes less than it is sent.
var ErrSlow = errors.New("peer is too slow")

const (
	// recordSize is the most that one TLS record carries [RFC 8446 §5.1].
	recordSize = 16 << 10
	// SealAtOnce is how much is encrypted before the socket is asked to take it:
	// some records a write, and little to keep when it takes none of them. A round
	// of a fan-out loop is to fit where it has a keyframe, too: a rest costs a write,
	// a packet and its acknowledgement more, and 64 KiB of records are a little more
	// than the kernel makes one packet of, so that they would cost two.
	SealAtOnce = 6 * recordSize
	// sealedRoom is what those make, with headers, tags and a record that was
	// begun before its end.
	sealedRoom = SealAtOnce + 4<<10
	// apart is where they begin in a page of memory: to copy to the same place of
	// another page, such as that where TLS makes them, takes a processor twice as long,
	// which mistakes what it reads for what it has just written.
	apart = 512
	// maxSealed bounds what is kept for a peer that reads nothing: what it makes
	// this end say unasked, such as answers to new keys, comes on top.
	maxSealed = 2 * sealedRoom
	// flushPiece is how much a flusher writes under one deadline: a peer that
	// takes anything at all is not timed out.
	flushPiece = 64 << 10
)

// TLS is tls.Server over a Sealed, where a connection has a socket of its own.
func TLS(nc net.Conn, cfg *tls.Config) *tls.Conn { return tls.Server(NewSealed(nc), cfg) }

// NewSealed puts a Sealed between TLS and a connection that has a socket of its own;
// any other is returned as it is.
func NewSealed(nc net.Conn) net.Conn {
	s := &Sealed{Conn: nc}
	if s.socket.Use(nc) == nil {
		return nc
	}
	return s
}

// Sealed is the socket below a TLS connection, for one that is served from a fan-out
// loop: who writes encrypts in its own goroutine, and hands records to the socket
// without waiting, as it does with plain bytes. What TLS writes, records of
// media and its own alerts and answers alike, goes to the kernel at once as far
// as that takes it; the rest is kept, in order, for a flusher of whoever is above it.
// So nobody waits under TLS's own lock, which a reader takes as well.
//
// As long as nobody is above it (see Attach), it is a plain net.Conn.
type Sealed struct {
	net.Conn
	socket Socket
	tls    io.Writer // nil: nobody is above
	stuck  func()    // records are kept that no writer knows of; it must not wait
	turn   Turn      // nil: none

	// mu is held while the kernel takes what it can at once; nothing else is
	// taken or called under it.
	mu        sync.Mutex
	kept      []byte // records, the rest of which the kernel has not taken
	sent      int    // bytes of kept that it has
	gathering bool   // a writer makes several records, and sends them together
	draining  bool   // a flusher writes; it alone may touch the socket
	err       error
}

var sealedBuffers = sync.Pool{New: func() any {
	return (*[sealedRoom]byte)(new([apart + sealedRoom]byte)[apart:])
}}

// Turn has what a peer sends decrypted when its turn has come. Leave ends the turn
// before more is waited for, and Enter waits for the next; the
// goroutine that reads calls both.
type Turn interface {
	Leave()
	Enter()
}

// Under is the Sealed of a TLS connection, or of what stands for one; nil: there is none.
func Under(nc net.Conn) *Sealed {
	t, ok := nc.(interface{ NetConn() net.Conn })
	if !ok {
		return nil
	}
	s, _ := t.NetConn().(*Sealed)
	return s
}

// Wait has what comes decrypted in turns from now on; nil: without. Nobody reads
// meanwhile.
func (s *Sealed) Wait(turn Turn) { s.turn = turn }

// Attach puts a connection above, to which t, the TLS connection, belongs from now on:
// it calls stuck when something is left for Drain that no writer knows of. stuck must
// not wait. Nobody reads or writes meanwhile.
func (s *Sealed) Attach(t io.Writer, stuck func()) { s.tls, s.stuck = t, stuck }

// Read implements net.Conn. One goroutine at a time reads.
func (s *Sealed) Read(b []byte) (int, error) {
	if s.turn == nil {
		return s.Conn.Read(b)
	}
	s.turn.Leave()
	n, err := s.Conn.Read(b)
	if n > 0 {
		s.turn.Enter()
	}
	return n, err
}

// Close implements net.Conn.
func (s *Sealed) Close() error { return s.socket.Close(s.Conn.Close) }

// SetDeadline implements net.Conn. Writes do not wait, and what is kept has
// deadlines of its own: those that TLS sets as it ends would cut it off.
func (s *Sealed) SetDeadline(t time.Time) error {
	if s.tls == nil {
		return s.Conn.SetDeadline(t)
	}
	return s.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn: see SetDeadline.
func (s *Sealed) SetWriteDeadline(t time.Time) error {
	if s.tls == nil {
		return s.Conn.SetWriteDeadline(t)
	}
	return nil
}

// Write takes records from TLS. It does not wait.
func (s *Sealed) Write(b []byte) (int, error) {
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

// Failed is why nothing can be written any more; nil: it can.
func (s *Sealed) Failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Busy says whether records are kept, which go before all else.
func (s *Sealed) Busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err == nil && (s.draining || len(s.kept) > 0)
}

// Writev encrypts and sends as much of bufs as the socket takes without waiting,
// and up to SealAtOnce more, which is kept: full says so, and that Drain is to
// be called. So of bufs that are no more than that it takes all or nothing. Two writes
// never run at once.
func (s *Sealed) Writev(bufs [][]byte) (n int, full bool, err error) {
	from := cursor{bufs: bufs}
	for from.more() {
		if ok, err := s.gather(); !ok {
			return n, err == nil, err
		}
		k, err := s.seal(&from, SealAtOnce)
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
func (s *Sealed) gather() (ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gathering = s.err == nil && !s.draining && len(s.kept) == 0
	return s.gathering, s.err
}

// send hands the kernel what gather has collected, and says whether it left
// something.
func (s *Sealed) send() (full bool, err error) {
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
func (s *Sealed) seal(from *cursor, limit int) (n int, err error) {
	var stage *[recordSize]byte
	for n < limit && err == nil && from.more() {
		piece := from.whole(limit - n)
		if piece == nil {
			if stage == nil {
				stage, _ = stages.Get().(*[recordSize]byte)
			}
			piece = stage[:from.copy(stage[:min(recordSize, limit-n)])]
		}
		if _, err = s.tls.Write(piece); err == nil {
			n += len(piece)
		}
	}
	if stage != nil {
		stages.Put(stage)
	}
	return n, err
}

var stages = sync.Pool{New: func() any { return new([recordSize]byte) }}

// Drain sends what is kept, waiting for the peer: it takes something within
// every timeout. Two Drains never run at once.
func (s *Sealed) Drain(timeout time.Duration) error {
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
			s.fail(Slow(err, timeout))
		}
	}
}

// fail keeps the first reason: those that follow come of it.
func (s *Sealed) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// Kept is how many bytes wait for the kernel to take them, and how much memory is held
// for them.
func (s *Sealed) Kept() (waiting, memory int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept) - s.sent, cap(s.kept)
}

// Unsent is how many bytes the kernel has taken and not sent yet.
func (s *Sealed) Unsent() int { return s.socket.Unsent() }

// Slow says of a write that timed out whose fault it is.
func Slow(err error, timeout time.Duration) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: it took nothing for %v", ErrSlow, timeout)
	}
	return err
}

func (s *Sealed) writeAll(b []byte, timeout time.Duration) error {
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

// WriteWaiting encrypts and sends b, waiting for the peer.
func (s *Sealed) WriteWaiting(b []byte, timeout time.Duration) error {
	for from := (cursor{bufs: [][]byte{b}}); from.more(); {
		if err := s.Drain(timeout); err != nil {
			return err
		}
		ok, err := s.gather()
		switch {
		case err != nil:
			return err
		case !ok:
			continue // TLS has said something of its own meanwhile
		}
		_, err = s.seal(&from, SealAtOnce)
		s.mu.Lock()
		s.gathering = false
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return s.Drain(timeout)
}
