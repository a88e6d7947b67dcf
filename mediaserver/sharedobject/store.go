package sharedobject

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

const (
	extension = ".fso"
	// maxFile bounds what is read: twice the largest object that a manifest
	// allows, with its names.
	maxFile = 256 << 20
)

// Errors of a store.
var (
	// ErrTaken says that the file of a name is another object's: on some disks
	// names are the same that differ in case, or in how Unicode writes them.
	ErrTaken = errors.New("the disk keeps another object under that name, which differs in case or in its Unicode form alone")
	// ErrFull says that there are as many persistent objects as there may be.
	ErrFull = errors.New("too many persistent shared objects")
)

// Store keeps persistent objects in the files of a folder, which is made with the
// first of them. All methods may be called from any goroutine, and wait for the
// disk; two calls about one object are not made at once.
type Store struct {
	dir    string
	others []string

	mu      sync.Mutex // nothing else is taken while it is held
	counted bool
	files   int
}

// OpenStore makes the store of a folder. It looks at nothing yet. Others are
// names, relative to the folder, of folders in it that belong to someone else.
func OpenStore(dir string, others []string) *Store { return &Store{dir: dir, others: others} }

// file is where an object lies, below the folder, and temp where it is written
// first.
func (s *Store) file(name string) (file, temp string, err error) {
	if err := CheckName(name); err != nil {
		return "", "", err
	}
	for _, other := range s.others {
		if strings.HasPrefix(name, other+"/") {
			return "", "", fmt.Errorf("%w: %.64q lies in the folder of another instance, %s below this one", ErrBadName, name, other)
		}
	}
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if strings.HasSuffix(strings.ToLower(part), extension) {
			return "", "", fmt.Errorf("%w: %.64q has a folder that is called as a file is: leave out %s", ErrBadName, name, extension)
		}
	}
	sum := sha256.Sum256([]byte(name))
	return name + extension, path.Join(path.Dir(name), "."+hex.EncodeToString(sum[:8])+".new"), nil
}

// Load reads an object. Nil, and no error: there is none, and one more may be
// made, of max at most (0: any number). Errors name the file.
func (s *Store) Load(name string, max int) (*Snapshot, error) {
	file, _, err := s.file(name)
	if err != nil {
		return nil, err
	}
	snapshot, err := s.read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if max > 0 {
			n, err := s.count()
			if err != nil {
				return nil, err
			}
			if n >= max {
				return nil, fmt.Errorf("%w: %d", ErrFull, n)
			}
		}
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("shared object %s: %w", filepath.Join(s.dir, file), err)
	case snapshot.Name != name:
		return nil, fmt.Errorf("shared object %s: %w: %.64q", filepath.Join(s.dir, file), ErrTaken, snapshot.Name)
	}
	return snapshot, nil
}

func (s *Store) read(file string) (*Snapshot, error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("is no file")
	case info.Size() > maxFile:
		return nil, fmt.Errorf("has %d bytes, %d at most", info.Size(), maxFile)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, err
	}
	return decode(b)
}

// Save writes an object: its file has all of it or what it had before, whatever
// happens. fresh says that it was not there when it was loaded.
func (s *Store) Save(snapshot *Snapshot, fresh bool) error {
	file, temp, err := s.file(snapshot.Name)
	if err != nil {
		return err
	}
	if err := s.save(file, temp, snapshot, fresh); err != nil {
		return fmt.Errorf("shared object %s: %w", filepath.Join(s.dir, file), err)
	}
	if fresh {
		s.mu.Lock()
		s.files++
		s.mu.Unlock()
	}
	return nil
}

func (s *Store) save(file, temp string, snapshot *Snapshot, fresh bool) error {
	dir := path.Dir(file)
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := write(root, temp, snapshot.encode()); err != nil {
		_ = root.Remove(temp) // a disk that is full has need of it
		return err
	}
	if fresh {
		// It must not take the place of a file that was not seen as its own.
		err := root.Link(temp, file)
		switch {
		case err == nil:
			_ = root.Remove(temp)
			return syncFolder(root, dir)
		case errors.Is(err, fs.ErrExist):
			if there, e := s.read(file); e != nil || there.Name != snapshot.Name {
				_ = root.Remove(temp)
				return ErrTaken
			}
		}
		// The disk knows no links, or it is there since an earlier attempt.
	}
	if err := root.Rename(temp, file); err != nil {
		return err
	}
	return syncFolder(root, dir)
}

// write writes a new file, to the disk. What a server has left there that ended
// meanwhile may be the object's file itself, under a second name.
func write(root *os.Root, name string, b []byte) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFolder makes a name last.
func syncFolder(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// count is how many objects there are. The folder is read once; from then on what
// is made is counted.
func (s *Store) count() (int, error) {
	s.mu.Lock()
	n, counted := s.files, s.counted
	s.mu.Unlock()
	if counted {
		return n, nil
	}
	n = 0
	err := filepath.WalkDir(s.dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !d.IsDir() && strings.HasSuffix(d.Name(), extension) {
			n++
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("shared objects: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.counted {
		s.files, s.counted = n, true // what was made meanwhile may be among them, or not
	}
	return s.files, nil
}
