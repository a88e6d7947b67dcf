package stream

import (
	"slices"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/media/tracks"
)

// maxAudiences is how many kinds of players a stream tells apart, so many
// branches it may have at once.
const maxAudiences = 16

// audience is the players of a stream who take the same: less than everything, so
// that they may be sent something else than what is published.
type audience struct {
	takes   tracks.Takes
	players int // and those who want to go over to the stream; guarded by Stream.mu
	// branch is where they are sent from; nil: the stream's own log, because all that
	// was published is for them. Stream.mu is held to set it.
	branch atomic.Pointer[branch]

	// fork is the segment behind the newest fork of the log, kept for players who are
	// still before that, or begin there. Guarded by Stream.mu.
	fork   *segment
	forked time.Time // when
}

// forkTime is how long a fork is kept for players who are still before it: those
// who are that late go on elsewhere, as a rule.
const forkTime = 2 * maxLag

// enter counts a player more in the audience of those who take the same; nil is
// those who take everything. Where there are too many audiences, a player is
// counted among those of Adobe's time, for whom there is always room, if it takes
// one track, and else takes everything. The caller holds s.mu.
func (s *Stream) enter(takes tracks.Takes) *audience {
	if len(s.audiences) >= maxAudiences && s.audience(takes) == nil {
		if takes.Single {
			takes = tracks.Oldest()
		} else {
			takes = tracks.Takes{}
		}
	}
	if takes == (tracks.Takes{}) {
		return nil
	}
	a := s.audience(takes)
	if a == nil {
		a = &audience{takes: takes}
		s.audiences = append(s.audiences, a)
		if !takes.AsPublished(&s.seen) {
			s.branchLate(a)
		}
	}
	a.players++
	return a
}

func (s *Stream) audience(takes tracks.Takes) *audience {
	for _, a := range s.audiences {
		if a.takes == takes {
			return a
		}
	}
	return nil
}

// exit is for one player less. The caller holds s.mu.
func (s *Stream) exit(a *audience) {
	if a == nil {
		return
	}
	if a.players--; a.players > 0 {
		return
	}
	// One with a branch is kept up to the next keyframe: a client that comes and goes
	// must not make the stream look through its newest GOP each time.
	if s.idle = true; a.branch.Load() == nil || s.key.Load() == nil {
		s.dropIdle()
	}
}

// dropIdle forgets audiences that have no players any more. The caller holds s.mu.
func (s *Stream) dropIdle() {
	s.idle = false
	s.audiences = slices.DeleteFunc(s.audiences, func(a *audience) bool { return a.players == 0 })
}

// lineOf is where the players of an audience are sent from now.
func (s *Stream) lineOf(a *audience) *line {
	if a != nil {
		if b := a.branch.Load(); b != nil {
			return &b.line
		}
	}
	return &s.line
}

// dropForks lets go of forks that no player may be before any more: who is further
// behind goes on at a newer place. The caller holds s.mu.
func (s *Stream) dropForks() {
	s.forked = false
	for _, a := range s.audiences {
		if a.fork == nil {
			continue
		}
		l := s.lineOf(a)
		k := l.key.Load()
		begins := k != nil && l != &s.line && k.at.seg.of != l.log.of // players who come now
		switch at := (position{a.fork, 0}); {
		case l.log.behind(at) > s.held(l, at):
			if a.fork = nil; begins {
				l.key.Store(nil)
			}
		case !begins && time.Since(a.forked) > forkTime:
			a.fork = nil
		default:
			s.forked = true
		}
	}
}

// held is how much of a line is held for a player at a place.
func (s *Stream) held(l *line, at position) int64 {
	if l == &s.line {
		return maxHeldBytes
	}
	return maxBranchBytes + at.size()
}

// behind returns the segment that follows one that is finished, for the audience;
// nil: it is not there any more.
func (a *audience) behind(s, next *segment) *segment {
	for _, f := range s.forks {
		if f.takes == a.takes {
			return f.next.Value()
		}
	}
	return next
}
