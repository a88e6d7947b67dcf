package recording

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync/atomic"
	"syscall"
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
	// ModeResumed is ModeDated for a publisher that goes on with the publication that it had:
	// it goes on in the file of that where that was interrupted, and begins another where not.
	ModeResumed
)

// IsDated says whether recordings of a mode have files of their own, not the name's.
func (m Mode) IsDated() bool { return m == ModeDated || m == ModeResumed }

// Source is what a recorder reads: one publication of a stream. Next fails
// with io.EOF at its end. TookOver says whether what Next has returned is the
// first of another publisher, which has taken the publication over. Pending says
// whether Next would return at once. Close is called once, behind all other calls;
// there are never two at once.
type Source interface {
	Next(ctx context.Context) (rtmp.Message, error)
	TookOver() bool
	Pending() bool
	Close()
}

// Recorder writes one recording.
type Recorder struct {
	store *Store
	name  string // of the stream
	base  string // of its files
	file  string // where it will be
	temp  string // where it is, as long as it is empty; or ""
	at    string // where its bytes lie now; "" nowhere; guarded by Store.mu
	mark  *mark  // in the journal
	f     *os.File
	w     *flv.Writer // nil: there is no folder yet, and no file
	src   Source
	clock clock
	gaps  bool // time that passes between two publishers is kept

	dirty  bool
	synced time.Time
	// What has come: more than sequence headers, and one of video.
	media, video bool

	length      atomic.Int64 // a time.Duration, for List
	size        atomic.Int64 // bytes; 0: there is no file
	interrupted atomic.Bool

	ctx    context.Context // ends when the rest is given up
	cancel context.CancelFunc
	done   chan struct{}
	err    error // after done
}

// Record starts to record a source under a name: it is Prepare and Start.
func (s *Store) Record(name string, mode Mode, src Source, ended func(error)) (*Recorder, error) {
	r, err := s.Prepare(context.Background(), name, mode, src)
	if err == nil {
		r.Start(ended)
	}
	return r, err
}

// Prepare opens what a source is to be recorded into under a name, and takes the
// place of nothing: the recorder is started or abandoned. It fails with
// ErrBadName, ErrBusy, ErrClosed, what keeps the file from being written, or the
// cause of ctx's end while what is there is mended; then the source is closed.
func (s *Store) Prepare(ctx context.Context, name string, mode Mode, src Source) (*Recorder, error) {
	r := &Recorder{store: s, name: name, src: src, done: make(chan struct{}), synced: s.opts.Now()}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	if err := r.open(ctx, name, mode); err != nil {
		r.cancel()
		close(r.done)
		src.Close()
		return nil, fmt.Errorf("record %s: %w", name, s.gone(err))
	}
	return r, nil
}

// Start begins to record, at most once. ended is called once, from the recorder's
// goroutine, when it has ended for whatever reason, with nil when the file is
// whole; no lock is held then, and Stop still waits: ended must not call it.
func (r *Recorder) Start(ended func(error)) {
	go func() {
		defer close(r.done)
		r.err = r.run(r.ctx)
		r.src.Close()
		ended(r.err)
	}()
}

// Abandon closes a recorder that was not started, and its source. What there was
// under its name before stays as it is.
func (r *Recorder) Abandon() {
	s := r.store
	defer close(r.done)
	r.cancel()
	r.src.Close()
	defer s.unreserve(r.file)
	if r.w == nil {
		return
	}
	r.err = r.f.Close()
	if r.temp != "" {
		r.err = errors.Join(r.err, s.root.Remove(r.temp))
	}
	if r.err != nil {
		s.log.Warn("a recording that was given up leaves something", "file", r.file, "err", r.err)
	}
	s.end(r.mark, false)
	r.account()
	s.tidy(path.Dir(r.file))
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

// MarkInterrupted says, before Stop, that the publisher does not wish the end of
// its recording: it got lost, or the server goes. See [Store.Interrupted].
func (r *Recorder) MarkInterrupted() { r.interrupted.Store(true) }

// open finds the file, claims it, and makes the writer.
func (r *Recorder) open(ctx context.Context, name string, mode Mode) error {
	s := r.store
	_, base, _, err := s.split(name)
	if err != nil {
		return err
	}
	r.base = base
	s.root.want()
	if err := errors.Join(recordable(base), s.theirs(base)); err != nil {
		return err
	}
	if err := errors.Join(s.free(), s.within(true)); err != nil {
		return err
	}
	if err := s.claim(ctx, r, base, mode); err != nil {
		return err
	}
	r.gaps = mode == ModeAppendWithGap
	if err := r.openFile(mode); err != nil {
		s.unreserve(r.file)
		return err
	}
	return nil
}

// openFile opens the file that is continued, or a new one where there is a
// folder for it: others get theirs with the first packet.
func (r *Recorder) openFile(mode Mode) (err error) {
	s := r.store
	if mode == ModeAppend || mode == ModeAppendWithGap || mode == ModeResumed {
		r.f, err = s.root.OpenFile(r.file, os.O_RDWR|syscall.O_NONBLOCK, 0)
		if err == nil {
			return r.continueFile(mode)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	there, err := s.mayCreate(path.Dir(r.file))
	if err != nil || !there {
		return err
	}
	if err = r.create(); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if there, gone := s.mayCreate(path.Dir(r.file)); there || gone != nil {
		return errors.Join(err, gone)
	}
	r.temp, r.mark = "", nil
	return nil // the folder has just gone, with its last file: the first packet makes it
}

// create makes the file under a name that it has until something is in it.
func (r *Recorder) create() (err error) {
	s := r.store
	if r.temp, err = s.freeTemp(r.file); err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	if r.f, err = s.root.OpenFile(r.temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644); err != nil {
		s.end(r.mark, false)
		return err
	}
	if r.w, err = r.front(); err != nil {
		r.f.Close()
		err = errors.Join(err, s.root.Remove(r.temp))
		s.end(r.mark, false)
		return err
	}
	r.size.Store(r.w.Size())
	s.lies(r, r.temp)
	return nil
}

// front writes the front of a new file. Its folder may have become that of another
// instance a moment ago: which has the first file in it, has it (see Claims).
func (r *Recorder) front() (*flv.Writer, error) {
	if err := r.store.theirs(r.base); err != nil {
		return nil, err
	}
	return flv.Create(r.f)
}

// begin has the journal say that the file is written.
func (r *Recorder) begin() error {
	r.mark = &mark{Stream: r.base, File: r.file, Temp: r.temp, Began: r.store.opts.Now()}
	return r.store.begin(r.mark)
}

func (r *Recorder) continueFile(mode Mode) error {
	err := r.goOn(mode)
	if err == nil {
		err = r.begin()
	}
	if err != nil {
		r.f.Close()
		if size := r.size.Swap(0); size > 0 {
			r.store.changed(1, size)
		}
		r.w = nil
	}
	return err
}

func (r *Recorder) goOn(mode Mode) error {
	info, err := r.f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %.64q is no file", ErrBadName, r.name)
	}
	if r.w, err = flv.Append(r.f, info.Size()); err != nil {
		return err
	}
	gap := time.Duration(0)
	if mode == ModeAppendWithGap {
		gap = max(0, r.store.opts.Now().Sub(info.ModTime()))
	}
	video, audio := r.w.Last()
	r.clock.resume(video, audio, r.w.Duration(), gap)
	r.length.Store(int64(r.w.Duration()))
	r.size.Store(r.w.Size())
	r.store.changed(-1, -info.Size()) // its recorder counts it
	r.store.lies(r, r.file)
	return nil
}
