package recording

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// diskError tells a full disk from other errors, and no client where files are.
func diskError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = fmt.Errorf("%s: %w", path.Op, path.Err)
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return err
}

// gone adds what to do to the error of a folder that was removed, or whose
// volume was taken away, while the server runs.
func (s *Store) gone(err error) error {
	info, e := s.root.Stat(".")
	if s.root.unmade(e) || e == nil && !removed(info) {
		return err
	}
	return fmt.Errorf("the folder of recordings is gone (restart the server when it is back): %w", err)
}

// removed says of an open folder whether it has been removed.
func removed(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0
}

// free fails with ErrDiskFull when too little space is left.
func (s *Store) free() error {
	var st syscall.Statfs_t
	if err := s.ask(func(fd int) error { return syscall.Fstatfs(fd, &st) }); err != nil {
		return fmt.Errorf("free space: %w", err)
	}
	if free := int64(st.Bavail) * st.Bsize; free < s.opts.MinFree {
		return fmt.Errorf("%w: %d MiB left, %d MiB are kept free", ErrDiskFull, free>>20, s.opts.MinFree>>20)
	}
	// Some file systems make files as they need them, and say that there are none.
	if st.Files > 0 && st.Ffree < minFiles {
		return fmt.Errorf("%w: it has room for %d files, and %d are kept free", ErrDiskFull, st.Ffree, minFiles)
	}
	return nil
}

// minFiles is how many files recordings leave free on the disk.
const minFiles = 256

// ask has a question about the folder answered by a file that is open already:
// no more than that one is needed, when others have taken all.
func (s *Store) ask(question func(fd int) error) error {
	dir, done, err := s.root.asked()
	if err != nil {
		return err
	}
	defer done()
	raw, err := dir.SyscallConn()
	if err != nil {
		return err
	}
	answer := errors.New("no answer")
	if err := raw.Control(func(fd uintptr) { answer = question(int(fd)) }); err != nil {
		return err
	}
	return answer
}
