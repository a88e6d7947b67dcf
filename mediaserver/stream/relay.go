package stream

import (
	"slices"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Stored is a data message that new players get first.
type Stored struct {
	Handler string
	Payload []byte // AMF0: the handler, and what it is called with
}

// NewRelay is NewReader for whoever makes the stream anew elsewhere: it says when a
// publication begins (Began), and leaves out what is stored: see StoredSince. Its Next
// returns a message of type 0 where there is none, and that may have changed.
func (s *Stream) NewRelay() *Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.newReader()
	r.relay = true
	r.preamble = slices.DeleteFunc(r.preamble, func(m rtmp.Message) bool { return m.Type == rtmp.TypeData })
	return r
}

// Began says whether a publication has begun where Next has returned no message.
func (r *Reader) Began() bool { return r.began }

// StoredSince is what new players get first, in order, if it is another than that of a
// version; version 0 is none, and no stream has it.
func (s *Stream) StoredSince(version int) (all []Stored, now int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now = s.version + 1; now == version {
		return nil, now
	}
	for _, d := range s.data {
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
	s.data, s.dataBytes = nil, 0
	s.version++
	for _, one := range all {
		s.store(one.Handler, one.Payload)
	}
}
