package gateway

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"flashpod.dev/flashpod/api/v1alpha1/routing"
)

// routes are what a file said. They are not changed any more.
type routes struct {
	table     *routing.Table
	byName    map[string]*routing.Route
	conflicts int // routes that have lost something to another
	keyless   int // routes with a link key that cannot be used
}

// file is the file of routes as Look has seen it.
type file struct {
	path   string
	seen   [sha256.Size]byte // of it and of the files that it names
	keys   []string          // those files
	failed string            // why it could not be used; "": it is
}

const (
	// minKey is how many bytes a link's key has at least.
	minKey = 16
	// maxKey is how many it has at most.
	maxKey = 4 << 10
)

// begin reads the file for the first time.
func (g *Gateway) begin() error {
	err := g.load()
	if errors.Is(err, fs.ErrNotExist) {
		g.tell(err)
		return nil
	}
	return err
}

// Look reads the file, and keys that it names, and takes what they hold when that has
// changed. Whoever has made the gateway calls it now and then, and one at a time.
func (g *Gateway) Look() {
	if err := g.load(); err != nil {
		g.tell(err)
	}
	g.sweep()
}

// tell says once why routes are not used.
func (g *Gateway) tell(err error) {
	if err.Error() == g.file.failed {
		return
	}
	g.file.failed = err.Error()
	what := "clients are turned away: there are no routes that can be used"
	if g.routes.Load() != nil {
		what = "changed routes are not used: those before stay"
	}
	g.log.Error(what, "err", err, "way out", "correct the file; it is read again every second")
}

func (g *Gateway) load() error {
	text, err := readBounded(g.file.path, routing.MaxFile)
	if err != nil {
		return fmt.Errorf("read routes: %w", err)
	}
	if g.file.failed == "" && g.sum(text, g.file.keys) == g.file.seen {
		return nil
	}
	parsed, err := routing.Parse(text)
	if err != nil {
		return fmt.Errorf("read routes %s: %w", g.file.path, err)
	}
	keys, keyless, err := g.readKeys(parsed)
	if err != nil {
		return err
	}
	seen := g.sum(text, keys)
	table, lost := routing.Make(parsed.Claims(), parsed.Hosts...)
	is := &routes{table: table, byName: make(map[string]*routing.Route, len(parsed.Routes)), keyless: keyless}
	for i := range parsed.Routes {
		is.byName[parsed.Routes[i].Name] = &parsed.Routes[i]
	}
	losers := map[string]bool{}
	for _, c := range lost {
		losers[c.Claim.Name] = true
		g.log.Warn("a route is not used, or not wholly: another has its name", "route", c.Claim.Name, "reason", c.String())
	}
	is.conflicts = len(losers)
	g.file.seen, g.file.keys, g.file.failed = seen, keys, ""
	g.routes.Store(is)
	g.log.Info("routes", "file", g.file.path, "routes", len(is.byName), "conflicts", is.conflicts, "keyless", is.keyless)
	return nil
}

// readKeys reads the keys of a parsed file's routes, and says which files have them. One of a
// file that cannot be used costs its own origin alone: the key before stays, or there is none,
// and nobody is let through until it comes. Of how many routes that is so it says, too. A key
// that stands in the file of routes itself is wrong with that.
func (g *Gateway) readKeys(parsed *routing.File) (files []string, keyless int, err error) {
	for i := range parsed.Routes {
		r, failed := &parsed.Routes[i], false
		for n := range r.Shards {
			s := &r.Shards[n]
			if s.LinkKeyFile != "" {
				files = append(files, s.LinkKeyFile)
			}
			err := g.key(s)
			if err == nil {
				continue
			}
			if s.LinkKeyFile == "" {
				return nil, 0, fmt.Errorf("route %s: link key: %w", r.Name, err)
			}
			failed = true
			s.LinkKey = g.keyBefore(r.Name, s)
			what := "nobody is let through to an origin: its link key cannot be used"
			if s.LinkKey != "" {
				what = "a link key cannot be used: the one before stays"
			}
			g.log.Error(what, "route", r.Name, "origin", s.Origin, "err", err, "way out", "correct the key; it is read again every second")
		}
		if failed {
			keyless++
		}
	}
	return files, keyless, nil
}

// keyBefore is the key that was in a file whose content cannot be used any more; "": none was.
func (g *Gateway) keyBefore(route string, s *routing.Shard) string {
	before := g.routes.Load()
	if before == nil || before.byName[route] == nil {
		return ""
	}
	for _, was := range before.byName[route].Shards {
		if was.Origin == s.Origin && was.LinkKeyFile == s.LinkKeyFile {
			return was.LinkKey
		}
	}
	return ""
}

// sum is of what files hold: the text of the file of routes, and those with keys. One that
// cannot be read counts as empty.
func (g *Gateway) sum(text []byte, keys []string) [sha256.Size]byte {
	h := sha256.New()
	part := sha256.Sum256(text)
	h.Write(part[:])
	for _, name := range keys {
		b, _ := readBounded(g.beside(name), maxKey) // load says what is wrong with it
		part = sha256.Sum256(b)
		h.Write(part[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// beside is the path of a file that the file of routes names.
func (g *Gateway) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(g.file.path), name)
}

// key reads a shard's key where a file has it.
func (g *Gateway) key(s *routing.Shard) error {
	if s.LinkKeyFile != "" {
		b, err := readBounded(g.beside(s.LinkKeyFile), maxKey)
		if err != nil {
			return err
		}
		s.LinkKey = string(bytes.TrimSpace(b))
	}
	all := strings.Fields(s.LinkKey) // one a line
	if len(all) == 0 {
		return errors.New("there is none: copy it from the origin, which has made it")
	}
	for _, one := range all {
		if n := len(one); n < minKey {
			return fmt.Errorf("it has %d characters, and needs %d: copy it from the origin, which has made it", n, minKey)
		}
	}
	return nil
}

// readBounded reads a file that is no longer than so many bytes.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s is longer than %d bytes", path, most)
	}
	return b, err
}
