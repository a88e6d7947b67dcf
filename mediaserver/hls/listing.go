package hls

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"flashpod.dev/flashpod/mediaserver/outlet"
)

// ready says whether there is something to play.
func (l *live) ready() bool {
	return len(l.segments) > 0 && (l.target > 0 || l.ended) && l.err == nil
}

// await waits until what is asked for under l.mu is so, and returns with that held;
// or fails, with nothing held, when nothing more comes, or ctx ends.
func (l *live) await(ctx context.Context, is func() bool) error {
	for {
		l.mu.Lock()
		l.asked = time.Now()
		if is() {
			return nil
		}
		changed, ended, lost, err := l.changed, l.ended, l.lost, l.err
		l.mu.Unlock()
		switch {
		case err != nil:
			return err
		case ended && lost:
			return errLost
		case ended:
			return errGone
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// errGone says that what was asked for will not come.
var errGone = errors.New("there is no such segment, or not any more")

// errLost says that it may come, elsewhere or later: a player that is told errGone ends.
var errLost = outlet.Refuse(http.StatusServiceUnavailable, "the stream was lost here, and may be published on: try again")

// ids are the variants of the newest segment that has ended, in their order. The
// caller holds l.mu.
func (l *live) ids() []int {
	if len(l.segments) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(l.segments[len(l.segments)-1].variants))
}

// left is what no variant of the newest segment has, in words; "": nothing. The caller holds
// l.mu.
func (l *live) left() string {
	if len(l.segments) > 0 {
		for _, v := range l.segments[len(l.segments)-1].variants {
			return v.init.left
		}
	}
	return ""
}

// find is a segment by its number; nil: it is not there. The caller holds l.mu.
func (l *live) find(number int64) *segment {
	if l.open != nil && l.open.cut.Number == number {
		return l.open
	}
	for _, s := range l.segments {
		if s.cut.Number == number {
			return s
		}
	}
	return nil
}

// newest is the number of the newest segment, which may not have ended, and how many
// parts it has of a variant. The caller holds l.mu.
func (l *live) newest(id int) (number int64, parts int) {
	s := l.open
	if s == nil && len(l.segments) > 0 {
		s = l.segments[len(l.segments)-1]
	}
	if s == nil {
		return 0, 0
	}
	if v := s.variants[id]; v != nil {
		parts = len(v.parts)
	}
	return s.cut.Number, parts
}

// has says whether a playlist would have a part, or a whole segment where part is -1.
// The caller holds l.mu.
func (l *live) has(id int, number int64, part int) bool {
	newest, parts := l.newest(id)
	switch {
	case newest != number:
		return newest > number
	case l.open == nil:
		return true
	}
	return part >= 0 && parts > part
}
