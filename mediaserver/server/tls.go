package server

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/web"
)

// certificate is a key pair on disk. One that is put or renewed there is used
// within a second, without a restart; one that cannot be used leaves the one
// before in its place, or none.
//
// One goroutine, that of looks, is the owner; handshakes take what it found.
type certificate struct {
	certFile, keyFile string
	clock             clock
	log               *slog.Logger
	looks             *looks // nil: a folder's owner looks
	oneOfMany         bool   // who calls its names is shown another while it cannot be used

	pair atomic.Pointer[tls.Certificate] // nil: none yet; written by the owner

	// Held by the owner only.
	seen    [sha256.Size]byte // of what the files held
	failed  string            // why they could not be used; empty: they are
	outdate bool              // that the pair in use is out of date was said

	mu     sync.Mutex // guards turned; nothing else is taken with it
	turned pace       // clients away
}

// refuseTimeout is how long a client may take to be told that there is no
// certificate: less than a drain.
const refuseTimeout = 5 * time.Second

// errNoCertificate ends handshakes as long as there is none.
var errNoCertificate = errors.New("there is no certificate")

// openCertificate looks for the first time. close ends it.
func openCertificate(certFile, keyFile string, clock clock, log *slog.Logger) *certificate {
	c := &certificate{
		certFile: certFile, keyFile: keyFile, clock: clock, log: log,
		turned: pace{every: tellFloodEvery},
	}
	c.look()
	c.looks = beginLooks(clock, c.look, nil)
	return c
}

// close ends the looks at the files.
func (c *certificate) close(ctx context.Context) { c.looks.close(ctx) }

// look reads the files, and takes what they hold when that has changed.
func (c *certificate) look() {
	if err := c.load(); err != nil {
		if err.Error() != c.failed {
			c.failed = err.Error()
			what := "RTMPS clients are turned away: there is no certificate that can be used"
			switch {
			case c.have():
				what = "renewed certificate is not used: the one before stays"
			case c.oneOfMany:
				what = "this certificate cannot be used: clients that call its names are shown another"
			}
			c.log.Error(what, "err", err, "way out", "put a certificate and its key there, PEM; they are read again every second")
		}
		return
	}
	pair := c.pair.Load()
	if pair == nil {
		return
	}
	bad := outOfDate(pair.Leaf, c.clock.now())
	if bad != nil && !c.outdate {
		c.log.Error("RTMPS clients that look at the certificate go away: it is out of date", "file", c.certFile, "err", bad, "way out", "renew it; it is read again every second")
	}
	c.outdate = bad != nil
}

// load fails when what the files hold is not used.
func (c *certificate) load() error {
	// By content: kubelet swaps links, and times may be those of a backup.
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return fmt.Errorf("read key of certificate: %w", err)
	}
	h := sha256.New()
	for _, b := range [][]byte{cert, key} {
		s := sha256.Sum256(b)
		h.Write(s[:])
	}
	seen := [sha256.Size]byte(h.Sum(nil))
	if seen == c.seen && c.failed == "" {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	// One that is out of date is better than none: a client that looks at it learns
	// why it is not served, and one that does not is served.
	old, now := c.pair.Load(), c.clock.now()
	if bad := outOfDate(pair.Leaf, now); bad != nil && old != nil && outOfDate(old.Leaf, now) == nil {
		return fmt.Errorf("certificate %s: %w", c.certFile, bad)
	}
	c.seen, c.failed, c.outdate = seen, "", false
	c.pair.Store(&pair)
	c.log.Info("certificate for RTMPS", "file", c.certFile, "notAfter", pair.Leaf.NotAfter)
	return nil
}

// outOfDate says why a certificate is not valid now, nil when it is.
func outOfDate(leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("expired at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("not valid before %s", leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// have says whether there is a pair for handshakes.
func (c *certificate) have() bool { return c.pair.Load() != nil }

// describe says what clients are shown.
func (c *certificate) describe() web.Certificate {
	pair := c.pair.Load()
	if pair == nil {
		return web.Certificate{}
	}
	return web.Certificate{NotAfter: pair.Leaf.NotAfter, Usable: outOfDate(pair.Leaf, c.clock.now()) == nil}
}

// turnedAway tells of a client for whom there is no certificate: it has got the alert
// that TLS has for that.
func (c *certificate) turnedAway(address string) {
	c.mu.Lock()
	tell := c.turned.ready(c.clock.now())
	c.mu.Unlock()
	if tell {
		c.log.Warn("RTMPS client turned away", "address", address, "err", errNoCertificate)
	}
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if pair := c.pair.Load(); pair != nil {
				return pair, nil
			}
			return nil, errNoCertificate
		},
		// Connections are long and need not be resumed, and librtmp takes the
		// ticket that comes after a TLS 1.3 handshake for an error.
		SessionTicketsDisabled: true,
	}
}
