package budget

import "sync"

// Share is what one connection has of several budgets. All of it is given back
// when the connection ends, whatever still holds some: what is given back later
// counts for nothing. A nil Share counts nowhere and has no bound.
type Share struct {
	mu    sync.Mutex // nothing else is taken while it is held
	parts map[*Budget]int64
	ended bool
}

// NewShare makes a share that has nothing yet.
func NewShare() *Share { return &Share{} }

// Take takes n of a budget, or nothing: when the share would have more of it than
// most, or the budget is used up, or the connection has ended.
func (s *Share) Take(b *Budget, n, most int64) bool {
	if s == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.parts[b]+n > most || !b.Take(n) {
		return false
	}
	if s.parts == nil {
		s.parts = map[*Budget]int64{}
	}
	s.parts[b] += n
	return true
}

// Give gives back n of a budget.
func (s *Share) Give(b *Budget, n int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	b.Give(n)
	if s.parts[b] -= n; s.parts[b] == 0 {
		delete(s.parts, b)
	}
}

// Used is how much of a budget the share has.
func (s *Share) Used(b *Budget) int64 {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts[b]
}

// End gives everything back; nothing is taken afterwards.
func (s *Share) End() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for b, n := range s.parts {
		b.Give(n)
	}
	s.parts, s.ended = nil, true
}
