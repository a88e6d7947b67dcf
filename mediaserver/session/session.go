package session

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Errors of a Directory.
var (
	ErrNoApplication = errors.New("application is not defined here")
	ErrNoInstance    = errors.New("instance is not served here")
)

// Directory finds the instance that a connect names. It fails with
// ErrNoApplication or ErrNoInstance.
type Directory interface {
	Instance(application, name string) (*instance.Instance, error)
}

// Config of a session. The zero value works.
type Config struct {
	RTMP rtmp.Config
	Log  *slog.Logger
	// Refused is told why a connection never became a client, in a few fixed
	// words.
	Refused func(reason string)
	// PublisherIdle is how long a publisher may send nothing before it is told
	// so; default 30 s.
	PublisherIdle time.Duration
	// ConnectTimeout is how long a client may take from the handshake to its
	// connect; default 15 s.
	ConnectTimeout time.Duration
}

const (
	// shutdownGrace is how long a client that was told to go may take.
	shutdownGrace = 2 * time.Second
	// lingerFor is how long a client that was refused may take to close.
	lingerFor = 2 * time.Second
	// maxNetStreams bounds what createStream hands out on one connection.
	maxNetStreams = 256
	// defaultConnect is as much as clients take at most: what they have to say
	// then needs nothing from anybody.
	defaultConnect = 15 * time.Second
	// maxCalls bounds the calls of a client's methods that wait for an answer,
	// and callTimeout how long each of them does.
	maxCalls    = 256
	callTimeout = 30 * time.Second
	// defaultIdle is well above the seconds after which a silent publisher's
	// name may be taken, and below the minute after which a dead one is closed.
	defaultIdle = 30 * time.Second
)

// Session is one client connection.
type Session struct {
	id   string
	nc   net.Conn
	conn *rtmp.Conn
	dir  Directory
	cfg  Config
	log  *slog.Logger

	// ctx ends with the session: playbacks and waits hang on it.
	ctx    context.Context
	cancel context.CancelFunc

	// calls of the client's methods.
	calls     *rtmp.Calls
	measuring atomic.Bool // bandwidth, now

	leaving   atomic.Bool
	closeOnce sync.Once

	// Held by the goroutine of Serve. What a command may change is changed
	// with mu held, because the end of a playback comes from elsewhere.
	mu         sync.Mutex
	inst       *instance.Instance
	query      url.Values // of app and tcUrl
	streams    map[uint32]*netStream
	connected  bool
	reconnects bool // the client follows a ReconnectRequest
}

// New makes a session of a fresh connection. Serve runs it.
func New(nc net.Conn, dir Directory, cfg Config) *Session {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Refused == nil {
		cfg.Refused = func(string) {}
	}
	if cfg.PublisherIdle == 0 {
		cfg.PublisherIdle = defaultIdle
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = defaultConnect
	}
	ctx, cancel := context.WithCancel(context.Background())
	id := rand.Text()[:8] // FMS's client ids have eight characters
	conn := rtmp.NewServerConn(nc, cfg.RTMP)
	return &Session{
		id:      id,
		nc:      nc,
		conn:    conn,
		calls:   rtmp.NewCalls(conn, maxCalls, callTimeout),
		dir:     dir,
		cfg:     cfg,
		log:     cfg.Log.With("client", id, "address", nc.RemoteAddr().String()),
		ctx:     ctx,
		cancel:  cancel,
		streams: map[uint32]*netStream{},
	}
}

// ID implements instance.Client.
func (s *Session) ID() string { return s.id }

// Bytes implements instance.Client.
func (s *Session) Bytes() (in, out uint64) { return s.conn.BytesIn(), s.conn.BytesOut() }

// Serve runs the session to its end, which it logs. It returns when everything
// the client held is given back: publications ended, recordings finished.
func (s *Session) Serve() {
	defer s.cancel()
	defer s.Close()
	if err := aside(s.conn.Handshake); err != nil {
		// A probe of a load balancer connects and says nothing.
		if errors.Is(err, rtmp.ErrNoData) {
			s.cfg.Refused("closed before the handshake")
			s.log.Debug("closed before the handshake")
			return
		}
		s.cfg.Refused("handshake failed")
		s.log.Warn("handshake failed", "err", err)
		return
	}
	// Once connected, silence is a matter of pings, not of this timer. It has
	// the log of a client without a name: connect may be at the other's.
	nameless := s.log
	unconnected := time.AfterFunc(s.cfg.ConnectTimeout, func() {
		nameless.Warn("closed: no connect command came", "within", s.cfg.ConnectTimeout)
		s.Close()
	})
	started := time.Now()
	err := s.conn.Serve(func(m *rtmp.Message) error {
		e := s.handle(m)
		if s.connected && unconnected != nil {
			unconnected.Stop()
			unconnected = nil
		}
		return e
	})
	s.calls.Close()
	if unconnected != nil {
		unconnected.Stop()
		s.cfg.Refused("never connected to an instance")
	}
	s.mu.Lock()
	for _, ns := range s.streams {
		ns.end(false)
	}
	s.mu.Unlock()
	if s.inst != nil {
		s.inst.Disconnect(s)
	}
	s.logEnd(err, time.Since(started))
	if errors.Is(err, errRefused) {
		s.conn.Linger(lingerFor) // so that the reason arrives
	}
}

func (s *Session) logEnd(err error, d time.Duration) {
	in, out := s.Bytes()
	args := []any{"seconds", int(d.Seconds()), "received", in, "sent", out}
	switch {
	case s.leaving.Load(), err == nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, errRefused),
		// How most clients leave: without a word, and with bytes unread.
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		s.log.Info("disconnected", args...)
	default:
		s.log.Warn("disconnected", append(args, "err", err)...)
	}
}

// Close ends the connection at once. It may be called from any goroutine.
func (s *Session) Close() {
	s.closeOnce.Do(func() { s.conn.Close() })
}

// closed says whether the connection is.
func (s *Session) closed() bool {
	select {
	case <-s.conn.Closed():
		return true
	default:
		return false
	}
}

// Shutdown implements instance.Client: what plays stops, the client is told
// that the instance goes away, and the connection is closed when it leaves, or
// after a short grace. Publications are ended by Serve as it returns.
func (s *Session) Shutdown(reason string) {
	if s.leaving.Swap(true) {
		return
	}
	s.mu.Lock()
	for _, ns := range s.streams {
		ns.playlist = nil
		ns.stopPlaying()
	}
	reconnects := s.reconnects
	s.mu.Unlock()
	last := []*rtmp.Message{rtmp.Status(0, "error", "NetConnection.Connect.AppShutdown", reason, "clientid", s.id)}
	if reconnects {
		// First, so that it is not taken for a failure. Without a tcUrl it
		// means the address that the client came to: who is there next will
		// serve it.
		last = slices.Insert(last, 0, rtmp.Status(0, "status", "NetConnection.Connect.ReconnectRequest", reason))
	}
	if err := s.conn.Send(last...); err != nil {
		s.Close()
		return
	}
	// Half-closed, so that what was said arrives: closing at once with bytes
	// of a publisher unread would reset the connection.
	if err := s.conn.CloseWrite(); err != nil {
		s.Close()
		return
	}
	time.AfterFunc(shutdownGrace, s.Close)
}

// aside runs f on a stack of its own, and waits for it. A handshake or a command
// makes a stack grow to 8 KB, and the goroutine that reads would keep it for as
// long as the client stays: its own 4 KB are what thousands of players cost.
func aside(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return <-done
}

// errRefused ends the connection of a client that was told why.
var errRefused = errors.New("refused")

// handle takes one message. An error ends the connection.
func (s *Session) handle(m *rtmp.Message) error {
	switch m.Type {
	case rtmp.TypeAudio, rtmp.TypeVideo, rtmp.TypeData:
		return s.media(m)
	case rtmp.TypeCommand:
		cmd, err := rtmp.ParseCommand(m)
		if err != nil {
			return err
		}
		return aside(func() error {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.command(cmd)
		})
	case rtmp.TypeUserControl:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.userControl(m)
	default:
		// Shared objects and what is unknown: skipped, as FMS does.
		s.log.Debug("message skipped", "type", int(m.Type), "bytes", len(m.Payload))
		return nil
	}
}

func (s *Session) media(m *rtmp.Message) error {
	ns, ok := s.streams[m.StreamID]
	if !ok || ns.publication == nil {
		// Encoders send on while a refusal travels to them.
		return nil
	}
	if s.leaving.Load() {
		return nil
	}
	if m.Type == rtmp.TypeData && isClear(m.Payload) {
		return ns.clearData(m.Payload)
	}
	if err := ns.publication.Write(m); err != nil {
		return ns.takenOver(err)
	}
	return nil
}
