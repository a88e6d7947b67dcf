package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"flashpod.dev/flashpod/mediaserver/socket"
)

// URL is an RTMP URL as a client needs its parts:
// rtmp://host/application/instance/stream?query. To an edge that is to reach an origin that
// its client names, it is rtmp://edge/?rtmp://origin/application/instance/stream?query.
type URL struct {
	TLS    bool
	Host   string // host:port
	App    string // what connect calls app: application, application/instance, or ?rtmp://origin/ and those
	Stream string // query included; empty when the URL names none
}

// TCURL is what connect calls tcUrl.
func (u *URL) TCURL() string {
	scheme := "rtmp"
	if u.TLS {
		scheme = "rtmps"
	}
	return scheme + "://" + u.Host + "/" + u.App
}

// ParseURL splits a URL the way players do: the last part of the path is the
// stream, what is before it the application and its instance. A path of one
// part names an application only.
func ParseURL(raw string) (*URL, error) {
	p, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("RTMP URL: %w", err)
	}
	u := &URL{Host: p.Host}
	port := "1935"
	switch p.Scheme {
	case "rtmp":
	case "rtmps":
		u.TLS, port = true, "443"
	default:
		return nil, fmt.Errorf("RTMP URL %q: scheme is %q, not rtmp or rtmps", raw, p.Scheme)
	}
	if p.Hostname() == "" {
		return nil, fmt.Errorf("RTMP URL %q: names no host", raw)
	}
	if p.Port() == "" {
		u.Host = net.JoinHostPort(p.Hostname(), port)
	}
	if u.App = strings.Trim(p.Path, "/"); u.App == "" && NamesOrigin(p) {
		return u, u.beyond(raw, p.RawQuery)
	}
	if i := strings.LastIndexByte(u.App, '/'); i >= 0 {
		u.App, u.Stream = u.App[:i], u.App[i+1:]
		if p.RawQuery != "" {
			u.Stream += "?" + p.RawQuery
		}
	}
	if u.App == "" {
		return nil, fmt.Errorf("RTMP URL %q: names no application", raw)
	}
	return u, nil
}

// NamesOrigin says whether a URL names an origin to an edge: it has no path, and the URL at
// the origin is its query.
func NamesOrigin(u *url.URL) bool {
	scheme, _, is := strings.Cut(u.RawQuery, "://")
	return is && strings.Trim(u.Path, "/") == "" && strings.HasPrefix(scheme, "rtmp")
}

// beyond takes application and stream from the URL at the origin that raw names to an edge.
func (u *URL) beyond(raw, at string) error {
	p, err := url.Parse(at)
	if err != nil || p.Scheme != "rtmp" || p.User != nil || NamesOrigin(p) {
		return fmt.Errorf("RTMP URL %q: an edge is told its origin as rtmp://EDGE/?rtmp://HOST/APPLICATION/INSTANCE, and one alone", raw)
	}
	far, err := ParseURL(at)
	if err != nil {
		return err
	}
	u.App, u.Stream = "?rtmp://"+p.Host+"/"+far.App, far.Stream
	return nil
}

// Dial connects to the server of a URL and exchanges handshakes.
func Dial(ctx context.Context, raw string, cfg Config) (*Conn, *URL, error) {
	u, err := ParseURL(raw)
	if err != nil {
		return nil, nil, err
	}
	nc, err := dial(ctx, u, cfg.TLS)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to %s: %w", u.Host, err)
	}
	c := NewClientConn(nc, cfg)
	giveUp := context.AfterFunc(ctx, func() { c.Close() })
	err = c.Handshake()
	if !giveUp() && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		c.Close()
		return nil, nil, fmt.Errorf("connect to %s: %w", u.Host, err)
	}
	return c, u, nil
}

func dial(ctx context.Context, u *URL, cfg *tls.Config) (net.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", u.Host)
	if err == nil && u.TLS {
		nc, err = dialTLS(ctx, nc, u.Host, cfg)
	}
	// Host and port are said by the caller already.
	var op *net.OpError
	var sys *os.SyscallError
	if errors.As(err, &op) && errors.As(op.Err, &sys) {
		err = sys.Err
	}
	return nc, err
}

// dialTLS exchanges TLS handshakes with a host:port. The socket is one as in
// NewTLSListener.
func dialTLS(ctx context.Context, nc net.Conn, host string, cfg *tls.Config) (net.Conn, error) {
	if cfg == nil {
		cfg = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if cfg.ServerName == "" {
		name, _, err := net.SplitHostPort(host)
		if err != nil {
			return nil, errors.Join(err, nc.Close())
		}
		cfg = cfg.Clone()
		cfg.ServerName = name
	}
	sealed := socket.NewSealed(nc)
	t := tls.Client(sealed, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		sealed.Close()
		return nil, err
	}
	return t, nil
}
