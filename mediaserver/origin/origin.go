package origin

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

const (
	// maxQueued is how many bytes may wait for an edge that takes nothing.
	maxQueued = 64 << 20
	// maxLinks is how many connections edges may have at once.
	maxLinks = 1 << 16
)

// Config of an origin. Directory and Keys are required.
type Config struct {
	Directory session.Directory
	// Memory pays for what waits for edges that take nothing; nil: nobody does.
	Memory *budget.Budget
	// Keys are what edges have, too.
	Keys link.Keys
	// Delivery is how an instance's streams are sent to players; nil: as the zero value
	// says.
	Delivery func(session.Instance) stream.Options
	// House has what viewers by HTTP of edges are asked about, and Locate says where a
	// stream is; nil: edges serve nobody by HTTP.
	House outlet.House
	// Holds says whether the origin has anything of an instance, in use or on the disk, and
	// may take its time; known false: it cannot say. nil: it never can.
	Holds  func(application, instance string) (held, known bool)
	Locate func(path string) link.LocateAnswer
	// LinkVersion is the newest version of the link's protocol that is spoken; 0: the newest
	// that there is.
	LinkVersion int
	Log         *slog.Logger // nil: none
}

// Origin serves links. All methods may be called from any goroutine.
type Origin struct {
	cfg  Config
	log  *slog.Logger
	cert tls.Certificate

	growing growing

	mu     sync.Mutex // nothing else is taken, and nobody called, while it is held
	conns  map[*link.Conn]struct{}
	edges  map[*edge]struct{} // those that are linked
	byLink map[string]*edge   // the same by their links: see link.Hello
	given  map[string]*grant  // by their tokens
	going  bool               // see Drain
	closed bool
	runs   sync.WaitGroup
	none   chan struct{} // closed when there are no clients; nil: nobody waits for that
	many   int           // clients
}

// New makes an origin.
func New(cfg Config) (*Origin, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Keys == nil {
		return nil, errors.New("an origin needs a link key")
	}
	cert, err := link.Certificate()
	return &Origin{cfg: cfg, log: cfg.Log, cert: cert, conns: map[*link.Conn]struct{}{}, edges: map[*edge]struct{}{}, byLink: map[string]*edge{}, given: map[string]*grant{}}, err
}

// Serve answers a connection that has sent link.Preface, until it ends. It closes it. One
// that has a method Proved is told when its other end has shown a key.
func (o *Origin) Serve(nc net.Conn) error {
	c, h, err := link.Accept(nc, o.cert, o.cfg.Keys, o.cfg.LinkVersion, o.may)
	if err != nil {
		return err
	}
	if p, ok := nc.(interface{ Proved() }); ok {
		p.Proved()
	}
	if !o.enter(c) {
		c.Close()
		return nil
	}
	defer o.leave(c)
	switch h.Purpose {
	case link.Control:
		return o.control(c, h)
	case link.Feed:
		return o.feed(c, h.Token)
	case link.Publish:
		return o.publish(c, h.Token)
	default:
		return o.read(c, h.Token)
	}
}

// may says whether a connection is taken whose other end has the key.
func (o *Origin) may(h link.Hello) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed, o.going && h.Purpose == link.Control:
		return errors.New("the origin is shutting down")
	case len(o.conns) >= maxLinks:
		return fmt.Errorf("the origin has %d connections of edges, as many as it may", maxLinks)
	case h.Purpose != link.Control && o.given[h.Token] == nil:
		return errGone
	}
	return nil
}

var errGone = errors.New("what the connection is for is not there any more")

func (o *Origin) enter(c *link.Conn) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	o.conns[c] = struct{}{}
	o.runs.Add(1)
	return true
}

func (o *Origin) leave(c *link.Conn) {
	c.Close()
	o.mu.Lock()
	delete(o.conns, c)
	o.mu.Unlock()
	o.runs.Done()
}

// come and goes count clients.
func (o *Origin) come() {
	o.mu.Lock()
	o.many++
	o.mu.Unlock()
}

func (o *Origin) goes() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.many--; o.many == 0 && o.none != nil {
		close(o.none)
		o.none = nil
	}
}

// Wait waits until no client of an edge is there, or the origin is closed. One at a time
// waits.
func (o *Origin) Wait() {
	o.mu.Lock()
	if o.many == 0 || o.closed {
		o.mu.Unlock()
		return
	}
	none := make(chan struct{})
	o.none = none
	o.mu.Unlock()
	<-none
}

// Links is how many connections edges have.
func (o *Origin) Links() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.conns)
}

// Drain has edges keep their clients for the origin that comes next: they end their links,
// and link again to whoever is there then. Clients of edges that speak version 1 stay, and
// are told to go by their instances.
func (o *Origin) Drain() {
	o.mu.Lock()
	o.going = true
	all := slices.Collect(maps.Keys(o.edges))
	o.mu.Unlock()
	for _, e := range all {
		e.goes()
	}
}

func (o *Origin) isGoing() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.going
}

// Close ends all links, and waits until their clients have left.
func (o *Origin) Close() {
	o.mu.Lock()
	o.closed = true
	for c := range o.conns {
		c.Close()
	}
	if o.none != nil {
		close(o.none)
		o.none = nil
	}
	o.mu.Unlock()
	o.runs.Wait()
}

// grant is what a client of an edge was given: one of the three.
type grant struct {
	token       string
	to          *client
	publication session.Publication
	name        string // of what is published
	live        *stream.Stream
	file        *file
	left        func() // is called when its client has it no more, before back; nil: nothing is
	back        func() // gives it back

	mu     sync.Mutex // nothing else is taken, and nobody called, while it is held
	feeds  int        // connections that read the stream or the file, which keep it
	wanted bool       // it is to be given back once they have ended
	done   bool       // it was
}

// give remembers what a client is given, until take.
func (o *Origin) give(g *grant) string {
	g.token = rand.Text()
	o.mu.Lock()
	o.given[g.token] = g
	o.mu.Unlock()
	return g.token
}

func (o *Origin) find(token string) *grant {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.given[token]
}

// take takes back what was given, once: what a connection reads, when that has ended.
func (o *Origin) take(g *grant) {
	o.mu.Lock()
	_, had := o.given[g.token]
	delete(o.given, g.token)
	o.mu.Unlock()
	if had && g.left != nil {
		g.left()
	}
	if g.returns(true, 0) {
		g.back()
	}
}

// ends is for who gives it back in another way: false says that somebody has.
func (o *Origin) ends(g *grant) bool {
	o.mu.Lock()
	delete(o.given, g.token)
	o.mu.Unlock()
	return g.returns(true, 0)
}

// returns says whether it is to be given back now, when feeds more use it.
func (g *grant) returns(wanted bool, feeds int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.feeds += feeds
	g.wanted = g.wanted || wanted
	if !g.wanted || g.feeds > 0 || g.done {
		return false
	}
	g.done = true
	return true
}

// hold keeps a live stream or a file for a connection, until fed.
func (o *Origin) hold(token string) *grant {
	o.mu.Lock()
	defer o.mu.Unlock()
	g := o.given[token]
	if g == nil || g.publication != nil {
		return nil
	}
	g.returns(false, 1)
	return g
}

func (g *grant) fed() {
	if g.returns(false, -1) {
		g.back()
	}
}
