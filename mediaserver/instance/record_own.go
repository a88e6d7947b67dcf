package instance

import (
	"context"
	"fmt"
	"io"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// maxOwnRecordings is how many streams a script records at once.
const maxOwnRecordings = 256

// ownRecording is a recording that a script has asked for.
type ownRecording struct {
	name string
	task *recordTask
	told func(script.StreamStatus)
	// reached is why it has ended before its stream: a limit of the request; "": it
	// has not. It is set before the task is done.
	reached string
}

func (o *owner) record(name string, r script.StreamRecord) {
	o.stopRecording(name)
	told := o.told
	fail := func(level, code, why string) { tellOf(told, name, level, code, why, name) }
	mode, _, why := o.rules.Load().recordMode(session.PublishMode(r.Mode), false)
	switch {
	case o.closing:
		fail(levelError, codeRecordFailed, stopping().Reason)
		return
	case why != nil:
		fail(levelError, codeRecordNoAccess, why.Error())
		return
	case len(o.recorded) >= maxOwnRecordings:
		fail(levelError, codeRecordFailed, fmt.Sprintf("the script records %d streams already", maxOwnRecordings))
		return
	case o.recordsItself(name):
		fail(levelStatus, codeRecordExists, name+" is recorded by its publisher already")
		return
	}
	e, why := o.use(name)
	if why != nil {
		fail(levelError, codeRecordFailed, why.Error())
		return
	}
	own := &ownRecording{name: name, told: told}
	c := candidate{PublishRequest: session.PublishRequest{
		Client: session.Client{ID: "script"}, Name: name,
		RecordingEnded: func(why *session.Refusal) { own.failed(why) },
		RecordingBegan: own.began,
	}}
	t := newRecordTask(o.Instance, c, mode, e.stream.NewReader())
	t.limits(r, func(why string) { own.reached = why })
	own.task = t
	t.before, e.record = e.record, t
	o.records[t] = struct{}{}
	o.recorded[name] = own
	if ch := o.channels[name]; ch != nil {
		ch.keep(true)
	}
	inst := o.Instance
	go t.run(&publication{name: name, inst: inst}, own.answered)
	go own.watch(inst)
}

// recordsItself says whether whoever publishes a name writes its file.
func (o *owner) recordsItself(name string) bool {
	e := o.streams[name]
	if e == nil || e.publication == nil || e.publication.closed.Load() {
		return false
	}
	t := e.publication.record
	return t != nil && !t.mode.IsDated() && !isClosed(t.done)
}

func (o *owner) stopRecording(name string) {
	own := o.recorded[name]
	if own == nil {
		return
	}
	o.forgetRecording(own)
	t := own.task
	t.reader.EndHere()
	go func() {
		if err := t.stop(session.EndedAsked); err != nil {
			t.log("recording not finished cleanly", err)
		}
	}()
}

func (o *owner) forgetRecording(own *ownRecording) {
	if o.recorded[own.name] != own {
		return
	}
	delete(o.recorded, own.name)
	if ch := o.channels[own.name]; ch != nil {
		ch.keep(false)
	}
}

// answered is told, once, whether it has begun.
func (own *ownRecording) answered(a session.PublishAnswer) {
	if a.Recorded {
		own.began()
		return
	}
	if a.NotRecorded != nil {
		own.failed(a.NotRecorded)
	}
}

func (own *ownRecording) began() {
	tellOf(own.told, own.name, levelStatus, codeRecordStart, "Recording "+own.name+".", own.name)
}

func (own *ownRecording) failed(why *session.Refusal) {
	code := codeRecordFailed
	switch why.Code {
	case session.RefusedReadOnly, session.RefusedBadName:
		code = codeRecordNoAccess
	}
	tellOf(own.told, own.name, levelError, code, why.Error(), own.name)
}

// watch tells when it has ended.
func (own *ownRecording) watch(i *Instance) {
	t := own.task
	<-t.done
	_ = i.post(func(o *owner) { o.forgetRecording(own) })
	t.mu.Lock()
	whole := t.recorder != nil && t.stage == stageRecords
	t.mu.Unlock()
	if !whole {
		return // that was told
	}
	said := "Stopped recording " + own.name + "."
	if own.reached != "" {
		said = own.reached
	}
	tellOf(own.told, own.name, levelStatus, codeRecordStop, said, own.name)
}

// limits has a recording end at the limits of its request. Nobody reads yet.
func (t *recordTask) limits(r script.StreamRecord, reached func(why string)) {
	if r.MaxDuration > 0 || r.MaxBytes > 0 {
		t.source = &limited{Reader: t.reader, max: r, reached: reached}
	}
}

// limited is a source of a recorder that ends at limits.
type limited struct {
	*stream.Reader
	max     script.StreamRecord
	reached func(why string)

	begun bool
	first media.Timestamp
	bytes int64
}

// tagSize is what a message takes in a file beside its payload.
const tagSize = 15

// Next implements recording.Source.
func (l *limited) Next(ctx context.Context) (rtmp.Message, error) {
	m, err := l.Reader.Next(ctx)
	if err != nil {
		return m, err
	}
	if m.Timestamp != 0 && !l.begun {
		l.begun, l.first = true, m.Timestamp
	}
	l.bytes += int64(len(m.Payload)) + tagSize
	switch {
	case l.max.MaxDuration > 0 && l.begun && m.Timestamp.Sub(l.first) > l.max.MaxDuration:
		l.reached(fmt.Sprintf("It has the %v that the recording may have.", l.max.MaxDuration))
	case l.max.MaxBytes > 0 && l.bytes > l.max.MaxBytes:
		l.reached(fmt.Sprintf("It has the %d bytes that the recording may have.", l.max.MaxBytes))
	default:
		return m, nil
	}
	return rtmp.Message{}, io.EOF
}
