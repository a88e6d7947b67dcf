package instance

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

const (
	// diskTimeout is how long a disk may take to open a recording, or to take what
	// is left of one.
	diskTimeout = 10 * time.Second
	// fileWait is how long a recording waits for the one before it to finish its
	// file. What is published meanwhile stays in the stream's log, which is looked
	// after every fileLook: it holds no more than it does for a disk that stalls.
	fileWait = time.Minute
	fileLook = 100 * time.Millisecond
)

var (
	errDisk     = fmt.Errorf("the disk has not answered for %v", diskTimeout)
	errFileWait = fmt.Errorf("the recording before has not been finished for %v", fileWait)
)

// recordTask is the recording of a publication, and of those that take it over.
type recordTask struct {
	inst   *Instance
	name   string
	mode   recording.Mode
	reader *stream.Reader
	before *recordTask // of the same file; nil: there was none

	// promised says that somebody publishes who was told that it is recorded,
	// before the file is open.
	promised atomic.Bool
	// tell is the RecordingEnded of whoever publishes.
	tell atomic.Pointer[func(*session.Refusal)]

	// opened is closed when the file is open, or cannot be. recorder is set by
	// then; nil: there is none.
	opened   chan struct{}
	recorder *recording.Recorder
	done     chan struct{} // closed when nothing is written any more
}

func newRecordTask(i *Instance, c candidate, mode recording.Mode, reader *stream.Reader) *recordTask {
	t := &recordTask{
		inst: i, name: c.Name, mode: mode, reader: reader,
		opened: make(chan struct{}), done: make(chan struct{}),
	}
	t.tell.Store(&c.RecordingEnded)
	return t
}

// run opens the file, and answers its publisher when that is done, or when the
// disk has had its time. A publisher whose file is still being finished for the one
// before is answered at once, and recorded from its first packet all the same.
func (t *recordTask) run(p *publication, answer func(session.PublishAnswer)) {
	waits := t.before != nil && !t.before.isDone()
	if waits {
		t.promised.Store(true)
		p.begun()
		answer(session.PublishAnswer{Publication: p, Recorded: true})
	}
	err := t.await()
	if err == nil {
		err = t.open()
	} else {
		t.reader.Close()
		t.over()
	}
	if err != nil {
		t.inst.log.Error("recording did not start", "stream", t.name, "err", err)
		if t.promised.Load() {
			t.ended(err)
		}
	}
	if waits {
		return
	}
	a := session.PublishAnswer{Publication: p, Recorded: err == nil}
	if err != nil {
		a.NotRecorded = notRecorded(err)
	}
	p.begun()
	answer(a)
}

// await waits until the recording before has let go of its file.
func (t *recordTask) await() error {
	if t.before == nil {
		return nil
	}
	defer func() { t.before = nil }() // it would keep all that were before
	ctx, cancel := context.WithTimeoutCause(t.inst.ctx, fileWait, errFileWait)
	defer cancel()
	look := time.NewTicker(fileLook)
	defer look.Stop()
	for {
		select {
		case <-t.before.done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-look.C:
			if t.reader.Lagged() {
				return stream.ErrLagged
			}
		}
	}
}

// open opens the file, beside the owner. It returns when that is done or the disk
// has had its time: then what it opens late is finished at once.
func (t *recordTask) open() error {
	ctx, cancel := context.WithTimeoutCause(t.inst.ctx, diskTimeout, errDisk)
	opened := make(chan error, 1)
	if !t.inst.disk.do(func() { defer cancel(); opened <- t.openFile(ctx) }) {
		cancel()
		t.reader.Close()
		t.over()
		return errDisk
	}
	select {
	case err := <-opened:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-opened:
		return err // just in time, or the end of ctx is ours
	default:
		return context.Cause(ctx)
	}
}

// openFile starts the recorder.
func (t *recordTask) openFile(ctx context.Context) error {
	i := t.inst
	i.seen.recording.Add(1)
	r, err := i.store.Record(t.name, t.mode, t.reader, func(err error) {
		i.seen.recording.Add(-1)
		if err != nil {
			i.log.Error("recording ended early", "stream", t.name, "err", err)
			t.ended(err)
		}
		close(t.done)
		t.release()
	})
	if err != nil {
		i.seen.recording.Add(-1)
		t.over()
		return err
	}
	if ctx.Err() != nil {
		// Its publisher was told that there is no recording.
		close(t.opened)
		_ = r.Stop(ctx)
		return context.Cause(ctx)
	}
	t.recorder = r
	close(t.opened)
	i.seen.count(func(n *Totals) { n.Recordings++ })
	return nil
}

// over is the end of a recording that has not begun.
func (t *recordTask) over() {
	close(t.opened)
	close(t.done)
	t.release()
}

// release gives the name back.
func (t *recordTask) release() {
	_ = t.inst.post(func(o *owner) { o.release(t.name) })
}

// ended tells whoever publishes that the recording has ended by itself.
func (t *recordTask) ended(err error) {
	if tell := *t.tell.Load(); tell != nil {
		tell(notRecorded(err))
	}
}

func (t *recordTask) isDone() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

func (t *recordTask) isOpened() bool {
	select {
	case <-t.opened:
		return true
	default:
		return false
	}
}

// goesOn says whether a publisher that takes over may go on with the recording:
// it has not ended, and would be the same file. One that asks to replace the file
// goes on with it too: it comes back, and would lose what it has recorded.
func (t *recordTask) goesOn(mode recording.Mode) bool {
	if t.isDone() || t.isOpened() && t.recorder == nil {
		return false
	}
	return (t.mode == recording.ModeDated) == (mode == recording.ModeDated)
}

// inherit lets a publisher that takes over go on with the recording.
func (t *recordTask) inherit(p *publication, c candidate) {
	p.record = t
	t.tell.Store(&c.RecordingEnded)
	if !t.isOpened() {
		t.promised.Store(true)
	}
	p.begun()
	c.answer(session.PublishAnswer{Publication: p, Recorded: true})
}

// stop waits until what is left is written, or the disk has had its time.
func (t *recordTask) stop(how session.Ending) error {
	ctx, cancel := context.WithTimeoutCause(t.inst.ctx, diskTimeout, errDisk)
	defer cancel()
	select {
	case <-t.opened:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if t.recorder == nil {
		return nil
	}
	if how == session.EndedLost {
		t.recorder.MarkInterrupted()
	}
	return t.recorder.Stop(ctx)
}
