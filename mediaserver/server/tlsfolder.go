package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// maxCertificates is how many a folder may have: each is two files that are read every
// second.
const maxCertificates = 256

// certificates are those of a folder, for clients that call a name which one of them has.
// Folders that come, change and go there count within a second.
//
// One goroutine, that of looks, is the owner; handshakes take what it found.
type certificates struct {
	folder string
	clock  clock
	log    *slog.Logger
	looks  *looks

	byName atomic.Pointer[map[string]*tls.Certificate] // by the names in them, written by the owner

	// Held by the owner only.
	all    map[string]*certificate // by folder; without goroutines of their own
	failed string                  // why the folder could not be read; "": it could
}

// openCertificates looks for the first time. close ends it.
func openCertificates(folder string, clock clock, log *slog.Logger) *certificates {
	c := &certificates{folder: folder, clock: clock, log: log, all: map[string]*certificate{}}
	c.look()
	c.looks = beginLooks(clock, c.look, nil)
	return c
}

// close ends the looks at the folder.
func (c *certificates) close(ctx context.Context) { c.looks.close(ctx) }

// look takes what is in the folder by now.
func (c *certificates) look() {
	found, err := os.ReadDir(c.folder)
	if err == nil && len(found) > maxCertificates {
		err = errors.New(c.folder + " has too many folders: some certificates are not used")
		found = found[:maxCertificates]
	}
	why := ""
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		why = err.Error()
	}
	if why != c.failed && why != "" {
		c.log.Error("certificates for other names are not read, or not all", "err", err)
	}
	c.failed = why
	there := map[string]bool{}
	byName := map[string]*tls.Certificate{}
	for _, d := range found { // by name: of two certificates for one name, the first counts
		if strings.HasPrefix(d.Name(), ".") {
			continue // kubelet's own
		}
		dir := filepath.Join(c.folder, d.Name())
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue // a link to one is one
		}
		there[dir] = true
		one := c.all[dir]
		if one == nil {
			one = &certificate{certFile: filepath.Join(dir, "tls.crt"), keyFile: filepath.Join(dir, "tls.key"), clock: c.clock, log: c.log, oneOfMany: true}
			c.all[dir] = one
		}
		one.look()
		pair := one.pair.Load()
		if pair == nil {
			continue
		}
		for _, name := range pair.Leaf.DNSNames {
			if name = strings.ToLower(name); byName[name] == nil {
				byName[name] = pair
			}
		}
	}
	for dir := range c.all {
		if !there[dir] {
			delete(c.all, dir)
		}
	}
	c.byName.Store(&byName)
}

// before has a handshake take the certificate with the name that the client calls, or that
// of all names beside it [RFC 6125 §6.4.3], and else what other says.
func (c *certificates) before(other func(*tls.ClientHelloInfo) (*tls.Certificate, error)) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
		byName := *c.byName.Load()
		if pair := byName[name]; name != "" && pair != nil {
			return pair, nil
		}
		if _, rest, ok := strings.Cut(name, "."); ok {
			if pair := byName["*."+rest]; pair != nil {
				return pair, nil
			}
		}
		return other(hello)
	}
}
