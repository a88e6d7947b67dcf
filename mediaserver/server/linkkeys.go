package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/link"
)

// minLinkKey is how many bytes a link's key has at least: whoever has it is let in as
// every client at once.
const minLinkKey = 16

// linkKeys are the keys of links in a file, one a line, or in the files of a folder, in
// the order of their names. Others that are written there count within a second, for
// links that begin then: one that is there has proved what it had to. What cannot be used
// leaves those before in their place.
//
// One goroutine, that of looks, is the owner; links take what it found.
type linkKeys struct {
	path  string
	read  func(path string) ([][]byte, error)
	whose string // what the log calls them
	log   *slog.Logger
	looks *looks

	keys atomic.Pointer[[][]byte] // never none, but of guests; written by the owner

	failed atomic.Pointer[string] // why the files could not be used; nil: they were; written by the owner
}

// openLinkKeys reads the keys for the first time. close ends it.
func openLinkKeys(path string, clock clock, log *slog.Logger) (*linkKeys, error) {
	k := &linkKeys{path: path, read: readLinkKeys, whose: "link keys", log: log}
	keys, err := k.read(path)
	if err != nil {
		return nil, err
	}
	k.begin(keys, clock)
	return k, nil
}

// maxGuestKeys is how many keys edges of others may show.
const maxGuestKeys = link.MaxTaken - link.MaxKeys

// openGuestKeys is openLinkKeys of keys that edges of others show: there may be none, and no
// file, until later. What is wrong with it at first is told in the log, as it is later on.
func openGuestKeys(path string, clock clock, log *slog.Logger) *linkKeys {
	read := func(path string) ([][]byte, error) {
		keys, err := readKeys(path, maxGuestKeys)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return keys, err
	}
	k := &linkKeys{path: path, read: read, whose: "keys of edges of others", log: log}
	k.keys.Store(&[][]byte{})
	k.look()
	k.begin(k.now(), clock)
	return k
}

func (k *linkKeys) begin(keys [][]byte, clock clock) {
	k.keys.Store(&keys)
	k.looks = beginLooks(clock, k.look, nil)
}

// takenKeys are those by which edges are let in: the server's own, and those of edges of
// others, which it shows to nobody.
func (s *Server) takenKeys() [][]byte {
	if s.guestKeys == nil {
		return s.linkKeys.now()
	}
	return slices.Concat(s.linkKeys.now(), s.guestKeys.now())
}

// close ends the looks at the files.
func (k *linkKeys) close(ctx context.Context) { k.looks.close(ctx) }

// now are the keys, for package link.
func (k *linkKeys) now() [][]byte { return *k.keys.Load() }

// failure is why the files could not be used; "": they were.
func (k *linkKeys) failure() string {
	if why := k.failed.Load(); why != nil {
		return *why
	}
	return ""
}

// look reads the files, and takes what they hold when that has changed.
func (k *linkKeys) look() {
	keys, err := k.read(k.path)
	if err != nil {
		if why := err.Error(); why != k.failure() {
			k.failed.Store(&why)
			k.log.Error("the "+k.whose+" cannot be read again: those before stay", "err", err)
		}
		return
	}
	k.failed.Store(nil)
	if slices.EqualFunc(keys, k.now(), bytes.Equal) {
		return
	}
	k.keys.Store(&keys)
	k.log.Info("the "+k.whose+" have changed: they count for links that begin now", "file", k.path, "keys", len(keys))
}

// readLinkKeys reads the keys of a server, of which there is one at least.
func readLinkKeys(path string) ([][]byte, error) {
	all, err := readKeys(path, link.MaxKeys)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s is empty: it has a key on each line", path)
	}
	return all, err
}

// readKeys reads so many keys at most, as a person or kubelet has written them.
func readKeys(path string, most int) ([][]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	files := []string{path}
	if info.IsDir() {
		if files, err = keyFiles(path); err != nil {
			return nil, err
		}
	}
	var all [][]byte
	for _, file := range files {
		text, err := readSmall(file, int64(most)*maxKey/link.MaxKeys, "key")
		if err != nil {
			return nil, err
		}
		n := 0
		for line := range bytes.Lines(text) {
			n++
			key := bytes.TrimSpace(line)
			switch {
			case len(key) == 0, slices.ContainsFunc(all, func(have []byte) bool { return bytes.Equal(have, key) }):
			case len(key) < minLinkKey:
				return nil, fmt.Errorf("%s, line %d: a key has %d characters, and needs %d: write another, such as \"openssl rand -hex 16\" gives, or remove the file, and the origin makes one", file, n, len(key), minLinkKey)
			default:
				all = append(all, key)
			}
		}
	}
	if len(all) > most {
		return nil, fmt.Errorf("%s has %d keys, and may have %d: remove those that nobody shows any more", path, len(all), most)
	}
	return all, nil
}

// keyFiles are the files of a folder of keys. Kubelet keeps what it needs itself under
// names that begin with a dot.
func keyFiles(folder string) (files []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(folder, e.Name()))
		}
	}
	if len(files) > link.MaxKeys {
		return nil, fmt.Errorf("%s has %d files, and may have %d, with a key in each", folder, len(files), link.MaxKeys)
	}
	return files, nil
}

// openLinks reads the keys of this server's links, which an origin makes where there are
// none.
func (s *Server) openLinks(isOrigin bool) error {
	file := s.cfg.LinkKeyFile
	if isOrigin {
		if err := makeKey(file); err != nil {
			return fmt.Errorf("link key: %w", err)
		}
	}
	var err error
	s.linkKeys, err = openLinkKeys(file, s.cfg.clock, s.log)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("link key: %w: copy it from the origin, which has made it", err)
	case err != nil:
		return fmt.Errorf("link key: %w", err)
	}
	if s.cfg.LinkGuestKeyFile != "" {
		s.guestKeys = openGuestKeys(s.cfg.LinkGuestKeyFile, s.cfg.clock, s.log)
	}
	return nil
}
