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

// media writes the media playlist of a variant, cached until something comes. The
// caller holds l.mu.
func (l *live) media(id int) string {
	if text, ok := l.playlists[id]; ok {
		return text
	}
	w := mediaPlaylist{live: l, id: id, target: l.target}
	text := w.write()
	l.playlists[id] = text
	return text
}

type mediaPlaylist struct {
	strings.Builder
	live   *live
	id     int
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
	w.line("#EXTM3U")
	w.line("#EXT-X-VERSION:%d", version)
	w.line("#EXT-X-TARGETDURATION:%d", whole(w.target))
	if l.parts {
		w.line("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=%s", seconds(3*partTarget))
		w.line("#EXT-X-PART-INF:PART-TARGET=%s", seconds(partTarget))
	} else {
		w.line("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES")
	}
	w.line("#EXT-X-MEDIA-SEQUENCE:%d", list[0].cut.Number)
	w.line("#EXT-X-DISCONTINUITY-SEQUENCE:%d", list[0].cut.Epoch)
	left := time.Duration(0)
	for _, s := range list {
		left += s.length
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
		w.line(`#EXT-X-PART:DURATION=%s,URI="%s%s"%s`, seconds(min(p.length, partTarget)), partFile(w.id, s.cut.Number, i), suffixMark, independent)
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
			peak = max(peak, float64(v.size)*8/max(s.length, minPart).Seconds())
			bytes, length = bytes+v.size, length+s.length
		}
		average := float64(bytes) * 8 / max(length, minPart).Seconds()
		all = append(all, variant{id, v.init, max(peak, average), average})
	}
	return writeIndex(all)
}
