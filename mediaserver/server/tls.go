package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a key pair on disk. A pair that is renewed there is used by
// the next connection, without a restart.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	changed time.Time // of the files, when pair was read
	looked  time.Time
}

func openCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	if certFile == "" || keyFile == "" {
		return nil, errors.New("RTMPS needs a certificate and its key: set --tls-cert-file and --tls-key-file")
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// modified is when the newer of the files was written.
func (c *certificate) modified() (time.Time, error) {
	var newest time.Time
	for _, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name) // follows links: a mounted Secret is one
		if err != nil {
			return newest, err
		}
		if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest, nil
}

func (c *certificate) load() error {
	changed, err := c.modified()
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	c.pair, c.changed, c.looked = &pair, changed, time.Now()
	return nil
}

// get returns the pair for a handshake. A renewed one that cannot be read is
// told of, and the old one stays in use.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		if changed, err := c.modified(); err != nil {
			c.log.Error("look at certificate", "err", err)
		} else if !changed.Equal(c.changed) {
			if err := c.load(); err != nil {
				c.log.Error("renewed certificate is not used", "err", err)
			} else {
				c.log.Info("certificate renewed", "file", c.certFile)
			}
		}
	}
	return c.pair, nil
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: c.get,
		// Connections are long and need not be resumed, and librtmp takes the
		// ticket that comes after a TLS 1.3 handshake for an error.
		SessionTicketsDisabled: true,
	}
}
