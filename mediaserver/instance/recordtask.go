package instance

import (
	"context"
	"log/slog"
	"sync"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// stage is how far a recording has come.
type stage int

// What is late goes on when the disk answers after all, if nothing is lost by then.
const (
	stageBegins  stage = iota // it waits for the file before, or for the disk to open its own
	stageRecords              // there is a recorder
	stageLate                 // the disk has had its time, and whoever publishes was told
	stageFailed               // nothing more is recorded, and whoever publishes was told why
)

// recordTask is the recording of a publication, and of those that take it over.
type recordTask struct {
	inst   *Instance
	name   string
	mode   recording.Mode
	reader *stream.Reader
	source recording.Source // the reader, or what reads no more of it than is wanted
	before *recordTask      // of the same file; nil: there was none

	// ctx ends when nobody waits for the file any more.
	ctx    context.Context
	cancel context.CancelCauseFunc

	ready  chan struct{} // closed when it does not wait for the file before any more
	opened chan struct{} // closed when the file is open, or will not be
	told   chan struct{} // closed when whoever publishes has been told that it is late
	done   chan struct{} // closed when nothing is written any more

	mu    sync.Mutex // nothing else is taken while it is held
	stage stage
	why   error // it is late, or has failed; else nil
	// promised says that whoever publishes was told, or is about to be, that it is
	// recorded.
	promised  bool
	closed    bool                    // its publication is over
	lost      bool                    // and its publisher did not wish that
	recorder  *recording.Recorder     // nil: there is none
	publisher *session.PublishRequest // whoever publishes now
}

func newRecordTask(i *Instance, c candidate, mode recording.Mode, reader *stream.Reader) *recordTask {
	t := &recordTask{
		inst: i, name: c.Name, mode: mode, reader: reader, source: reader, publisher: &c.PublishRequest,
		ready: make(chan struct{}), opened: make(chan struct{}), told: make(chan struct{}), done: make(chan struct{}),
	}
	t.ctx, t.cancel = context.WithCancelCause(i.ctx)
	return t
}

// promise notes that whoever publishes is told that it is recorded.
func (t *recordTask) promise() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.promised = true
}

// inherit lets a publisher that takes over go on with the recording: if it has not
// been given up, and would be the same file. One that asks to replace the file
// goes on with it too: it comes back, and would lose what it has recorded.
func (t *recordTask) inherit(c candidate, mode recording.Mode) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stage > stageRecords || isClosed(t.done) || isClosed(t.reader.Lagged()) || t.mode.IsDated() != mode.IsDated() {
		return false
	}
	t.publisher, t.promised = &c.PublishRequest, true
	return true
}

// begin makes a recorder that is open the task's own. One that was opened late is
// so only where nothing is lost of what somebody still publishes: late tells them.
// It fails with the reason why the recorder is not wanted.
func (t *recordTask) begin(r *recording.Recorder) (late func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wasLate := t.stage == stageLate
	if t.stage == stageFailed || wasLate && (t.closed || isClosed(t.reader.Lagged())) {
		return nil, t.why
	}
	t.stage, t.why, t.recorder, t.promised = stageRecords, nil, r, true
	if t.lost {
		r.MarkInterrupted()
	}
	if wasLate {
		late = func() {}
		if t.publisher.RecordingBegan != nil {
			late = t.publisher.RecordingBegan
		}
	}
	return late, nil
}

// giveUp notes that the file is not open in time, or never will be, and tells
// whoever was told otherwise. It returns why; nil: it has begun just in time.
func (t *recordTask) giveUp(err error) error {
	t.mu.Lock()
	switch {
	case t.stage == stageRecords:
		t.mu.Unlock()
		return nil
	case t.stage != stageBegins:
		err = t.why
		t.mu.Unlock()
		return err
	}
	t.stage, t.why = stageLate, err
	var told func(*session.Refusal)
	if t.promised {
		told = t.publisher.RecordingEnded
	}
	t.promised = false
	closed := t.closed
	t.mu.Unlock()
	t.log("recording did not start", err)
	if told != nil {
		told(notRecorded(err))
	}
	close(t.told)
	if closed {
		t.letGo()
	}
	return err
}

// end notes that its publication is over. What was late by then has been told to
// be not recorded, and comes to nothing.
func (t *recordTask) end(how session.Ending) {
	t.mu.Lock()
	t.closed, t.lost = true, how == session.EndedLost
	if t.recorder != nil && t.lost {
		t.recorder.MarkInterrupted()
	}
	t.mu.Unlock()
	t.letGo()
}

// letGo ends a recording that is late: what its reader keeps of the log is free.
func (t *recordTask) letGo() {
	t.mu.Lock()
	late, why := t.stage == stageLate, t.why
	if late {
		t.stage = stageFailed
	}
	t.mu.Unlock()
	if late {
		t.cancel(why)
		t.reader.Close()
	}
}

// running is the recorder, if the file was opened.
func (t *recordTask) running() *recording.Recorder {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.recorder
}

// fail notes that a recording has ended by itself, and tells whoever publishes,
// once.
func (t *recordTask) fail(err error) {
	t.mu.Lock()
	if t.stage != stageRecords {
		t.mu.Unlock()
		return
	}
	t.stage, t.why = stageFailed, err
	told := t.publisher.RecordingEnded
	t.mu.Unlock()
	t.log("recording ended early", err)
	t.cancel(err)
	t.reader.Close() // nobody reads what it would keep of the log
	if told != nil {
		told(notRecorded(err))
	}
}

// log says what has become of the recording of whoever publishes: their lines are
// paced by their address, and what they may not do is no error of the server's.
func (t *recordTask) log(what string, err error) {
	t.mu.Lock()
	by := t.publisher.Client
	t.mu.Unlock()
	level := slog.LevelWarn
	if err != nil {
		switch notRecorded(err).Code {
		case session.RefusedBadName, session.RefusedFileBusy, session.RefusedLimit:
		default:
			level = slog.LevelError
		}
	}
	args := []any{"client", by.ID, "address", by.Address, "stream", t.name}
	if err != nil {
		args = append(args, "err", err)
	}
	t.inst.log.Log(context.Background(), level, what, args...)
}
