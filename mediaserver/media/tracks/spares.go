package tracks

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// Spares says in a few words of which kind nothing is sent although there is
// some; "" is for nothing. all is true when nothing of any kind is sent.
func (v *View) Spares(s *Seen) (what string, all bool) {
	_, video := v.Sends(true)
	_, audio := v.Sends(false)
	all = !video && !audio
	if v.Asked && all && s.video.find(v.Track) == nil && s.audio.find(v.Track) == nil {
		if s.video.playing || s.audio.playing {
			what = fmt.Sprintf("track %d", v.Track)
		}
		return what, what != ""
	}
	var words []string
	if !video && s.video.playing {
		words = append(words, s.video.words("video")...)
	}
	if !audio && s.audio.playing {
		words = append(words, s.audio.words("audio")...)
	}
	what = strings.Join(words, " and ")
	return what, all && what != ""
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
