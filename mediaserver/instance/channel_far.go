package instance

import (
	"context"
	"errors"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// playFar plays a stream of another server, as it comes: for a time, until it ends
// there, or until nobody publishes it there and another item waits.
func (p *pump) playFar(ctx context.Context, q *queued) outcome {
	p.say(codePlayStart, "Started playing "+q.Name+".", q.Name)
	limited := ctx
	if q.Length > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, q.Length)
		defer cancel()
	}
	r := &relay{pump: p, item: q}
	err := q.Far(limited, func(m *rtmp.Message) error {
		if m == nil {
			p.say(codeUnpublishNotify, q.Name+" is now unpublished.", q.Name)
			r = &relay{pump: p, item: q}
			if q.Length == 0 && !p.awaits(true) {
				return errOver
			}
			return nil
		}
		err := r.pass(m)
		if err == nil && q.Picture && r.placed && m.Type == rtmp.TypeVideo && !isHeader(m) {
			return errOver
		}
		return err
	})
	var said *rtmp.StatusError
	switch {
	case ctx.Err() != nil && !p.gaveWay():
		return outcomeBroken
	case errors.Is(err, errRefused):
		return outcomeFailed
	case errors.As(err, &said):
		code := said.Code
		if code != codePlayNotFound {
			code = codePlayFailed
		}
		p.fail(code, "the other server: "+said.Description, q.Name)
		return outcomeFailed
	case ctx.Err() == nil && limited.Err() == nil && err != nil && !errors.Is(err, errOver):
		p.fail(codePlayFailed, err.Error(), q.Name)
		return outcomeFailed
	}
	if r.begun && !p.until(ctx, p.ends) && !p.gaveWay() {
		return outcomeBroken
	}
	return outcomePlayed
}
