package recording

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Mode says what becomes of an earlier recording of the name.
type Mode int

// The modes; see the package's documentation.
const (
	ModeRecord Mode = iota
	ModeAppend
	ModeAppendWithGap
	ModeDated
)

// Source is what a recorder reads: one publication of a stream. Next fails
// with io.EOF at its end. Pending says whether Next would return at once. Close is
// called once, behind all other calls; there are never two at once.
type Source interface {
	Next(ctx context.Context) (rtmp.Message, error)
	Pending() bool
	Close()
}

// Recorder writes one recording.
type Recorder struct {
	store *Store
	file  string // where it will be
	temp  string // where it is, as long as it is empty; or ""
	f     *os.File
	w     *flv.Writer
	src   Source
	clock clock

	dirty  bool
	synced time.Time
	// What has come: more than sequence headers, and one of video.
	media, video bool

	length atomic.Int64 // a time.Duration, for List

	cancel context.CancelFunc
	done   chan struct{}
	err    error // after done
}

// Record starts to record a source under a name. ended is called once, from
// the recorder's goroutine, when it has ended for whatever reason, with nil
// when the file is whole; no lock is held then, and Stop still waits: ended must
// not call it. It fails with ErrBadName, ErrBusy, ErrClosed, or what
// keeps the file from being written; then the source is closed and ended is
// not called.
func (s *Store) Record(name string, mode Mode, src Source, ended func(error)) (*Recorder, error) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Recorder{store: s, src: src, cancel: cancel, done: make(chan struct{}), synced: s.opts.Now()}
	if err := r.open(name, mode); err != nil {
		cancel()
		close(r.done)
		src.Close()
		return nil, fmt.Errorf("record %s: %w", name, s.gone(err))
	}
	go func() {
		defer close(r.done)
		r.err = r.run(ctx)
		src.Close()
		ended(r.err)
	}()
	return r, nil
}

// Stop waits until what the source still has is written and the file is
// finished, or until ctx ends: then the rest is given up, and a disk that does
// not take the end of the file soon is not waited for. It returns why the
// recording is not whole, if it is not.
func (r *Recorder) Stop(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	r.cancel()
	select { // a disk that is well takes what it has
	case <-r.done:
		return r.err
	case <-time.After(lastGrace):
		return fmt.Errorf("recording %s is not finished: %w", r.file, context.Cause(ctx))
	}
}

// lastGrace is how long a recording that is given up may take to finish its file.
const lastGrace = 500 * time.Millisecond

// open finds the file, claims it, and makes the writer.
func (r *Recorder) open(name string, mode Mode) error {
	s := r.store
	_, base, _, err := s.split(name)
	if err != nil {
		return err
	}
	if err := s.free(); err != nil {
		return err
	}
	if dir := path.Dir(base); dir != "." {
		if err := s.root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := s.claim(r, base, mode); err != nil {
		return err
	}
	if err := r.openFile(mode); err != nil {
		s.unreserve(r.file)
		return err
	}
	return nil
}

// claim reserves the name of the file for this recorder alone.
func (s *Store) claim(r *Recorder, base string, mode Mode) error {
	r.file = base + extension
	if mode != ModeDated {
		return s.reserve(r.file, r)
	}
	stamp := base + "-" + s.opts.Now().UTC().Format(dated)
	r.file = stamp + extension
	for n := 2; ; n++ {
		switch err := s.reserve(r.file, r); {
		case err == nil:
			if _, err := s.root.Lstat(r.file); err != nil {
				return nil // it is not there, or opening it says what is wrong
			}
			s.unreserve(r.file)
		case !errors.Is(err, ErrBusy):
			return err
		}
		r.file = fmt.Sprintf("%s-%d%s", stamp, n, extension)
	}
}

// reserve keeps all others from writing and deleting a file: for a recorder or,
// with nil, for a caller that deletes it. It fails with ErrBusy or ErrClosed.
func (s *Store) reserve(file string, r *Recorder) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if _, busy := s.recording[file]; busy {
		return ErrBusy
	}
	s.recording[file] = r
	return nil
}

func (s *Store) unreserve(file string) {
	s.mu.Lock()
	delete(s.recording, file)
	s.mu.Unlock()
}

func (r *Recorder) openFile(mode Mode) (err error) {
	root := r.store.root
	if mode == ModeAppend || mode == ModeAppendWithGap {
		r.f, err = root.OpenFile(r.file, os.O_RDWR, 0)
		if err == nil {
			return r.continueFile(mode)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	r.temp = r.file + partial
	if r.f, err = root.OpenFile(r.temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644); err != nil {
		return err
	}
	if r.w, err = flv.Create(r.f); err != nil {
		r.f.Close()
		return errors.Join(err, root.Remove(r.temp))
	}
	return nil
}

func (r *Recorder) continueFile(mode Mode) error {
	info, err := r.f.Stat()
	if err == nil {
		r.w, err = flv.Append(r.f, info.Size())
	}
	if err != nil {
		r.f.Close()
		return err
	}
	gap := time.Duration(0)
	if mode == ModeAppendWithGap {
		gap = max(0, r.store.opts.Now().Sub(info.ModTime()))
	}
	video, audio := r.w.Last()
	r.clock.resume(video, audio, r.w.Duration(), gap)
	r.length.Store(int64(r.w.Duration()))
	return nil
}
