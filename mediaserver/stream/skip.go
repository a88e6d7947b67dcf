package stream

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
)

// Skip has a reader that is behind go on where a new one would begin, which leaves out
// what lies between. It returns false where that gains nothing: no keyframe is newer
// than its place, or the publication that it reads is over.
func (r *Reader) Skip() bool {
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	to, at, ok := r.newer()
	if !ok {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.preamble, r.waiting = to, s.storedMessages(&s.line, at), false
	r.read.Store(to.published(&s.log))
	return true
}

// Late says whether what Next has returned came longer ago than by, and a new reader would
// begin behind it. It is for the caller of Next.
func (r *Reader) Late(by time.Duration) bool {
	if r.came.IsZero() || time.Since(r.came) < by {
		return false
	}
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, ok := r.newer()
	return ok
}

// newer is where a new one would begin, if that lies behind the reader's place in the
// publication that it reads. The caller holds s.mu.
func (r *Reader) newer() (to position, at media.Timestamp, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.s
	if r.gone != nil || r.ends || r.at.seg.of != s.log.of {
		return to, 0, false
	}
	to, at = s.log.head(), s.newest.Load()
	switch k := s.key.Load(); {
	case k != nil:
		to, at = k.at, k.time
	case s.hasVideo:
		return to, 0, false
	}
	return to, at, to.seg.of == s.log.of && to.published(&s.log) > r.read.Load()
}
