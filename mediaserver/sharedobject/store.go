package sharedobject

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

const (
	extension  = ".fso"
	tempSuffix = ".new" // of files that are being written
	// maxFile bounds what is written and read: twice the largest object that a
	// manifest allows, with its names.
	maxFile = 256 << 20
	// storePlaces is how many files are written at once, at most.
	storePlaces = 16
)

// Errors of a store.
var (
	// ErrTaken says that the file of a name is another object's: on some disks
	// names are the same that differ in case, or in how Unicode writes them.
	ErrTaken = errors.New("the disk keeps another object under that name, which differs in case or in its Unicode form alone")
	// ErrTooLarge says that an object's file would not be read again.
	ErrTooLarge = errors.New("too large for a file")
)

// StoreOptions are what a store must know; the zero value works.
type StoreOptions struct {
	// MinFree is how many bytes are left free on the disk; default 64 MiB.
	MinFree int64
}

// Store keeps persistent objects in the files of a folder, which is made when the
// first object is changed. All methods may be called from any goroutine, and but for
// May, Told, Forgo, Hurry, Busy, Bytes, Files and Skipped they wait for the disk; two calls about
// one object are not made at once.
type Store struct {
	dir      string
	minFree  int64
	versions versions
	pace     pace
	places   chan struct{} // of those that write

	mu       sync.Mutex // nothing else is taken while it is held
	begun    bool
	begins   chan struct{} // closed when the first look has ended; nil: nobody looks
	counting bool
	usage    usage
}

// OpenStore makes the store of a folder. It looks at nothing yet.
func OpenStore(dir string, opts StoreOptions) *Store {
	if opts.MinFree == 0 {
		opts.MinFree = 64 << 20
	}
	return &Store{
		dir: dir, minFree: opts.MinFree, places: make(chan struct{}, storePlaces),
		versions: versions{writes: make(chan struct{}, 1)}, pace: pace{hurry: make(chan struct{})},
	}
}

// begin looks at the folder before anything is done in it, once: it counts what is
// there, and takes the versions over from the server before.
func (s *Store) begin() error {
	s.mu.Lock()
	for !s.begun && s.begins != nil {
		begins := s.begins
		s.mu.Unlock()
		<-begins
		s.mu.Lock()
	}
	if s.begun {
		s.mu.Unlock()
		return nil
	}
	begins := make(chan struct{})
	s.begins = begins
	s.mu.Unlock()
	err := s.look()
	s.mu.Lock()
	s.begun, s.begins = err == nil, nil
	s.mu.Unlock()
	close(begins)
	return err
}

func (s *Store) look() error {
	if err := s.count(); err != nil {
		return err
	}
	now := time.Now()
	root, err := os.OpenRoot(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		s.versions.beginNew(now)
		return nil
	}
	if err != nil {
		return fmt.Errorf("shared objects: %w", err)
	}
	defer root.Close()
	_ = s.versions.begin(root, now) // what was lost is made up for
	// Where that cannot be written, what is there can be read, and nothing changed.
	_ = s.versions.write(root, false, now)
	return nil
}

// May says whether an object may be changed to a version: that none repeats is on
// the disk. Where it may not, Raise is to be called first.
func (s *Store) May(version uint32) bool { return s.versions.may(version) }

// Told notes that clients are told a version of an object. true: Raise is to be
// called, by somebody who may wait for the disk.
func (s *Store) Told(version uint32) bool { return s.versions.told(version, time.Now()) }

// Raise writes down how far versions may go.
func (s *Store) Raise() error { return s.writeVersions(false) }

// End writes down that all is written that was told: no object is used any more.
func (s *Store) End() error { return s.writeVersions(true) }

func (s *Store) writeVersions(ends bool) error {
	s.mu.Lock()
	begun := s.begun
	s.mu.Unlock()
	if ends && !begun {
		return nil // nobody was told anything
	}
	if err := s.begin(); err != nil {
		return err
	}
	if !ends {
		if err := os.MkdirAll(s.dir, 0o755); err != nil {
			return s.versions.fail(err, time.Now())
		}
	}
	root, err := os.OpenRoot(s.dir)
	if ends && errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was changed
	}
	if err != nil {
		return s.versions.fail(err, time.Now())
	}
	defer root.Close()
	return s.versions.write(root, ends, time.Now())
}

// file is where an object lies, below the folder, and temp where it is written
// first.
func (s *Store) file(name string) (file, temp string, err error) {
	if err := CheckName(name); err != nil {
		return "", "", err
	}
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if strings.HasSuffix(strings.ToLower(part), extension) {
			return "", "", fmt.Errorf("%w: %.64q has a folder that is called as a file is: leave out %s", ErrBadName, name, extension)
		}
	}
	sum := sha256.Sum256([]byte(name))
	return name + extension, path.Join(path.Dir(name), "."+hex.EncodeToString(sum[:8])+tempSuffix), nil
}

// Load reads an object that has nothing yet, and whose budget pays for what it gets
// before that is read. fresh: there is no file; then the object begins at a version
// that nobody was told, and has a place among the files until Forgo is called or it
// is saved. turn is that of whoever asks. Errors name the file, and leave the object
// with nothing; they wrap a *QuotaError where one more is too many, and ErrNoBudget.
func (s *Store) Load(o *Object, q Quota, turn *budget.Turn) (fresh bool, err error) {
	file, _, err := s.file(o.Name)
	if err != nil {
		return false, err
	}
	if err := s.begin(); err != nil {
		return false, err
	}
	name, err := s.read(file, o, turn)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := s.reservePlace(q); err != nil {
			return false, err
		}
		o.goOnAt(s.versions.next())
		return true, nil
	case err != nil:
		return false, fmt.Errorf("shared object %s: %w", filepath.Join(s.dir, file), err)
	case name != o.Name:
		o.Drop()
		return false, fmt.Errorf("shared object %s: %w: %.64q", filepath.Join(s.dir, file), ErrTaken, name)
	}
	if next, ok := s.versions.above(o.version); ok {
		o.goOnAt(next)
	}
	return false, nil
}

func (s *Store) read(file string, o *Object, turn *budget.Turn) (name string, err error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	f, size, err := openFile(root, file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if size > maxFile {
		return "", fmt.Errorf("%w: it has %d bytes, %d at most", ErrTooLarge, size, maxFile)
	}
	return o.load(f, size, turn)
}

// openFile opens what is a file, and says how long it is: a pipe would wait for
// somebody who writes.
func openFile(root *os.Root, file string) (f *os.File, size int64, err error) {
	if f, err = root.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is no file")
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}
