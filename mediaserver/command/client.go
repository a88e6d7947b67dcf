package command

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// clientTimeout bounds each step of a conversation with a server: a gateway that wakes an
// instance has its clients wait for 20 s (spec.wake.timeout).
const clientTimeout = 30 * time.Second

// door is how a command comes in: whom it trusts, and what it says in connect.
type door struct {
	ca      string
	connect []string // JSON
}

func (d *door) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&d.connect, "connect", nil, "an argument of connect for an application's script, JSON (may be given again)")
	f.StringVar(&d.ca, "ca", "", "certificates, PEM, of the authority that an rtmps:// server is to be trusted by (default: the system's)")
}

// open is what a connection needs: its configuration, and the arguments of connect.
func (d *door) open() (cfg rtmp.Config, args []amf.Value, err error) {
	if args, err = parseValues(d.connect); err != nil {
		return cfg, nil, fmt.Errorf("--connect: %w", err)
	}
	cfg, err = clientConfig(d.ca)
	return cfg, args, err
}

// client is a connection with the one stream that a command is about.
type client struct {
	*rtmp.NetConnection
	stream *rtmp.NetStream
}

// dial connects to the application of a URL that names a stream.
func dial(ctx context.Context, url string, d *door) (*client, error) {
	u, err := rtmp.ParseURL(url)
	if err != nil {
		return nil, usage(err)
	}
	if u.Stream == "" {
		return nil, usage(fmt.Errorf("URL %q names no stream: it is rtmp://HOST/APPLICATION/INSTANCE/NAME", url))
	}
	cfg, args, err := d.open()
	if err != nil {
		return nil, err
	}
	step, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	c, err := connect(step, url, cfg, args)
	var refused *rtmp.StatusError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &refused) && (strings.HasSuffix(refused.Code, ".InvalidApp") || strings.HasSuffix(refused.Code, ".Rejected")):
		return nil, fmt.Errorf("%w (the URL asks for stream %q of %q: it is rtmp://HOST/APPLICATION/INSTANCE/NAME)", err, withoutQuery(u.Stream), u.App)
	case errors.As(err, &unknown):
		return nil, fmt.Errorf("%w (trust one of your own with --ca)", err)
	}
	return c, unanswered(err)
}

func connect(ctx context.Context, url string, cfg rtmp.Config, args []amf.Value) (*client, error) {
	nc, err := rtmp.Connect(ctx, url, cfg, args...)
	if err != nil {
		return nil, err
	}
	s, err := nc.CreateStream(ctx)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("connect to %s: %w", nc.URL.TCURL(), err)
	}
	return &client{nc, s}, nil
}

// clientConfig is that of a connection whose server is trusted by the authorities of
// a file; "": by the system's.
func clientConfig(ca string) (cfg rtmp.Config, err error) {
	if ca != "" {
		cfg.TLS, err = trust(ca)
	}
	return cfg, err
}

// trust is TLS with the authorities of a file, and no others.
func trust(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca %s: no certificate in it (PEM)", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// unanswered says of a step that took too long who did not answer.
func unanswered(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the server has not answered for %v: %w", clientTimeout, err)
	}
	return err
}
