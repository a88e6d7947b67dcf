package tracks

import (
	"slices"

	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// Seen is what has come in a publication. The zero value is nothing.
type Seen struct {
	video, audio kind

	several  bool // messages that name their tracks
	modified bool // ModEx
	marks    bool // marks in an ExHeader
}

// kind is what has come of a kind.
type kind struct {
	tracks  []track // in the order of their numbers
	named   Codecs  // codecs of messages with an ExHeader, and HEVC without
	playing bool    // frames have: what goes before them is there
}

// track is one that has come.
type track struct {
	id    uint8
	codec payload.FourCC // of its last message
}

func (s *Seen) of(video bool) *kind {
	if video {
		return &s.video
	}
	return &s.audio
}

// Lowest is the lowest number that a track of a kind has; ok is false when there is
// none.
func (s *Seen) Lowest(video bool) (id uint8, ok bool) {
	k := s.of(video)
	if len(k.tracks) == 0 {
		return 0, false
	}
	return k.tracks[0].id, true
}

// Play is for who knows all tracks before their frames come.
func (s *Seen) Play() { s.video.playing, s.audio.playing = true, true }

// Add notes a message, and says whether there is anything new in it.
func (s *Seen) Add(p *payload.Payload) (isNew bool) {
	isNew = s.note(p)
	for ts := p.Tracks(); ; {
		t, ok := ts.Next()
		if !ok {
			return isNew
		}
		isNew = s.addTrack(p, t) || isNew
	}
}

// note notes what a message says of itself, and none of its tracks.
func (s *Seen) note(p *payload.Payload) (isNew bool) {
	if p.Kind == payload.Command {
		return !p.Old() && set(&s.marks)
	}
	if p.Modified() {
		isNew = set(&s.modified)
	}
	if p.Multitrack() {
		isNew = set(&s.several) || isNew
	}
	if p.Kind == payload.Frames {
		isNew = set(&s.of(p.Video()).playing) || isNew
	}
	return isNew
}

// addTrack notes a track of a message.
func (s *Seen) addTrack(p *payload.Payload, t payload.Track) (isNew bool) {
	k := s.of(p.Video())
	isNew = k.add(t)
	if had := k.named; !p.Old() || t.Codec == payload.HEVC {
		k.named |= bit(t.Codec)
		isNew = isNew || had != k.named
	}
	return isNew
}

func set(b *bool) (isNew bool) {
	isNew, *b = !*b, true
	return isNew
}

func (k *kind) add(t payload.Track) (isNew bool) {
	at, all := 0, k.tracks
	for at < len(all) && all[at].id < t.ID {
		at++
	}
	if at == len(all) || all[at].id != t.ID {
		k.tracks = slices.Insert(all, at, track{t.ID, t.Codec})
		return true
	}
	isNew = all[at].codec != t.Codec
	all[at].codec = t.Codec
	return isNew
}

// AsPublished says whether all that has come is sent as it came.
func (t *Takes) AsPublished(s *Seen) bool {
	switch {
	case *t == Takes{}, len(s.video.tracks)+len(s.audio.tracks) == 0 && !s.marks:
		return true
	case t.Asked && t.Track != 0, t.Single && s.several, t.NoModEx && s.modified, t.Old && s.marks:
		return false
	}
	return t.allTaken(t.Video, s.video.named) && t.allTaken(t.Audio, s.audio.named)
}

// allTaken says whether codecs are taken as Enhanced RTMP writes them.
func (t *Takes) allTaken(taken, named Codecs) bool {
	if t.Old && named&old != 0 {
		return false
	}
	return taken == 0 || named&^taken == 0
}
