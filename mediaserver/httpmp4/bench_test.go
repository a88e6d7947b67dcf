package httpmp4

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/httpflv"
)

// long is a recording of so many seconds, of 30 pictures and 43 frames of sound each: an
// hour has about 900 MB.
func long(b *testing.B, seconds int) string {
	b.Helper()
	source := tagsOf(b, encode(b, pictures+" -t 1 -bf 0 "+avc, ".mp4"))
	room := make([]byte, 8<<10)
	header, key, inter := source[0], append(source[1].Data, room...), append(source[2].Data, room...)
	tags := []flv.Tag{header, tag(flv.TypeAudio, 0, "\xaf\x00\x12\x10")}
	heard := 0.0
	for i := range 30 * seconds {
		at := float64(i) * 1000 / 30
		picture := inter
		if i%60 == 0 {
			picture = key
		}
		tags = append(tags, flv.Tag{Type: flv.TypeVideo, Timestamp: timeOf(at), Data: picture})
		for ; heard < at; heard += 1024 / 44.1 {
			tags = append(tags, tag(flv.TypeAudio, timeOf(heard), "\xaf\x01"+strings.Repeat("sound", 50)))
		}
	}
	return record(b, true, tags...)
}

// BenchmarkHead makes the head of an hour: what the first viewer waits for.
func BenchmarkHead(b *testing.B) {
	file := long(b, 3600)
	r := strings.NewReader(file)
	f, err := flv.Open(r, r.Size())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		h, err := scan(f, r, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(h.data)), "head-bytes")
	}
}

// BenchmarkServe sends two minutes of a recording, whole, as FLV and as MP4.
func BenchmarkServe(b *testing.B) {
	s := &site{}
	s.recordings.Store("app/room/film", long(b, 120))
	for name, handler := range map[string]http.Handler{"FLV": httpflv.New(s, httpflv.Options{}), "MP4": New(s, Options{})} {
		b.Run(name, func(b *testing.B) {
			server := httptest.NewServer(handler)
			defer server.Close()
			path := "/app/room/film." + strings.ToLower(name)
			for b.Loop() {
				r, err := server.Client().Get(server.URL + path)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, r.Body)
				r.Body.Close()
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(n)
			}
		})
	}
}

// BenchmarkFirstByte asks for the first byte of two minutes, whose head is kept, as FLV
// and as MP4.
func BenchmarkFirstByte(b *testing.B) {
	s := &site{}
	s.recordings.Store("app/room/film", long(b, 120))
	for name, handler := range map[string]http.Handler{"FLV": httpflv.New(s, httpflv.Options{}), "MP4": New(s, Options{})} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/app/room/film."+strings.ToLower(name), nil)
			r.Header.Set("Range", "bytes=0-0")
			for b.Loop() {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != http.StatusPartialContent {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
