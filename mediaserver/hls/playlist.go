package hls

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// suffixMark stands in a playlist where addresses end, for what a viewer's own
// request had behind them: see withSuffix.
const suffixMark = "\x00"

// withSuffix gives all addresses of a playlist what a viewer is known by: "" or a
// query.
func withSuffix(playlist, suffix string) string {
	return strings.ReplaceAll(playlist, suffixMark, suffix)
}

// Names of files. A variant's is "v" and its track's number, or "audio"; that of a
// rendition of sound is "a" and its track's number.
const (
	indexFile    = "index.m3u8"
	playlistType = ".m3u8"
	segmentType  = ".m4s"
	initType     = ".mp4"
	initMark     = ".init" // before that: no recording is called so
	audioName    = "audio"
)

func variantName(id int) string {
	if id == audioOnly {
		return audioName
	}
	if track, ok := isRendition(id); ok {
		return "a" + strconv.Itoa(track)
	}
	return "v" + strconv.Itoa(id)
}

func initFile(id int, n *initSegment) string {
	return variantName(id) + "-" + n.name + initMark + initType
}

func segmentFile(id int, number int64) string {
	return fmt.Sprintf("%s-%d%s", variantName(id), number, segmentType)
}

func partFile(id int, number int64, part int) string {
	return fmt.Sprintf("%s-%d.%d%s", variantName(id), number, part, segmentType)
}

// seconds is a duration as playlists have it.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

// whole is how many seconds a duration is, rounded as EXTINF is against the target.
func whole(d time.Duration) int { return int(math.Round(d.Seconds())) }

// version is that of the playlists: EXT-X-MAP in them needs 6 (RFC 8216bis §8).
const version = 6

// skipVersion is that of playlists that leave segments out.
const skipVersion = 9

// skipUntil is how many targets from the end of a playlist segments are that a player
// knows already, and may have left out: six at least (RFC 8216bis §4.4.3.8).
const skipUntil = 6

// playlistOf is which of a stream's playlists it is.
type playlistOf struct {
	variant int
	skips   bool // segments are left out
}

// media writes a media playlist, cached until something comes. The caller holds l.mu.
func (l *live) media(of playlistOf) string {
	if text, ok := l.playlists[of]; ok {
		return text
	}
	w := mediaPlaylist{live: l, id: of.variant, skips: of.skips, target: l.target}
	text := w.write()
	l.playlists[of] = text
	return text
}

type mediaPlaylist struct {
	strings.Builder
	live   *live
	id     int
	skips  bool
	target time.Duration

	first bool // a segment has been begun
	epoch int64
	init  *initSegment
}

func (w *mediaPlaylist) line(format string, args ...any) {
	fmt.Fprintf(w, format, args...)
	w.WriteByte('\n')
}

func (w *mediaPlaylist) write() string {
	l := w.live
	list := l.segments[l.first:]
	if w.target == 0 { // the stream ended before there was any
		for _, s := range list {
			w.target = max(w.target, time.Duration(max(1, whole(s.length)))*time.Second)
		}
	}
	left := time.Duration(0)
	for _, s := range list {
		left += s.length
	}
	skipped := w.skipped(list, left)
	w.line("#EXTM3U")
	if skipped > 0 {
		w.line("#EXT-X-VERSION:%d", skipVersion)
	} else {
		w.line("#EXT-X-VERSION:%d", version)
	}
	w.line("#EXT-X-TARGETDURATION:%d", whole(w.target))
	control := "CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=" + seconds(skipUntil*w.target)
	if l.parts {
		w.line("#EXT-X-SERVER-CONTROL:%s,PART-HOLD-BACK=%s", control, seconds(3*l.rules.Part))
		w.line("#EXT-X-PART-INF:PART-TARGET=%s", seconds(l.rules.Part))
	} else {
		w.line("#EXT-X-SERVER-CONTROL:%s", control)
	}
	w.line("#EXT-X-MEDIA-SEQUENCE:%d", list[0].cut.Number)
	w.line("#EXT-X-DISCONTINUITY-SEQUENCE:%d", list[0].cut.Epoch)
	if skipped > 0 {
		w.line("#EXT-X-SKIP:SKIPPED-SEGMENTS=%d", skipped)
		w.first, w.epoch = true, list[skipped-1].cut.Epoch
		for _, s := range list[:skipped] {
			left -= s.length
		}
		list = list[skipped:]
	}
	for _, s := range list {
		left -= s.length
		w.segment(s, left < partsFor*w.target)
	}
	switch {
	case l.ended:
		w.line("#EXT-X-ENDLIST")
	case l.open != nil && l.parts:
		w.openSegment(l.open)
	}
	return w.String()
}

// skipped is how many segments, which last so long together, are left out.
func (w *mediaPlaylist) skipped(list []*segment, left time.Duration) (n int) {
	if !w.skips {
		return 0
	}
	if open := w.live.open; open != nil && open.variants[w.id] != nil {
		for _, p := range open.variants[w.id].parts {
			left += p.length
		}
	}
	for ; n < len(list)-1; n++ {
		if left -= list[n].length; left <= skipUntil*w.target {
			break
		}
	}
	return n
}

// begin writes what goes before a segment.
func (w *mediaPlaylist) begin(s *segment, v *piece) {
	if w.first && s.cut.Epoch != w.epoch {
		w.line("#EXT-X-DISCONTINUITY")
	}
	if w.init == nil || v.init.name != w.init.name {
		w.line(`#EXT-X-MAP:URI="%s%s"`, initFile(w.id, v.init), suffixMark)
	}
	w.first, w.epoch, w.init = true, s.cut.Epoch, v.init
	w.line("#EXT-X-PROGRAM-DATE-TIME:%s", s.cut.At.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
}

func (w *mediaPlaylist) segment(s *segment, parts bool) {
	v := s.variants[w.id]
	if v == nil { // a track that was not there then
		w.gap(s)
		return
	}
	w.begin(s, v)
	if parts && w.live.parts && !w.live.ended {
		w.parts(s, v)
	}
	w.line("#EXTINF:%s,", seconds(w.bounded(s.length)))
	w.line("%s%s", segmentFile(w.id, s.cut.Number), suffixMark)
}

// gap stands for a segment that is not there: players take another variant (RFC
// 8216bis §4.4.4.7).
func (w *mediaPlaylist) gap(s *segment) {
	if w.first && s.cut.Epoch != w.epoch {
		w.line("#EXT-X-DISCONTINUITY")
	}
	w.first, w.epoch = true, s.cut.Epoch
	w.line("#EXT-X-GAP")
	w.line("#EXTINF:%s,", seconds(w.bounded(s.length)))
	w.line("%s%s", segmentFile(w.id, s.cut.Number), suffixMark)
}

// bounded is a length that the target allows: what a publisher says of its times is
// not always so, and players refuse what is longer.
func (w *mediaPlaylist) bounded(d time.Duration) time.Duration {
	return min(d, w.target+499*time.Millisecond)
}

func (w *mediaPlaylist) parts(s *segment, v *piece) {
	for i, p := range v.parts {
		independent := ""
		if p.key {
			independent = ",INDEPENDENT=YES"
		}
		w.line(`#EXT-X-PART:DURATION=%s,URI="%s%s"%s`, seconds(min(p.length, w.live.rules.Part)), partFile(w.id, s.cut.Number, i), suffixMark, independent)
	}
}

// openSegment writes what has come of a segment, what comes next, and how far the
// other variants are.
func (w *mediaPlaylist) openSegment(s *segment) {
	next := 0
	if v := s.variants[w.id]; v != nil {
		w.begin(s, v)
		w.parts(s, v)
		next = len(v.parts)
	}
	w.line(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="%s%s"`, partFile(w.id, s.cut.Number, next), suffixMark)
	for _, id := range w.live.ids() {
		if id == w.id {
			continue
		}
		number, part := w.live.lastPart(id)
		w.line(`#EXT-X-RENDITION-REPORT:URI="%s%s%s",LAST-MSN=%d,LAST-PART=%d`, variantName(id), playlistType, suffixMark, number, part)
	}
}

// lastPart is the newest part of a variant. The caller holds l.mu.
func (l *live) lastPart(id int) (number int64, part int) {
	number, parts := l.newest(id)
	if parts > 0 {
		return number, parts - 1
	}
	if s := l.find(number - 1); s != nil && s.variants[id] != nil {
		return number - 1, len(s.variants[id].parts) - 1
	}
	return number, 0
}

// index writes the multivariant playlist. The caller holds l.mu.
func (l *live) index() string {
	var all []variant
	for _, id := range l.ids() {
		peak, bytes, length := 0.0, int64(0), time.Duration(0)
		var v *piece
		for _, s := range l.segments {
			if v = s.variants[id]; v == nil {
				continue
			}
			peak = max(peak, float64(v.size)*8/max(s.length, shortest).Seconds())
			bytes, length = bytes+v.size, length+s.length
		}
		average := float64(bytes) * 8 / max(length, shortest).Seconds()
		all = append(all, variant{id, v.init, max(peak, average), average})
	}
	return writeIndex(all)
}
