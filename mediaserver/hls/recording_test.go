package hls

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// record writes what a publisher sends into a file, as a recorder does.
func record(t testing.TB, all []*rtmp.Message) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "a.flv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := flv.Create(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if err := w.Write(flv.Tag{Type: uint8(m.Type), Timestamp: m.Timestamp, Data: m.Payload}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// ofRecording is the site of a recording.
func ofRecording(t testing.TB, file string) *site {
	t.Helper()
	s := newSite(t, Options{})
	s.recordings["app/room/film"] = file
	s.url = strings.Replace(s.url, "/cam/", "/film/", 1)
	return s
}

// A recorded stream plays from its beginning to its end, whatever its format and its
// codecs, and says beforehand how long everything is.
func TestRecordings(t *testing.T) {
	t.Parallel()
	for name, c := range liveCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := encode(t, c.args)
			all := messages(t, file)
			for format, file := range map[string]string{"MP4": file, "FLV": record(t, all)} {
				s := ofRecording(t, file)
				index := s.must(t, "index.m3u8")
				if !strings.Contains(index, c.codecs) {
					t.Errorf("%s: codecs are not %s:\n%s", format, c.codecs, index)
				}
				for _, v := range checkIndex(t, index) {
					p := checkMedia(t, s.must(t, v))
					whole := 0.0
					for _, seg := range p.segments {
						whole += seg.length.Seconds()
					}
					if !p.vod || !p.ended || whole < 9.9 || whole > 10.3 {
						t.Errorf("%s: %v s long, at its end: %v", format, whole, p.ended)
					}
				}
				packets, decoded := probe(t, s.url+"index.m3u8")
				if decoded != c.video {
					t.Errorf("%s: %d pictures were decoded, want %d", format, decoded, c.video)
				}
				for kind, times := range packets {
					checkTimes(t, kind, times, published(all, kind))
				}
			}
		})
	}
}

// What players of HLS in browsers fail with, or MP4 cannot hold, is left out, live and
// recorded, and playlists say so; where nothing remains, it is refused, and says why.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	beside := func(args string, old *rtmp.Message) []*rtmp.Message {
		all := messages(t, encode(t, args))
		for at := range 200 {
			all = append(all, &rtmp.Message{Type: old.Type, Timestamp: uint32Time(50 * at), Payload: old.Payload})
		}
		sortByTime(all)
		return all
	}
	for name, c := range map[string]struct {
		all           []*rtmp.Message
		codecs, words string
	}{
		"MP3 beside H.264":          {messages(t, encode(t, pictures+" "+tone+" -t 10 "+avc+" -c:a libmp3lame")), `CODECS="avc1.64000b"`, "sound of track 0: MP3"},
		"Sorenson H.263 beside AAC": {beside(tone+" -t 10 "+aac, &rtmp.Message{Type: rtmp.TypeVideo, Payload: []byte("\x12picture")}), `CODECS="mp4a.40.2"`, "pictures of track 0: players of MP4 do not know the codec Sorenson H.263"},
		"nothing":                   {messages(t, encode(t, pictures+" "+tone+" -t 10 "+avc+" "+aac)), `CODECS="avc1.64000b,mp4a.40.2"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			live := newSite(t, Options{})
			live.watch(t)
			live.publish(t, c.all)
			live.publisher.Close()
			for _, s := range []*site{live, ofRecording(t, record(t, c.all))} {
				index := s.must(t, "index.m3u8")
				if !strings.Contains(index, c.codecs) {
					t.Errorf("variants are\n%s", index)
				}
				for _, file := range []string{"index.m3u8", checkIndex(t, index)[0]} {
					answer, err := http.Get(s.url + file)
					if err != nil {
						t.Fatal(err)
					}
					answer.Body.Close()
					left := answer.Header.Get(leftOut)
					if !strings.Contains(left, c.words) || (left == "") != (c.words == "") {
						t.Errorf("%s: %q is left out, want %q", file, left, c.words)
					}
				}
			}
		})
	}
	t.Run("MP3 alone", func(t *testing.T) {
		t.Parallel()
		s := ofRecording(t, encode(t, tone+" -t 10 -c:a libmp3lame -f mp3"))
		if status, body := s.get(t, "index.m3u8"); status != http.StatusUnsupportedMediaType || !strings.Contains(body, "MP3") {
			t.Errorf("%d %s", status, body)
		}
	})
}

// A player seeks: the segment that it needs is enough, and begins when its name says.
// (ffmpeg itself does not seek in HLS of fragmented MP4, its own neither.)
func TestRecordingIsSought(t *testing.T) {
	t.Parallel()
	s := ofRecording(t, encode(t, pictures+" "+tone+" -t 60 "+avc+" "+aac))
	p := checkMedia(t, s.must(t, "v0.m3u8"))
	if len(p.segments) != 15 {
		t.Errorf("it has %d segments", len(p.segments))
	}
	path := filepath.Join(t.TempDir(), "a.mp4")
	if err := os.WriteFile(path, []byte(s.must(t, p.segments[10].init)+s.must(t, "v0-40000.m4s")), 0o600); err != nil {
		t.Fatal(err)
	}
	packets, decoded := probe(t, path)
	if at := packets["video"][0]; at != 40 || decoded != 120 {
		t.Errorf("%d pictures from %v s on", decoded, at)
	}
}

// Segments are made once, whoever asks for them, and asking for others of a recording,
// or for one that cannot be read, says what is wrong.
func TestSegmentsOfRecordings(t *testing.T) {
	t.Parallel()
	s := ofRecording(t, encode(t, pictures+" "+tone+" -t 10 "+avc+" "+aac))
	p := checkMedia(t, s.must(t, "v0.m3u8"))
	first := s.must(t, p.segments[1].uri)
	if s.must(t, p.segments[1].uri) != first || s.handler.cache.Used() == 0 {
		t.Error("it is another, or is not kept")
	}
	for _, file := range []string{"v0-1.m4s", "v0-4001.m4s", "v0-4000.0.m4s", "v1-0.m4s", "v1.m3u8", "audio.m3u8", "v0-x.mp4", "v0-x.init.mp4", "a0.m3u8", fmt.Sprintf("v0-%d.m4s", int64(4000)+1<<32)} {
		if status, body := s.get(t, file); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", file, status, body)
		}
	}
	speex := []*rtmp.Message{}
	for at := range 100 {
		speex = append(speex, &rtmp.Message{Type: rtmp.TypeAudio, Timestamp: uint32Time(20 * at), Payload: []byte{0xb2, 1, 2, 3}})
	}
	s = ofRecording(t, record(t, speex))
	if status, body := s.get(t, "index.m3u8"); status != http.StatusUnsupportedMediaType || !strings.Contains(body, "Speex") {
		t.Errorf("%d %s", status, body)
	}
}

// What follows another publisher's in a file is another epoch; a file of several tracks
// has variants.
func TestRecordingOfSeveral(t *testing.T) {
	t.Parallel()
	first := messages(t, encode(t, pictures+" "+tone+" -t 10 "+avc+" "+aac))
	second := messages(t, encode(t, pictures+" -t 10 -bf 0 -c:v libx264 -preset veryfast -s 320x240 -g 60 -pix_fmt yuv420p"))
	all := first
	for _, m := range second {
		m := *m
		m.Timestamp += 10000
		all = append(all, &m)
	}
	s := ofRecording(t, record(t, all))
	p := checkMedia(t, s.must(t, "v0.m3u8"))
	last := p.segments[len(p.segments)-1]
	if last.epoch != 1 || last.init == p.segments[0].init {
		t.Errorf("the last segment is %+v, the first one %+v", last, p.segments[0])
	}

	s = ofRecording(t, record(t, ladder(t, first, second)))
	uris := checkIndex(t, s.must(t, "index.m3u8"))
	if len(uris) != 2 {
		t.Fatalf("variants are %v", uris)
	}
	for _, uri := range uris {
		checkMedia(t, s.must(t, uri))
		if _, decoded := probe(t, s.url+uri); decoded != 300 {
			t.Errorf("%s: %d pictures", uri, decoded)
		}
	}
}
