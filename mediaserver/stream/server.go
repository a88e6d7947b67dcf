package stream

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Send puts a data message of the server's own into the stream, whether anybody
// publishes it or not: players and readers get it at its place among the packets.
// It may set and clear what new players get first, as a publisher's may
// (@setDataFrame, @clearDataFrame). data is AMF0, the name of a handler and what it
// is called with, and is copied.
func (s *Stream) Send(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, forward := s.dataMessage(data)
	if !forward {
		return
	}
	s.put(&rtmp.Message{Type: rtmp.TypeData, StreamID: 1, Timestamp: s.present(), Payload: body}, &facts{})
}

// sendGap is how long a publisher says nothing until what the server sends meanwhile
// is later than the last that it has said.
const sendGap = time.Second

// present is the timestamp of what happens now. It is never 0, which many encoders
// give to what has no time. The caller holds s.mu.
func (s *Stream) present() media.Timestamp {
	if s.publisher == nil {
		if s.ended.IsZero() { // the first publication goes on behind what is sent before it
			s.ended, s.endedAt = time.Now(), 1
		}
		return s.endedAt.Add(time.Since(s.ended))
	}
	now := s.newest.Load()
	if seg := s.log.tail; seg.n.Load() > 0 {
		if silent := time.Since(seg.came(seg.n.Load() - 1)); silent > sendGap {
			now = now.Add(silent)
		}
	}
	return max(now, 1)
}

// Newest is the timestamp of the newest packet.
func (s *Stream) Newest() media.Timestamp { return s.newest.Load() }

// Stored is a copy of the data message that new players get of a handler; nil: there
// is none.
func (s *Stream) Stored(handler string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.data.list {
		if d.key == handler {
			return append([]byte(nil), d.payload...)
		}
	}
	return nil
}

// Renew says that what follows comes from somewhere else, as if another publisher had
// taken over: players and readers go on and are told nothing, and what new players
// would get of what came before is forgotten. Timestamps stay the publisher's own.
func (p *Publisher) Renew() {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher == p {
		s.forget()
	}
}
