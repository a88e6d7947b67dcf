package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockApplications takes the folder of applications, too, where that is another.
func (s *Server) lockApplications() error {
	if s.cfg.Applications == "" || sameFile(s.cfg.Applications, s.cfg.Data) {
		return nil
	}
	if _, err := os.Stat(s.cfg.Applications); err != nil {
		return fmt.Errorf("applications: %w", err)
	}
	unlock, err := lockData(s.cfg.Applications)
	if err != nil {
		return err
	}
	before := s.unlock
	s.unlock = func() error { return errors.Join(before(), unlock()) }
	return nil
}

func sameFile(a, b string) bool {
	one, errA := os.Stat(a)
	other, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(one, other)
}

// lockData makes the data folder and takes it for this process alone: two
// servers that repair and append to the same files would ruin them. The lock
// goes with the process, however it ends.
func lockData(dir string) (unlock func() error, err error) {
	if dir == "" {
		return nil, errors.New("data folder: no name given (set --data)")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	// Open for reading, it does not keep the disk from being made read-only.
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data folder %s: another flashpod serves from it (stop that one, or choose another folder with --data)", dir)
		}
		return nil, fmt.Errorf("lock data folder %s: %w", dir, err)
	}
	return func() error {
		// Closing is not enough: a child of this process that is just being
		// started has the file as well, for a moment, and the lock with it.
		return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
	}, nil
}
