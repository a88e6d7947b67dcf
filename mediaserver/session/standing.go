package session

import (
	"unicode/utf8"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// What a client may have the server hold grows with what it has shown of itself.
const (
	// beforeConnect is for who has not been let in, and for each of its messages:
	// the connects of all clients that there are have a few hundred bytes.
	beforeConnect = 64 << 10
	// defaultMessage is the largest command, data message or shared object of a
	// client, where the instance does not say.
	defaultMessage = 1 << 20
	// picture is the largest message of audio or video of who publishes: several
	// times the largest keyframes.
	picture = 8 << 20
	// written is how much larger the values of a command may be, written out,
	// than the largest command itself: a null takes one byte, and counts for 64.
	written = 2
	// freeTurns is what may wait for its turn without a budget's leave.
	freeTurns = 8 << 10
	// maxSaid bounds what an answer repeats of a word that came, in bytes.
	maxSaid = 512
)

// stranger is what holds until connect has been answered.
func (s *Session) stranger() rtmp.Limits {
	l := rtmp.Limits{Message: beforeConnect, Media: beforeConnect, Held: beforeConnect, Turn: s.reading}
	if b := s.cfg.Budgets; b != nil {
		l.Budget = b.Strangers
	}
	return l
}

// guest is what holds for who was let in.
func (s *Session) guest() rtmp.Limits {
	l := s.stranger()
	l.Message, l.Media, l.Held = s.maxMessage, s.maxMessage, s.maxMessage
	return l
}

// publisher is what holds for who publishes: for its questions, those of a guest
// where anybody may.
func (s *Session) publisher(proved bool) rtmp.Limits {
	l := rtmp.Limits{Message: s.maxMessage, Media: max(picture, s.maxMessage), Held: 2 * max(picture, s.maxMessage), Keeps: true}
	if b := s.cfg.Budgets; b != nil {
		l.Budget = b.Messages
	}
	if !proved {
		l.Turn, l.MediaFirst = s.reading, true
	}
	return l
}

// stand sets the limits that the client has now. It is called in turns.
func (s *Session) stand() {
	switch {
	case s.inst == nil:
		s.setLimits(s.stranger())
	case s.publishes():
		s.setLimits(s.publisher(s.proved()))
	default:
		s.setLimits(s.guest())
	}
}

func (s *Session) setLimits(l rtmp.Limits) {
	s.conn.SetLimits(l)
	s.turns.stand(l.Budget, l.Turn != nil)
}

// publishes says whether any of the NetStreams publishes.
func (s *Session) publishes() bool {
	all := s.publishing.Load()
	return all != nil && len(*all) > 0
}

// proved says whether the client has shown, for any of them, that it may publish.
func (s *Session) proved() bool {
	all := s.publishing.Load()
	if all == nil {
		return false
	}
	for _, p := range *all {
		if p.proved {
			return true
		}
	}
	return false
}

// settle waits until all that the client has said is done, so that a picture that
// comes behind a publish is not taken for a stranger's. It is called by the
// goroutine that reads.
func (s *Session) settle() {
	if s.reading.End() {
		defer s.reading.Begin(s.conn.Closed())
	}
	for {
		done := s.turns.next()
		if done == nil {
			return
		}
		select {
		case <-done:
		case <-s.conn.Closed():
			return
		}
	}
}

// parse takes a command apart: before connect is answered only a small one.
func (s *Session) parse(m *rtmp.Message) (*rtmp.Command, error) {
	return rtmp.ParseCommandWithin(m, written*s.most())
}

// most is how large a message of the client may be. It may be large before the client
// hears that it is let in, since it may say much at once then.
func (s *Session) most() int {
	if most := int(s.largest.Load()); most > 0 {
		return most
	}
	return beforeConnect
}

// cut cuts a client's own words to what is repeated of them.
func cut(words string, most int) string {
	if len(words) <= most {
		return words
	}
	return front(words, most) + "…"
}

// front is as much of a text as so many bytes hold, in whole characters.
func front(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
