package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/socket"
)

// handshakeTime is how long a client may take for the handshake of TLS and the first
// byte behind it.
const handshakeTime = 10 * time.Second

// protocol is what a client speaks inside of TLS.
type protocol int

const (
	speaksRTMP protocol = iota
	speaksHTTP
)

// httpProtocols are the protocols of ALPN that are HTTP, the best first [RFC 7301 §6,
// RFC 9113 §3.1].
var httpProtocols = []string{"h2", "http/1.1"}

// firstByte is what a client speaks whose first byte it is. RTMP begins with its
// version, which is 3, or 6 and more where it is encrypted [SPEC §5.2.2], and HTTP with
// the name of a method [RFC 9110 §9.1].
func firstByte(b byte) protocol {
	if b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' {
		return speaksHTTP
	}
	return speaksRTMP // which says what is wrong with all else
}

// serveTLS serves a connection by TLS: its client says what it speaks.
func (s *Server) serveTLS(nc net.Conn) {
	defer s.sessions.Done()
	goes := sync.OnceFunc(func() { s.goes(nc) })
	c := newWebConn(nc, nil)
	t, speaks, err := s.openTLS(c)
	switch {
	case err != nil:
		_ = c.Close() // its client was told, as far as TLS has words for it
		goes()
		s.failedTLS(nc, err)
	case speaks == speaksHTTP:
		c.goes = goes
		if multi := speaksHTTP2(t); multi != nil {
			s.public.multi.give(multi)
			return
		}
		s.public.secure.give(t)
	default:
		defer goes()
		s.converse(t, "", s.socketPolicy(nc))
	}
}

// refuseTLS is refuse for a client by TLS.
func (s *Server) refuseTLS(nc net.Conn, why *session.Refusal) {
	s.inWords(nc, func() {
		c := newWebConn(nc, nil)
		t, speaks, err := s.openTLS(c)
		if err != nil || speaks == speaksHTTP {
			_ = c.Close() // as at the port of HTTP alone
			return
		}
		s.sayNoPlace(t, why)
	})
}

// errSilent says that a client by TLS has gone, or let its time pass, and said nothing.
var errSilent = errors.New("it said nothing")

// openTLS exchanges handshakes of TLS with a client, and finds out what it speaks. What
// it says is decrypted in its turns, now and by who serves HTTP.
func (s *Server) openTLS(c *webConn) (net.Conn, protocol, error) {
	t := socket.TLS(c, s.tls)
	r := &reading{turn: s.cfg.Budgets.Turns.For(c.RemoteAddr().String()), gone: c.closed}
	c.turn = r.turn
	if sealed := socket.Under(t); sealed != nil {
		sealed.Wait(r)
	}
	defer r.Leave()
	within := s.cfg.handshakeTime
	if !s.cert.have() {
		within = min(within, refuseTimeout)
	}
	ctx, cancel := context.WithTimeout(s.cut, within)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, 0, r.failed(ctx, err)
	}
	switch p := t.ConnectionState().NegotiatedProtocol; {
	case p != "":
		return t, speaksHTTP, nil
	case s.public.secure == nil:
		return t, speaksRTMP, nil // nothing to tell apart
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	r.heard = false
	first := make([]byte, 1)
	if _, err := io.ReadFull(t, first); err != nil {
		stop()
		return nil, 0, r.failed(ctx, err)
	}
	if !stop() {
		return nil, 0, r.failed(ctx, context.Cause(ctx))
	}
	return &peeked{t, first}, firstByte(first[0]), nil
}

// failedTLS says of a client that did not come in why.
func (s *Server) failedTLS(nc net.Conn, err error) {
	switch {
	case errors.Is(err, errNoCertificate):
		s.count("no certificate")
		s.cert.turnedAway(nc.RemoteAddr().String())
	case errors.Is(err, errSilent): // a probe of a load balancer connects and says nothing
		s.count("closed before the handshake")
		s.log.Debug("closed before the handshake", "address", nc.RemoteAddr().String())
	default:
		s.count("handshake failed")
		s.log.Warn("handshake failed", "address", nc.RemoteAddr().String(), "err", err)
	}
}

// reading has what a client says by TLS decrypted when its turn has come. It belongs to
// the goroutine that reads.
type reading struct {
	turn  *budget.Turn
	gone  <-chan struct{}
	heard bool // something has come
}

// Leave implements socket.Turn.
func (r *reading) Leave() { r.turn.End() }

// Enter implements socket.Turn.
func (r *reading) Enter() {
	r.heard = true
	r.turn.Rest(r.gone)
}

// failed is why a handshake did: errSilent where nothing has come.
func (r *reading) failed(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, errNoCertificate):
		return err
	case !r.heard && (ctx.Err() != nil || errors.Is(err, io.EOF)):
		return errSilent
	case ctx.Err() != nil:
		return errors.Join(errors.New("the handshake of TLS did not come to its end in time"), ctx.Err())
	}
	return err
}

// peeked is a TLS connection whose first byte was looked at.
type peeked struct {
	*tls.Conn
	first []byte
}

// Read implements net.Conn.
func (p *peeked) Read(b []byte) (int, error) {
	if len(p.first) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// handed is a listener of connections that another has accepted.
type handed struct {
	conns  chan net.Conn
	addr   net.Addr
	closed chan struct{}
	close  func()
}

func newHanded(addr net.Addr) *handed {
	closed := make(chan struct{})
	return &handed{conns: make(chan net.Conn), addr: addr, closed: closed, close: sync.OnceFunc(func() { close(closed) })}
}

// give hands a connection to who accepts, or closes it when nobody does any more.
func (h *handed) give(nc net.Conn) {
	select {
	case h.conns <- nc:
	case <-h.closed:
		_ = nc.Close() // nobody is left to serve it
	}
}

// Accept implements net.Listener.
func (h *handed) Accept() (net.Conn, error) {
	select {
	case nc := <-h.conns:
		return nc, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handed) Close() error {
	h.close()
	return nil
}

// Addr implements net.Listener.
func (h *handed) Addr() net.Addr { return h.addr }

// withHTTP is a configuration that agrees on a protocol of HTTP with clients that name
// one, and on nothing with others, for whom it is rtmps: they are not refused. Keys of
// tickets are those of the configuration that a listener has, so that it is the one
// with tickets.
func withHTTP(rtmps *tls.Config) *tls.Config {
	http := rtmps.Clone()
	http.NextProtos = httpProtocols
	http.SessionTicketsDisabled = false // pages connect often
	http.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		for _, p := range hello.SupportedProtos {
			if slices.Contains(httpProtocols, p) {
				return nil, nil // the one that is
			}
		}
		return rtmps, nil
	}
	return http
}
