package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
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
)

// Source is what a recorder reads: one publication of a stream. Next fails
// with io.EOF at its end. Pending says whether Next would return at once.
type Source interface {
	Next(ctx context.Context) (rtmp.Message, error)
	Pending() bool
	Close()
}

// stopTimeout is how long Stop waits for the disk to take what is left.
const stopTimeout = 10 * time.Second

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

	length atomic.Uint32 // ms, for those who list

	cancel context.CancelFunc
	done   chan struct{}
	err    error // after done
}

// Record starts to record a source under a name. ended is called once, from
// the recorder's goroutine, when it has ended for whatever reason, with nil
// when the file is whole. It fails with ErrBadName, ErrBusy, ErrClosed, or what
// keeps the file from being written; then the source is closed and ended is
// not called.
func (s *Store) Record(name string, mode Mode, src Source, ended func(error)) (*Recorder, error) {
	r := &Recorder{store: s, src: src, done: make(chan struct{}), synced: s.opts.Now()}
	if err := r.open(name, mode); err != nil {
		src.Close()
		return nil, fmt.Errorf("record %s: %w", name, s.gone(err))
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() {
		defer close(r.done)
		r.err = r.run(ctx)
		src.Close()
		ended(r.err)
	}()
	return r, nil
}

// Stop waits until what the source still has is written and the file is
// finished, and returns why the recording is not whole, if it is not.
func (r *Recorder) Stop() error {
	late := time.AfterFunc(stopTimeout, r.cancel)
	defer late.Stop()
	<-r.done
	return r.err
}

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
		s.forget(r)
		return err
	}
	return nil
}

// claim takes the name of the file for this recorder alone.
func (s *Store) claim(r *Recorder, base string, mode Mode) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	r.file = base + extension
	if mode == ModeDated {
		stamp := base + "-" + s.opts.Now().UTC().Format(dated)
		r.file = stamp + extension
		for n := 2; s.taken(r.file); n++ {
			r.file = fmt.Sprintf("%s-%d%s", stamp, n, extension)
		}
	}
	if _, busy := s.recording[r.file]; busy {
		return ErrBusy
	}
	s.recording[r.file] = r
	return nil
}

// taken says whether a file is there or being made. The caller holds mu.
func (s *Store) taken(file string) bool {
	_, busy := s.recording[file]
	_, err := s.root.Lstat(file)
	return busy || err == nil
}

func (s *Store) forget(r *Recorder) {
	s.mu.Lock()
	delete(s.recording, r.file)
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
	r.length.Store(r.w.Duration())
	return nil
}

// run writes until the source ends. Whatever ends it, the file is finished as
// far as it got.
func (r *Recorder) run(ctx context.Context) error {
	err := r.copy(ctx)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	last := r.finish()
	if errors.Is(err, ErrDiskFull) && errors.Is(last, ErrDiskFull) {
		return err // it need not be said twice
	}
	return errors.Join(err, last)
}

const flushAbove = 256 << 10

func (r *Recorder) copy(ctx context.Context) error {
	for {
		if !r.src.Pending() || r.w.Buffered() > flushAbove {
			if err := r.flush(); err != nil {
				return err
			}
		}
		m, err := r.src.Next(ctx)
		if err != nil {
			return err
		}
		if err := r.write(m); err != nil {
			return err
		}
	}
}

func (r *Recorder) write(m rtmp.Message) error {
	if m.Type == rtmp.TypeData && r.w.SetMeta(m.Payload) {
		return nil // it has its place at the front
	}
	time, ok := r.clock.place(m)
	if !ok {
		return nil
	}
	r.dirty = true
	switch {
	case m.Type == rtmp.TypeVideo && flv.IsVideoHeader(m.Payload):
		r.video = true
	case m.Type == rtmp.TypeAudio && flv.IsAudioHeader(m.Payload):
	default:
		r.media = true
	}
	err := r.w.Write(flv.Tag{Type: uint8(m.Type), Timestamp: time, Data: m.Payload})
	r.length.Store(r.w.Duration())
	return err
}

// flush hands to the file what has come, and to the disk once a second.
func (r *Recorder) flush() error {
	if !r.dirty {
		return nil
	}
	if err := r.w.Flush(); err != nil {
		return diskError(err)
	}
	if r.worthy() {
		if err := r.appear(); err != nil {
			return err
		}
	}
	now := r.store.opts.Now()
	if now.Sub(r.synced) < r.store.opts.SyncEvery {
		return nil
	}
	r.synced, r.dirty = now, false
	if err := r.store.free(); err != nil {
		return err
	}
	return diskError(syscall.Fdatasync(int(r.f.Fd())))
}

// worthy says whether the file would play, if the server died now: one that
// has a header of pictures should have a picture too, unless none comes for a
// second.
func (r *Recorder) worthy() bool {
	return r.media && (!r.video || r.clock.pictures || r.w.Duration() > 1000)
}

// appear gives the file its name: now it has something in it.
func (r *Recorder) appear() error {
	if r.temp == "" {
		return nil
	}
	if err := r.store.root.Rename(r.temp, r.file); err != nil {
		return err
	}
	r.temp = ""
	return nil
}

func (r *Recorder) finish() error {
	s := r.store
	defer s.forget(r)
	if r.temp != "" && !r.media {
		return errors.Join(r.f.Close(), s.root.Remove(r.temp)) // nothing came
	}
	err := diskError(r.w.Finish())
	if err != nil {
		if e := r.salvage(); e != nil {
			s.log.Error("recording that ended early is not mended", "file", r.file, "err", e)
		}
	} else {
		err = r.appear()
	}
	return errors.Join(err, r.f.Close())
}

// salvage makes the best of a file that could not be finished, most likely
// because the disk is full: the tag that did not fit is cut, and the metadata
// has its place already. A recording of which nothing arrived replaces no other.
func (r *Recorder) salvage() error {
	size, err := r.f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	_, mended, err := flv.Repair(r.f, size)
	switch {
	case r.temp == "":
		return err
	case err == nil && mended && r.arrived():
		return r.appear()
	}
	return r.store.root.Remove(r.temp)
}

// arrived says whether the file has anything to play in it.
func (r *Recorder) arrived() bool {
	size, err := r.f.Seek(0, io.SeekEnd)
	if err != nil {
		return false
	}
	x, err := flv.Scan(r.f, size)
	return err == nil && len(x.Entries) > 0
}

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
	if e == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Nlink > 0 {
			return err
		}
	}
	return fmt.Errorf("the folder of recordings is gone (restart the server when it is back): %w", err)
}

// free fails with ErrDiskFull when too little space is left.
func (s *Store) free() error {
	d, err := s.root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(d.Fd()), &st); err != nil {
		return fmt.Errorf("free space: %w", err)
	}
	if free := int64(st.Bavail) * st.Bsize; free < s.opts.MinFree {
		return fmt.Errorf("%w: %d MiB left, %d MiB are kept free", ErrDiskFull, free>>20, s.opts.MinFree>>20)
	}
	return nil
}
