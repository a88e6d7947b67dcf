package sharedobject

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Quota bounds what the objects of a store take together; 0 is no bound.
type Quota struct {
	Files int
	Bytes int64
}

// QuotaError says that there may be no more persistent objects, or that they may
// take no more.
type QuotaError struct {
	Bytes     bool // else files
	Max, Used int64
}

// Error implements error.
func (e *QuotaError) Error() string {
	if e.Bytes {
		return fmt.Sprintf("persistent shared objects take %d bytes of %d", e.Used, e.Max)
	}
	return fmt.Sprintf("there are %d persistent shared objects of %d", e.Used, e.Max)
}

// ErrDiskFull says that what is left of the disk is for others.
var ErrDiskFull = errors.New("disk is full")

const (
	// overQuota is the part of a quota that may be taken beyond it: what clients
	// were allowed a moment ago is written.
	overQuota = 16
	// countRest is how many times as long as a count took the next one waits.
	countRest = 100
	// minFiles is how many files are left free on the disk.
	minFiles = 256
)

// usage is what the folder takes. All guarded by Store.mu.
type usage struct {
	files, bytes int64
	places       int64 // of files, for objects that have none yet
	claimed      int64 // bytes that are being written
	skipped      error // a folder that could not be counted
	counted      time.Time
	took         time.Duration // the last count
}

// Bytes is how much the files take; 0 before the first object was loaded.
func (s *Store) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.usage.bytes
}

// Files is how many there are.
func (s *Store) Files() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.usage.files
}

// Skipped is why a folder was not counted the last time, or nil: it cannot be read.
// What lies in it is of no use, and all else is.
func (s *Store) Skipped() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.usage.skipped
}

// reservePlace keeps a place for one file more. Where there is none, what others
// did in the folder is looked at first.
func (s *Store) reservePlace(q Quota) error {
	return s.orCount(func() error {
		u := &s.usage
		switch n := u.files + u.places; {
		case q.Files > 0 && n >= int64(q.Files):
			return &QuotaError{false, int64(q.Files), n}
		case q.Bytes > 0 && u.bytes+u.claimed >= q.Bytes:
			return &QuotaError{true, q.Bytes, u.bytes + u.claimed}
		}
		u.places++
		return nil
	})
}

// Forgo gives back the place of an object that was fresh when it was loaded, and
// has no file still. It does not wait.
func (s *Store) Forgo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.usage.places--
}

// claim takes bytes of the quota for a file that is to be written.
func (s *Store) claim(grows int64, q Quota) error {
	return s.orCount(func() error {
		u := &s.usage
		if n := u.bytes + u.claimed; q.Bytes > 0 && grows > 0 && n+grows-q.Bytes > q.Bytes/overQuota {
			return &QuotaError{true, q.Bytes, n}
		}
		u.claimed += grows
		return nil
	})
}

// written notes what has come of a claim: so many bytes and files more.
func (s *Store) written(claimed, bytes, files int64, places int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.usage.claimed -= claimed
	s.usage.bytes += bytes
	s.usage.files += files
	s.usage.places += places
}

// orCount asks a question under the lock, and once more when the folder has been
// counted meanwhile.
func (s *Store) orCount(ask func() error) error {
	asked := func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return ask()
	}
	err := asked()
	if err == nil || s.Recount() != nil {
		return err
	}
	return asked()
}

// Recount counts the folder, unless that was done a moment ago: others may have
// deleted files. It waits until nothing is being written.
func (s *Store) Recount() error {
	s.mu.Lock()
	due := !s.counting && time.Since(s.usage.counted) >= countRest*s.usage.took
	if due {
		s.counting = true
	}
	s.mu.Unlock()
	if !due {
		return errors.New("was counted a moment ago")
	}
	err := s.count()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counting = false
	return err
}

// count counts the folder while nothing is written there.
func (s *Store) count() error {
	for range cap(s.places) {
		s.places <- struct{}{}
	}
	defer func() {
		for range cap(s.places) {
			<-s.places
		}
	}()
	start := time.Now()
	files, bytes, skipped, err := s.walk()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.usage.took, s.usage.counted = time.Since(start), time.Now()
	if err != nil {
		return fmt.Errorf("shared objects: %w", err)
	}
	s.usage.files, s.usage.bytes, s.usage.skipped = files, bytes, skipped
	return nil
}

// walk counts the files of objects, and their bytes, and removes what a server has
// left half written that was killed.
func (s *Store) walk() (files, bytes int64, skipped, err error) {
	err = filepath.WalkDir(s.dir, func(at string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil && at != s.dir && d != nil && d.IsDir():
			skipped = err // somebody else's: no object of ours can be there
			return fs.SkipDir
		case err != nil:
			return err
		case d.IsDir(), d.Name() == tempVersions: // it may be written just now
			return nil
		case strings.HasPrefix(d.Name(), ".") && strings.HasSuffix(d.Name(), tempSuffix):
			_ = os.Remove(at)
			return nil
		case !strings.HasSuffix(d.Name(), extension):
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			files++
			bytes += info.Size()
		}
		return err
	})
	return files, bytes, skipped, err
}

// free fails with ErrDiskFull when the disk has less left than is left free, with
// so many bytes more.
func (s *Store) free(bytes int64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.dir, &st); err != nil {
		return fmt.Errorf("free space: %w", err)
	}
	if free := int64(st.Bavail) * st.Bsize; free-bytes < s.minFree {
		return fmt.Errorf("%w: %d MiB left, %d MiB are kept free", ErrDiskFull, free>>20, s.minFree>>20)
	}
	// Some file systems make files as they need them, and say that there are none.
	if st.Files > 0 && st.Ffree < minFiles {
		return fmt.Errorf("%w: it has room for %d files, and %d are kept free", ErrDiskFull, st.Ffree, minFiles)
	}
	return nil
}
