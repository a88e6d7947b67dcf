package instance

import (
	"context"
	"errors"
	"sync"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Play implements session.Instance. A live stream may have no publisher yet.
func (i *Instance) Play(r session.PlayRequest, answer func(session.PlayAnswer)) {
	i.MayPlay(r.Client, r.Name, r.Credentials, func(why *session.Refusal) {
		if why != nil {
			answer(session.PlayAnswer{Refusal: why})
			return
		}
		i.Open(r, answer)
	})
}

// Open is Play for those who may: the server itself, and viewers that were asked before.
func (i *Instance) Open(r session.PlayRequest, answer func(session.PlayAnswer)) {
	ok := i.post(func(o *owner) {
		if r.From == session.LiveOnly || r.From == session.LiveOrRecorded && o.live(r.Name) {
			answer(o.play(r))
			return
		}
		if r.From == session.LiveOrRecorded && r.NobodyCame != nil {
			if a := o.expected(r.Name); a != nil {
				answer(o.wait(a, r))
				return
			}
		}
		if !i.questions.Ask(r.ID, func(ctx context.Context) { i.playRecorded(ctx, r, answer) }) {
			answer(session.PlayAnswer{Refusal: diskBusy()})
		}
	})
	if !ok {
		answer(session.PlayAnswer{Refusal: stopping()})
	}
}

func (o *owner) play(r session.PlayRequest) session.PlayAnswer {
	e, why := o.await(r.Name, r.Client)
	if why != nil {
		return session.PlayAnswer{Refusal: why}
	}
	name, client := r.Name, r.ID // as long as it plays nothing else of what was asked is kept
	var once sync.Once
	return session.PlayAnswer{
		Live:         e.stream,
		Release:      func() { once.Do(func() { _ = o.post(func(o *owner) { o.leave(name, client) }) }) },
		SampleAccess: o.samples(r.Client, r.Name),
	}
}

// playRecorded opens the file of a name. It may wait for the disk.
func (i *Instance) playRecorded(ctx context.Context, r session.PlayRequest, answer func(session.PlayAnswer)) {
	if ctx.Err() != nil {
		answer(session.PlayAnswer{Refusal: withdrawn(ctx)})
		return
	}
	file, err := i.store.OpenFile(ctx, r.Name)
	missing := errors.Is(err, recording.ErrNotFound) || errors.Is(err, recording.ErrBadName)
	switch {
	case missing && r.From == session.LiveOrRecorded && !r.MustExist:
		// Somebody may publish it later.
		if !i.post(func(o *owner) { answer(o.play(r)) }) {
			answer(session.PlayAnswer{Refusal: stopping()})
		}
	case err != nil:
		answer(session.PlayAnswer{Refusal: notPlayed(err)})
	default:
		answer(session.PlayAnswer{File: file, SampleAccess: i.samples(r.Client, r.Name)})
	}
}

// Length implements session.Instance.
func (i *Instance) Length(r session.LengthRequest, answer func(session.LengthAnswer)) {
	i.MayPlay(r.Client, r.Name, r.Credentials, func(why *session.Refusal) {
		if why != nil {
			answer(session.LengthAnswer{Refusal: why})
			return
		}
		i.length(r, answer)
	})
}

func (i *Instance) length(r session.LengthRequest, answer func(session.LengthAnswer)) {
	ok := i.questions.Ask(r.ID, func(ctx context.Context) {
		if ctx.Err() != nil {
			answer(session.LengthAnswer{Refusal: withdrawn(ctx)})
			return
		}
		d, err := i.store.Length(ctx, r.Name)
		if err != nil {
			answer(session.LengthAnswer{Refusal: notPlayed(err)})
			return
		}
		answer(session.LengthAnswer{Length: d})
	})
	if !ok {
		answer(session.LengthAnswer{Refusal: diskBusy()})
	}
}

// notPlayed is the refusal that an error of opening a recorded stream means.
func notPlayed(err error) *session.Refusal {
	why := &session.Refusal{Code: session.RefusedFailed, Cause: err}
	switch {
	case errors.Is(err, recording.ErrNotFound):
		why.Code = session.RefusedNotFound
	case errors.Is(err, recording.ErrBadName):
		why.Code = session.RefusedBadName
	case errors.Is(err, media.ErrInvalid):
		why.Code = session.RefusedDamaged
	case errors.Is(err, recording.ErrTooMany):
		why.Code, why.Reason, why.RetryAfter = session.RefusedLimit, recording.ErrTooMany.Error(), diskRetry
	case errors.Is(err, recording.ErrCostly):
		why.Reason = "its file would take more memory or time to read than one may have"
	}
	return why
}
