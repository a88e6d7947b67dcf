package recording

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// root is the folder of a store. One that is opened late is looked for at each
// question until it is there: fs.ErrNotExist says that it is not.
type root struct {
	path string
	late *Late // nil: it was there when the store was opened
	at   atomic.Pointer[openedRoot]
	made atomic.Bool // this store has made it
}

// openedRoot is a folder that is there. With no root, the store is closed.
type openedRoot struct {
	*os.Root
	dir *os.File // the same, to ask the disk how it is
}

// rootFiles is how many files it keeps open.
const rootFiles = 2

// openRoot opens a folder, made when missing unless that is for later.
func openRoot(path string, opts Options) (*root, error) {
	r := &root{path: path, late: opts.Late}
	if r.late != nil {
		return r, nil
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	_, err := r.get()
	return r, err
}

// get is the folder, if it is there.
func (r *root) get() (*openedRoot, error) {
	at := r.at.Load()
	if at == nil {
		var err error
		if at, err = r.find(r.take); err != nil {
			return nil, err
		}
	}
	if at.Root == nil {
		return nil, fs.ErrClosed
	}
	return at, nil
}

// find opens the folder, which is paid for before. Of several that do so at once,
// one does it for all.
func (r *root) find(pay func() bool) (*openedRoot, error) {
	if r.late != nil {
		// While it was not there, it may have become that of streams.
		if err := r.late.Claims.has(r.late.Name); err != nil {
			return nil, err
		}
		if !pay() {
			return nil, ErrTooMany
		}
	}
	found := &openedRoot{}
	var err error
	if found.Root, err = os.OpenRoot(r.path); err == nil {
		if found.dir, err = found.Root.Open("."); err != nil {
			found.Root.Close()
		}
	}
	if err != nil {
		r.giveBack()
		return nil, err
	}
	if r.at.CompareAndSwap(nil, found) {
		return found, nil
	}
	r.giveBack()
	return r.at.Load(), errors.Join(found.dir.Close(), found.Root.Close())
}

// want opens the folder for somebody who records: recordings find files when
// clients have taken all that are theirs. What is wrong is seen when it is used.
func (r *root) want() {
	if r.late != nil && r.at.Load() == nil {
		_, _ = r.find(func() bool { r.late.Files.Owe(rootFiles); return true })
	}
}

func (r *root) take() bool { return r.late.Files.Take(rootFiles) }

// giveBack gives back what find has taken.
func (r *root) giveBack() {
	if r.late != nil {
		r.late.Files.Give(rootFiles)
	}
}

// unmade says of an error whether it is that of a folder which is made later.
func (r *root) unmade(err error) bool {
	return r.late != nil && r.at.Load() == nil && errors.Is(err, fs.ErrNotExist)
}

// depth is how many folders of instances it may lie in.
func (r *root) depth() int {
	if r.late == nil {
		return 0
	}
	return strings.Count(r.late.Name, "/")
}

// empty says of an error whether nothing in the folder is of this instance.
func (r *root) empty(err error) bool {
	var claimed *ClaimedError
	return r.unmade(err) || errors.As(err, &claimed)
}

// make makes the folder when there was none until now.
func (r *root) make() error {
	if r.late == nil || r.at.Load() != nil {
		return nil
	}
	err := r.late.Claims.Make(r.late.Name)
	if err == nil {
		r.made.Store(true)
		r.want()
		_, err = r.get()
	}
	return err
}

// has says whether something lies in the folder, and opens nothing that is late for
// that.
func (r *root) has(name string) bool {
	if r.late == nil {
		return true // opening it says so
	}
	_, err := os.Lstat(filepath.Join(r.path, name))
	return err == nil
}

// asked is an open file to ask the disk with: of the folder or, before that is
// there, of the one that it will be in. done closes what was opened for it.
func (r *root) asked() (dir *os.File, done func(), err error) {
	at, err := r.get()
	if err == nil {
		return at.dir, func() {}, nil
	}
	if !r.unmade(err) {
		return nil, nil, err
	}
	for path := filepath.Dir(r.path); ; path = filepath.Dir(path) {
		dir, err := os.Open(path)
		if err == nil {
			return dir, func() { dir.Close() }, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return nil, nil, err
		}
	}
}

// Close may be called twice.
func (r *root) Close() error {
	at := r.at.Swap(&openedRoot{})
	if at == nil || at.Root == nil {
		return nil
	}
	r.giveBack()
	return errors.Join(at.dir.Close(), at.Root.Close())
}

// Stat is os.Root's.
func (r *root) Stat(name string) (fs.FileInfo, error) {
	at, err := r.get()
	if err != nil {
		return nil, err
	}
	return at.Root.Stat(name)
}

// Lstat is os.Root's.
func (r *root) Lstat(name string) (fs.FileInfo, error) {
	at, err := r.get()
	if err != nil {
		return nil, err
	}
	return at.Root.Lstat(name)
}

// Open is os.Root's.
func (r *root) Open(name string) (*os.File, error) { return r.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile is os.Root's.
func (r *root) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	at, err := r.get()
	if err != nil {
		return nil, err
	}
	return at.Root.OpenFile(name, flag, perm)
}

// Create is os.Root's.
func (r *root) Create(name string) (*os.File, error) {
	return r.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// Mkdir is os.Root's.
func (r *root) Mkdir(name string, perm fs.FileMode) error {
	at, err := r.get()
	if err != nil {
		return err
	}
	return at.Root.Mkdir(name, perm)
}

// Remove is os.Root's.
func (r *root) Remove(name string) error {
	at, err := r.get()
	if err != nil {
		return err
	}
	return at.Root.Remove(name)
}

// Rename is os.Root's.
func (r *root) Rename(from, to string) error {
	at, err := r.get()
	if err != nil {
		return err
	}
	return at.Root.Rename(from, to)
}

// WriteFile is os.Root's.
func (r *root) WriteFile(name string, b []byte, perm fs.FileMode) error {
	at, err := r.get()
	if err != nil {
		return err
	}
	return at.Root.WriteFile(name, b, perm)
}

// Chtimes is os.Root's.
func (r *root) Chtimes(name string, atime, mtime time.Time) error {
	at, err := r.get()
	if err != nil {
		return err
	}
	return at.Root.Chtimes(name, atime, mtime)
}
