package instance

import (
	"context"
	"errors"
	"io"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// relay is one publication of a live stream that a channel plays.
type relay struct {
	*pump
	item   *queued
	source *stream.Stream  // nil: it is another server's
	begun  bool            // something of it was written
	placed bool            // a frame has come, so that from is known
	from   media.Timestamp // of the source, at the channel's time at
}

var (
	errOver    = errors.New("nothing more of the item is played")
	errRefused = errors.New("the channel cannot be published")
)

// playLive plays a live stream: for a time, or until its publisher goes and another
// item waits. Without one, it waits for the next publisher.
func (p *pump) playLive(ctx context.Context, q *queued, s *stream.Stream) outcome {
	p.say(codePlayStart, "Started playing "+q.Name+".", q.Name)
	limited := ctx
	if q.Length > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, q.Length)
		defer cancel()
	}
	for seen := false; ; seen = true {
		if q.Length == 0 && seen && !p.awaits(true) {
			return outcomePlayed
		}
		r := &relay{pump: p, item: q, source: s}
		err := r.play(limited)
		if r.placed {
			p.base = time.Now().Add(-p.ends) // which has followed the source's clock
		}
		switch {
		case errors.Is(err, io.EOF):
			p.say(codeUnpublishNotify, q.Name+" is now unpublished.", q.Name)
		case errors.Is(err, stream.ErrLagged):
		case errors.Is(err, errOver), errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil && p.gaveWay():
			return outcomePlayed
		case errors.Is(err, errRefused):
			return outcomeFailed
		default:
			return outcomeBroken
		}
	}
}

// gaveWay says whether the item was ended because it waited and another came.
func (p *pump) gaveWay() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waits && !p.ended
}

// play writes what a publisher of the source says, as it comes, and returns io.EOF
// when the publication is over.
func (r *relay) play(ctx context.Context) error {
	reader := r.source.NewReader()
	defer reader.Close()
	for {
		m, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		if err := r.pass(&m); err != nil {
			return err
		}
		if r.item.Picture && r.placed && m.Type == rtmp.TypeVideo && !isHeader(&m) {
			return errOver
		}
	}
}

func isHeader(m *rtmp.Message) bool {
	switch m.Type {
	case rtmp.TypeVideo:
		return payload.IsVideoHeader(m.Payload)
	case rtmp.TypeAudio:
		return payload.IsAudioHeader(m.Payload)
	}
	return false
}

// pass writes a message at its time. Data and headers that come before the first
// frame have no time of their own.
func (r *relay) pass(m *rtmp.Message) error {
	frame := m.Type != rtmp.TypeData && !isHeader(m)
	switch {
	case r.item.Picture && m.Type != rtmp.TypeVideo:
		return nil
	case !r.begun:
		if err := r.start(); err != nil {
			return err
		}
	}
	if frame && !r.placed {
		r.place(m.Timestamp)
	}
	if !r.placed {
		return r.write(m.Type, r.ends, 0, m.Payload)
	}
	late := m.Timestamp.Sub(r.from)
	switch {
	case late < 0 && m.Type == rtmp.TypeAudio && frame:
		return nil // it has been heard
	case late < 0 && m.Type == rtmp.TypeData:
		return r.write(m.Type, r.ends, 0, m.Payload)
	case frame && late > 0:
		return r.write(m.Type, r.at+late, frameTime, m.Payload)
	}
	return r.write(m.Type, r.at+max(late, 0), 0, m.Payload)
}

// start begins a publication of the source on the channel, at the present time.
func (r *relay) start() error {
	r.awaits(false)
	r.ends = max(r.ends, r.now())
	if !r.begin(r.item) {
		return errRefused
	}
	r.begun = true
	r.say(codePublishNotify, r.item.Name+" is now published.", r.item.Name)
	return nil
}

// place finds the channel's time of the first frame. What is older than the newest
// packet of the source has been its present before: pictures that others refer to
// come at once, and sound does not.
func (r *relay) place(first media.Timestamp) {
	r.ends = max(r.ends, r.now())
	r.at, r.from, r.placed = r.ends, first, true
	if r.source == nil {
		return
	}
	if newest := r.source.Newest(); newest.After(first) {
		r.from = newest
	}
}
