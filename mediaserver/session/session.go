package session

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// Config of a session. The zero value works.
type Config struct {
	RTMP rtmp.Config
	Log  *slog.Logger
	// Budgets bound what the client makes the process spend; nil: nothing does.
	Budgets *budget.Budgets
	// Refused is told why a connection never became a client, in a few fixed
	// words.
	Refused func(reason string)
	// Origin is the web page [RFC 6454] that the connection comes from, where instances
	// have a say in that; "": from no page, or from one that all let in.
	Origin string
	// ServerName is what the client has called this server in the handshake of TLS; "":
	// nothing.
	ServerName string
	// PublisherIdle is how long a publisher may send nothing before it is told
	// so; default 30 s.
	PublisherIdle time.Duration
	// ConnectTimeout is how long a client may take from the handshake to its
	// connect; default 15 s. Where what it has sent waits for its turn, it has as long again,
	// a few times.
	ConnectTimeout time.Duration
	// PendingTimeout is how long a connect, publish or play may wait for the
	// instance's answer; default 30 s.
	PendingTimeout time.Duration
	// ConnectPending is the same of a connect, where that may take longer; default
	// PendingTimeout.
	ConnectPending time.Duration
	// LastWords is how long what a client that is connected has said before it went may
	// wait for the instance; default 10 s.
	LastWords time.Duration
}

const (
	// shutdownGrace is how long a client that was told to go may take.
	shutdownGrace = 2 * time.Second
	// lingerFor is how long a client that was refused may take to close.
	lingerFor = 2 * time.Second
	// silentFor is the same for a client of which nothing has come for a while. Its
	// network may be away: what it is told waits in the socket, and arrives when the
	// network is back, unless the socket is closed by then.
	silentFor = time.Minute
	// defaultLastWords is as long as an edge waits for its origin, and lastConnect how long
	// a client that has gone may still be let in.
	defaultLastWords = 10 * time.Second
	lastConnect      = 2 * time.Second
	// maxNetStreams bounds what createStream hands out on one connection.
	maxNetStreams = 256
	// defaultConnect is as much as clients take at most: what they have to say
	// then needs nothing from anybody.
	defaultConnect = 15 * time.Second
	// defaultPending is more than it takes to start an instance.
	defaultPending = 30 * time.Second
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
	conn *rtmp.Conn
	dir  Directory
	cfg  Config

	// ctx ends with the connection, or soon after: requests that wait for an
	// answer hang on it.
	ctx    context.Context
	cancel context.CancelFunc
	// there ends before ctx: when nothing more can come from the client. It is no child of
	// ctx, which would keep a map for it.
	there context.Context
	gone  context.CancelFunc

	turns   turns
	reading *budget.Turn // of the goroutine that reads, as long as nothing is published
	calls   *rtmp.Calls  // of the client's methods
	// objects has a place for each message about a shared object that is under way from
	// the client, and window is what is on its way to it.
	objects      places
	window       sharedobject.Window
	objectsTaken func(bytes int) // window.Taken

	early early // what the instance says to a client that is not let in yet
	// calling has a place for each call that is under way from the client.
	calling places

	leaving    atomic.Bool  // the client was told to go, or refused: it is not heard any more
	cut        atomic.Bool  // nobody waits for it: see Cut
	largest    atomic.Int64 // message of the client, since it was let in; 0 before
	connected  atomic.Bool  // an instance has let the client in
	reconnects atomic.Bool  // the client follows a ReconnectRequest

	// publishing has the publications by message stream id, for the goroutine
	// that reads. It is replaced, never changed, and only in a turn.
	publishing atomic.Pointer[map[uint32]*publishing]

	// Used in turns only.
	log        *slog.Logger
	client     Client
	to         target       // that it has connected to
	inst       Instance     // nil until connected
	scripted   bool         // and answers calls
	query      url.Values   // of app and tcUrl
	takes      tracks.Takes // of what it plays
	streams    map[uint32]*netStream
	unfinished []unfinished // publications that take long to end; used in turns
	amf3       bool         // the client understands it
	measuring  bool         // bandwidth, now
	maxMessage int          // bytes of a command
	wrongKeys  int          // that the client has shown, one after another
	answerSize int64        // bytes of the answer that is handed on
}

// New makes a session of a fresh connection. Serve runs it.
func New(nc net.Conn, dir Directory, cfg Config) *Session {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Refused == nil {
		cfg.Refused = func(string) {}
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&cfg.PublisherIdle, defaultIdle)
	def(&cfg.ConnectTimeout, defaultConnect)
	def(&cfg.PendingTimeout, defaultPending)
	def(&cfg.ConnectPending, cfg.PendingTimeout)
	def(&cfg.LastWords, defaultLastWords)
	ctx, cancel := context.WithCancel(context.Background())
	there, gone := context.WithCancel(context.Background())
	id := rand.Text()[:8] // FMS's client ids have eight characters
	if cfg.Budgets != nil {
		cfg.RTMP.Answers = cfg.Budgets.Answers
	}
	conn := rtmp.NewServerConn(nc, cfg.RTMP)
	s := &Session{
		conn:    conn,
		calls:   rtmp.NewCalls(conn, maxCalls, callTimeout),
		dir:     dir,
		cfg:     cfg,
		log:     cfg.Log.With("client", id, "address", nc.RemoteAddr().String()),
		client:  Client{ID: id, Address: nc.RemoteAddr().String()},
		ctx:     ctx,
		cancel:  cancel,
		there:   there,
		gone:    gone,
		streams: map[uint32]*netStream{},
	}
	if b := cfg.Budgets; b != nil {
		s.reading = b.Turns.For(s.client.Address)
		s.turns.own = b.Turns.For(s.client.Address)
		s.window.Budget = b.ObjectAnswers
		s.early.budget = b.Answers
	}
	s.objectsTaken = s.window.Taken
	s.turns.gone = ctx.Done()
	s.stand()
	conn.BeforeTooBig(s.settle)
	return s
}

// Bytes implements Peer.
func (s *Session) Bytes() (in, out uint64) { return s.conn.BytesIn(), s.conn.BytesOut() }

// Serve runs the session to its end, which it logs. It returns when everything
// the client held is given back: publications ended, recordings finished.
func (s *Session) Serve() {
	defer s.cancel()
	defer s.gone()
	defer s.turns.end()
	defer s.Close()
	log := s.log // of a client without a name: in a turn it may get one
	if err := aside(s.conn.Handshake); err != nil {
		// A probe of a load balancer connects and says nothing.
		if errors.Is(err, rtmp.ErrNoData) {
			s.cfg.Refused("closed before the handshake")
			log.Debug("closed before the handshake")
			return
		}
		if errors.Is(err, rtmp.ErrPolicyRequest) {
			s.cfg.Refused("asked for a policy file")
			log.Debug("asked for a policy file")
			return
		}
		s.cfg.Refused("handshake failed")
		s.conn.Farewell(err)
		log.Warn("handshake failed", "err", err)
		return
	}
	r := reader{s: s}
	// Once connect has come, silence is a matter of pings, not of this timer.
	r.unconnected = time.AfterFunc(s.cfg.ConnectTimeout, func() { r.late(log, 1) })
	started := time.Now()
	err := s.conn.Serve(r.handle)
	s.conn.Farewell(err)
	s.gone()
	r.connects()
	s.calls.Close()
	ended := make(chan struct{})
	s.turns.post(func() { defer close(ended); s.end(err, time.Since(started)) })
	s.lastWords(ended)
}

// lastWords has what the client said before it went be done, before the session ends.
func (s *Session) lastWords(ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-time.After(lastConnect):
	}
	for began, before := time.Now(), s.arrived(); s.connected.Load() && !s.leaving.Load() && time.Since(began) < closeMost; {
		select {
		case <-ended:
			return
		case <-s.ctx.Done():
		case <-time.After(s.cfg.LastWords):
		}
		arrived := s.arrived()
		if arrived == before {
			break // nothing that it has published gets on
		}
		before = arrived
	}
	s.cancel()
	<-ended
}

// Close ends the connection at once. It may be called from any goroutine.
func (s *Session) Close() { s.conn.Close() }

// Cut is Close where nobody waits for the client's last words either: the server ends. It
// may be called from any goroutine.
func (s *Session) Cut() {
	s.cut.Store(true)
	s.Close()
	s.cancel()
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

// aside runs f on a stack of its own, and waits for it. A handshake makes a
// stack grow to 8 KB, and the goroutine that reads would keep it for as long as
// the client stays: its own 4 KB are what thousands of players cost.
func aside(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return <-done
}
