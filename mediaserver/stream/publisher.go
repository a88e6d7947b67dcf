package stream

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Publisher appends to a stream. Two of its methods never run at once.
type Publisher struct {
	s      *Stream
	first  bool            // no picture and no sound has come
	offset media.Timestamp // added to every one
}

// Publish makes the caller the publisher. It fails with ErrBusy.
//
// Players that are there already are told (NetStream.Play.PublishNotify), and the
// timestamps they see go on where the last publisher's ended.
func (s *Stream) Publish() (*Publisher, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != nil {
		return nil, ErrBusy
	}
	p := &Publisher{s: s, first: true}
	s.publisher = p
	s.counted = counted{since: time.Now(), before: s.log.published.Load()}
	s.unpublishNotice = position{} // it would keep all that is published from now on
	s.notice("status", "NetStream.Play.PublishNotify", s.name+" is now published.", 0)
	return p, nil
}

// Write appends an audio, video or data message. The payload is copied; data
// becomes AMF0 wherever AMF0 can say it, for players and files that read no
// other. It fails with ErrClosed.
func (p *Publisher) Write(m *rtmp.Message) error { return p.write(m, facts{}) }

// write is Write of a message of which is known whether it was cut elsewhere.
func (p *Publisher) write(m *rtmp.Message, f facts) error {
	s := p.s
	data := m.Payload
	if m.Type == rtmp.TypeData {
		if plain, err := amf.ToAMF0(data); err == nil { // else who can read it may
			data = plain
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != p {
		return ErrClosed
	}
	out := rtmp.Message{Type: m.Type, StreamID: 1, Payload: data}
	switch m.Type {
	case rtmp.TypeVideo, rtmp.TypeAudio:
		relayed, told := f.relayed, f.told
		f = s.judge(&s.line, m.Type, data)
		f.relayed, f.told = relayed, told
	case rtmp.TypeData:
		payload, forward := s.dataMessage(data)
		if !forward {
			return nil
		}
		out.Payload = payload
	default:
		return nil
	}
	out.Timestamp = p.place(m, f.flags)
	if f.parsed {
		s.learn(&f.Payload, out.Timestamp)
	}
	s.put(&out, &f)
	s.count(&out, &f)
	return nil
}

// put appends a message to the stream's log and its branches. The caller holds
// s.mu.
func (s *Stream) put(out *rtmp.Message, f *facts) {
	s.cutBefore(out, f)
	s.add(&s.line, out, f)
	for b := range s.branches() {
		s.addTo(b, out)
		s.tellSpared(b, out.Timestamp)
	}
	if s.idle && (f.begins == payload.Keyframe || s.key.Load() == nil) {
		s.dropIdle()
	}
	if s.forked {
		s.dropForks()
	}
	s.newest.Store(out.Timestamp)
	s.wake(out.Type != rtmp.TypeAudio || !s.hasVideo)
}

// facts are what a message of picture or sound says of itself.
type facts struct {
	payload.Payload
	parsed bool // it could be read
	flags  uint8
	begins payload.Beginning
	// relayed says that the stream is cut where it is published, and told that it was
	// before this message; Number is 0 for nowhere.
	relayed bool
	told    Cut
}

// judge says what the next message of a line is. One that cannot be read is
// forwarded all the same: players may know better.
func (s *Stream) judge(l *line, kind rtmp.MessageType, data []byte) (f facts) {
	if kind == rtmp.TypeAudio {
		l.hasAudio = true
		f.Payload, f.parsed = payload.ParseAudio(data)
	} else {
		l.hasVideo = true
		if f.Payload, f.parsed = payload.ParseVideo(data); f.parsed {
			f.begins = l.pictures.Next(&f.Payload, s.clock())
		}
	}
	switch {
	case f.parsed && f.IsHeader():
		f.flags = flagHeader
	case f.begins != payload.NoBeginning:
		f.flags = flagKey
	}
	return f
}

// add appends a message to a line, and keeps what new players need of it.
func (s *Stream) add(l *line, m *rtmp.Message, f *facts) {
	if f.flags&flagHeader != 0 {
		early := l == &s.line && s.isEarly(m, f)
		if l.headers.keep(m.Type, &f.Payload, m.Payload) {
			s.version++
			if l == &s.line && !early {
				s.cuts.renew()
			}
		}
	}
	at := l.log.append(m, f.flags)
	if l == &s.line {
		s.keepCut(at)
	}
	s.keepKey(l, at, m.Timestamp, f.begins)
}

// keepKey keeps the place of a packet where players that come may begin, and
// forgets one that lies too far behind. What only stands in for a keyframe does
// not take the place of one: players that wait begin there all the same.
func (s *Stream) keepKey(l *line, at position, time media.Timestamp, begins payload.Beginning) {
	k := l.key.Load()
	switch {
	case begins == payload.Keyframe, begins == payload.Makeshift && (k == nil || k.makeshift):
		s.keys++
		k := &keyframe{seq: s.keys, at: at, time: time, makeshift: begins == payload.Makeshift, preambleVersion: -1}
		l.key.Store(k)
		s.await(l, k)
	case k != nil && l.log.end.Load()-k.at.offset() > s.maxGOP(l, k.at):
		l.key.Store(nil)
	}
}

// place returns the timestamp that players see of a message. Behind another
// publication it goes on where that one's clock would be by now: the first
// picture or sound does, for many encoders send data and headers with time 0 and
// then what their clock says. The caller holds s.mu.
func (p *Publisher) place(m *rtmp.Message, flags uint8) media.Timestamp {
	if p.first && !p.s.ended.IsZero() {
		at := p.s.endedAt.Add(time.Since(p.s.ended))
		if m.Type == rtmp.TypeData || flags&flagHeader != 0 {
			return at
		}
		p.offset = at - m.Timestamp
	}
	p.first = false
	return m.Timestamp + p.offset
}

// dataMessage keeps what a data message sets and drops what it clears. It returns the
// message as players get it: without the command word.
func (s *Stream) dataMessage(data []byte) (payload []byte, forward bool) {
	said := readData(data)
	switch {
	case said.clears:
		s.clear(said.handler)
	case said.stores && s.data.store(said.handler, said.payload):
		s.version++
	}
	return said.payload, said.payload != nil
}

// Clear forgets the stored data of a handler, so that players
// that come from now on do not get it, and says whether there was any.
func (p *Publisher) Clear(handler string) bool {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publisher == p && s.clear(handler)
}

func (s *Stream) clear(handler string) bool {
	if !s.data.clear(handler) {
		return false
	}
	s.version++
	for r := range s.readers {
		r.rouse()
	}
	return true
}

// Close ends the publication. Players stay, and are told
// (NetStream.Play.UnpublishNotify); readers come to their end. A second Close
// does nothing.
func (p *Publisher) Close() { p.close(nil) }

// close is Close, where readers of cuts are told that they have lost what follows, if
// lost is not nil.
func (p *Publisher) close(lost error) {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != p {
		return
	}
	s.letGoOfCuts(lost)
	s.publisher = nil
	end := uint8(flagEnd)
	if lost != nil {
		end = 0
	}
	s.unpublishNotice = s.notice("status", "NetStream.Play.UnpublishNotify", s.name+" is now unpublished.", end)
	for r := range s.readers { // what the next one publishes is not for them
		r.endHere()
	}
	s.ended, s.endedAt, s.lost = time.Now(), s.newest.Load(), lost != nil
	s.forget()
	s.overAt = s.log.end.Load()
}
