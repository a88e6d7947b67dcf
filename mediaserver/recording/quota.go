package recording

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"strings"
	"syscall"
	"time"
)

// QuotaError says that recordings may take no more: which field of the manifest
// says so, how much that is, and what is taken.
type QuotaError struct {
	Field     string
	Max, Used int64 // bytes, or files and folders
}

// Error implements error.
func (e *QuotaError) Error() string {
	return fmt.Sprintf("limit reached: %s is %d, and recordings take %d (delete some)", e.Field, e.Max, e.Used)
}

const (
	fieldTotalSize = "spec.recording.maxTotalSize"
	fieldFiles     = "spec.recording.maxFiles"

	// countEvery is how often what others do in the folder is counted: what this
	// store does, it knows.
	countEvery = 10 * time.Minute
	// maxRecounts is how often a count is begun again because something changed
	// meanwhile.
	maxRecounts = 3
)

// usage is what the folder takes, without the files that are being written. All
// guarded by Store.mu.
type usage struct {
	files, bytes int64
	counted      time.Time // when a count ended; zero: never
	counting     bool
	changed      bool // since the count began
}

// bounded says whether there is a quota.
func (s *Store) bounded() bool { return s.opts.MaxTotalSize > 0 || s.opts.MaxFiles > 0 }

// within fails with a *QuotaError when recordings take more than they may; a new
// one needs room. Before the first count ends, what is known of counts.
func (s *Store) within(starts bool) error {
	if !s.bounded() {
		return nil
	}
	now := s.opts.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.usage.counted) > countEvery {
		s.startCount()
	}
	files, bytes := s.usage.files, s.usage.bytes
	for _, r := range s.recording {
		if size := r.written(); size > 0 {
			files, bytes = files+1, bytes+size
		}
	}
	room := int64(0)
	if starts {
		room = 1
	}
	if most := s.opts.MaxTotalSize; most > 0 && bytes+room > most {
		return &QuotaError{fieldTotalSize, most, bytes}
	}
	if most := s.opts.MaxFiles; most > 0 && files+room > most {
		return &QuotaError{fieldFiles, most, files}
	}
	return nil
}

// written is how long a recorder's file is; 0: there is none.
func (r *Recorder) written() int64 {
	if r == nil {
		return 0
	}
	return r.size.Load()
}

// changed notes what this store does to the folder.
func (s *Store) changed(files, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.usage.files += files
	s.usage.bytes += bytes
	s.usage.changed = true
}

// startCount has the folder counted, beside all else. The caller holds mu.
func (s *Store) startCount() {
	if s.usage.counting || s.closed {
		return
	}
	s.usage.counting = true
	s.beside.Go(s.count)
}

// count counts what lies in the folder, until nothing has changed meanwhile or
// that is not to be had.
func (s *Store) count() {
	for n := 1; ; n++ {
		s.mu.Lock()
		s.usage.changed = false
		s.mu.Unlock()
		files, bytes, err := s.walk()
		now := s.opts.Now()
		s.mu.Lock()
		again := s.usage.changed && n < maxRecounts && err == nil
		if err == nil {
			s.usage.files, s.usage.bytes = files, bytes
		}
		if !again {
			s.usage.counting, s.usage.counted = false, now
		}
		s.mu.Unlock()
		if err != nil && !errors.Is(err, ErrClosed) {
			s.log.Warn("recordings cannot be counted", "err", err)
		}
		if !again {
			return
		}
	}
}

// walk counts files and folders, and the bytes of the files.
func (s *Store) walk() (files, bytes int64, err error) {
	dirs := []string{"."}
	for len(dirs) > 0 {
		dir := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		err := s.visit(dir, func(e fs.DirEntry) {
			at := path.Join(dir, e.Name())
			if e.Name() == marker {
				return
			}
			if e.IsDir() {
				if at != journalDir && !s.another(at) {
					files++
					if strings.Count(at, "/") < maxListed {
						dirs = append(dirs, at)
					}
				}
				return
			}
			info, err := e.Info()
			if err != nil || s.writes(at) {
				return
			}
			files++
			bytes += min(info.Size(), math.MaxInt64-bytes)
		})
		if dir == "." && s.root.empty(err) {
			return 0, 0, nil
		}
		if dir == "." && err != nil || errors.Is(err, ErrClosed) {
			return 0, 0, err
		}
	}
	return files, bytes, nil
}

// writes says whether a recorder writes what lies at a path: the file of its name,
// or one beside it that has none yet.
func (s *Store) writes(at string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.recording[recordedAs(at)]
	return r != nil && r.at == at
}

// lies notes where what a recorder has written lies from now on.
func (s *Store) lies(r *Recorder, at string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.at = at
	s.usage.changed = true // a walk may have seen it under another name
}

// visit visits what lies in a folder, until the store is closed.
func (s *Store) visit(dir string, f func(fs.DirEntry)) error {
	d, err := s.root.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		s.mu.Lock()
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return ErrClosed
		}
		const some = 256
		list, err := d.ReadDir(some)
		for _, e := range list {
			f(e)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
