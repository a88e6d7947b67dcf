package tracks

import (
	"slices"

	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// Seen is what has come in a publication. The zero value is nothing.
type Seen struct {
	video, audio []track // in the order of their numbers
	// Codecs of messages with an ExHeader, and HEVC without.
	named [2]Codecs

	several  bool // messages that name their tracks
	modified bool // ModEx
	marks    bool // marks in an ExHeader
}

// track is one that has come.
type track struct {
	id    uint8
	codec payload.FourCC // of its last message
}

// of is what has come of a kind.
func (s *Seen) of(video bool) (list *[]track, named *Codecs) {
	if video {
		return &s.video, &s.named[0]
	}
	return &s.audio, &s.named[1]
}

// Add notes a message, and says whether there is anything new in it.
func (s *Seen) Add(p *payload.Payload) (isNew bool) {
	if p.Kind == payload.Command {
		return !p.Old() && set(&s.marks)
	}
	if p.Modified() {
		isNew = set(&s.modified)
	}
	if p.Multitrack() {
		isNew = set(&s.several) || isNew
	}
	list, named := s.of(p.Video())
	for ts := p.Tracks(); ; {
		t, ok := ts.Next()
		if !ok {
			return isNew
		}
		isNew = add(list, t) || isNew
		if has := *named; !p.Old() || t.Codec == payload.HEVC {
			*named |= bit(t.Codec)
			isNew = isNew || has != *named
		}
	}
}

func set(b *bool) (isNew bool) {
	isNew, *b = !*b, true
	return isNew
}

func add(list *[]track, t payload.Track) (isNew bool) {
	at, all := 0, *list
	for at < len(all) && all[at].id < t.ID {
		at++
	}
	if at == len(all) || all[at].id != t.ID {
		*list = slices.Insert(all, at, track{t.ID, t.Codec})
		return true
	}
	isNew = all[at].codec != t.Codec
	all[at].codec = t.Codec
	return isNew
}

// AsPublished says whether all that has come is sent as it came.
func (t *Takes) AsPublished(s *Seen) bool {
	switch {
	case *t == Takes{}, len(s.video)+len(s.audio) == 0 && !s.marks:
		return true
	case t.Asked && t.Track != 0, t.Single && s.several, t.NoModEx && s.modified, t.Old && s.marks:
		return false
	}
	return t.allTaken(t.Video, s.named[0]) && t.allTaken(t.Audio, s.named[1])
}

// allTaken says whether codecs are taken as Enhanced RTMP writes them.
func (t *Takes) allTaken(taken, named Codecs) bool {
	if t.Old && named&old != 0 {
		return false
	}
	return taken == 0 || named&^taken == 0
}
