package webrtc

import (
	"time"

	"github.com/pion/rtp"
)

const (
	// reorderSpan is how many packets are held at most behind one that is missing, a
	// power of two, and reorderTime how long: a packet that was asked for once more has
	// come by then.
	reorderSpan = 512
	reorderTime = 250 * time.Millisecond
	// reorderJump is a distance of sequence numbers that no loss makes: the publisher
	// has begun anew.
	reorderJump = 4 * reorderSpan
)

// reorder puts the packets of a track in order [RFC 3550 §5.1].
type reorder struct {
	begun bool
	next  uint16 // that is handed on next
	held  [reorderSpan]*rtp.Packet
	count int
	since time.Time // that the next one is missing; zero: it is not
}

// push takes a packet, and hands on those that are in order by now; lost says that some
// before it have not come.
func (r *reorder) push(p *rtp.Packet, now time.Time, each func(p *rtp.Packet, lost bool)) {
	ahead := int(int16(p.SequenceNumber - r.next))
	lost := false
	switch {
	case !r.begun:
		r.begun, r.next = true, p.SequenceNumber
	case ahead <= -reorderJump, ahead >= reorderJump:
		r.drop()
		r.next, lost = p.SequenceNumber, true
	case ahead < 0:
		return // it was handed on, or given up
	default:
		for ; ahead >= reorderSpan; ahead = int(int16(p.SequenceNumber - r.next)) {
			lost = r.skip(each, lost)
		}
	}
	if at := &r.held[p.SequenceNumber%reorderSpan]; *at == nil {
		*at = p
		r.count++
	}
	r.drain(each, lost)
	switch {
	case r.count == 0:
		r.since = time.Time{}
	case r.since.IsZero():
		r.since = now
	case now.Sub(r.since) > reorderTime:
		r.drain(each, r.skip(each, false))
		if r.count > 0 {
			r.since = now // another is missing
		}
	}
}

// drain hands on what is there; lost is about the first.
func (r *reorder) drain(each func(*rtp.Packet, bool), lost bool) {
	for p := r.held[r.next%reorderSpan]; p != nil; p = r.held[r.next%reorderSpan] {
		r.held[r.next%reorderSpan] = nil
		r.count--
		r.next++
		r.since = time.Time{}
		each(p, lost)
		lost = false
	}
}

// skip gives up those that are missing before the next one that is there, or one of
// them. It returns that something is lost.
func (r *reorder) skip(each func(*rtp.Packet, bool), lost bool) bool {
	if r.count == 0 {
		r.next++
		return true
	}
	if r.held[r.next%reorderSpan] != nil {
		r.drain(each, lost)
		return false
	}
	for r.held[r.next%reorderSpan] == nil {
		r.next++
	}
	return true
}

// drop forgets all that is held.
func (r *reorder) drop() {
	clear(r.held[:])
	r.count, r.since = 0, time.Time{}
}
