package hls

import (
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// Whatever a path and a query say, the answer is one that HTTP has, and at once where
// the stream has ended.
func FuzzRequest(f *testing.F) {
	file := encode(f, pictures+" "+tone+" -t 10 "+avc+" "+aac)
	s := newSite(f, Options{})
	s.recordings["app/room/film"] = file
	s.watch(f)
	s.publish(f, messages(f, file))
	s.publisher.Close()
	s.handler.runs.Wait()
	for _, path := range []string{"/app/room/cam/index.m3u8", "/app/room/film/v0.m3u8", "/app/room/film/v0-4000.m4s", "/app/room/cam/v0-1.0.m4s", "/index.m3u8", "//audio.m3u8"} {
		f.Add(path, "_HLS_msn=1&_HLS_part=2&key=x")
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: path, RawQuery: query}
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusOK, http.StatusNotFound, http.StatusBadRequest:
		default:
			t.Errorf("%q?%q: %d %s", path, query, w.Code, w.Body)
		}
	})
}

// publication turns bytes into what a publisher sends: a type, how much later, and the
// length of a payload, before each.
func publication(b []byte) (all []*rtmp.Message) {
	at := uint32(0)
	for len(b) >= 6 {
		kind := rtmp.TypeVideo
		if b[0]&1 == 1 {
			kind = rtmp.TypeAudio
		}
		at += uint32(int32(int16(binary.BigEndian.Uint16(b[1:])))) << (b[0] >> 4)
		n := min(int(binary.BigEndian.Uint16(b[3:])), len(b)-5)
		all = append(all, &rtmp.Message{Type: kind, Timestamp: uint32Time(int(at)), Payload: b[5 : 5+n]})
		b = b[5+n:]
	}
	return all
}

func appendMessage(b []byte, m *rtmp.Message, later int) []byte {
	kind := byte(0)
	if m.Type == rtmp.TypeAudio {
		kind = 1
	}
	payload := m.Payload[:min(len(m.Payload), 200)]
	b = append(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(later))
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	return append(b, payload...)
}

// Whatever a publisher sends, playlists keep the rules, and nothing is promised that is
// not there.
func FuzzPublication(f *testing.F) {
	for _, args := range []string{
		pictures + " " + tone + " -t 10 " + avc + " " + aac,
		pictures + " " + tone + " -t 10 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 60 -pix_fmt yuv420p -c:a libopus",
		pictures + " " + tone + " -t 10 " + avc + " -c:a flac",
	} {
		var seed []byte
		last := 0
		for i, m := range messages(f, encode(f, args)) {
			if isHeader(m) || i%9 == 0 {
				seed, last = appendMessage(seed, m, int(m.Timestamp)-last), int(m.Timestamp)
			}
		}
		f.Add(seed)
	}
	var tracks []byte
	last := 0
	film := messages(f, encode(f, pictures+" "+tone+" -t 10 "+avc+" "+aac))
	for i, m := range ladder(f, film, film) {
		if isHeader(m) || i%5 == 0 {
			tracks, last = appendMessage(tracks, m, int(m.Timestamp)-last), int(m.Timestamp)
		}
	}
	f.Add(tracks)
	// A track becomes another codec's, and no header says so.
	other := messages(f, encode(f, pictures+" "+tone+" -t 10 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 60 -pix_fmt yuv420p -c:a libopus"))
	changed, last := []byte(nil), 0
	for i, m := range film {
		if at := int(m.Timestamp); at > 3000 && i < len(other) && !isHeader(other[i]) {
			m = other[i]
		}
		if isHeader(m) || i%5 == 0 {
			changed, last = appendMessage(changed, m, int(m.Timestamp)-last), int(m.Timestamp)
		}
	}
	f.Add(changed)
	fanout := stream.NewFanout(1)
	f.Cleanup(fanout.Close)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := stream.New("cam", fanout, stream.Options{GOPCache: true})
		p, err := s.Publish()
		if err != nil {
			t.Fatal(err)
		}
		l := newLive(Options{}, outlet.HLSRules{})
		r := s.NewCutReader()
		for _, m := range publication(b) {
			if err := p.Write(m); err != nil {
				t.Fatal(err)
			}
		}
		p.Close()
		l.run(t.Context(), s, r)
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.ready() {
			return
		}
		if l.open != nil {
			t.Error("a segment has not ended")
		}
		for _, id := range l.ids() {
			checkPublished(t, l, id)
		}
	})
}

// checkPublished checks a playlist by the rules that hold whatever was published.
func checkPublished(t *testing.T, l *live, id int) {
	t.Helper()
	text := l.media(playlistOf{variant: id})
	p, err := parseMedia(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for i, seg := range p.segments {
		if seg.length > time.Duration(p.target)*time.Second+499*time.Millisecond || seg.length < time.Millisecond {
			t.Errorf("%s is %v long\n%s", seg.uri, seg.length, text)
		}
		f, ok := parseFile(seg.uri[:len(seg.uri)-len(suffixMark)])
		if !ok || f.number != p.sequence+int64(i) || l.find(f.number) == nil {
			t.Errorf("%q is not there\n%s", seg.uri, text)
		}
	}
}
