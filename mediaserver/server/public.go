package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/hls"
	"flashpod.dev/flashpod/mediaserver/httpflv"
	"flashpod.dev/flashpod/mediaserver/httpmp4"
	"flashpod.dev/flashpod/mediaserver/public"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/web/sdk"
	"flashpod.dev/flashpod/mediaserver/web/studio"
	"flashpod.dev/flashpod/mediaserver/web/watch"
	"flashpod.dev/flashpod/mediaserver/webrtc"
)

// publicPort is the server for web pages and HTTP players; the zero value is none.
type publicPort struct {
	listener net.Listener
	secure   *handed // clients by TLS that speak HTTP; nil: there are none
	multi    *handed // those of HTTP/2, likewise
	origins  origins
	policy   public.PolicyFile
	http     *http.Server
	http2    *http.Server // for those of multi; nil: there are none
	hls      *hls.Handler // there before any instance, whose streams it may cut from the first on
	flv      *httpflv.Handler
	mp4      *httpmp4.Handler
	udp      *webrtc.Port    // nil: no WebRTC
	tcp      net.Listener    // of WebRTC by TCP, where it is not the web's
	tcpAt    *net.TCPAddr    // where that is, or would be; nil: nowhere
	rtc      *webrtc.Handler // as udp
}

// ServeHTTP implements http.Handler for what is a stream: its path says in which way.
func (p *publicPort) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, ok := httpflv.Match(r.URL.Path); ok {
		p.flv.ServeHTTP(w, r)
		return
	}
	// What HLS's own files are called, is theirs: no player could do without them.
	if _, _, hls := hls.Match(r.URL.Path); !hls {
		if _, ok := httpmp4.Match(r.URL.Path); ok {
			p.mp4.ServeHTTP(w, r)
			return
		}
	}
	p.hls.ServeHTTP(w, r)
}

func (s *Server) listenPublic() error {
	var err error
	if s.public.origins, err = newOrigins(s.cfg.WebOrigins, s.docs); err != nil {
		return err
	}
	s.public.policy = public.NewPolicyFile(s.allowedByAll())
	if s.cfg.WebAddress == "" {
		return nil
	}
	ln, err := net.Listen("tcp", s.cfg.WebAddress)
	if err != nil {
		return listenError("the web", "--web-address", s.cfg.WebAddress, err)
	}
	s.public.listener = ln
	return s.listenWebRTC()
}

// WebAddr is the address listened on for web pages and HTTP players, nil when there is
// none.
func (s *Server) WebAddr() net.Addr {
	if s.public.listener == nil {
		return nil
	}
	return s.public.listener.Addr()
}

// openStreams makes what serves streams, for the public port and for the console.
func (s *Server) openStreams() {
	s.public.mp4 = httpmp4.New(s.streams(), httpmp4.Options{Heads: s.cfg.Budgets.Heads, Turns: s.cfg.Budgets.Turns})
	s.public.flv = httpflv.New(s.streams(), httpflv.Options{Samples: s.cfg.Budgets.Samples})
}

// servePublic serves until the port is closed.
func (s *Server) servePublic(failed chan<- error) {
	p := &s.public
	if p.listener == nil {
		return
	}
	options := public.Options{
		RTMP: s.serveInside, SDK: sdk.Handler(), Streams: p, Origins: s.originsAt, Policy: p.policy,
		Watch: watch.Handler(public.WatchPath, s.place), Studio: studio.Handler(public.StudioPath, s.place),
	}
	if s.serveWebRTC() {
		options.Publish, options.Receive = p.rtc.Publish, p.rtc.Watch
	}
	p.http = &http.Server{
		Handler:           public.Handler(options),
		ReadHeaderTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what strangers send
		HTTP2:    boundsHTTP2(), ConnContext: withClient,
	}
	p.http.Handler = s.paidFor(p.http.Handler)
	ln := &webListener{Listener: p.listener, s: s, floods: newFloods()}
	if p.rtc != nil && p.tcpAt != nil && p.tcp == nil {
		ln.ice = p.rtc.TakeTCP
	}
	serve := func(by *http.Server, ln net.Listener) {
		if err := by.Serve(ln); !errors.Is(err, http.ErrServerClosed) && !s.draining.Load() {
			failed <- fmt.Errorf("serve the web on %s: %w", ln.Addr(), err)
		}
	}
	go serve(p.http, ln)
	if p.secure != nil {
		p.http2 = serverHTTP2(p.http)
		go serve(p.http, p.secure)
		go serve(p.http2, p.multi)
	}
}

// webListener is a listener whose connections are counted as those of RTMP are.
type webListener struct {
	net.Listener
	s      *Server
	floods *floods
	ice    func(net.Conn) // takes connections of WebRTC; nil: there are none
}

// Accept implements net.Listener.
func (l *webListener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.s.admit(nc, l.floods, func(nc net.Conn, _ *session.Refusal) { nc.Close() }) {
			c := newWebConn(nc, sync.OnceFunc(func() { l.s.goes(nc) }))
			if l.ice != nil {
				return &iceOrWeb{Conn: c, take: l.ice}, nil
			}
			return c, nil
		}
	}
}

// webConn is a connection that gives its place back when it is closed.
type webConn struct {
	net.Conn
	goes   func()        // nil: another does so
	turn   *budget.Turn  // in which what comes is read; nil: there is none
	closed chan struct{} // closed with it
	once   sync.Once
}

func newWebConn(nc net.Conn, goes func()) *webConn {
	return &webConn{Conn: nc, goes: goes, closed: make(chan struct{})}
}

// SyscallConn implements syscall.Conn, for whom the connection is a socket.
func (c *webConn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// CloseWrite ends what the client reads, before Close ends all.
func (c *webConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close implements net.Conn.
func (c *webConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.closed) })
	c.turn.End() // who read last may not read again
	if c.goes != nil {
		c.goes()
	}
	return err
}

// serveInside serves RTMP that comes inside of what a request has opened, until it ends.
func (s *Server) serveInside(nc net.Conn, r *http.Request) {
	s.mu.Lock()
	late := s.draining.Load()
	if !late {
		s.sessions.Add(1)
	}
	s.mu.Unlock()
	if late {
		public.Farewell(nc, &rtmp.Farewell{Why: rtmp.ErrGoingAway, Words: drainReason})
		nc.Close()
		return
	}
	defer s.sessions.Done()
	if r.TLS != nil {
		nc = &insideTLS{nc, *r.TLS}
	}
	s.converse(nc, s.pageOf(r), nil)
}

// stopPublic has nobody come any more. Who is there goes on.
func (s *Server) stopPublic() {
	if s.public.listener != nil {
		s.public.listener.Close()
	}
	if s.public.tcp != nil {
		s.public.tcp.Close()
	}
	if s.public.secure != nil {
		s.public.secure.close()
		s.public.multi.close()
	}
	if s.public.http2 != nil {
		goAway(s.public.http2)
	}
	// Whoever has seen that the server does not drain is counted by now.
	s.mu.Lock()
	defer s.mu.Unlock()
}

// dismissPublic has who watches a live stream go elsewhere; who is there for something
// else goes on.
func (s *Server) dismissPublic() {
	if s.public.flv != nil {
		s.public.flv.Shutdown()
	}
	if s.public.rtc != nil {
		s.public.rtc.Shutdown(s.ownsNothing())
	}
}

// close ends what is still served. Requests that wait are answered before.
func (p *publicPort) close() {
	p.hls.Close()
	if p.flv != nil {
		p.flv.Close()
		p.mp4.Close()
	}
	if p.rtc != nil {
		p.rtc.Close()
	}
	if p.http != nil {
		p.http.Close()
	}
	if p.http2 != nil {
		endHTTP2(p.http2)
	}
}
