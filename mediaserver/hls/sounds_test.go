package hls

import (
	"net/http"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// asSound writes sound as one of a track (Enhanced RTMP v2, multitrack).
func asSound(t testing.TB, m *rtmp.Message, id uint8) *rtmp.Message {
	t.Helper()
	p, ok := payload.ParseAudio(m.Payload)
	if !ok || p.Old() {
		t.Fatalf("%x is no sound as Enhanced RTMP has it", m.Payload[:5])
	}
	tracks := p.Tracks()
	one, _ := tracks.Next()
	one.ID = id
	head, body, ok := p.AppendHead(nil, one, payload.OneTrack, false)
	if !ok {
		t.Fatal("no head")
	}
	return &rtmp.Message{Type: m.Type, Timestamp: m.Timestamp, Payload: append(head, body...)}
}

// Of several tracks of sound the first goes with the pictures, and the others are
// renditions, which players choose from, live and recorded.
func TestTracksOfSound(t *testing.T) {
	t.Parallel()
	others := messages(t, encode(t, "-f lavfi -i sine=f=880:r=48000 -t 10 -c:a libopus -ac 1"))
	for name, c := range map[string]struct {
		args, main, codecs string
	}{
		"beside pictures": {pictures + " " + tone + " -t 10 " + avc + " " + aac, "v0.m3u8", "avc1.64000b,mp4a.40.2,opus"},
		"alone":           {tone + " -t 10 " + aac, "audio.m3u8", "mp4a.40.2,opus"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := messages(t, encode(t, c.args))
			for _, m := range others {
				all = append(all, asSound(t, m, 3))
			}
			sortByTime(all)
			live := newSite(t, Options{})
			l := live.watch(t)
			live.publish(t, all)
			live.publisher.Close()
			if err := l.await(t.Context(), func() bool { return l.ended }); err != nil {
				t.Fatal(err)
			}
			l.mu.Unlock()
			for _, s := range []*site{live, ofRecording(t, record(t, all))} {
				index := s.must(t, "index.m3u8?key=a")
				uris := checkIndex(t, index)
				for _, want := range []string{
					`NAME="Track 0",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2"` + "\n",
					`NAME="Track 3",DEFAULT=NO,AUTOSELECT=NO,CHANNELS="1",URI="a3.m3u8?key=a"` + "\n",
					`CODECS="` + c.codecs + `"`,
				} {
					if !strings.Contains(index, want) {
						t.Errorf("there is no %s in\n%s", want, index)
					}
				}
				if len(uris) != 1 || uris[0] != c.main+"?key=a" {
					t.Fatalf("variants are %q", uris)
				}
				main, other := checkMedia(t, s.must(t, c.main)), checkMedia(t, s.must(t, "a3.m3u8"))
				if len(main.segments) != len(other.segments) || main.sequence != other.sequence || main.segments[1].length != other.segments[1].length {
					t.Errorf("segments are not cut in the same places: %+v, %+v", main.segments, other.segments)
				}
				if packets, _ := probe(t, s.url+"a3.m3u8"); len(packets["video"]) > 0 || len(packets["audio"]) < 490 {
					t.Errorf("%d packets of sound, and %d pictures", len(packets["audio"]), len(packets["video"]))
				}
				kinds := quiet(t, "ffprobe", "-v", "warning", "-show_entries", "stream=codec_name", "-of", "csv=p=0", s.url+"index.m3u8")
				if !strings.Contains(kinds, "opus") || !strings.Contains(kinds, "aac") {
					t.Errorf("players find %s", kinds)
				}
				if status, _ := s.get(t, "a0.m3u8"); status != http.StatusNotFound {
					t.Errorf("sound that goes with the pictures has a playlist: %d", status)
				}
			}
		})
	}
}
