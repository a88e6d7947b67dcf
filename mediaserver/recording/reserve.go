package recording

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// claim reserves the name of the file for this recorder alone.
func (s *Store) claim(ctx context.Context, r *Recorder, base string, mode Mode) error {
	r.file = base + extension
	if !mode.IsDated() {
		return s.reserve(ctx, r.file, r)
	}
	if file := s.interruptedFile(base); mode == ModeResumed && file != "" {
		r.file = file
		return s.reserve(ctx, file, r)
	}
	stamp := base + "-" + s.opts.Now().UTC().Format(dated)
	r.file = stamp + extension
	var taken *TakenError
	for n := 2; ; n++ {
		switch err := s.reserve(ctx, r.file, r); {
		case err == nil:
			if _, err := s.root.Lstat(r.file); err != nil {
				return nil // it is not there, or opening it says what is wrong
			}
			s.unreserve(r.file)
		case !errors.Is(err, ErrBusy), errors.As(err, &taken):
			return err
		}
		r.file = fmt.Sprintf("%s-%d%s", stamp, n, extension)
	}
}

// TakenError says that two live streams would be one recording: "mp4:cam" is
// recorded into the files of "cam". It is an ErrBusy.
type TakenError struct{ Stream, By string }

// Error implements error.
func (e *TakenError) Error() string {
	return fmt.Sprintf("%.64s and %.64s are two streams and one recording, which %.64s has: publish under a name that differs by more than mp4:, mp3:, flv: or .flv", e.Stream, e.By, e.By)
}

// Unwrap implements the interface of errors.
func (e *TakenError) Unwrap() error { return ErrBusy }

// reserve keeps all others from writing and deleting a file: for a recorder or,
// with nil, for a caller that deletes it. A torn file is mended first, until ctx
// ends. It fails with ErrBusy or ErrClosed.
func (s *Store) reserve(ctx context.Context, file string, r *Recorder) error {
	for {
		torn, err := s.tryReserve(file, r)
		if !torn {
			return err
		}
		if err := s.settle(ctx, file); err != nil {
			return err
		}
	}
}

func (s *Store) tryReserve(file string, r *Recorder) (torn bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, ErrClosed
	}
	if r != nil {
		for _, other := range s.recording {
			if other != nil && other.base == r.base && other.name != r.name {
				return false, &TakenError{Stream: r.name, By: other.name}
			}
		}
	}
	if _, busy := s.recording[file]; busy {
		return false, ErrBusy
	}
	if s.torn[file] != nil {
		return true, nil
	}
	s.recording[file] = r
	return false, nil
}

func (s *Store) unreserve(file string) {
	s.mu.Lock()
	delete(s.recording, file)
	s.mu.Unlock()
}

// freeTemp is a name for a recording until something is in it. What a server
// before has left under the first one is looked after.
func (s *Store) freeTemp(file string) (string, error) {
	const most = 100
	// An instance and a stream of the one around it may both begin the same file,
	// until one gives way: neither takes the other's for what was left.
	first := 1 + most*s.root.depth()
	for n := first; n < first+most; n++ {
		temp := tempOf(file, n)
		if _, err := s.root.Lstat(temp); errors.Is(err, fs.ErrNotExist) {
			return temp, nil
		}
		if err := s.rescue(temp, file); err != nil {
			s.log.Warn("file is in the way of recordings", "file", temp, "err", err)
		}
		if _, err := s.root.Lstat(temp); errors.Is(err, fs.ErrNotExist) {
			return temp, nil
		}
	}
	return "", fmt.Errorf("%w: %d files called like %s are in the way: move them away", ErrBusy, most, tempOf(file, first))
}
