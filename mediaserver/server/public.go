package server

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/hls"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/public"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
	"flashpod.dev/flashpod/mediaserver/web/sdk"
	"flashpod.dev/flashpod/mediaserver/web/watch"
)

// publicPort is the server for web pages and HTTP players; the zero value is none.
type publicPort struct {
	listener net.Listener
	origins  origins
	http     *http.Server
	hls      *hls.Handler
}

func (s *Server) listenPublic() error {
	if s.cfg.WebAddress == "" {
		return nil
	}
	var err error
	if s.public.origins, err = newOrigins(s.cfg.WebOrigins, s.docs); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", s.cfg.WebAddress)
	if err != nil {
		return listenError("the web", "--web-address", s.cfg.WebAddress, err)
	}
	s.public.listener = ln
	return nil
}

// WebAddr is the address listened on for web pages and HTTP players, nil when there is
// none.
func (s *Server) WebAddr() net.Addr {
	if s.public.listener == nil {
		return nil
	}
	return s.public.listener.Addr()
}

// servePublic serves until the port is closed.
func (s *Server) servePublic(failed chan<- error) {
	p := &s.public
	if p.listener == nil {
		return
	}
	p.hls = hls.New(house{s}, hls.Options{Budget: s.cfg.Budgets.Segments})
	p.http = &http.Server{
		Handler:           public.Handler(public.Options{RTMP: s.serveInside, SDK: sdk.Handler(), Watch: watch.Handler(public.WatchPath, s.place), Streams: p.hls, Origins: s.originsAt}),
		ReadHeaderTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what strangers send
	}
	ln := &webListener{Listener: p.listener, s: s, floods: newFloods()}
	go func() {
		if err := p.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) && !s.draining.Load() {
			failed <- fmt.Errorf("serve the web on %s: %w", p.listener.Addr(), err)
		}
	}()
}

// webListener is a listener whose connections are counted as those of RTMP are.
type webListener struct {
	net.Listener
	s      *Server
	floods *floods
}

// Accept implements net.Listener.
func (l *webListener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.s.admit(nc, l.floods, func(nc net.Conn, _ *session.Refusal) { nc.Close() }) {
			return &webConn{Conn: nc, goes: sync.OnceFunc(func() { l.s.goes(nc) })}, nil
		}
	}
}

type webConn struct {
	net.Conn
	goes func()
}

// Close implements net.Conn.
func (c *webConn) Close() error {
	defer c.goes()
	return c.Conn.Close()
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
		nc.Close()
		return
	}
	defer s.sessions.Done()
	s.converse(nc, s.pageOf(r))
}

// stopPublic has nobody come any more; who is there goes on.
func (s *Server) stopPublic() {
	if s.public.listener != nil {
		s.public.listener.Close()
	}
	// Whoever has seen that the server does not drain is counted by now.
	s.mu.Lock()
	defer s.mu.Unlock()
}

// close ends what is still served. Requests that wait are answered before.
func (p *publicPort) close() {
	if p.http != nil {
		p.hls.Close()
		p.http.Close()
	}
}

// house is where HTTP finds streams.
type house struct{ s *Server }

// find is the instance that a path begins with, and the name of a stream in it. Of
// several that fit it is the one with the longest name. It is for whoever may play
// there: see mayWatch. Where a script decides who comes in, nobody comes past it.
func (h house) find(r *http.Request, path string) (i *instance.Instance, name string, err error) {
	i, name = h.locate(path)
	switch {
	case i == nil:
		return nil, "", hls.ErrNotFound
	case i.Scripted():
		return nil, "", &hls.Refusal{Status: http.StatusForbidden, Reason: "who may watch here is decided by the application's script, which knows no viewers by HTTP: play by RTMP, or by RTMP in a WebSocket at " + public.RTMPPath}
	}
	if err := mayWatch(r, i, name); err != nil {
		return nil, "", err
	}
	return i, name, nil
}

// locate is find, whoever asks; nil: there is no such instance.
func (h house) locate(path string) (i *instance.Instance, name string) {
	app, rest, ok := strings.Cut(path, "/")
	if !ok {
		return nil, ""
	}
	for at := strings.LastIndexByte(rest, '/'); at > 0 && i == nil; at = strings.LastIndexByte(rest[:at], '/') {
		i, name = h.s.running(app, rest[:at]), rest[at+1:]
	}
	if i == nil {
		i, name = h.s.running(app, defaultInstance), rest
	}
	return i, name
}

// place is where a stream is, or would be: an instance that does not run yet has the
// name that is longest, where it starts on demand.
func (s *Server) place(path string) watch.Place {
	app, rest, _ := strings.Cut(path, "/")
	i, name := house{s}.locate(path)
	if i != nil {
		return watch.Place{Application: app, Instance: i.Name(), Stream: name}
	}
	if at := strings.LastIndexByte(rest, '/'); at > 0 && s.onDemand[app] != nil {
		return watch.Place{Application: app, Instance: rest[:at], Stream: rest[at+1:]}
	}
	return watch.Place{Application: app, Instance: defaultInstance, Stream: rest}
}

// running is an instance that is loaded; nil: it is not.
func (s *Server) running(app, name string) *instance.Instance {
	if i := s.instances[app][name]; i != nil {
		return i
	}
	if d := s.onDemand[app]; d != nil {
		return d.running(name)
	}
	return nil
}

// Live implements hls.House.
func (h house) Live(r *http.Request, path string) (*stream.Stream, error) {
	i, name, err := h.find(r, path)
	if err != nil {
		return nil, err
	}
	if live := i.Live(name); live != nil {
		return live, nil
	}
	return nil, hls.ErrNotFound
}

// Recording implements hls.House.
func (h house) Recording(r *http.Request, path string) (*hls.Recording, error) {
	i, name, err := h.find(r, path)
	if err != nil {
		return nil, err
	}
	file, err := recorded(r, i, name)
	if err != nil {
		return nil, err
	}
	of, ok := file.Bytes.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		file.Close()
		return nil, fmt.Errorf("the file of %.100q cannot be looked at", name)
	}
	info, err := of.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &hls.Recording{
		File: file.File, Reader: file.Bytes, Size: info.Size(),
		Key: fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano()), Close: file.Close,
	}, nil
}

// watchers counts requests for recorded streams.
var watchers atomic.Uint64

// recorded opens a recorded stream as a player's is opened, in the order of those who
// ask the disk.
func recorded(r *http.Request, i *instance.Instance, name string) (*playback.File, error) {
	who := session.Client{ID: fmt.Sprint("http ", watchers.Add(1)), Address: r.RemoteAddr}
	answers := make(chan session.PlayAnswer, 1)
	i.Play(session.PlayRequest{Client: who, Name: name, From: session.RecordedOnly, Credentials: credentials(r)}, func(a session.PlayAnswer) { answers <- a })
	var a session.PlayAnswer
	select {
	case a = <-answers:
	case <-r.Context().Done():
		i.Withdraw(who)
		a = <-answers
	}
	why := a.Refusal
	if why == nil {
		return a.File, nil
	}
	switch why.Code {
	case session.RefusedNotFound, session.RefusedBadName:
		return nil, hls.ErrNotFound
	case session.RefusedDamaged:
		return nil, &hls.Refusal{Status: http.StatusUnsupportedMediaType, Reason: "the recording is damaged, or not what its name says"}
	}
	return nil, &hls.Refusal{Status: http.StatusServiceUnavailable, Reason: why.Error()}
}
