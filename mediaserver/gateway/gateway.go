package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/routing"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/edge"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// maxAsking is how many connections there are at once to whoever wakes instances.
const maxAsking = 16

// Config of a gateway. File and Fanout are required.
type Config struct {
	File   string // of routes, see routing.File; keys that it names are relative to its folder
	Fanout *stream.Fanout
	Log    *slog.Logger // nil: none
	// WakeURL is where whoever wakes instances is asked for it, see package waking; "":
	// nobody does.
	WakeURL string
	// Edge is what its edges have in common: what is kept of recordings, budgets. Where they
	// link to, their keys, Fanout and Log are the gateway's to say.
	Edge edge.Config
}

// Gateway is the directory of all instances that have a route. All methods may be called
// from any goroutine, but for Look.
type Gateway struct {
	cfg    Config
	log    *slog.Logger
	routes atomic.Pointer[routes] // nil: none were read yet
	file   file                   // Look's

	ctx    context.Context // of those who ask for clients
	cancel context.CancelFunc
	runs   sync.WaitGroup
	// going is closed when nobody may wait any more for an instance that sleeps.
	going chan struct{}
	goes  sync.Once

	// Of who waits for an instance that sleeps.
	http      *http.Client // to whoever wakes
	places    *budget.Budget
	addresses *budget.Addresses
	woken     atomic.Uint64

	mu       sync.Mutex // only that of askers is taken, and nobody called, while it is held
	edges    map[origin]*used
	asked    map[wanted]*question
	askers   *budget.Addresses   // those of the first callers of questions
	sleepers map[string]*sleeper // by the names of routes
	closed   bool
}

// origin is where a route leads.
type origin struct{ address, keys string } // keys are divided by what is white

func originOf(s routing.Shard) origin { return origin{s.Origin, s.LinkKey} }

// used is an edge, and for how many clients it is being asked.
type used struct {
	*edge.Edge
	asking int
}

// New makes a gateway, and reads its routes: a file that is wrong is an error, and one
// that is missing may come later.
func New(cfg Config) (*Gateway, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Edge.Totals = &edge.Totals{}
	g := &Gateway{cfg: cfg, log: cfg.Log, file: file{path: cfg.File}, edges: map[origin]*used{},
		going: make(chan struct{}), asked: map[wanted]*question{}, askers: budget.NewAddresses(maxAskedBy, nil), sleepers: map[string]*sleeper{}}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.http = &http.Client{Transport: &http.Transport{MaxConnsPerHost: maxAsking, MaxIdleConnsPerHost: maxAsking, IdleConnTimeout: time.Minute}}
	if b := cfg.Edge.Budgets; b != nil && b.Waking != nil {
		g.places = b.Waking
		g.addresses = budget.NewAddresses(int(max(b.Waking.Max()/perAddress, 1)), nil)
	}
	return g, g.begin()
}

// Dismiss tells clients that wait for instances which sleep to come again: this gateway ends.
// Who comes now is told so, too.
func (g *Gateway) Dismiss() { g.goes.Do(func() { close(g.going) }) }

// Close ends all links. Sessions have ended before, or are told to.
func (g *Gateway) Close() {
	g.mu.Lock()
	all := g.edges
	g.edges, g.closed = nil, true
	g.mu.Unlock()
	g.cancel()
	g.runs.Wait()
	g.http.CloseIdleConnections()
	for _, e := range all {
		e.Close()
	}
}

// Ready returns nil when it has routes, else why it has none.
func (g *Gateway) Ready() error {
	if g.routes.Load() == nil {
		return errors.New("there are no routes yet")
	}
	return nil
}

// Connect implements session.Directory.
func (g *Gateway) Connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	route, why := g.find(&r)
	if why == nil && route.Wake != nil {
		if route.Wake.Asleep {
			g.await(route, r, peer, time.Now().Add(route.Wake.Timeout.Duration), answer)
			return
		}
		answer = g.orAwait(route, &r, peer, answer)
	}
	if why == nil {
		why = g.hand(route, r, peer, answer)
	}
	if why != nil {
		answer(session.ConnectAnswer{Refusal: why})
	}
}

// orAwait has a client wait after all, where it finds no origin: the instance may have gone
// to sleep since its route was read, or start, or be unable to. Whoever wakes is asked beside
// that, before it is certain, and the client waits no longer than for one that sleeps.
func (g *Gateway) orAwait(route *routing.Route, r *session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) func(session.ConnectAnswer) {
	asks, until := *r, time.Now().Add(route.Wake.Timeout.Duration)
	waits, enough := context.WithDeadline(g.ctx, until)
	var refused atomic.Pointer[session.Refusal]
	answered := g.askBeside(route, asks, func(why *session.Refusal) {
		refused.Store(why)
		enough()
	})
	r.Waits = waits
	return func(a session.ConnectAnswer) {
		defer enough()
		defer answered() // once it waits by itself: who is asked goes on being asked
		if a.Refusal == nil || a.Refusal.Code != session.RefusedNoAnswer {
			answer(a)
			return
		}
		if why := refused.Load(); why != nil {
			answer(session.ConnectAnswer{Refusal: why})
			return
		}
		g.await(route, asks, peer, until, answer)
	}
}

// hand hands a client to where a route leads, or says why not.
func (g *Gateway) hand(route *routing.Route, r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) *session.Refusal {
	if sharded(route, r.Instance) {
		g.among(route, caller{r, peer, answer})
		return nil
	}
	return g.over(originOf(route.To(r.Instance)), r, peer, answer)
}

// over hands a client to the edge of an origin, or says why not.
func (g *Gateway) over(to origin, r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) *session.Refusal {
	e := g.use(to)
	if e == nil {
		return &session.Refusal{Code: session.RefusedStopping}
	}
	defer g.used(e)
	e.Connect(r, peer, answer)
	return nil
}

// use is the edge of an origin, which stays until used; nil: the gateway is closed.
func (g *Gateway) use(to origin) *used {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	e := g.edges[to]
	if e == nil {
		cfg := g.cfg.Edge
		cfg.Origin, cfg.Keys, cfg.Fanout, cfg.Log = to.address, link.FixedKeys(strings.Fields(to.keys)...), g.cfg.Fanout, g.log
		e = &used{Edge: edge.New(cfg)}
		g.edges[to] = e
	}
	e.asking++
	return e
}

func (g *Gateway) used(e *used) {
	g.mu.Lock()
	e.asking--
	g.mu.Unlock()
}

// find says whose a client's instance is, or why it is nobody's.
func (g *Gateway) find(r *session.ConnectRequest) (*routing.Route, *session.Refusal) {
	all := g.routes.Load()
	if all == nil {
		return nil, &session.Refusal{Code: session.RefusedNoAnswer, Reason: "This gateway does not know its instances yet: try again"}
	}
	host := hostOf(r)
	c, err := all.table.Find(host, r.Application, r.Instance)
	switch {
	case errors.Is(err, routing.ErrNoHost):
		return nil, &session.Refusal{Code: session.RefusedNoHost, Reason: fmt.Sprintf("Nothing is served as %q at this address", session.Printable(host))}
	case errors.Is(err, routing.ErrNoApplication):
		return nil, &session.Refusal{Code: session.RefusedNoApplication}
	case err != nil:
		return nil, &session.Refusal{Code: session.RefusedNoInstance}
	}
	route := all.byName[c.Name]
	switch {
	case route.Suspended:
		return nil, suspended()
	case !sharded(route, r.Instance) && route.To(r.Instance).LinkKey == "":
		// One of several origins is as one that is away: see among.
		return nil, &session.Refusal{Code: session.RefusedNoAnswer, Reason: "This gateway has no key yet that the server of this instance takes: try again"}
	}
	return route, nil
}

func suspended() *session.Refusal {
	return &session.Refusal{Code: session.RefusedSuspended, Reason: "The instance is suspended"}
}

// firstKey is the first of several keys, one a line.
func firstKey(keys string) string {
	for key := range strings.FieldsSeq(keys) {
		return key
	}
	return ""
}

// hostOf is what a client calls this address: in the handshake of TLS, or else in tcUrl.
func hostOf(r *session.ConnectRequest) string {
	if r.ServerName != "" {
		return r.ServerName
	}
	u, err := url.Parse(r.URI)
	if err != nil {
		return "" // old clients write what they like: it is any host
	}
	return u.Hostname()
}

// Routes is how many routes there are, and how many of them have lost something to
// another.
func (g *Gateway) Routes() (routes, conflicts int) {
	if all := g.routes.Load(); all != nil {
		routes, conflicts = len(all.byName), all.conflicts
	}
	return routes, conflicts
}

// Keyless is how many routes have a link key that cannot be used.
func (g *Gateway) Keyless() int {
	if all := g.routes.Load(); all != nil {
		return all.keyless
	}
	return 0
}

// State says how the links to all origins are.
func (g *Gateway) State() edge.State {
	is := edge.State{Lost: g.cfg.Edge.Totals.Lost()}
	is.Interrupted, is.Dropped = g.cfg.Edge.Totals.Published()
	for _, e := range g.all() {
		one := e.State()
		is.Links, is.Linked = is.Links+one.Links, is.Linked+one.Linked
		if is.Since.IsZero() || !one.Since.IsZero() && one.Since.Before(is.Since) {
			is.Since = one.Since
		}
	}
	return is
}

// Traffic is what has gone over links since the gateway began, by what they are for.
func (g *Gateway) Traffic() map[link.Purpose]edge.Traffic { return g.cfg.Edge.Totals.Traffic() }

// Feeds is how many live streams origins feed to the gateway.
func (g *Gateway) Feeds() (n int) {
	for _, e := range g.all() {
		n += e.Feeds()
	}
	return n
}

// Players is how many play live streams here.
func (g *Gateway) Players() (n int) {
	for _, e := range g.all() {
		n += e.Players()
	}
	return n
}

func (g *Gateway) all() (all []*used) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.edges {
		all = append(all, e)
	}
	return all
}

// sweep closes edges that nobody uses, and to which no route leads. Who is at another such one
// stays as long as its origin is there.
func (g *Gateway) sweep() {
	led := map[origin]bool{}
	if all := g.routes.Load(); all != nil {
		for _, r := range all.byName {
			for _, s := range r.Shards {
				led[originOf(s)] = true
			}
		}
	}
	var idle []*used
	g.mu.Lock()
	for to, e := range g.edges {
		e.Left(!led[to])
		if !led[to] && e.asking == 0 && e.Links() == 0 {
			idle = append(idle, e)
			delete(g.edges, to)
		}
	}
	g.mu.Unlock()
	for _, e := range idle {
		e.Close()
	}
}
