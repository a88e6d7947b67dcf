package instance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

const (
	// diskTimeout is how long a disk may take to open a recording, or to take what
	// is left of one.
	diskTimeout = 10 * time.Second
	// lastMoment is how long it may take what is left of a recording that has begun
	// when the time for that was over: with diskTimeout, less than a session waits.
	lastMoment = 3 * time.Second
	// fileWait is how long a recording waits for the one before it to finish its
	// file, and mendWait how long for what a server before has left torn of it: that
	// is read from its beginning. What is published meanwhile stays in the stream's
	// log, which holds no more than it does for a disk that stalls.
	fileWait = time.Minute
	mendWait = 10 * time.Minute
)

var (
	errDisk     = fmt.Errorf("the disk has not answered for %v: look at the volume of the recordings", diskTimeout)
	errFileWait = fmt.Errorf("the recording before has not been finished for %v: look at the volume of the recordings", fileWait)
	errSlow     = fmt.Errorf("the disk is too slow for the stream: record to a faster one, or publish fewer bits: %w", stream.ErrLagged)
	errMendWait = fmt.Errorf("what a server before has left of the file has not been mended for %v: record under another name", mendWait)
)

// run opens the file, and answers its publisher when that is done, or when the
// disk has had its time. A publisher whose file is still being finished for the one
// before, or mended, is answered at once, and recorded from its first packet all
// the same.
func (t *recordTask) run(p *publication, answer func(session.PublishAnswer)) {
	waits := t.mustWait()
	if waits {
		t.promise()
		p.begun()
		answer(session.PublishAnswer{Publication: p, Recorded: true})
	}
	err := t.await()
	close(t.ready)
	if err == nil {
		err = t.open()
	} else {
		err = t.giveUp(err)
		t.over()
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

// mustWait says whether its file is in use, or being mended.
func (t *recordTask) mustWait() bool {
	return t.before != nil && !isClosed(t.before.done) || t.inst.store.Mending(t.name, t.mode) != nil
}

// await waits until the recording before has let go of its file, and until the
// file is mended.
func (t *recordTask) await() error {
	if t.before != nil {
		defer func() { t.before = nil }() // it would keep all that were before
		if err := t.waitFor(t.before.done, fileWait, errFileWait); err != nil {
			return err
		}
	}
	if mended := t.inst.store.Mending(t.name, t.mode); mended != nil {
		return t.waitFor(mended, mendWait, errMendWait)
	}
	return nil
}

// waitFor waits as long as the log holds what comes meanwhile, but not for ever.
func (t *recordTask) waitFor(done <-chan struct{}, most time.Duration, why error) error {
	ctx, cancel := context.WithTimeoutCause(t.inst.ctx, most, why)
	defer cancel()
	select {
	case <-done:
		return nil
	case <-t.reader.Lagged():
		return errSlow
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// open opens the file, beside the owner. It returns when that is done or the disk
// has had its time: see begin for what it opens late.
func (t *recordTask) open() error {
	result := make(chan error, 1)
	if !t.inst.disk.do(func() { result <- t.openFile() }) {
		err := t.giveUp(errDisk)
		t.over()
		return err
	}
	if err := t.waitFor(t.opened, diskTimeout, errDisk); err != nil {
		return t.giveUp(err)
	}
	return <-result
}

// openFile opens the file and has the recorder begin, unless nobody wants that by
// now.
func (t *recordTask) openFile() error {
	i := t.inst
	if t.ctx.Err() != nil {
		err := t.giveUp(context.Cause(t.ctx))
		t.over()
		return err
	}
	r, err := i.store.Prepare(t.ctx, t.name, t.mode, t.source)
	if err != nil {
		why := t.giveUp(err)
		if !errors.Is(why, err) { // which was told, and this is what the disk has said late
			t.log("recording did not start, after all", err)
		}
		t.over()
		return why
	}
	late, err := t.begin(r)
	if err != nil {
		t.log("a recording was opened too late, and is given up: what was there before stays as it is", err)
		r.Abandon()
		t.over()
		return err
	}
	i.seen.recording.Add(1)
	i.seen.count(func(n *Totals) { n.Recordings++ })
	r.Start(t.ended)
	go t.watch()
	if late != nil {
		<-t.told
		t.log("recording began late, and has all from the first packet on", nil)
		late()
	}
	close(t.opened)
	return nil
}

// ended is called by the recorder.
func (t *recordTask) ended(err error) {
	t.inst.seen.recording.Add(-1)
	if err != nil {
		t.fail(err)
	}
	close(t.done)
	t.release()
}

// watch tells at once of a recorder that has fallen too far behind: it may hang in
// a disk, and hear of that when the disk answers, or never.
func (t *recordTask) watch() {
	select {
	case <-t.reader.Lagged():
		t.fail(errSlow)
	case <-t.done:
	}
}

// over is the end of a recording that has not begun.
func (t *recordTask) over() {
	t.reader.Close()
	close(t.opened)
	close(t.done)
	t.release()
}

// release gives the name back.
func (t *recordTask) release() {
	t.cancel(nil)
	_ = t.inst.post(func(o *owner) {
		delete(o.records, t)
		o.release(t.name)
	})
}

// stop waits until what is left is written, or the disk has had its time since it
// could begin.
func (t *recordTask) stop(how session.Ending) error {
	t.end(how)
	select {
	case <-t.ready:
	case <-t.ctx.Done():
	}
	ctx, cancel := context.WithTimeoutCause(t.inst.ctx, diskTimeout, errDisk)
	defer cancel()
	select {
	case <-t.opened:
	case <-t.ctx.Done(): // it is given up, and was told
	case <-ctx.Done():
		if err := t.giveUp(context.Cause(ctx)); err != nil {
			return err
		}
		ctx, cancel = context.WithTimeoutCause(t.inst.ctx, lastMoment, errDisk)
		defer cancel()
	}
	r := t.running()
	if r == nil {
		return nil
	}
	err := r.Stop(ctx)
	if err != nil {
		t.fail(err)
	}
	return err
}

// Finish waits until what was published is recorded, of publications that have
// ended, or until ctx ends. What has been given up is not waited for.
func (i *Instance) Finish(ctx context.Context) error {
	i.reentry.check("Finish")
	all := make(chan []*recordTask, 1)
	if !i.post(func(o *owner) {
		var list []*recordTask
		for t := range o.records {
			list = append(list, t)
		}
		all <- list
	}) {
		return nil
	}
	for _, t := range <-all { // it comes soon: the owner waits for nobody
		select {
		case <-t.done:
		case <-t.ctx.Done():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
