package stream

import (
	"slices"
	"time"

	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// TakeOver makes another the publisher in place of p, whose Writes fail from now
// on. For players and readers the publication goes on: nothing is said to
// players, and the timestamps they see go on as their own clocks do, from the
// last packet, which came at a time of ours. What new players need is the new
// publisher's to send. When p was over, it is nil.
func (p *Publisher) TakeOver(last time.Time) *Publisher {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != p {
		return nil
	}
	next := &Publisher{s: s, first: true}
	s.publisher = next
	if !p.first { // else no picture and no sound has come from which its clock went on
		s.ended, s.endedAt = last, s.newest.Load()
	}
	s.forget()
	end := s.log.end.Load()
	for r := range s.readers {
		r.takenOver(end)
	}
	return next
}

// forget drops what new players would get of a publisher that is gone. The caller
// holds s.mu.
func (s *Stream) forget() {
	s.hasVideo, s.hasAudio, s.pictures, s.headers = false, false, payload.Pictures{}, headers{}
	s.data, s.dataBytes = nil, 0
	s.version++
	s.key.Store(nil)
	s.await(nil)
}

// takenOver notes that another publisher begins at an offset of the log. The
// caller holds s.mu.
func (r *Reader) takenOver(at int64) {
	if !slices.Contains(r.publishers, at) {
		r.publishers = append(r.publishers, at)
		r.ahead.Store(true)
	}
}

// TookOver says whether the message that Next has returned is the first of
// another publisher, which has taken over.
func (r *Reader) TookOver() bool { return r.tookOver }

// crossed says whether a packet at an offset is the first of another publisher.
func (r *Reader) crossed(at int64) (crossed bool) {
	if !r.ahead.Load() {
		return false
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	for len(r.publishers) > 0 && r.publishers[0] <= at {
		r.publishers, crossed = r.publishers[1:], true
	}
	r.ahead.Store(len(r.publishers) > 0)
	return crossed
}

// EndHere ends a reader with what the log holds now, as if the publication were
// over. It may be called from any goroutine.
func (r *Reader) EndHere() {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.end.CompareAndSwap(noEnd, r.s.log.end.Load())
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// noEnd is the end of a reader that reads on with its publication.
const noEnd = -1

// over says whether a reader that was to end before the publication does has come
// there.
func (r *Reader) over() bool {
	end := r.end.Load()
	return end != noEnd && r.at.offset() >= end
}

// Lagged says whether the reader is further behind than the log is kept for it.
// What others publish behind its own end does not count. It is called when no
// Next runs.
func (r *Reader) Lagged() bool {
	end := r.end.Load()
	if end == noEnd {
		end = r.s.log.end.Load()
	}
	return end-r.at.offset() > maxReaderLag
}
