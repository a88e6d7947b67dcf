package instance

import (
	"errors"
	"io/fs"
	"syscall"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// Publish implements session.Instance. A name may be taken over from its
// publisher: see contend. A recording that cannot start does not stop the live
// stream.
func (i *Instance) Publish(r session.PublishRequest, answer func(session.PublishAnswer)) {
	proved := i.rules.Load().Keys != nil
	i.MayPublish(r, func(why *session.Refusal) {
		if why != nil {
			answer(session.PublishAnswer{Refusal: why})
			return
		}
		refuse := func(why *session.Refusal) {
			i.Refused(r, why)
			answer(session.PublishAnswer{Refusal: why})
		}
		give := func(a session.PublishAnswer) { a.Proved = proved; answer(a) }
		if !i.post(func(o *owner) { o.publish(candidate{PublishRequest: r, answer: give, refuse: refuse}) }) {
			refuse(stopping())
		}
	})
}

// MayPublish implements session.Instance.
func (i *Instance) MayPublish(r session.PublishRequest, answer func(*session.Refusal)) {
	decided := func(why *session.Refusal) {
		i.proves(why)
		if why == nil {
			answer(nil)
			return
		}
		i.Refused(r, why)
		i.afterGuess(r.Address, why, answer)
	}
	if why := i.mayWrite(r.Client, r.Name); why != nil {
		decided(why)
		return
	}
	if i.rules.Load().Keys == nil {
		decided(nil)
		return
	}
	// A look at keys may wait for its disk, and not for that of the recordings.
	if !i.looks.do(func() { decided(i.Authorize(r.Credentials.Key)) }) {
		decided(diskBusy())
	}
}

// candidate is a publisher that has asked for a name, and may publish.
type candidate struct {
	session.PublishRequest
	server bool // it is a channel
	answer func(session.PublishAnswer)
	refuse func(*session.Refusal)
}

func (o *owner) publish(c candidate) {
	e, why := o.use(c.Name)
	if why != nil {
		c.refuse(why)
		return
	}
	pub, err := e.stream.Publish()
	if err == nil {
		o.begin(e, c, pub, nil)
		return
	}
	if !o.contend(e, c) {
		o.release(c.Name)
	}
}

// begin makes a candidate the publisher. goesOn is a recording that it has
// inherited; nil: none.
func (o *owner) begin(e *entry, c candidate, pub *stream.Publisher, goesOn *recordTask) {
	p := newPublication(o.Instance, c, pub)
	e.publication = p
	o.published(p)
	if o.begins != nil {
		o.begins(e.stream)
	}
	o.seen.count(func(t *Totals) { t.Publications++ })
	mode, wanted, why := o.rules.Load().recordMode(c.Mode, c.Again)
	o.cameBack(c.Name)
	if !wanted || goesOn != nil || mode != recording.ModeResumed { // which says itself what becomes of the last recording
		o.forget(c.Name)
	}
	switch {
	case !wanted:
		c.answer(session.PublishAnswer{Publication: p, NotRecorded: why})
	case goesOn != nil:
		p.record = goesOn
		p.begun()
		c.answer(session.PublishAnswer{Publication: p, Recorded: true})
	default:
		e.uses++ // until the task is done
		p.record = newRecordTask(o.Instance, c, mode, e.stream.NewReader())
		o.records[p.record] = struct{}{}
		switch mode {
		case recording.ModeDated: // whose file is always another
			e.dated = p.record
		case recording.ModeResumed:
			p.record.before, e.dated = e.dated, p.record
		default:
			p.record.before, e.record = e.record, p.record
		}
		p.waits.Store(true)
		go p.record.run(p, c.answer)
	}
}

// recordMode turns what the publisher asked for and what the manifest says
// into the way to record, if at all. again says that the publication was there before.
func (r *Rules) recordMode(asked session.PublishMode, again bool) (mode recording.Mode, wanted bool, why *session.Refusal) {
	switch asked {
	case session.PublishRecord:
		mode = recording.ModeRecord
	case session.PublishAppend:
		mode = recording.ModeAppend
	case session.PublishAppendWithGap:
		mode = recording.ModeAppendWithGap
	default:
		if again {
			return recording.ModeResumed, r.Recording == RecordAll, nil
		}
		return recording.ModeDated, r.Recording == RecordAll, nil
	}
	if r.Recording == RecordOff {
		return mode, false, &session.Refusal{Code: session.RefusedRecordingOff, Reason: "recording is off: spec.recording.mode is Off"}
	}
	return mode, true, nil
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
	case errors.Is(err, stream.ErrLagged):
		why.Reason = "the disk is too slow for the stream: record to a faster one, or publish fewer bits"
	case errors.Is(err, recording.ErrDiskFull):
		why.Code = session.RefusedDiskFull
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		why.Code = session.RefusedReadOnly
	}
	return why
}
