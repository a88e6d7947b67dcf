package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"

	"flashpod.dev/flashpod/api/v1alpha1/routing"
	"flashpod.dev/flashpod/mediaserver/link"
)

// reachFile is a file of origins that clients of an edge may name, see routing.Reach, which
// others change while the edge runs. What cannot be used leaves those before in their place;
// a file that is missing, or empty, lists none.
//
// One goroutine, that of looks, is the owner, but for the first look.
type reachFile struct {
	path  string
	reach *reach
	log   *slog.Logger
	looks *looks

	seen   [sha256.Size]byte // of the text that counts; of none at first
	failed string            // why the file could not be used; "": it was
}

// openReachFile reads the file for the first time. close ends it.
func openReachFile(path string, r *reach, clock clock, log *slog.Logger) *reachFile {
	f := &reachFile{path: path, reach: r, log: log, seen: sha256.Sum256(nil)}
	f.look()
	f.looks = beginLooks(clock, f.look, nil)
	return f
}

// close ends the looks at the file.
func (f *reachFile) close(ctx context.Context) { f.looks.close(ctx) }

// look reads the file, and takes what it lists when that has changed.
func (f *reachFile) look() {
	text, err := readSmall(f.path, routing.MaxReachFile, "list of origins")
	if errors.Is(err, fs.ErrNotExist) {
		text, err = nil, nil
	}
	if sum := sha256.Sum256(text); err == nil {
		if sum == f.seen {
			return
		}
		if err = f.take(text); err == nil {
			f.seen, f.failed = sum, ""
			return
		}
	}
	if why := err.Error(); why != f.failed {
		f.failed = why
		f.log.Error("the origins that clients may name cannot be read: those before stay", "file", f.path, "err", err, "way out", "correct the file; it is read again every second")
	}
}

// take takes what a text lists.
func (f *reachFile) take(text []byte) error {
	parsed, err := routing.ParseReach(text)
	if err != nil {
		return err
	}
	listed := map[string]way{}
	for _, o := range parsed.Origins {
		keys := strings.Fields(o.LinkKey)
		for _, key := range keys {
			if len(key) < minLinkKey {
				return fmt.Errorf("origin %s: its link key has %d characters, and needs %d: copy it from that origin", o.Origin, len(key), minLinkKey)
			}
		}
		if len(keys) > link.MaxKeys {
			return fmt.Errorf("origin %s: it has %d link keys, and may have %d: leave out those that it does not take any more", o.Origin, len(keys), link.MaxKeys)
		}
		for _, host := range o.Hosts {
			listed[host] = way{strings.ToLower(o.Origin), strings.Join(keys, " ")}
		}
	}
	gone := f.reach.retain(listed)
	f.log.Info("origins that clients may name", "file", f.path, "origins", len(parsed.Origins), "ended", len(gone))
	for _, e := range gone {
		e.Close()
	}
	return nil
}
