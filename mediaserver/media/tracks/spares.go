package tracks

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// NothingFor is how much of a publication, or of a file, may bring nothing that a
// player takes before it is told that there is nothing: sound without a header shows
// itself with its first frame.
const NothingFor = time.Second

// Spared is what is not sent of a publication although there is some. The zero
// value is nothing.
type Spared struct {
	what  string // in a few words
	all   bool   // nothing is left
	track bool   // because the track that is asked for is not there
}

// All says that nothing is left that could be sent.
func (s Spared) All() bool { return s.all }

// Status is how a player of a stream of a name is told: the level of
// NetStream.Play.NoSupportedTrackFound, and its description.
func (s Spared) Status(name string) (level, description string) {
	switch {
	case s.track:
		return "error", name + " has no " + s.what + "."
	case s.all:
		return "error", "Nothing of " + name + " can be sent: the player takes no " + s.what + "."
	}
	return "warning", "Not all of " + name + " is sent: the player takes no " + s.what + "."
}

// String names it as a sentence does: "sound".
func (s Spared) String() string { return s.what }

// Spares says of which kind nothing is sent.
func (v *View) Spares(s *Seen) Spared {
	_, video := v.Sends(true)
	_, audio := v.Sends(false)
	all := !video && !audio
	if v.Asked && all && s.video.find(v.Track) == nil && s.audio.find(v.Track) == nil {
		if !s.video.playing && !s.audio.playing {
			return Spared{}
		}
		return Spared{fmt.Sprintf("track %d", v.Track), true, true}
	}
	var words []string
	if !video && s.video.playing {
		words = append(words, s.video.words("video")...)
	}
	if !audio && s.audio.playing {
		words = append(words, s.audio.words("audio")...)
	}
	if words == nil {
		return Spared{}
	}
	return Spared{strings.Join(words, " and "), all, false}
}

// words name a kind and its codecs.
func (k *kind) words(name string) []string {
	const maxNames = 4
	var names []string
	for _, t := range k.tracks {
		if n := codecName(t.codec); len(names) < maxNames && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	if names == nil {
		return nil
	}
	return []string{name + " of " + strings.Join(names, ", ")}
}

func codecName(c payload.FourCC) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(c))
	for _, one := range b {
		if one < ' ' || one > '~' {
			return fmt.Sprintf("%#x", uint32(c))
		}
	}
	return string(b)
}
