package tracks

import (
	"encoding/binary"
	"slices"

	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// Takes is what a player takes of a stream. The zero value takes everything as
// it was published. Values are compared.
type Takes struct {
	// Single is for a player of one track of a kind, in messages without
	// tracks: the lowest that it takes, which is track 0 as a rule [E2 "Multitrack
	// Media Message Guidelines"].
	Single bool
	// Old is for one that announced nothing of Enhanced RTMP: what had a form in
	// Adobe's time comes in that. Codecs that had none come as they are, for who
	// knows them though it did not say so.
	Old bool
	// NoModEx is for one that does not read past modifiers.
	NoModEx bool
	// Codecs of either kind; the zero value is all. What has an old form is taken
	// in that at least.
	Video, Audio Codecs

	// Track is the one to be sent of each kind that has it, if Asked. Of a kind that
	// has not, the lowest is; but of a stream that has it in no kind, nothing.
	Track uint8 // 0 unless Asked
	Asked bool
}

// Oldest is what players of Adobe's time take, who announce nothing.
func Oldest() Takes { return Takes{Single: true, Old: true, NoModEx: true} }

// Codecs is a set of codecs of one kind; the zero value has all.
type Codecs uint16

// anyCodec is what stands for all in a player's list.
const anyCodec = "*"

// known are those that a set tells apart. They have a bit each; then comes one
// for all others, and one that makes a set of those that are in it.
var known = []payload.FourCC{
	payload.AVC, payload.HEVC, payload.VVC, payload.AV1, payload.VP8, payload.VP9,
	payload.AAC, payload.MP3, payload.Opus, payload.FLAC, payload.AC3, payload.EAC3,
}

// firstName is above the numbers of codecs of Adobe's time.
const firstName = 1 << 8

const (
	others Codecs = 1 << 14
	some   Codecs = 1 << 15
)

// CodecsOf makes a set of FourCCs by their names, or "*" for all. Of a codec
// that is not known here, all of its kind are in the set.
func CodecsOf(names []string) Codecs {
	set := some
	for _, name := range names {
		switch {
		case name == anyCodec:
			return 0
		case len(name) == 4:
			set |= bit(payload.FourCC(binary.BigEndian.Uint32([]byte(name))))
		}
	}
	return set
}

func bit(codec payload.FourCC) Codecs {
	if i := slices.Index(known, codec); i >= 0 {
		return 1 << i
	}
	return others
}

// Has says whether a codec is in the set. Those of Adobe's time, which have
// numbers and no names, are in every one.
func (c Codecs) Has(codec payload.FourCC) bool {
	return c == 0 || codec < firstName || c&bit(codec) != 0
}

// old are the codecs that had a form in Adobe's time.
var old = bit(payload.AVC) | bit(payload.AAC) | bit(payload.MP3)

func (t *Takes) codecs(video bool) Codecs {
	if video {
		return t.Video
	}
	return t.Audio
}

// takes says whether a codec is, in some form.
func (t *Takes) takes(video bool, codec payload.FourCC) bool {
	return payload.HasOldForm(codec) || t.codecs(video).Has(codec)
}

// Masked is what matters of t in a publication as far as that has come: who is sent
// the same of it has the same.
func (t Takes) Masked(s *Seen) Takes {
	m := t
	m.Video, m.Audio = t.mask(t.Video, &s.video), t.mask(t.Audio, &s.audio)
	m.NoModEx = t.NoModEx && s.modified
	if t.Asked && (s.video.find(t.Track) != nil || s.audio.find(t.Track) != nil) {
		free := t
		free.Asked, free.Track = false, 0
		if is, v := t.View(s), free.View(s); is.video == v.video && is.audio == v.audio {
			m.Asked, m.Track = false, 0
		}
	}
	return m
}

// mask leaves of a set what has come.
func (t Takes) mask(set Codecs, k *kind) Codecs {
	came := k.named
	for _, one := range k.tracks {
		if one.codec >= firstName {
			came |= bit(one.codec)
		}
	}
	if t.Single && t.Old {
		came &^= old // they come in the old form, whatever it lists
	}
	if set == 0 || came&^set == 0 {
		return 0
	}
	return set&came | some
}
