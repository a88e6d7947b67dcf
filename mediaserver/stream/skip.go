package stream

// Skip has a reader that is behind go on where a new one would begin, which leaves out
// what lies between. It returns false where that gains nothing: no keyframe is newer
// than its place, or the publication that it reads is over.
func (r *Reader) Skip() bool {
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone != nil || r.ends || r.at.seg.of != s.log.of {
		return false
	}
	to, at := s.log.head(), s.newest.Load()
	switch k := s.key.Load(); {
	case k != nil:
		to, at = k.at, k.time
	case s.hasVideo:
		return false
	}
	if to.seg.of != s.log.of || to.published(&s.log) <= r.read.Load() {
		return false
	}
	r.at, r.preamble, r.waiting = to, s.storedMessages(&s.line, at), false
	r.read.Store(to.published(&s.log))
	return true
}
