package sharedobject

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Save writes an object: its file has all of it or what it had before, whatever
// happens. fresh says that it has no file yet. Errors name the file, and wrap a
// *QuotaError, ErrTooLarge, or ErrDiskFull.
func (s *Store) Save(snapshot *Snapshot, fresh bool, q Quota) error {
	file, temp, err := s.file(snapshot.Name)
	if err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	if err := s.save(file, temp, snapshot, fresh, q); err != nil {
		return fmt.Errorf("shared object %s: %w", filepath.Join(s.dir, file), err)
	}
	return nil
}

func (s *Store) save(file, temp string, snapshot *Snapshot, fresh bool, q Quota) error {
	size := snapshot.Size()
	if size > maxFile {
		return fmt.Errorf("%w: it would have %d bytes, %d at most", ErrTooLarge, size, maxFile)
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	before := lengthOf(root, file)
	grows := size - max(before, 0)
	if err := s.claim(grows, q); err != nil {
		return err
	}
	s.places <- struct{}{}
	err = s.free(size)
	if err == nil {
		err = s.put(root, file, temp, snapshot, fresh)
	}
	// What failed may have been done all the same, but for its last step.
	after, files, places := lengthOf(root, file), int64(0), int64(0)
	if before < 0 && after >= 0 {
		files = 1
	}
	if fresh && err == nil {
		places = -1
	}
	s.written(grows, max(after, 0)-max(before, 0), files, places)
	<-s.places
	return err
}

// lengthOf is how long a file is; below 0: there is none.
func lengthOf(root *os.Root, file string) int64 {
	info, err := root.Lstat(file)
	if err != nil {
		return -1
	}
	return info.Size()
}

// put writes a file, and lets it take the place of the one before.
func (s *Store) put(root *os.Root, file, temp string, snapshot *Snapshot, fresh bool) error {
	dir := path.Dir(file)
	var err error
	// Others may remove the folder, as long as it is empty: it is not there then, or it was
	// when it was to be made and is not when that is looked at.
	for range storePlaces {
		if err = root.MkdirAll(dir, 0o755); err == nil {
			err = write(root, temp, func(w io.Writer) error {
				return snapshot.writeTo(&paced{to: w, pace: &s.pace, large: snapshot.Size() > Small})
			})
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
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
			there := NewObject(snapshot.Name, true, Limits{}, nil)
			if name, e := s.read(file, there, nil); e != nil || name != snapshot.Name {
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

// Remove deletes an object's file, which it was loaded from or saved to, and the
// folders that are empty then. It has a place for a file from then on, as one that
// is fresh. Errors name the file.
func (s *Store) Remove(name string) error {
	file, _, err := s.file(name)
	if err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	if err := s.remove(file); err != nil {
		return fmt.Errorf("shared object %s: %w", filepath.Join(s.dir, file), err)
	}
	return nil
}

func (s *Store) remove(file string) error {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	s.places <- struct{}{}
	defer func() { <-s.places }()
	before := lengthOf(root, file)
	if err := root.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if before >= 0 {
		s.written(0, -before, -1, 1)
	} else {
		s.written(0, 0, 0, 1) // somebody else has removed it
	}
	dir := path.Dir(file)
	for ; dir != "."; dir = path.Dir(dir) {
		if root.Remove(dir) != nil {
			break // there is something in it
		}
	}
	_ = syncFolder(root, dir) // it is gone, and who asks again is told that
	return nil
}

// write writes a new file, to the disk. What a server has left there that ended
// meanwhile may be the object's file itself, under a second name.
func write(root *os.Root, name string, content func(io.Writer) error) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if err = content(f); err == nil {
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
