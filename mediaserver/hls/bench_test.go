package hls

import (
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// big is ten seconds of a film of about 6 Mbit/s.
func big(b *testing.B) (all []*rtmp.Message, size int64) {
	all = messages(b, encode(b, "-f lavfi -i testsrc2=s=1280x720:r=30,noise=alls=20 "+tone+" -t 10 -c:v libx264 -preset ultrafast -b:v 6M -g 60 -pix_fmt yuv420p "+aac))
	for _, m := range all {
		size += int64(len(m.Payload))
	}
	return all, size
}

// nowhere takes what a segmenter makes.
type nowhere struct{}

func (nowhere) begin(stream.Cut)                         {}
func (nowhere) part(map[int]*part, map[int]*initSegment) {}
func (nowhere) end(time.Duration)                        {}

// BenchmarkCut is what it costs to cut a stream once, whatever the number of its
// viewers.
func BenchmarkCut(b *testing.B) {
	all, size := big(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		s := segmenter{sink: nowhere{}, part: defaultPart}
		last, number := int64(-1), int64(0)
		for _, m := range all {
			var cut *stream.Cut
			if at := int64(m.Timestamp) / 2000; !isHeader(m) && m.Type == rtmp.TypeVideo && at > last {
				last, number = at, number+1
				cut = &stream.Cut{Number: number, Time: m.Timestamp, Key: true}
			}
			if err := s.message(m, cut); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkPlaylist is what a viewer's playlist costs that many others have asked for,
// too.
func BenchmarkPlaylist(b *testing.B) {
	s := newSite(b, Options{})
	l := s.watch(b)
	s.publish(b, long(b, 20))
	s.publisher.Close()
	s.handler.runs.Wait()
	for b.Loop() {
		l.mu.Lock()
		text := l.media(playlistOf{})
		l.mu.Unlock()
		withSuffix(text, "?key=abcdefgh")
	}
}

// BenchmarkTape is how long a first viewer waits for the playlist of a film of two
// hours.
func BenchmarkTape(b *testing.B) {
	file := record(b, long(b, 7200))
	r := strings.NewReader(file)
	f, err := flv.Open(r, r.Size())
	if err != nil {
		b.Fatal(err)
	}
	rec := recording{&outlet.Recording{File: f, Reader: r, Size: r.Size()}}
	for b.Loop() {
		t, err := rec.tape()
		if err != nil || len(t.pieces) != 1800 {
			b.Fatalf("%d segments, %v", len(t.pieces), err)
		}
	}
}
