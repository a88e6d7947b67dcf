package hls

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// piece is what a segment has of a variant.
type piece struct {
	init  *initSegment
	parts []*part
	size  int64
}

// segment is a cut of a stream with all its variants. Guarded by live.mu until it has
// ended, but for its parts, which are immutable.
type segment struct {
	cut      stream.Cut
	paidBy   *budget.Budget // what it costs
	length   time.Duration  // 0: it has not ended
	variants map[int]*piece
}

// cost is what a budget has paid for it.
func (s *segment) cost() (n int64) {
	for _, p := range s.variants {
		n += p.size + partCost*int64(len(p.parts))
	}
	return n
}

// pay has another budget pay for it, if that can.
func (s *segment) pay(by *budget.Budget) bool {
	if s.paidBy == by {
		return true
	}
	n := s.cost()
	if !by.Take(n) {
		return false
	}
	s.paidBy.Give(n)
	s.paidBy = by
	return true
}

// nearParts says whether the parts of a segment are as long as they should be.
func nearParts(s *segment, target time.Duration) bool {
	for _, v := range s.variants {
		for _, p := range v.parts[:len(v.parts)-1] {
			if p.length < minPart(target) || p.length > target {
				return false
			}
		}
	}
	return true
}
