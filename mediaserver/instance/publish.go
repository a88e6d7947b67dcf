package instance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// diskTimeout is how long a disk may take to open a recording, or to take what
// is left of one.
const diskTimeout = 10 * time.Second

// Publish implements session.Instance. A name whose publisher has been silent
// for a while is taken over: its encoder has lost its network and comes back on
// another connection, long before the old one is known to be dead. A recording
// that cannot start does not stop the live stream.
func (i *Instance) Publish(r session.PublishRequest, answer func(session.PublishAnswer)) {
	i.MayPublish(r, func(why *session.Refusal) {
		if why != nil {
			answer(session.PublishAnswer{Refusal: why})
			return
		}
		refuse := func(why *session.Refusal) {
			i.Refused(r, why)
			answer(session.PublishAnswer{Refusal: why})
		}
		if !i.post(func(o *owner) { o.publish(r, answer, refuse) }) {
			refuse(stopping())
		}
	})
}

// MayPublish implements session.Instance.
func (i *Instance) MayPublish(r session.PublishRequest, answer func(*session.Refusal)) {
	decided := func(why *session.Refusal) {
		if why != nil {
			i.Refused(r, why)
		}
		answer(why)
	}
	if i.rules.Load().Keys == nil {
		decided(nil)
		return
	}
	// A look at keys may wait for the disk.
	if !i.disk.do(func() { decided(i.Authorize(r.Credentials.Key)) }) {
		decided(diskBusy())
	}
}

func (o *owner) publish(r session.PublishRequest, answer func(session.PublishAnswer), refuse func(*session.Refusal)) {
	e, why := o.use(r.Name)
	if why != nil {
		refuse(why)
		return
	}
	rules, before := o.rules.Load(), e.publication
	pub, err := e.stream.Publish()
	if errors.Is(err, stream.ErrBusy) && before != nil && before.silent(rules.PublisherTimeout) {
		o.log.Info("publisher was silent: another takes over", "stream", r.Name)
		before.Close(func(err error) {
			if err != nil {
				o.log.Error("recording not finished cleanly", "stream", r.Name, "err", err)
			}
		})
		pub, err = e.stream.Publish()
	}
	if err != nil {
		o.release(r.Name)
		refuse(&session.Refusal{Code: session.RefusedTaken, Reason: r.Name + " is already published"})
		return
	}
	p := newPublication(o.Instance, r.Name, pub)
	e.publication = p
	o.seen.count(func(t *Totals) { t.Publications++ })
	mode, wanted, why := rules.recordMode(r.Mode)
	if !wanted {
		answer(session.PublishAnswer{Publication: p, NotRecorded: why})
		return
	}
	p.opened = make(chan struct{})
	task := recordTask{p: p, mode: mode, reader: e.stream.NewReader(), request: r, answer: answer}
	if before != nil {
		task.after = before.finished
	}
	go task.run(o.ctx)
}

// recordMode turns what the publisher asked for and what the manifest says
// into the way to record, if at all.
func (r *Rules) recordMode(asked session.PublishMode) (mode recording.Mode, wanted bool, why *session.Refusal) {
	switch asked {
	case session.PublishRecord:
		mode = recording.ModeRecord
	case session.PublishAppend:
		mode = recording.ModeAppend
	case session.PublishAppendWithGap:
		mode = recording.ModeAppendWithGap
	default:
		return recording.ModeDated, r.Recording == RecordAll, nil
	}
	if r.Recording == RecordOff {
		return mode, false, &session.Refusal{Code: session.RefusedRecordingOff, Reason: "recording is off: spec.recording.mode is Off"}
	}
	return mode, true, nil
}

// recordTask begins the recording of a publication, and answers its publisher.
type recordTask struct {
	p       *publication
	mode    recording.Mode
	reader  *stream.Reader
	after   <-chan struct{} // closed when the name's last recording is finished; nil: there was none
	request session.PublishRequest
	answer  func(session.PublishAnswer)
}

// run opens the file, and answers when that is done, or when the disk has had
// its time.
func (t *recordTask) run(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(ctx, diskTimeout, errDisk)
	defer cancel()
	done := make(chan error, 1)
	var err error
	if !t.p.inst.disk.do(func() { done <- t.open(ctx) }) {
		close(t.p.opened)
		t.reader.Close()
		done <- errDisk
	}
	select {
	case err = <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	a := session.PublishAnswer{Publication: t.p, Recorded: err == nil}
	if err != nil {
		t.p.inst.log.Error("recording did not start", "stream", t.p.name, "err", err)
		a.NotRecorded = notRecorded(err)
	}
	t.p.wrote.Store(time.Now().UnixNano()) // its publisher has waited for us
	t.answer(a)
}

var errDisk = fmt.Errorf("the disk has not answered for %v", diskTimeout)

// open starts the recorder, once the one before has let go of the file.
func (t *recordTask) open(ctx context.Context) error {
	p := t.p
	defer close(p.opened)
	if t.after != nil {
		select {
		case <-t.after:
		case <-ctx.Done():
			t.reader.Close()
			return context.Cause(ctx)
		}
	}
	i := p.inst
	i.seen.recording.Add(1)
	r, err := i.store.Record(p.name, t.mode, t.reader, func(err error) {
		i.seen.recording.Add(-1)
		if err != nil {
			i.log.Error("recording ended early", "stream", p.name, "err", err)
			if ended := t.request.RecordingEnded; ended != nil {
				ended(notRecorded(err))
			}
		}
	})
	if err != nil {
		i.seen.recording.Add(-1)
		return err
	}
	if ctx.Err() != nil {
		// Its publisher was told that there is no recording.
		_ = r.Stop(ctx)
		return context.Cause(ctx)
	}
	p.recorder = r
	i.seen.count(func(t *Totals) { t.Recordings++ })
	return nil
}

// notRecorded is the refusal that an error of recording means.
func notRecorded(err error) *session.Refusal {
	why := &session.Refusal{Code: session.RefusedFailed, Reason: err.Error(), Cause: err}
	var quota *recording.QuotaError
	var taken *recording.TakenError
	switch {
	case errors.As(err, &quota):
		why.Code, why.Reason, why.Limit = session.RefusedLimit, quota.Error(), quota.Field
	case errors.As(err, &taken):
		why.Code, why.Reason = session.RefusedFileBusy, taken.Error()
	case errors.Is(err, recording.ErrBadName):
		why.Code = session.RefusedBadName
	case errors.Is(err, recording.ErrBusy):
		why.Code, why.Reason = session.RefusedFileBusy, "the file is in use"
	case errors.Is(err, recording.ErrDiskFull):
		why.Code = session.RefusedDiskFull
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		why.Code = session.RefusedReadOnly
	}
	return why
}
