package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/http2"
	"flashpod.dev/flashpod/mediaserver/public"
)

// boundsHTTP2 is what a client may have of HTTP/2 [RFC 9113], beside what net/http does
// by itself against clients that reset streams as fast as they open them, and make it
// answer. Nobody sends a body here.
func boundsHTTP2() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams: 100, // the least that is recommended [§6.5.2]
		MaxReadFrameSize:     maxHeader, MaxDecoderHeaderTableSize: 4 << 10, MaxEncoderHeaderTableSize: 4 << 10,
		MaxReceiveBufferPerConnection: 64 << 10, MaxReceiveBufferPerStream: 16 << 10,
		SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second, WriteByteTimeout: 20 * time.Second,
	}
}

// serverHTTP2 serves clients of HTTP/2 by TLS as by does: answers of theirs may be written
// by others.
func serverHTTP2(by *http.Server) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true) // what is below is not its business
	return &http.Server{
		Handler: http2.Handler(by.Handler), Protocols: protocols, HTTP2: by.HTTP2, ErrorLog: by.ErrorLog,
		ReadHeaderTimeout: by.ReadHeaderTimeout, IdleTimeout: by.IdleTimeout, MaxHeaderBytes: by.MaxHeaderBytes,
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			if c, ok := nc.(*http2.Conn); ok {
				ctx = http2.WithConn(by.ConnContext(ctx, c.TLS()), c)
			}
			return ctx
		},
	}
}

// goAway has clients of HTTP/2 end what they have begun, and begin no more on connections
// that are there: by HTTP/1.1 there would be no such word. It does not wait.
func goAway(s *http.Server) {
	at, now := context.WithCancel(context.Background())
	now()
	_ = s.Shutdown(at) // which says that it does not wait
}

// lastWords is how long net/http may take to write the ends of answers whose handlers have
// returned, which it does by itself, and for clients that were told to go to do so.
const lastWords = 2 * time.Second

// endHTTP2 cuts off what is still served then.
func endHTTP2(s *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	_ = s.Shutdown(ctx) // what is not done in time is closed
	s.Close()
}

// speaksHTTP2 is a connection by TLS whose client has agreed to HTTP/2; nil: to something
// else, or net/http has to see TLS itself.
func speaksHTTP2(nc net.Conn) net.Conn {
	t, ok := nc.(*tls.Conn)
	if !ok || t.ConnectionState().NegotiatedProtocol != httpProtocols[0] {
		return nil
	}
	if c := http2.New(t); c != nil {
		return c
	}
	return nil
}

// webClient is a connection of HTTP by TLS.
type webClient struct {
	state func() tls.ConnectionState
	busy  atomic.Bool // a request has the connection's own place
}

// clientKey is what a request's context has its webClient under.
type clientKey struct{}

// withClient is http.Server.ConnContext.
func withClient(ctx context.Context, nc net.Conn) context.Context {
	if t, ok := nc.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return context.WithValue(ctx, clientKey{}, &webClient{state: t.ConnectionState})
	}
	return ctx
}

// paidFor has each request of a connection of HTTP/2 count as a connection as long as it
// is answered: by HTTP/1.1 it would have been one. One of them has the place of the
// connection itself.
func (s *Server) paidFor(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(clientKey{}).(*webClient)
		if !ok {
			h.ServeHTTP(w, r)
			return
		}
		if r.TLS == nil { // net/http did not see it
			state := c.state()
			r.TLS = &state
		}
		if r.ProtoMajor > 1 {
			if c.busy.CompareAndSwap(false, true) {
				defer c.busy.Store(false)
			} else {
				if why := s.enter(r.RemoteAddr, 0, nil); why != nil {
					w.Header().Set("Retry-After", "10")
					http.Error(w, why.Reason, http.StatusServiceUnavailable)
					return
				}
				defer s.leave(r.RemoteAddr, 0)
			}
		}
		h.ServeHTTP(w, r)
	})
}

// insideTLS is a connection inside of what a request by TLS has opened.
type insideTLS struct {
	net.Conn
	state tls.ConnectionState
}

// ConnectionState is that of the request's connection.
func (c *insideTLS) ConnectionState() tls.ConnectionState { return c.state }

// Farewell is that of what is inside, which tells it in its own way.
func (c *insideTLS) Farewell(why error) { public.Farewell(c.Conn, why) }

// CloseWrite is likewise.
func (c *insideTLS) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// WhenSilent is that of what is inside, whose reads a deadline would end.
func (c *insideTLS) WhenSilent(silent func() error) {
	if inside, ok := c.Conn.(interface{ WhenSilent(silent func() error) }); ok {
		inside.WhenSilent(silent)
	}
}
