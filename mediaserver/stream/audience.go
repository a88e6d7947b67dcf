package stream

import (
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/media/tracks"
)

// maxAudiences is how many kinds of players a stream tells apart, so many
// branches it may have at once.
const maxAudiences = 16

// maxAudiencesEach is how many of them one connection has players in, and idleTime
// how long one without players has its place for sure: who comes and goes with
// another wish each time must not make the stream look through its newest GOP as
// often.
const (
	maxAudiencesEach = 8
	idleTime         = time.Second
)

// audience is the players of a stream who take the same: less than everything, so
// that they may be sent something else than what is published.
type audience struct {
	takes   tracks.Takes
	players int       // and those who want to go over to the stream; guarded by Stream.mu
	left    time.Time // when the last of them left; guarded by Stream.mu
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

// enter counts a player of a connection more in the audience of those who take the
// same; nil is those who take everything. crowded says that there is no place for
// what it takes: it is counted among those who are sent the same by now or else,
// if it takes one track, among those of Adobe's time, for whom there is always room,
// or takes everything. The caller holds s.mu.
func (s *Stream) enter(c *attachedConn, takes tracks.Takes) (a *audience, crowded bool) {
	if takes == (tracks.Takes{}) {
		return nil, false
	}
	if a = s.audience(takes); a == nil && takes != tracks.Oldest() && !s.hasPlace(c) {
		crowded = true
		switch like := s.alike(takes); {
		case like != nil:
			a = like
		case !takes.Single:
			return nil, true
		default:
			takes = tracks.Oldest()
			a = s.audience(takes)
		}
	}
	if a == nil {
		a = &audience{takes: takes}
		s.audiences = append(s.audiences, a)
		if !takes.AsPublished(&s.seen) {
			s.branchLate(a)
		}
	}
	a.players++
	return a, crowded
}

// hasPlace says whether there may be one audience more, for a connection. The place
// of one without players is free, if need be, a moment after they have left.
func (s *Stream) hasPlace(c *attachedConn) bool {
	var own []*audience
	for _, p := range c.players {
		a := p.audience
		if p.s == s && a != nil && !slices.Contains(own, a) {
			own = append(own, a)
		}
	}
	if len(own) >= maxAudiencesEach {
		return false
	}
	for len(s.audiences) >= maxAudiences {
		i := slices.IndexFunc(s.audiences, func(a *audience) bool {
			return a.players == 0 && time.Since(a.left) >= idleTime
		})
		if i < 0 {
			return false
		}
		s.audiences = slices.Delete(s.audiences, i, i+1)
	}
	return true
}

// alike is an audience that is sent the same as who takes something, as far as the
// publication has come; nil: there is none.
func (s *Stream) alike(takes tracks.Takes) *audience {
	takes = takes.Masked(&s.seen)
	for _, a := range s.audiences {
		if a.takes.Masked(&s.seen) == takes {
			return a
		}
	}
	return nil
}

// tellCrowded logs, now and then, that a player is not sent what it takes: what the
// operator sees of a stream that is asked for too much at once.
func (s *Stream) tellCrowded(takes tracks.Takes) {
	s.mu.Lock()
	now := time.Now()
	due := now.Sub(s.crowded) >= tellSlowEvery
	if due {
		s.crowded = now
	}
	s.mu.Unlock()
	if !due {
		return
	}
	slog.Warn("a stream has players of too many kinds at once: one is sent what others are, and not the tracks and codecs that it takes",
		"stream", s.name, "track", takes.Track, "most", maxAudiences, "most of a connection", maxAudiencesEach)
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
	a.left = time.Now()
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
