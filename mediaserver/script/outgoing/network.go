package outgoing

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// Config is what a Network is made of. Only Hosts is required.
type Config struct {
	Hosts *Hosts
	// Memory pays for what is held of answers, and of what who dials has others send; nil:
	// without bound.
	Memory *budget.Budget
	Limits Limits
	// Resolver asks DNS; nil: the system's.
	Resolver Resolver
	// Own are the addresses of this machine; nil: those of its interfaces.
	Own func() ([]netip.Addr, error)
	// TLS is for hosts that are asked over it; nil: the system's authorities.
	TLS *tls.Config
}

// Resolver looks names up, as net.Resolver does.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Limits bound what a Network does. A zero value is the default's.
type Limits struct {
	Connect   time.Duration // to look a name up and to connect, TLS included
	Header    time.Duration // from a request to the headers of its answer
	Whole     time.Duration // for a request, from waiting for its turn to the end of its answer
	Answer    int           // bytes of an answer, as it comes and as it is unpacked
	Requests  int           // under way
	PerHost   int           // of those, to one host and port
	Waiting   int           // that wait for their turn, beside those under way
	Redirects int           // that one request follows
	Sockets   int           // open
}

// Defaults are limits for a script that asks its backends.
var Defaults = Limits{
	Connect: 10 * time.Second, Header: 30 * time.Second, Whole: time.Minute, Answer: 1 << 20,
	Requests: 64, PerHost: 16, Waiting: 256, Redirects: 5, Sockets: 32,
}

func (l Limits) orDefaults() Limits {
	for _, v := range []struct{ p, d *time.Duration }{{&l.Connect, &Defaults.Connect}, {&l.Header, &Defaults.Header}, {&l.Whole, &Defaults.Whole}} {
		if *v.p == 0 {
			*v.p = *v.d
		}
	}
	for _, v := range []struct{ p, d *int }{
		{&l.Answer, &Defaults.Answer}, {&l.Requests, &Defaults.Requests}, {&l.PerHost, &Defaults.PerHost}, {&l.Waiting, &Defaults.Waiting},
		{&l.Redirects, &Defaults.Redirects}, {&l.Sockets, &Defaults.Sockets},
	} {
		if *v.p == 0 {
			*v.p = *v.d
		}
	}
	return l
}

// Network is what one instance's script reaches. Its methods may be called from any
// goroutine.
type Network struct {
	cfg     Config
	limits  Limits
	client  *http.Client
	turns   turns
	sockets atomic.Int64
}

// New makes a network. Close it when the script ends.
func New(cfg Config) *Network {
	if cfg.Resolver == nil {
		cfg.Resolver = net.DefaultResolver
	}
	if cfg.Own == nil {
		cfg.Own = ownAddresses
	}
	n := &Network{cfg: cfg, limits: cfg.Limits.orDefaults()}
	n.turns = turns{all: make(chan struct{}, n.limits.Requests), limits: n.limits, hosts: map[string]*hostTurns{}}
	n.client = &http.Client{
		Transport: &http.Transport{ // without Proxy: the environment has none for scripts
			DialContext: n.dialHTTP, TLSClientConfig: cfg.TLS, TLSHandshakeTimeout: n.limits.Connect, ResponseHeaderTimeout: n.limits.Header,
			// Compressed answers are unpacked here, where both sizes are counted.
			DisableCompression: true, MaxResponseHeaderBytes: maxHeader, MaxIdleConns: 8, MaxIdleConnsPerHost: 4, IdleConnTimeout: idle,
		},
		CheckRedirect: n.redirect,
	}
	return n
}

// Memory pays for what is held of what other servers send, in bytes; nil: without bound.
// That of a nil Network is nil.
func (n *Network) Memory() *budget.Budget {
	if n == nil {
		return nil
	}
	return n.cfg.Memory
}

const (
	maxHeader = 64 << 10
	idle      = 30 * time.Second
)

// Close closes connections that nobody uses. What is under way ends with its context.
func (n *Network) Close() { n.client.CloseIdleConnections() }

// socket is an open connection. Close gives its place back.
type socket struct {
	net.Conn
	n    *Network
	once sync.Once
}

// Close implements io.Closer; it may be called twice.
func (s *socket) Close() error {
	s.once.Do(func() { s.n.sockets.Add(-1) })
	return s.Conn.Close()
}

// Dial connects to a port of a host. The connection has its place among Limits.Sockets
// until it is closed. An error is a *Refused, or says the host.
func (n *Network) Dial(ctx context.Context, host string, port uint16) (net.Conn, error) {
	t, err := n.cfg.Hosts.look(host, port)
	if err != nil {
		return nil, err
	}
	if n.sockets.Add(1) > int64(n.limits.Sockets) {
		n.sockets.Add(-1)
		return nil, fmt.Errorf("connect to %s: %d connections are open, which is as many as a script may have: close one", t, n.limits.Sockets)
	}
	conn, err := n.dial(ctx, t)
	if err != nil {
		n.sockets.Add(-1)
		return nil, err
	}
	return &socket{Conn: conn, n: n}, nil
}

// DialTLS is Dial with TLS on it.
func (n *Network) DialTLS(ctx context.Context, host string, port uint16) (net.Conn, error) {
	s, err := n.Dial(ctx, host, port)
	if err != nil {
		return nil, err
	}
	cfg := n.cfg.TLS.Clone()
	if cfg == nil {
		cfg = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	cfg.ServerName = host
	limited, cancel := context.WithTimeout(ctx, n.limits.Connect)
	defer cancel()
	conn := tls.Client(s, cfg)
	if err := conn.HandshakeContext(limited); err != nil {
		s.Close()
		return nil, fmt.Errorf("connect to %s:%d: TLS: %w", host, port, err)
	}
	return conn, nil
}

func (n *Network) dialHTTP(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := splitPort(address)
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", address, err)
	}
	t, err := n.cfg.Hosts.look(host, port)
	if err != nil {
		return nil, err
	}
	return n.dial(ctx, t)
}

// dial connects to one of the addresses of a host whose name was looked at.
func (n *Network) dial(ctx context.Context, t target) (net.Conn, error) {
	late := fmt.Errorf("connect to %s: nobody answered within %s: see whether it runs, and whether a firewall or network policy is in the way", t, n.limits.Connect)
	ctx, cancel := context.WithTimeoutCause(ctx, n.limits.Connect, late)
	defer cancel()
	addresses, own, err := n.lookup(ctx, t)
	if err != nil {
		return nil, orCause(ctx, err)
	}
	var failed error
	for i, a := range addresses {
		conn, err := n.dialAddress(ctx, t, a, own, len(addresses)-i)
		if err == nil {
			return conn, nil
		}
		var refused *Refused
		if failed == nil || errors.As(failed, &refused) { // why one did not answer says more than why another was not asked
			failed = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, orCause(ctx, failed)
}

// orCause is why a context has ended, if it has.
func orCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// lookup asks DNS.
func (n *Network) lookup(ctx context.Context, t target) (addresses, own []netip.Addr, err error) {
	if own, err = n.cfg.Own(); err != nil {
		return nil, nil, fmt.Errorf("connect to %s: %w", t, err)
	}
	if a, err := netip.ParseAddr(t.host); err == nil {
		return []netip.Addr{a}, own, nil
	}
	addresses, err = n.cfg.Resolver.LookupNetIP(ctx, "ip", t.host)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("connect to %s: %w", t, err)
	case len(addresses) == 0:
		return nil, nil, fmt.Errorf("connect to %s: DNS knows no address of it", t)
	}
	return addresses[:min(len(addresses), maxAddresses)], own, nil
}

// maxAddresses is how many addresses of a name are tried.
const maxAddresses = 8

// dialAddress connects to an address, in its part of the time that is left.
func (n *Network) dialAddress(ctx context.Context, t target, a netip.Addr, own []netip.Addr, left int) (net.Conn, error) {
	a = plainAddr(a)
	if err := n.cfg.Hosts.address(t, a, own); err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		part, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
		ctx = part
	}
	d := net.Dialer{ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("connect to %s: %w", t, err)
		}
		return n.cfg.Hosts.address(t, ap.Addr(), own)
	}}
	conn, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(a, t.port).String())
	if err != nil {
		var refused *Refused
		if errors.As(err, &refused) {
			return nil, refused
		}
		var op *net.OpError
		if errors.As(err, &op) && op.Err != nil {
			err = op.Err
		}
		return nil, fmt.Errorf("connect to %s (%s): %w", t, a, err)
	}
	return conn, nil
}
