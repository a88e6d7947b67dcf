package stream

import (
	"slices"
	"time"

	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
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
	s.key.Store(nil) // it is none for players of branches, who come to the stream's log
	s.joinBranches()
	s.hasVideo, s.hasAudio, s.pictures, s.headers = false, false, payload.Pictures{}, headers{}
	s.counted.keyed, s.counted.apart = false, 0
	s.seen, s.plays = tracks.Seen{}, false
	s.cutsVideo, s.cutsAudio = false, false
	s.cuts.renew()
	s.data = storedData{}
	s.version++
	s.await(nil, nil)
}

// takenOver notes that another publisher begins at an offset of the log. The
// caller holds s.mu.
func (r *Reader) takenOver(at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.publishers, at) {
		r.publishers = append(r.publishers, at)
	}
}

// TookOver says whether the message that Next has returned is the first of
// another publisher, which has taken over. It is for the caller of Next.
func (r *Reader) TookOver() bool { return r.tookOver }

// crossed says whether a packet at an offset is the first of another publisher.
// The caller holds r.mu.
func (r *Reader) crossed(at int64) (crossed bool) {
	for len(r.publishers) > 0 && r.publishers[0] <= at {
		r.publishers, crossed = r.publishers[1:], true
	}
	return crossed
}
