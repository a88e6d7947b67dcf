package recording

import (
	"context"
	"errors"
	"io"
	"path"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

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
		if !r.src.Pending() || r.w != nil && r.w.Buffered() > flushAbove {
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
	if r.src.TookOver() {
		r.clock.takeOver(r.gaps)
	}
	if m.Type == rtmp.TypeData {
		if err := r.make(); err != nil {
			return err
		}
		if r.w.SetMeta(m.Payload) {
			return nil // it has its place at the front
		}
	}
	at, ok := r.clock.place(m)
	if !ok {
		return nil
	}
	if err := r.make(); err != nil {
		return err
	}
	r.dirty = true
	switch {
	case m.Type == rtmp.TypeVideo && payload.IsVideoHeader(m.Payload):
		r.video = true
	case m.Type == rtmp.TypeAudio && payload.IsAudioHeader(m.Payload):
	default:
		r.media = true
	}
	err := r.w.Write(flv.Tag{Type: uint8(m.Type), Timestamp: at, Data: m.Payload})
	r.length.Store(int64(r.w.Duration()))
	r.size.Store(r.w.Size())
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
	if r.playable() {
		if err := r.appear(); err != nil {
			return err
		}
	}
	now := r.store.opts.Now()
	if now.Sub(r.synced) < r.store.opts.SyncEvery {
		return nil
	}
	r.synced, r.dirty = now, false
	if err := errors.Join(r.store.free(), r.store.within(false)); err != nil {
		return err
	}
	return diskError(syscall.Fdatasync(int(r.f.Fd())))
}

// playable says whether the file would play, if the server died now: one that
// has a header of pictures should have a picture too, unless none comes for a
// second.
func (r *Recorder) playable() bool {
	return r.media && (!r.video || r.clock.pictures || r.w.Duration() > time.Second)
}

// appear gives the file its name: now it has something in it.
func (r *Recorder) appear() error {
	if r.temp == "" {
		return nil
	}
	was, none := r.store.root.Lstat(r.file)
	if err := r.store.root.Rename(r.temp, r.file); err != nil {
		return err
	}
	if none == nil {
		r.store.changed(-1, -was.Size())
	}
	r.temp = ""
	r.store.lies(r, r.file)
	return nil
}

func (r *Recorder) finish() error {
	s := r.store
	defer s.unreserve(r.file)
	defer r.account()
	if r.w == nil {
		return nil // nothing came
	}
	if r.temp != "" && !r.media {
		err := errors.Join(r.f.Close(), s.root.Remove(r.temp)) // nothing that plays
		s.end(r.mark, false)
		s.tidy(path.Dir(r.file))
		return err
	}
	whole := true
	err := diskError(r.w.Finish())
	if err != nil {
		if e := r.salvage(); e != nil {
			whole = false
			s.log.Error("recording that ended early is not whole: it is mended before it is played, or when the server starts", "file", r.file, "err", e)
		}
	} else {
		err = r.appear()
		whole = err == nil
	}
	if whole {
		s.end(r.mark, r.interrupted.Load())
	} else {
		s.leave(r.mark, r.temp, r.interrupted.Load())
	}
	return errors.Join(err, r.f.Close())
}

// account hands what the recorder has counted to the store, which counts what
// is left of it.
func (r *Recorder) account() {
	if r.size.Swap(0) == 0 || r.temp != "" {
		return
	}
	if info, err := r.store.root.Lstat(r.file); err == nil {
		r.store.changed(1, info.Size())
	}
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
	err = r.store.root.Remove(r.temp)
	r.store.tidy(path.Dir(r.file))
	return err
}

// arrived says whether the file has anything to play in it.
func (r *Recorder) arrived() bool {
	size, err := r.f.Seek(0, io.SeekEnd)
	if err != nil {
		return false
	}
	something, err := plays(r.f, size)
	return err == nil && something
}
