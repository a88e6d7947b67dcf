package edge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/disk"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/pieces"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

const (
	// maxQueued is how many bytes may wait for an origin that takes nothing.
	maxQueued = 64 << 20
	// dialTime is how long an origin may take to answer a connection, and connectTime how
	// long its network may. Where the origin was moved, its name may lead for a moment to an
	// address that nobody has any more and nobody refuses for: the next try asks again for
	// the name. A lost SYN is sent once more after a second.
	dialTime    = 10 * time.Second
	connectTime = 2 * time.Second
	// maxLinks is how many instances an edge is linked to at once.
	maxLinks = 4096
	// lingers is how long a link without clients stays that had some.
	lingers = 30 * time.Second
)

// Config of an edge. Origin, Keys and Fanout are required.
type Config struct {
	Origin string    // host:port where it takes links
	Keys   link.Keys // one of which the origin has, too
	Fanout *stream.Fanout
	// Pieces is what is kept of recordings; nil: a little, in memory. Turns are those of
	// players of recordings; nil: the edge has its own.
	Pieces  *pieces.Cache
	Turns   *playback.Workers
	Budgets *budget.Budgets // nil: there is no bound
	// ConnectWaits is how long who connects while there is no link waits for one; default
	// 10 s.
	ConnectWaits time.Duration
	// FileWaits is how long who plays a recording waits for what is not here, while there is
	// no link; default 30 s.
	FileWaits time.Duration
	// StreamWaits is how long a live stream that is lost here is waited for by those who watch
	// it by HTTP and WebRTC; default 15 s, as HLS waits.
	StreamWaits time.Duration
	Log         *slog.Logger // nil: none
	Totals      *Totals      // count what goes over links; nil: those of this edge alone
	// LinkVersion is the newest version of the link's protocol that is spoken; 0: the newest
	// that there is.
	LinkVersion int
}

// Edge is the directory of an origin's instances. All methods may be called from any
// goroutine.
type Edge struct {
	cfg     Config
	log     *slog.Logger
	name    string // that this process has, as long as it lives
	pieces  *pieces.Cache
	indexes *disk.Cache // what is known of recorded files

	ctx    context.Context
	cancel context.CancelFunc
	runs   sync.WaitGroup

	mu    sync.Mutex // nothing else is taken, and nobody called, while it is held
	links map[place]*uplink

	reached atomic.Bool           // the origin has let it in, once
	left    atomic.Bool           // see Left
	why     atomic.Pointer[error] // the last connection failed

	locator locator
}

// place is an instance.
type place struct{ application, instance string }

// New makes an edge. It connects to its origin when a client comes.
func New(cfg Config) *Edge {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Budgets == nil {
		cfg.Budgets = &budget.Budgets{}
	}
	if cfg.Turns == nil {
		cfg.Turns = playback.NewWorkers()
	}
	if cfg.Pieces == nil {
		cfg.Pieces, _ = pieces.New(pieces.Config{Memory: cfg.Budgets.Pieces, Log: cfg.Log}) // it has no folder that could be missing
	}
	if cfg.Totals == nil {
		cfg.Totals = &Totals{}
	}
	if cfg.ConnectWaits == 0 {
		cfg.ConnectWaits = connectWaits
	}
	if cfg.FileWaits == 0 {
		cfg.FileWaits = filmWaits
	}
	if cfg.StreamWaits == 0 {
		cfg.StreamWaits = streamWaits
	}
	e := &Edge{cfg: cfg, log: cfg.Log, name: rand.Text()[:12], links: map[place]*uplink{}, pieces: cfg.Pieces, indexes: newIndexes(&cfg)}
	e.locator.e = e
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// Left says whether nobody is led to the origin any more: then a link to it that is lost is
// not tried again, and its clients are told to connect again, as they come elsewhere.
func (e *Edge) Left(is bool) { e.left.Store(is) }

// Close ends all links. Sessions have ended before, or are told to.
func (e *Edge) Close() {
	e.cancel()
	e.runs.Wait()
}

// Connect implements session.Directory.
func (e *Edge) Connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	if why := e.passes(&r); why != nil {
		answer(session.ConnectAnswer{Refusal: why})
		return
	}
	e.connect(r, peer, answer)
}

func (e *Edge) connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	if u := e.to(place{r.Application, r.Instance}); u != nil {
		u.connect(r, peer, answer)
		return
	}
	answer(session.ConnectAnswer{Refusal: &session.Refusal{
		Code: session.RefusedLimit, Reason: fmt.Sprintf("limit reached: this edge is linked to %d instances already", maxLinks),
	}})
}

// to is the link to an instance, which is made if there is none; nil: there are too many.
func (e *Edge) to(p place) *uplink {
	e.mu.Lock()
	defer e.mu.Unlock()
	if u := e.links[p]; u != nil {
		return u
	}
	if len(e.links) >= maxLinks {
		return nil
	}
	u := newUplink(e, p)
	e.links[p] = u
	e.runs.Go(func() { u.run() })
	return u
}

// drop forgets a link that has ended, or is about to.
func (e *Edge) drop(u *uplink) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.links[u.place] == u {
		delete(e.links, u.place)
	}
}

// Links is how many instances the edge is linked to.
func (e *Edge) Links() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.links)
}

// Players is how many play live streams here.
func (e *Edge) Players() (n int) {
	e.mu.Lock()
	all := slices.Collect(maps.Values(e.links))
	e.mu.Unlock()
	for _, u := range all {
		u.mu.Lock()
		for _, f := range u.feeds {
			n += f.stream.Players()
		}
		u.mu.Unlock()
	}
	return n
}

// dial opens a connection to the origin, for one of its links or for what a token names.
func (e *Edge) dial(h link.Hello) (c *link.Conn, err error) {
	defer func() { e.tried(err) }()
	ctx, cancel := context.WithTimeout(e.ctx, dialTime)
	defer cancel()
	d := net.Dialer{Timeout: connectTime}
	nc, err := d.DialContext(ctx, "tcp", e.cfg.Origin)
	if err != nil {
		return nil, err
	}
	link.Tune(nc)
	h.Edge, h.Newest = e.name, e.cfg.LinkVersion
	return link.Dial(ctx, counted{nc, e.cfg.Totals.of(h.Purpose)}, e.cfg.Keys, h)
}

// Received is how many bytes have come from the origin, those of TLS included.
func (e *Edge) Received() (n uint64) {
	for _, t := range e.Traffic() {
		n += t.Received
	}
	return n
}

// errClosed says that the edge ends, and errLost that the link has ended.
var (
	errClosed = errors.New("the edge is shutting down")
	errLost   = errors.New("the link to the origin is lost")
)

// options is how an instance's streams are sent to players.
func options(a *link.ConnectAnswer) stream.Options {
	return stream.Options{Latency: stream.Latency(a.Latency), GOPCache: a.GOPCache}
}

// unreachable is why nothing is had of an origin.
func unreachable(err error) *session.Refusal {
	return &session.Refusal{Code: session.RefusedNoAnswer, Reason: "the origin of this instance cannot be reached: try again", RetryAfter: time.Second, Cause: err}
}
