package recording

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"syscall"
)

// A folder is there as long as there is something in it: it is made with the
// first packet of a recording, and goes with the last file.

// mayCreate says whether a folder is there, and fails when no file can be made
// in it, or the folder cannot be made.
func (s *Store) mayCreate(dir string) (there bool, err error) {
	for at := dir; ; at = path.Dir(at) {
		err := s.writable(at)
		switch {
		case err == nil:
			return at == dir, nil
		case errors.Is(err, syscall.ENOTDIR):
			return false, fmt.Errorf("%w: %.64q is a file, and no folder", ErrBadName, at)
		case at == "." && s.root.unmade(err):
			return false, nil // whether it can be made is seen then
		case at == ".", !errors.Is(err, fs.ErrNotExist):
			return false, err
		}
	}
}

func (s *Store) writable(dir string) error {
	info, err := s.root.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return syscall.ENOTDIR
	}
	if removed(info) {
		return fs.ErrNotExist // the open folder of all recordings answers all the same
	}
	d, err := s.root.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil // whether files can be made in what cannot be read, is seen then
	}
	if err != nil {
		return err
	}
	defer d.Close()
	const writeAndSearch = 3
	return syscall.Faccessat(int(d.Fd()), ".", writeAndSearch, 0)
}

// make makes the file, with its folder, when there was none until now.
func (r *Recorder) make() error {
	if r.w != nil {
		return nil
	}
	dir := path.Dir(r.file)
	var err error
	if err = r.store.root.make(); err != nil {
		return diskError(err)
	}
	for range 3 { // another recording's last file may go at this moment, and its folder with it
		if err = r.store.makeFolders(dir); err != nil {
			continue
		}
		if err = r.create(); err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	r.store.tidy(dir)
	return diskError(err)
}

// makeFolders makes a folder and those around it.
func (s *Store) makeFolders(dir string) error {
	err := s.root.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrNotExist) && dir != "." {
		if err = s.makeFolders(path.Dir(dir)); err == nil {
			err = s.root.Mkdir(dir, 0o755)
		}
	}
	if err == nil {
		s.changed(1, 0)
	}
	if errors.Is(err, fs.ErrExist) { // if that is a file, what is made in it says so
		return nil
	}
	return err
}

// tidy removes a folder in which nothing is left, and those around it. That of
// another instance stays.
func (s *Store) tidy(dir string) {
	for ; dir != "." && !s.another(dir); dir = path.Dir(dir) {
		if info, err := s.root.Lstat(dir); err != nil || !info.IsDir() {
			return
		}
		if s.root.Remove(dir) != nil {
			return // there is something in it
		}
		s.changed(-1, 0)
	}
}
