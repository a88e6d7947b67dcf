package hls

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Another publisher, of another codec, takes over: players are told, and go on.
func TestDiscontinuity(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.watch(t)
	first, _ := split(messages(t, encode(t, pictures+" "+tone+" -t 10 "+avc+" "+aac)), 5000)
	s.publish(t, first)
	was := checkMedia(t, s.must(t, "v0.m3u8"))
	s.publisher = s.publisher.TakeOver(time.Now())
	second, _ := split(messages(t, encode(t, pictures+" -t 10 -bf 0 -c:v libx264 -preset veryfast -s 320x240 -g 60 -pix_fmt yuv420p")), 5000)
	s.publish(t, second)
	s.publisher.Close()
	s.handler.runs.Wait()
	is := checkMedia(t, s.must(t, "v0.m3u8"))
	checkNext(t, was, is)
	last := is.segments[len(is.segments)-1]
	if last.epoch != is.segments[0].epoch+1 || last.init == is.segments[0].init {
		t.Errorf("the last segment is %+v, the first one %+v", last, is.segments[0])
	}
	if !strings.Contains(s.must(t, "index.m3u8"), "RESOLUTION=320x240") {
		t.Error("the playlist of variants is not the last publisher's")
	}
	// ffmpeg reads one EXT-X-MAP alone: it is given what lies between two.
	files := map[int64]string{}
	for _, seg := range is.segments {
		if files[seg.epoch] == "" {
			files[seg.epoch] = s.must(t, seg.init)
		}
		files[seg.epoch] += s.must(t, seg.uri)
	}
	for epoch, file := range files {
		path := filepath.Join(t.TempDir(), "a.mp4")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, decoded := probe(t, path); decoded != 150 {
			t.Errorf("%d pictures of epoch %d, want 150", decoded, epoch)
		}
	}
}

// A publication that is over is played to its end; the next one begins another
// playlist, with other names.
func TestPublicationEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	all := messages(t, encode(t, pictures+" -t 10 "+avc))
	s.watch(t)
	s.publish(t, all)
	s.publisher.Close()
	s.handler.runs.Wait()
	was := checkMedia(t, s.must(t, "v0.m3u8"))
	if !was.ended || len(was.segments) != 5 {
		t.Fatalf("it has %d segments, and ended: %v", len(was.segments), was.ended)
	}
	var err error
	if s.publisher, err = s.live.Publish(); err != nil {
		t.Fatal(err)
	}
	l := s.watch(t)
	s.publish(t, all)
	if err := l.await(t.Context(), func() bool { return len(l.segments) == 4 }); err != nil {
		t.Fatal(err)
	}
	l.mu.Unlock()
	is := checkMedia(t, s.must(t, "v0.m3u8"))
	if is.ended || is.sequence <= was.sequence+4 || is.target != was.target {
		t.Errorf("sequence %d behind %d, target %d behind %d", is.sequence, was.sequence, is.target, was.target)
	}
}

// Two servers of the same stream, one of which began later, give the same names to the
// same bytes.
func TestNamesAreTheStreams(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	all := messages(t, encode(t, pictures+" "+tone+" -t 10 "+avc+" "+aac))
	s.watch(t)
	first, rest := split(all, 4300)
	s.publish(t, first)
	other := New(s.house, Options{})
	defer other.Close()
	l, err := other.of(s.live, s.rules)
	if err != nil {
		t.Fatal(err)
	}
	s.publish(t, rest)
	s.publisher.Close()
	s.handler.runs.Wait()
	other.runs.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.segments) != 3 {
		t.Fatalf("the other has %d segments", len(l.segments))
	}
	for _, seg := range l.segments {
		v := seg.variants[0]
		whole := ""
		for i, p := range v.parts {
			if s.must(t, partFile(0, seg.cut.Number, i)) != string(p.data) {
				t.Errorf("part %d of segment %d is another", i, seg.cut.Number)
			}
			whole += string(p.data)
		}
		if s.must(t, segmentFile(0, seg.cut.Number)) != whole || s.must(t, initFile(0, v.init)) != string(v.init.data) {
			t.Errorf("segment %d is another", seg.cut.Number)
		}
	}
}

// A stream that players of HLS cannot play says so, and names what it is.
func TestCodecsThatAreNotPlayed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind    rtmp.MessageType
		payload string
		words   string
	}{
		"VP6":        {rtmp.TypeVideo, "\x14\x00abc", "VP6"},
		"H.263":      {rtmp.TypeVideo, "\x12\x00abc", "Sorenson H.263"},
		"VP8":        {rtmp.TypeVideo, "\x91vp08\x10\x00\x00\x9d\x01\x2a\x10\x00\x10\x00", "VP8"},
		"Nellymoser": {rtmp.TypeAudio, "\x62abc", "Nellymoser"},
		"Speex":      {rtmp.TypeAudio, "\xb2abc", "Speex"},
		"no header":  {rtmp.TypeVideo, "\x17\x01\x00\x00\x00\x00\x00\x00\x02\x65\x88", "neither pictures nor sound"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, Options{})
			s.watch(t)
			for at := range 100 {
				s.publish(t, []*rtmp.Message{{Type: c.kind, Timestamp: 40 * uint32Time(at), Payload: []byte(c.payload)}})
			}
			status, body := s.get(t, "index.m3u8")
			if status != http.StatusUnsupportedMediaType || !strings.Contains(body, c.words) {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}
