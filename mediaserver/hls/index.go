package hls

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// variant is what a multivariant playlist says of one.
type variant struct {
	id            int
	init          *initSegment
	peak, average float64 // bits a second
}

// soundGroup is what renditions of sound are called together.
const soundGroup = "sound"

// writeIndex writes a multivariant playlist (RFC 8216bis §4.4.6). Where there is more than
// one track of sound, the one that goes with the pictures is the default of a group, and
// has no playlist of its own; whoever hears another loads both.
func writeIndex(all []variant) string {
	var w strings.Builder
	fmt.Fprintf(&w, "#EXTM3U\n#EXT-X-VERSION:%d\n", version)
	var others []variant
	for _, v := range all {
		if _, ok := isRendition(v.id); ok {
			others = append(others, v)
		}
	}
	slices.SortFunc(others, func(a, b variant) int { return b.id - a.id }) // by their tracks
	named := false
	for _, v := range all {
		if _, ok := isRendition(v.id); ok {
			continue
		}
		if len(others) > 0 && !named {
			named = true
			writeSounds(&w, v, others)
		}
		writeVariant(&w, v, others)
	}
	return w.String()
}

// writeSounds writes the renditions of sound (RFC 8216bis §4.4.6.1).
func writeSounds(w *strings.Builder, with variant, others []variant) {
	line := func(n *initSegment, is, address string) {
		fmt.Fprintf(w, `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="%s",NAME="Track %d",%s,CHANNELS="%d"%s`+"\n", soundGroup, n.sound, is, n.channels, address)
	}
	if with.init.hears {
		line(with.init, "DEFAULT=YES,AUTOSELECT=YES", "")
	}
	for _, v := range others {
		line(v.init, "DEFAULT=NO,AUTOSELECT=NO", fmt.Sprintf(`,URI="%s%s%s"`, variantName(v.id), playlistType, suffixMark))
	}
}

// writeVariant writes what a variant needs (RFC 8216bis §4.4.6.2): bit rates and codecs
// are those of what it is played with, too.
func writeVariant(w *strings.Builder, v variant, others []variant) {
	peak, average := 0.0, 0.0
	codecs := slices.Clone(v.init.codecs)
	for _, o := range others {
		peak, average = max(peak, o.peak), max(average, o.average)
		for _, c := range o.init.codecs {
			if !slices.Contains(codecs, c) {
				codecs = append(codecs, c)
			}
		}
	}
	fmt.Fprintf(w, `#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d,CODECS="%s"`, int64(math.Ceil(v.peak+peak)), int64(math.Ceil(v.average+average)), strings.Join(codecs, ","))
	if v.init.width > 0 {
		fmt.Fprintf(w, ",RESOLUTION=%dx%d", v.init.width, v.init.height)
	}
	if len(others) > 0 {
		fmt.Fprintf(w, `,AUDIO="%s"`, soundGroup)
	}
	fmt.Fprintf(w, "\n%s%s%s\n", variantName(v.id), playlistType, suffixMark)
}
