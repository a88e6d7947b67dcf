package hls

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func isHeader(m *rtmp.Message) bool {
	if m.Type == rtmp.TypeVideo {
		return payload.IsVideoHeader(m.Payload)
	}
	return payload.IsAudioHeader(m.Payload)
}

// checkIndex checks a multivariant playlist (RFC 8216bis §4.4.6), and returns its
// addresses.
func checkIndex(t testing.TB, text string) (uris []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "#EXTM3U" {
		t.Fatalf("it begins with %q", lines[0])
	}
	info := false
	attributes := regexp.MustCompile(`^#EXT-X-STREAM-INF:BANDWIDTH=([1-9]\d*),AVERAGE-BANDWIDTH=([1-9]\d*),CODECS="[^"]+"(,RESOLUTION=[1-9]\d*x[1-9]\d*)?(,AUDIO="sound")?$`)
	rendition := regexp.MustCompile(`^#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Track \d+",DEFAULT=(YES,AUTOSELECT=YES,CHANNELS="\d+"|NO,AUTOSELECT=NO,CHANNELS="\d+",URI="[^"]+")$`)
	for _, line := range lines[1:] {
		switch {
		case line == "#EXT-X-VERSION:6":
		case rendition.MatchString(line) && !info:
		case strings.HasPrefix(line, "#EXT-X-STREAM-INF:"):
			m := attributes.FindStringSubmatch(line)
			if m == nil || info {
				t.Fatalf("bad line %q", line)
			}
			peak, _ := strconv.Atoi(m[1])
			if mean, _ := strconv.Atoi(m[2]); mean > peak {
				t.Errorf("on average %d, at most %d: %s", mean, peak, line)
			}
			info = true
		case info && !strings.HasPrefix(line, "#"):
			uris, info = append(uris, line), false
		default:
			t.Fatalf("bad line %q", line)
		}
	}
	if len(uris) == 0 || info {
		t.Errorf("there is no variant:\n%s", text)
	}
	return uris
}

// playlist is a media playlist as a player reads it.
type playlist struct {
	version, target        int
	sequence, discontinues int64
	partTarget             time.Duration
	blocks, ended, vod     bool
	segments               []heard
	open                   []heardPart // of the segment that has not ended
	hint                   string
	reports                int
	skipUntil              time.Duration
	skipped                int // segments
}

// heard is a segment of a playlist.
type heard struct {
	uri, init string
	epoch     int64
	length    time.Duration
	at        time.Time
	parts     []heardPart
}

type heardPart struct {
	uri    string
	length time.Duration
	key    bool
}

var (
	partLine    = regexp.MustCompile(`^#EXT-X-PART:DURATION=(\d+\.\d{3}),URI="([^"]+)"(,INDEPENDENT=YES)?$`)
	controlLine = regexp.MustCompile(`^CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=(\d+\.\d{3})(,PART-HOLD-BACK=\d+\.\d{3})?$`)

	hintLine = regexp.MustCompile(`^#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"$`)
)

func parseSeconds(s string) time.Duration {
	f, _ := strconv.ParseFloat(s, 64)
	return time.Duration(math.Round(f*1000)) * time.Millisecond
}

// parseMedia reads a media playlist, and fails at what no player would.
func parseMedia(text string) (p playlist, err error) {
	var next heard
	var init string
	epoch := int64(0)
	extinf := false
	number := func(s string) int64 {
		n, e := strconv.ParseInt(s, 10, 64)
		if e != nil {
			err = e
		}
		return n
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		tag, value, _ := strings.Cut(line, ":")
		switch {
		case i == 0 && line == "#EXTM3U":
		case p.ended:
			return p, fmt.Errorf("%q behind the end", line)
		case tag == "#EXT-X-VERSION":
			p.version = int(number(value))
		case tag == "#EXT-X-TARGETDURATION":
			p.target = int(number(value))
		case tag == "#EXT-X-SERVER-CONTROL":
			control := controlLine.FindStringSubmatch(value)
			if p.blocks = control != nil; p.blocks {
				p.skipUntil = parseSeconds(control[1])
			}
		case tag == "#EXT-X-SKIP" && len(p.segments) == 0 && p.skipped == 0:
			p.skipped = int(number(strings.TrimPrefix(value, "SKIPPED-SEGMENTS=")))
		case tag == "#EXT-X-PART-INF":
			p.partTarget = parseSeconds(strings.TrimPrefix(value, "PART-TARGET="))
		case tag == "#EXT-X-MEDIA-SEQUENCE" && len(p.segments) == 0:
			p.sequence = number(value)
		case tag == "#EXT-X-DISCONTINUITY-SEQUENCE" && len(p.segments) == 0:
			p.discontinues = number(value)
			epoch = p.discontinues
		case line == "#EXT-X-PLAYLIST-TYPE:VOD":
			p.vod = true
		case line == "#EXT-X-INDEPENDENT-SEGMENTS":
		case line == "#EXT-X-DISCONTINUITY":
			epoch++
		case tag == "#EXT-X-MAP":
			init = strings.TrimSuffix(strings.TrimPrefix(value, `URI="`), `"`)
		case tag == "#EXT-X-PROGRAM-DATE-TIME":
			next.at, err = time.Parse(time.RFC3339Nano, value)
		case partLine.MatchString(line):
			m := partLine.FindStringSubmatch(line)
			next.parts = append(next.parts, heardPart{m[2], parseSeconds(m[1]), m[3] != ""})
		case tag == "#EXTINF":
			next.length, extinf = parseSeconds(strings.TrimSuffix(value, ",")), true
		case hintLine.MatchString(line):
			p.hint = hintLine.FindStringSubmatch(line)[1]
		case tag == "#EXT-X-RENDITION-REPORT":
			p.reports++
		case line == "#EXT-X-ENDLIST":
			p.ended = true
		case line == "#EXT-X-GAP":
		case extinf && !strings.HasPrefix(line, "#"):
			next.uri, next.init, next.epoch = line, init, epoch
			p.segments, next, extinf = append(p.segments, next), heard{}, false
		default:
			return p, fmt.Errorf("bad line %q", line)
		}
		if err != nil {
			return p, fmt.Errorf("%q: %w", line, err)
		}
	}
	p.open = next.parts
	return p, nil
}

// checkMedia checks a media playlist by the rules of RFC 8216bis §4.4.
func checkMedia(t testing.TB, text string) playlist {
	t.Helper()
	p, err := parseMedia(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	bad := func(format string, args ...any) { t.Errorf(format+"\n%s", append(args, text)...) }
	if p.version < 6 || p.target < 1 || len(p.segments) == 0 {
		bad("version %d, target %d s, %d segments", p.version, p.target, len(p.segments))
	}
	for i, s := range p.segments {
		if int(math.Round(s.length.Seconds())) > p.target {
			bad("%s is %v long", s.uri, s.length)
		}
		if s.init == "" {
			bad("%s has no EXT-X-MAP", s.uri)
		}
		if len(s.parts) > 0 {
			checkParts(bad, p, s)
		}
		if i == 0 || p.vod {
			continue
		}
		before := p.segments[i-1]
		if d := s.at.Sub(before.at) - before.length; s.epoch == before.epoch && d.Abs() > 5*time.Millisecond {
			bad("%s begins %v behind the end of the one before", s.uri, d)
		}
	}
	if p.partTarget > 0 && !p.ended && p.hint == "" {
		bad("no hint")
	}
	if !p.ended && !p.blocks {
		bad("it does not block")
	}
	if p.blocks && p.skipUntil < 6*time.Duration(p.target)*time.Second {
		bad("it skips what is %v from the end", p.skipUntil)
	}
	if (p.version == skipVersion) != (p.skipped > 0) {
		bad("version %d, %d segments are left out", p.version, p.skipped)
	}
	return p
}

func checkParts(bad func(string, ...any), p playlist, s heard) {
	sum := time.Duration(0)
	for i, part := range s.parts {
		sum += part.length
		if part.length > p.partTarget {
			bad("%s is %v long", part.uri, part.length)
		}
		if i < len(s.parts)-1 && part.length < p.partTarget*85/100 {
			bad("%s is only %v long", part.uri, part.length)
		}
	}
	if d := sum - s.length; d.Abs() > 5*time.Millisecond {
		bad("%s is %v long, its parts are %v", s.uri, s.length, sum)
	}
}

// checkNext checks that a playlist goes on from an older one of the same variant (RFC
// 8216bis §6.2.1).
func checkNext(t testing.TB, was, is playlist) {
	t.Helper()
	if is.target != was.target || is.version != was.version || is.sequence < was.sequence {
		t.Errorf("target, version, sequence: %d, %d, %d; before: %d, %d, %d", is.target, is.version, is.sequence, was.target, was.version, was.sequence)
	}
	for i, s := range was.segments {
		at := was.sequence + int64(i) - is.sequence
		if at < 0 || at >= int64(len(is.segments)) {
			continue
		}
		n := is.segments[at]
		if n.uri != s.uri || n.length != s.length || n.epoch != s.epoch || n.init != s.init || !n.at.Equal(s.at) {
			t.Errorf("segment %d was %+v, is %+v", was.sequence+int64(i), s, n)
		}
	}
}
