package stream

import (
	"errors"
	"slices"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Stored is a data message that new players get first.
type Stored struct {
	Handler string
	Payload []byte // AMF0: the handler, and what it is called with
}

// ErrLost says that what follows of a stream is lost here, though it may be published on
// elsewhere.
var ErrLost = errors.New("what follows of the stream is lost")

// NewRelay is NewReader for whoever makes the stream anew elsewhere: it says when a
// publication begins (Began), and leaves out what is stored: see StoredSince. Its Next
// returns a message of type 0 where there is none, and that may have changed. With cuts it
// starts where a reader of cuts would, which may be before where a player would: see
// Caught.
func (s *Stream) NewRelay(cuts bool) *Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.newReader()
	r.relay = true
	from := r.at
	if r.joins = from.offset(); s.key.Load() != nil {
		r.joins++ // the keyframe itself
	}
	if cuts {
		r.toCut()
	}
	r.caught = r.at.offset() >= r.joins
	r.preamble = slices.DeleteFunc(r.preamble, func(m rtmp.Message) bool { return m.Type == rtmp.TypeData })
	return r
}

// Began says whether a publication has begun where Next has returned no message.
func (r *Reader) Began() bool { return r.began }

// Skipped says whether something was left out where Next has returned no message.
func (r *Reader) Skipped() bool { return r.skipped }

// Caught says whether what a player would have begun with, had it come instead of the
// reader, has been read with what Next has returned. It is for the caller of Next.
func (r *Reader) Caught() bool { return r.caught }

// Relay is Write of a message that is published elsewhere, and cut there before it, where
// cut.Number is not 0: the cut is as it was made. Here it is cut in those places alone, and called the same.
func (p *Publisher) Relay(m *rtmp.Message, cut Cut) error {
	return p.write(m, facts{relayed: true, told: cut})
}

// Skip says that some of what is published elsewhere has not come, since the way from there
// is too slow: players hear so at its place (NetStream.Play.InsufficientBW), and readers of
// cuts are told that they have lagged.
func (p *Publisher) Skip() {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher == p {
		s.letGoOfCuts(ErrLagged)
		s.cuts.renew()
		s.notice("warning", "NetStream.Play.InsufficientBW", "The way to this server is too slow for the stream: some of it was left out.", flagSkip)
	}
}

// Lose is Close where the publication may go on elsewhere: readers of cuts, who would
// make a whole of what has come, are told ErrLost, and players who end with the publication
// (Until.Publication) stay for what is published next. Other readers come to their end, and
// Stream.Lost says so.
func (p *Publisher) Lose() { p.close(ErrLost) }

// Lost says whether the publication that has ended last was lost here: it may go on elsewhere,
// and come back. A reader that has come to its end is told by it what that was.
func (s *Stream) Lost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// letGoOfCuts ends readers of cuts for a reason; nil: it does not. The caller holds s.mu.
func (s *Stream) letGoOfCuts(why error) {
	if why == nil {
		return
	}
	for r := range s.readers {
		if r.cuts {
			r.letGo(why)
		}
	}
}

// StoredSince is what new players get first, in order, if it is another than that of a
// version; version 0 is none, and no stream has it.
func (s *Stream) StoredSince(version int) (all []Stored, now int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now = s.version + 1; now == version {
		return nil, now
	}
	for _, d := range s.data.list {
		all = append(all, Stored{d.key, d.payload})
	}
	return all, now
}

// SetStored has new players get this first, in place of what was stored. What is more than
// a stream keeps is left out.
func (p *Publisher) SetStored(all []Stored) {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != p {
		return
	}
	s.data = storedData{}
	s.version++
	for _, one := range all {
		s.data.store(one.Handler, one.Payload)
	}
}
