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
	log   *slog.Logger
	looks *looks

	keys atomic.Pointer[[][]byte] // never none; written by the owner

	failed atomic.Pointer[string] // why the files could not be used; nil: they were; written by the owner
}

// openLinkKeys reads the keys for the first time. close ends it.
func openLinkKeys(path string, clock clock, log *slog.Logger) (*linkKeys, error) {
	k := &linkKeys{path: path, log: log}
	keys, err := readLinkKeys(path)
	if err != nil {
		return nil, err
	}
	k.keys.Store(&keys)
	k.looks = beginLooks(clock, k.look, nil)
	return k, nil
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
	keys, err := readLinkKeys(k.path)
	if err != nil {
		if why := err.Error(); why != k.failure() {
			k.failed.Store(&why)
			k.log.Error("the link keys cannot be read again: those before stay", "err", err)
		}
		return
	}
	k.failed.Store(nil)
	if slices.EqualFunc(keys, k.now(), bytes.Equal) {
		return
	}
	k.keys.Store(&keys)
	k.log.Info("the link keys have changed: links that begin now show the first", "file", k.path, "keys", len(keys))
}

// readLinkKeys reads keys as a person or kubelet has written them.
func readLinkKeys(path string) ([][]byte, error) {
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
		text, err := readSmall(file, maxKey, "key")
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
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("%s is empty: it has a key on each line", path)
	case len(all) > link.MaxKeys:
		return nil, fmt.Errorf("%s has %d keys, and may have %d: remove those that nobody shows any more", path, len(all), link.MaxKeys)
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
	return nil
}
