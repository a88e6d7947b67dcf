package httpmp4

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
)

// cases are what is recorded, as ffmpeg makes it.
var cases = map[string]string{
	"H.264 and AAC":          pictures + " " + tone + " -t 5 " + avc + " " + aac,
	"H.264 without B-frames": pictures + " " + tone + " -t 5 -bf 0 " + avc + " " + aac,
	"H.264 alone":            pictures + " -t 5 " + avc,
	"AAC alone":              tone + " -t 5 " + aac,
	"HEVC and AAC":           pictures + " " + tone + " -t 5 -c:v libx265 -x265-params keyint=30:min-keyint=30:scenecut=0:log-level=none -tag:v hvc1 -pix_fmt yuv420p " + aac,
	"AV1 and Opus":           pictures + " " + tone + " -t 5 -c:v libsvtav1 -preset 12 -g 30 -pix_fmt yuv420p -c:a libopus",
	"VP9 and Opus":           pictures + " " + tone + " -t 5 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 30 -pix_fmt yuv420p -c:a libopus",
	"H.264 and MP3":          pictures + " " + tone + " -t 5 " + avc + " -c:a libmp3lame",
	"H.264 and FLAC":         pictures + " " + tone + " -t 5 " + avc + " -c:a flac",
	"H.264 and AC-3":         pictures + " " + tone + " -t 5 " + avc + " -c:a ac3",
	"24 pictures a second":   "-f lavfi -i testsrc2=s=160x120:r=24000/1001 " + tone + " -t 5 -c:v libx264 -preset veryfast -g 48 -pix_fmt yuv420p -c:a aac -ar 48000",
}

// packet is what ffprobe says of one.
type packet struct {
	dts, pts float64
	key      bool
	hash     string
}

func packets(t testing.TB, file, kind string) (all []packet) {
	t.Helper()
	// No decoder looks at what is no sound.
	out := run(t, "ffprobe", "-v", "fatal", "-select_streams", kind, "-show_packets", "-show_data_hash", "md5", "-show_entries", "packet=pts_time,dts_time,flags,data_hash", "-of", "json", file)
	var said struct {
		Packets []struct {
			PTS   float64 `json:"pts_time,string"`
			DTS   float64 `json:"dts_time,string"`
			Flags string
			Hash  string `json:"data_hash"`
		}
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil {
		t.Fatal(err)
	}
	for _, p := range said.Packets {
		all = append(all, packet{p.DTS, p.PTS, strings.HasPrefix(p.Flags, "K"), p.Hash})
	}
	return all
}

// What is read by somebody else has the same packets as what was recorded, at the same
// times, and all of them can be decoded.
func TestPackets(t *testing.T) {
	t.Parallel()
	for name, args := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := encode(t, args, ".mp4")
			s := newSite(t, Options{})
			s.recordings.Store("app/room/film", record(t, true, tagsOf(t, source)...))
			film := save(t, "film.mp4", s.get(t, filmPath))
			original := save(t, "source.mp4", source)
			shift := math.NaN() // of all that was recorded: FLV has no times below 0
			for _, kind := range []string{"v:0", "a:0"} {
				got, want := packets(t, film, kind), packets(t, original, kind)
				if len(got) != len(want) {
					t.Fatalf("%s: %d packets, want %d", kind, len(got), len(want))
				}
				for i, g := range got {
					w := want[i]
					if math.IsNaN(shift) {
						shift = g.pts - w.pts
					}
					const near = 0.0031 // timestamps are whole milliseconds
					if g.hash != w.hash || g.key != w.key || math.Abs(g.pts-w.pts-shift) > near {
						t.Fatalf("%s: packet %d is %+v, want %+v and %v s later", kind, i, g, w, shift)
					}
				}
			}
			run(t, "ffmpeg", "-v", "warning", "-xerror", "-i", film, "-f", "null", "-")
		})
	}
}

// A decoder makes of both files the same pictures and sound.
func TestDecodedAsFLV(t *testing.T) {
	t.Parallel()
	film := encode(t, pictures+" "+tone+" -t 5 "+avc+" "+aac, ".flv")
	s := newSite(t, Options{})
	s.recordings.Store("app/room/film", film)
	hashes := func(file string) string {
		return run(t, "ffmpeg", "-v", "warning", "-i", file, "-map", "0:v", "-map", "0:a", "-f", "streamhash", "-hash", "md5", "-")
	}
	if got, want := hashes(save(t, "film.mp4", s.get(t, filmPath))), hashes(save(t, "film.flv", film)); got != want || strings.Count(got, "MD5=") != 2 {
		t.Errorf("%q, as FLV %q", got, want)
	}
}

// Whatever ranges a player asks for, they are pieces of the same file.
func TestRanges(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.recordings.Store("app/room/film", encode(t, pictures+" "+tone+" -t 5 "+avc+" "+aac, ".flv")+"torn") // a tail that is no tag
	answer, film := s.ask(t, http.MethodGet, filmPath)
	h := answer.Header
	if answer.StatusCode != http.StatusOK || h.Get("Content-Type") != "video/mp4" || h.Get("X-Accel-Buffering") != "no" || h.Get("Accept-Ranges") != "bytes" || answer.ContentLength != int64(len(film)) || h.Get("Last-Modified") != s.modified.UTC().Format(http.TimeFormat) {
		t.Fatalf("%s %v, %d bytes", answer.Status, h, len(film))
	}
	tag := h.Get("ETag")
	random := rand.New(rand.NewPCG(1, 2))
	got := make([]byte, len(film))
	for at := 0; at < len(film); {
		n := min(1+random.IntN(9000), len(film)-at)
		answer, b := s.ask(t, http.MethodGet, filmPath, "Range", fmt.Sprintf("bytes=%d-%d", at, at+n-1), "If-Range", tag)
		if answer.StatusCode != http.StatusPartialContent || len(b) != n {
			t.Fatalf("%d bytes from %d on: %s, %d bytes", n, at, answer.Status, len(b))
		}
		at += copy(got[at:], b)
	}
	if string(got) != film {
		t.Error("ranges have other bytes than the whole")
	}
	for asked, want := range map[string]string{"bytes=-100": film[len(film)-100:], "bytes=10-": film[10:], "bytes=0-0": film[:1], fmt.Sprintf("bytes=%d-999999999999", len(film)-1): film[len(film)-1:]} {
		if answer, b := s.ask(t, http.MethodGet, filmPath, "Range", asked); answer.StatusCode != http.StatusPartialContent || b != want {
			t.Errorf("%s: %s, %d bytes, want %d", asked, answer.Status, len(b), len(want))
		}
	}
	for _, lie := range []string{"bytes=99999999-", "bytes=5-1", "bytes=x-", "bytes=--5", "bits=0-1"} {
		if answer, b := s.ask(t, http.MethodGet, filmPath, "Range", lie); answer.StatusCode != http.StatusRequestedRangeNotSatisfiable || len(b) > 100 {
			t.Errorf("%s: %s, %d bytes", lie, answer.Status, len(b))
		}
	}
	// Ranges that are more than the file all together are not worth their work.
	if answer, b := s.ask(t, http.MethodGet, filmPath, "Range", "bytes="+strings.Repeat("0-,", 1000)+"0-"); answer.StatusCode != http.StatusOK || b != film {
		t.Errorf("ranges that overlap: %s, %d bytes", answer.Status, len(b))
	}
	if answer, b := s.ask(t, http.MethodGet, filmPath, "Range", "bytes=0-10", "If-Range", `"another"`); answer.StatusCode != http.StatusOK || b != film {
		t.Errorf("a range of another file: %s", answer.Status)
	}
	if answer, b := s.ask(t, http.MethodHead, filmPath); answer.ContentLength != int64(len(film)) || answer.Header.Get("ETag") != tag || b != "" {
		t.Errorf("HEAD: %v", answer.Header)
	}
	if answer, _ := s.ask(t, http.MethodGet, filmPath, "If-None-Match", tag); answer.StatusCode != http.StatusNotModified {
		t.Errorf("what the client has: %s", answer.Status)
	}
}

// Several ranges come in one answer.
func TestManyRanges(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.recordings.Store("app/room/film", encode(t, tone+" -t 5 "+aac, ".flv"))
	film := s.get(t, filmPath)
	answer, b := s.ask(t, http.MethodGet, filmPath, "Range", fmt.Sprintf("bytes=5-20,%d-,-7", len(film)-100))
	kind, params, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if answer.StatusCode != http.StatusPartialContent || kind != "multipart/byteranges" || err != nil {
		t.Fatalf("%s %v %v", answer.Status, answer.Header, err)
	}
	parts := multipart.NewReader(strings.NewReader(b), params["boundary"])
	for _, want := range []string{film[5:21], film[len(film)-100:], film[len(film)-7:]} {
		p, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(p); string(got) != want || err != nil || p.Header.Get("Content-Type") != "audio/mp4" {
			t.Errorf("%q %v %v, want %q", got, err, p.Header, want)
		}
	}
}

// What is MP4 already is sent as it lies there.
func TestMP4AsItIs(t *testing.T) {
	t.Parallel()
	film := encode(t, pictures+" -t 5 "+avc, ".mp4")
	s := newSite(t, Options{})
	s.recordings.Store("app/room/film", film)
	if got := s.get(t, filmPath); got != film {
		t.Errorf("%d bytes of %d, or others", len(got), len(film))
	}
	if answer, b := s.ask(t, http.MethodGet, filmPath, "Range", "bytes=100-199"); answer.StatusCode != http.StatusPartialContent || b != film[100:200] {
		t.Errorf("%s, %d bytes", answer.Status, len(b))
	}
}

// Who asks for that gets a file to be saved.
func TestDownload(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.recordings.Store("app/room/fi lm ü\"", encode(t, tone+" -t 5 "+aac, ".flv"))
	for query, want := range map[string]string{"?download=1": "fi lm ü\".mp4", "?download=0": "", "": ""} {
		answer, _ := s.ask(t, http.MethodHead, "/app/room/fi%20lm%20%C3%BC%22.mp4"+query)
		_, params, err := mime.ParseMediaType(answer.Header.Get("Content-Disposition"))
		if answer.StatusCode != http.StatusOK || params["filename"] != want || want != "" && err != nil {
			t.Errorf("%q: %v %v", query, answer.Header, err)
		}
	}
	if answer, _ := s.ask(t, http.MethodGet, "/app/room/none.mp4?download=1"); answer.Header.Get("Content-Disposition") != "" {
		t.Error("what is refused is saved")
	}
}

// A recording whose timestamps begin elsewhere begins at once, and what begins later
// does so.
func TestWhereTimesBegin(t *testing.T) {
	t.Parallel()
	tags := tagsOf(t, encode(t, pictures+" "+tone+" -t 5 "+avc+" "+aac, ".mp4"))
	first := map[uint8]bool{}
	var late []flv.Tag
	for _, tag := range tags {
		tag.Timestamp += 3600_000
		if tag.Type == flv.TypeAudio { // two seconds of sound are missing
			if first[tag.Type] && tag.Timestamp < 3602_000 {
				continue
			}
			first[tag.Type] = true
		}
		late = append(late, tag)
	}
	s := newSite(t, Options{})
	s.recordings.Store("app/room/film", record(t, true, late...))
	film := save(t, "film.mp4", s.get(t, filmPath))
	begins := map[string]float64{}
	for _, kind := range []string{"v:0", "a:0"} {
		all := packets(t, film, kind)
		begins[kind] = slices.MinFunc(all, func(a, b packet) int { return int((a.pts - b.pts) * 1e6) }).pts
	}
	if math.Abs(begins["v:0"]) > 0.001 || begins["a:0"] < 1.8 || begins["a:0"] > 2.1 {
		t.Errorf("they begin at %v", begins)
	}
	length := run(t, "ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", film)
	if d, err := strconv.ParseFloat(strings.TrimSpace(length), 64); err != nil || d < 4.9 || d > 5.2 {
		t.Errorf("it is %s s long", length)
	}
	run(t, "ffmpeg", "-v", "warning", "-xerror", "-i", film, "-f", "null", "-")
}

// A pause in the sound is one, and clocks that differ do not drift apart.
func TestSoundKeepsItsTime(t *testing.T) {
	t.Parallel()
	frame := "\xaf\x01" + strings.Repeat("sound", 10)
	for name, c := range map[string]struct {
		at   func(i int) float64 // ms
		most float64             // ms that a frame may be off
	}{
		"as it should be":        {func(i int) float64 { return float64(i) * 1024 / 44.1 }, 1},
		"a pause":                {func(i int) float64 { return float64(i)*1024/44.1 + float64(i/100)*700 }, 12},
		"a clock that is slow":   {func(i int) float64 { return float64(i) * 1024 / 44.1 * 1.001 }, 12},
		"a clock that is fast":   {func(i int) float64 { return float64(i) * 1024 / 44.1 * 0.999 }, 47},
		"timestamps that wobble": {func(i int) float64 { return float64(i)*1024/44.1 + float64(i%3)*4 }, 12},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tags := []flv.Tag{{Type: flv.TypeAudio, Data: []byte("\xaf\x00\x12\x10")}}
			for i := range 2000 {
				tags = append(tags, flv.Tag{Type: flv.TypeAudio, Timestamp: timeOf(c.at(i)), Data: []byte(frame)})
			}
			s := newSite(t, Options{})
			s.recordings.Store("app/room/film", record(t, true, tags...))
			all := packets(t, save(t, "film.mp4", s.get(t, filmPath)), "a:0")
			if len(all) != 2000 {
				t.Fatalf("%d frames", len(all))
			}
			for i, p := range all {
				if off := p.pts*1000 - c.at(i); math.Abs(off) > c.most {
					t.Fatalf("frame %d is %v ms off", i, off)
				}
			}
		})
	}
}
