package recording

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
)

// Info is what is known of one recorded stream.
type Info struct {
	Name      string // plays this file, and no other
	Bytes     int64
	Duration  time.Duration // negative: it was not read yet
	Modified  time.Time
	Recording bool // it is being written now
}

const (
	// scanTime is how long one List looks into files that do not say at their
	// front how long they are.
	scanTime   = 2 * time.Second
	maxLengths = 10000
	// mendTime is how long Find and Delete wait for a file that is being mended.
	mendTime = 2 * time.Second
)

// length is how long a file plays, with what tells whether it is still the
// same.
type length struct {
	duration time.Duration
	size     int64
	modified time.Time
}

func (l length) describes(info fs.FileInfo) bool {
	return l.size == info.Size() && l.modified.Equal(info.ModTime())
}

// nameOf is the name that plays a file, and no other; ok is false when none
// does.
func nameOf(file string) (name string, ok bool) {
	f := formatOf(file)
	if f == nil {
		return "", false
	}
	base := strings.TrimSuffix(file, f.extension)
	if clean, err := fileOf(base); err != nil || clean != base {
		return "", false
	}
	switch {
	case f.extension == extension:
		return base, true
	case f.extension == extensionOf(f.prefix):
		return f.prefix + base, true
	default:
		return f.prefix + file, true
	}
}

// filesOf are the files that may be a name's own, of which the first that is
// there is: unlike [Store.newest], it takes no other for it. "film.mp4" is a
// recording that is called so, or else the file.
func (s *Store) filesOf(name string) ([]string, error) {
	prefix, base, ending, err := s.split(name)
	if err == nil {
		err = s.theirs(base)
	}
	if err != nil {
		return nil, err
	}
	if ending == "" {
		ending = extensionOf(prefix)
	}
	files := []string{base + ending}
	if prefix == "" && formatOf(base) != nil {
		files = append(files, base)
	}
	return files, nil
}

// List returns recorded streams in the order of their names: up to limit of
// those that come after a name ("": from the first on), and after what the next
// page begins; "" when there are no more. A page may be shorter when many folders
// have nothing in them. What takes long to find out stays out of it: see
// Info.Duration.
func (s *Store) List(ctx context.Context, after string, limit int) (page []Info, next string, err error) {
	until := time.Now().Add(scanTime)
	l := &lister{store: s, visits: maxVisits}
	for {
		done, err := l.list(ctx, after, limit-len(page)+1)
		if err != nil {
			return nil, "", fmt.Errorf("list recordings: %w", err)
		}
		for _, e := range l.found {
			if err := ctx.Err(); err != nil {
				return nil, "", err
			}
			if len(page) == limit {
				return page, page[limit-1].Name, nil
			}
			one, err := s.info(e.file, time.Now().Before(until))
			switch {
			case errors.Is(err, ErrNotFound):
				continue // deleted meanwhile
			case err != nil: // a link out of the folder: it does not play either
				s.log.Warn("file is not listed", "file", e.file, "err", err)
				continue
			}
			one.Name = e.name
			page = append(page, one)
		}
		if done {
			return page, "", nil
		}
		if after = l.at; l.visits <= 0 {
			return page, after, nil
		}
	}
}

// another says whether a folder is that of another instance.
func (s *Store) another(folder string) bool {
	return slices.Contains(s.opts.Others, folder) || s.marked(folder)
}

// Find tells of one recorded stream. It fails with ErrNotFound or ErrBadName.
// A name means its own file here, never the newest of several.
func (s *Store) Find(name string) (Info, error) {
	files, err := s.filesOf(name)
	if err != nil {
		return Info{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), mendTime)
	defer cancel()
	for _, file := range files {
		torn := s.settle(ctx, file) != nil // it is told of as it is
		one, err := s.info(file, !torn)
		if !errors.Is(err, ErrNotFound) {
			one.Name, _ = nameOf(file)
			return one, err
		}
	}
	return Info{}, s.notFound(ctx, name)
}

// Delete removes a recorded stream. Its players go on: the file is gone when the
// last of them is. It fails with ErrNotFound, ErrBadName, or ErrBusy
// for one that is being recorded or mended.
func (s *Store) Delete(name string) error {
	files, err := s.filesOf(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), mendTime)
	defer cancel()
	for _, file := range files {
		// Reserved, so that no recorder begins to append to it meanwhile.
		switch err := s.reserve(ctx, file, nil); {
		case errors.Is(err, ErrBusy):
			return fmt.Errorf("%w: %s (end its publication first)", ErrBusy, name)
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("%w: %s is being mended, because its server was killed (try again later)", ErrBusy, name)
		case err != nil:
			return err
		}
		err := s.remove(file)
		s.unreserve(file)
		if !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return s.notFound(ctx, name)
}

// remove deletes a file that was reserved, and forgets what is known of it.
func (s *Store) remove(file string) error {
	info, err := s.stat(file)
	if errors.Is(err, ErrNotFound) {
		return err
	}
	if err == nil {
		err = s.root.Remove(file)
	}
	if err != nil {
		return fmt.Errorf("delete recording: %w", err)
	}
	s.changed(-1, -info.Size())
	s.tidy(path.Dir(file))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropIndex(file)
	delete(s.lengths, file)
	return nil
}

// notFound says where to look when there is another file of that name.
func (s *Store) notFound(ctx context.Context, name string) error {
	if file, _, err := s.newest(ctx, name); err == nil {
		if other, ok := nameOf(file); ok && other != name {
			return fmt.Errorf("%w: %s (its newest recording is %s)", ErrNotFound, name, other)
		}
	}
	for _, f := range formats {
		if _, err := s.stat(name + f.extension); err == nil {
			if other, ok := nameOf(name + f.extension); ok {
				return fmt.Errorf("%w: %s (%s is)", ErrNotFound, name, other)
			}
		}
	}
	return fmt.Errorf("%w: %s", ErrNotFound, name)
}

// stat returns what is known of a file. It fails with ErrNotFound for what
// is no file as well.
func (s *Store) stat(file string) (fs.FileInfo, error) {
	info, err := s.root.Stat(file)
	if isMissing(err) || err == nil && !info.Mode().IsRegular() {
		return nil, ErrNotFound
	}
	return info, err
}

// isMissing says whether an error means that there is nothing at a path: a path
// through a file, as if that were a folder, leads nowhere too, and so does one
// through a link that leaves the folder of recordings.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, escapes())
}

// escapes is what an os.Root says of a path that leads out of it: os has no name
// for it.
var escapes = sync.OnceValue(func() error {
	f, err := os.OpenInRoot("/", "..")
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return errors.Join(errors.New("os.OpenInRoot opens what is outside"), f.Close())
})

// info looks at one file. With scan, it reads all of one that does not say how
// long it is.
func (s *Store) info(file string, scan bool) (Info, error) {
	info, err := s.stat(file)
	if err != nil {
		return Info{}, err
	}
	one := Info{Bytes: info.Size(), Modified: info.ModTime(), Duration: -1}
	s.mu.Lock()
	// A recorder whose file has no name yet is about to replace this one.
	if r := s.recording[file]; r != nil {
		one.Recording = true
		one.Duration = time.Duration(r.length.Load())
	}
	known, ok := s.lengths[file]
	s.mu.Unlock()
	if one.Recording {
		return one, nil
	}
	if !ok || !known.describes(info) {
		if known, ok = s.measure(file, info, scan); !ok {
			return one, nil
		}
	}
	one.Duration = known.duration
	return one, nil
}

// measure finds out how long a file plays. One that cannot be read has no
// length, and is listed nevertheless.
func (s *Store) measure(file string, info fs.FileInfo, scan bool) (l length, ok bool) {
	f, err := s.openRegular(file)
	if err != nil {
		return l, false
	}
	defer f.Close()
	l = length{size: info.Size(), modified: info.ModTime()}
	if l.duration, ok = s.said(file, f, info); !ok {
		if !scan {
			return l, false
		}
		x, err := s.index(file, f)
		if err != nil {
			s.log.Debug("length of a recording", "file", file, "err", err)
			return l, false
		}
		l.duration = x.file.Duration()
	}
	s.keepLength(file, l)
	return l, true
}

// keepLength remembers how long a file plays.
func (s *Store) keepLength(file string, l length) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lengths) >= maxLengths {
		clear(s.lengths)
	}
	s.lengths[file] = l
}

// said returns the length that is known without reading the file.
func (s *Store) said(file string, f *os.File, info fs.FileInfo) (d time.Duration, ok bool) {
	s.mu.Lock()
	have, ok := s.indexes[file]
	s.mu.Unlock()
	if ok && have.describes(info) {
		return have.file.Duration(), true
	}
	if !strings.HasSuffix(file, extension) {
		return 0, false
	}
	return flv.Finished(f, info.Size())
}
