package server

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// places is a listener for HTTP with a bounded number of connections, and of those
// of one address. A client that comes when all are taken gets the place of one of
// the address that has most: clients that say nothing, or ask for much, keep nobody
// out, least of all a probe.
type places struct {
	net.Listener
	max, perAddress int
	closed          func() // is told of each connection that had to go; it does not wait

	mu        sync.Mutex // nothing else is taken while it is held
	taken     map[*place]struct{}
	byAddress map[netip.Prefix]int
}

// place is a connection that has one.
type place struct {
	net.Conn
	of   *places
	from netip.Prefix // one party

	// Guarded by of.mu.
	gone    bool
	answers bool      // its request is being answered
	since   time.Time // when that began, or the waiting for its client
}

func newPlaces(ln net.Listener, max int, closed func()) *places {
	return &places{
		Listener: ln, max: max, perAddress: (max + 1) / 2, closed: closed,
		taken: map[*place]struct{}{}, byAddress: map[netip.Prefix]int{},
	}
}

// Accept implements net.Listener.
func (l *places) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	p := &place{Conn: nc, of: l, from: budget.Address(nc.RemoteAddr().String()), since: time.Now()}
	if last := l.take(p); last != nil {
		_ = last.Conn.Close()
		l.closed()
	}
	return p, nil
}

// take gives a place to a connection. last is the one that had it until now, and
// is to be closed.
func (l *places) take(p *place) (last *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.byAddress[p.from] >= l.perAddress:
		last = l.dearest(func(o *place) bool { return o.from == p.from })
	case len(l.taken) >= l.max:
		last = l.dearest(func(*place) bool { return true })
	}
	if last != nil {
		l.remove(last)
	}
	l.taken[p] = struct{}{}
	l.byAddress[p.from]++
	return last
}

// dearest is the place, among some, that is to be given to another: of the address
// that has most; there one that waits for its client, before one whose request is
// being answered; and the one that does so longest. The caller holds mu.
func (l *places) dearest(among func(*place) bool) (found *place) {
	for p := range l.taken {
		if among(p) && (found == nil || p.compare(found) > 0) {
			found = p
		}
	}
	return found
}

// compare is positive for the place that is given away before another. The caller
// holds mu.
func (p *place) compare(o *place) int {
	if c := cmp.Compare(p.of.byAddress[p.from], o.of.byAddress[o.from]); c != 0 {
		return c
	}
	switch {
	case p.answers && !o.answers:
		return -1
	case !p.answers && o.answers:
		return 1
	}
	return o.since.Compare(p.since)
}

// remove makes a place free. The caller holds mu.
func (l *places) remove(p *place) {
	if p.gone {
		return
	}
	p.gone = true
	delete(l.taken, p)
	if l.byAddress[p.from]--; l.byAddress[p.from] == 0 {
		delete(l.byAddress, p.from)
	}
}

// Close implements net.Conn.
func (p *place) Close() error {
	p.of.mu.Lock()
	p.of.remove(p)
	p.of.mu.Unlock()
	return p.Conn.Close()
}

// CloseWrite ends what the client reads, before Close ends all.
func (p *place) CloseWrite() error {
	if c, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// SyscallConn implements syscall.Conn, for whom the connection is a socket.
func (p *place) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := p.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// answering notes that the place has a request that is being answered, or waits
// for its client again.
func (p *place) answering(yes bool) {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.answers, p.since = yes, time.Now()
}

// placeKey is what a request's context has its place under.
type placeKey struct{}

// server makes the server of HTTP for these places.
func (l *places) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if p, ok := r.Context().Value(placeKey{}).(*place); ok {
				p.answering(true)
				defer p.answering(false)
			}
			if r.ContentLength == 0 {
				// It is all here. At the end of readTimeout net/http would take its
				// client for gone, and an answer may take longer.
				_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
			}
			h.ServeHTTP(w, r)
		}),
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			return context.WithValue(ctx, placeKey{}, nc)
		},
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	}
}

const (
	// readTimeout is how long a client may take for a request, which is a few
	// hundred bytes.
	readTimeout = 10 * time.Second
	// writeTimeout is how long a request may take from its first byte to the last
	// of its answer: a list of recordings half a minute until it begins.
	writeTimeout = time.Minute
	// idleTimeout is longer than Prometheus lets pass from one scrape to the next.
	idleTimeout = 90 * time.Second
	maxHeader   = 16 << 10
)
