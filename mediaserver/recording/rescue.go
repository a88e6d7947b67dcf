package recording

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"flashpod.dev/flashpod/mediaserver/flv"
)

// mendFile finishes a file of ours that is not. Its time stays: it is when it was
// recorded.
func (s *Store) mendFile(file string) error {
	info, err := s.root.Lstat(file)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	f, err := s.root.OpenFile(file, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	cut, mended, err := flv.Repair(f, info.Size())
	if !mended || err != nil {
		return err
	}
	s.log.Info("recording mended after its server ended", "file", file, "bytes", info.Size()-cut, "cut", cut)
	return s.root.Chtimes(file, info.ModTime(), info.ModTime())
}

// rescue makes a recording of what lies under a name that it has until something
// is in it, and removes what has nothing in it. What is no recording of ours, or
// would take the place of something newer, stays.
func (s *Store) rescue(temp, file string) error {
	info, err := s.root.Lstat(temp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file: move it away", temp)
	}
	if err := s.mendFile(temp); err != nil {
		if errors.Is(err, flv.ErrInvalid) && info.Size() == 0 {
			return s.root.Remove(temp) // its server ended before the first byte
		}
		return err
	}
	f, err := s.openRegular(temp)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return err
	}
	if _, ours := flv.Finished(f, info.Size()); !ours {
		return fmt.Errorf("%s is not of this server: move it away", temp)
	}
	something, err := plays(f, info.Size())
	if err != nil {
		return err
	}
	if !something {
		return s.root.Remove(temp)
	}
	if there, err := s.root.Lstat(file); err == nil && there.ModTime().After(info.ModTime()) {
		return fmt.Errorf("%s is kept, because %s is newer: play or remove one of them", temp, file)
	}
	s.log.Info("recording found that had no name yet", "file", file, "bytes", info.Size())
	return s.root.Rename(temp, file)
}

// firstLook is how much of a file is read to see whether it has something in it:
// more than one of the largest tags.
const firstLook = 32 << 20

// plays says whether a file has more in it than what goes before the first frame. A
// recording of hours is not read for that.
func plays(f io.ReaderAt, size int64) (bool, error) {
	for _, most := range []int64{min(size, firstLook), size} {
		x, err := flv.Scan(f, most)
		if err != nil {
			return false, err
		}
		something := len(x.Entries) > 0 || len(x.Scripts) > 0 || x.Last > 0
		if something || most == size {
			return something, nil
		}
	}
	return false, nil
}

// openRegular opens a file to read it, if it is one: a pipe would wait for
// somebody who writes.
func (s *Store) openRegular(file string) (*os.File, error) {
	f, err := s.root.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is no file", ErrNotFound, file)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// isPartOf says whether a name is one that a recording has until something is in
// it.
func isPartOf(temp, file string) bool {
	middle, ok := strings.CutPrefix(temp, file)
	if !ok {
		return false
	}
	middle, ok = strings.CutSuffix(middle, partial)
	return ok && (middle == "" || strings.Trim(middle, ".0123456789") == "")
}

// recordedAs is the file that a path is a part of, as isPartOf says, or the path.
func recordedAs(at string) string {
	middle, ok := strings.CutSuffix(at, partial)
	if !ok {
		return at
	}
	if i := strings.LastIndex(middle, extension); i >= 0 && isPartOf(at, middle[:i+len(extension)]) {
		return middle[:i+len(extension)]
	}
	return at
}

// tempOf is the nth name that a recording may have until something is in it.
func tempOf(file string, n int) string {
	if n == 1 {
		return file + partial
	}
	return fmt.Sprintf("%s.%d%s", file, n, partial)
}
