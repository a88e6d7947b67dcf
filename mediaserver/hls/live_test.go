package hls

import (
	"math"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// liveCases are what publishers send, as ffmpeg makes it.
var liveCases = map[string]struct {
	args   string
	codecs string
	video  int // pictures in 10 s
}{
	"H.264 and AAC":             {pictures + " " + tone + " -t 10 " + avc + " " + aac, "avc1.64000b,mp4a.40.2", 300},
	"H.264 without B-frames":    {pictures + " " + tone + " -t 10 -bf 0 " + avc + " " + aac, "avc1.", 300},
	"H.264 alone":               {pictures + " -t 10 " + avc, "avc1.", 300},
	"H.264, keyframes apart":    {pictures + " -t 10 -c:v libx264 -preset veryfast -g 900 -pix_fmt yuv420p", "avc1.", 300},
	"H.264, many keyframes":     {pictures + " -t 10 -c:v libx264 -preset veryfast -g 15 -pix_fmt yuv420p", "avc1.", 300},
	"AAC alone":                 {tone + " -t 10 " + aac, "mp4a.40.2", 0},
	"HEVC and AAC":              {pictures + " " + tone + " -t 10 -c:v libx265 -x265-params keyint=60:min-keyint=60:scenecut=0:log-level=none -tag:v hvc1 -pix_fmt yuv420p " + aac, "hvc1.1.6.L60.90,mp4a.40.2", 300},
	"AV1 and Opus":              {pictures + " " + tone + " -t 10 -c:v libsvtav1 -preset 12 -g 60 -pix_fmt yuv420p -c:a libopus", "av01.0.00M.08,opus", 300},
	"VP9 and Opus":              {pictures + " " + tone + " -t 10 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 60 -pix_fmt yuv420p -c:a libopus", "vp09.00.", 300},
	"H.264 and FLAC":            {pictures + " " + tone + " -t 10 " + avc + " -c:a flac", ",fLaC", 300},
	"H.264 and AC-3":            {pictures + " " + tone + " -t 10 " + avc + " -c:a ac3", ",ac-3", 300},
	"H.264 and E-AC-3":          {pictures + " " + tone + " -t 10 " + avc + " -c:a eac3", ",ec-3", 300},
	"H.264, 10 pictures/s":      {"-f lavfi -i testsrc2=s=160x120:r=10 " + tone + " -t 10 -c:v libx264 -g 20 -keyint_min 20 -sc_threshold 0 -pix_fmt yuv420p " + aac, "avc1.", 100},
	"H.264 at 60 pictures/s":    {"-f lavfi -i testsrc2=s=160x120:r=60 " + tone + " -t 10 -c:v libx264 -preset veryfast -g 120 -pix_fmt yuv420p -c:a aac -ar 48000", "avc1.", 600},
	"H.264 at 24 pictures/s":    {"-f lavfi -i testsrc2=s=160x120:r=24000/1001 " + tone + " -t 10 -c:v libx264 -preset veryfast -g 48 -pix_fmt yuv420p -c:a aac -ar 48000", "avc1.", 240},
	"AAC at 8 kHz, one channel": {tone + " -t 10 -c:a aac -ar 8000 -ac 1", "mp4a.40.2", 0},
}

// A viewer of a stream of any codec gets every picture, in order and in time.
func TestLive(t *testing.T) {
	t.Parallel()
	for name, c := range liveCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := messages(t, encode(t, c.args))
			s := newSite(t, Options{})
			s.watch(t)
			s.publish(t, all)
			s.publisher.Close()

			index := s.must(t, "index.m3u8")
			if !strings.Contains(index, c.codecs) {
				t.Errorf("codecs are not %s:\n%s", c.codecs, index)
			}
			for _, v := range checkIndex(t, index) {
				checkMedia(t, s.must(t, v))
			}
			packets, decoded := probe(t, s.url+"index.m3u8")
			if decoded != c.video {
				t.Errorf("%d pictures were decoded, want %d", decoded, c.video)
			}
			for kind, times := range packets {
				checkTimes(t, kind, times, published(all, kind))
			}
		})
	}
}

// published are the times of all frames of a kind, in seconds.
func published(all []*rtmp.Message, kind string) (times []float64) {
	is := rtmp.TypeAudio
	if kind == "video" {
		is = rtmp.TypeVideo
	}
	for _, m := range all {
		if m.Type == is && !isHeader(m) {
			times = append(times, float64(m.Timestamp)/1000)
		}
	}
	return times
}

// checkTimes compares the times of packets with those that were published: they are a
// constant apart, but for what sound is smoothed by.
func checkTimes(t *testing.T, kind string, got, want []float64) {
	t.Helper()
	// Sound that comes before the first picture is not played.
	const early = 2
	if n := len(want) - len(got); n > 0 && n <= early && kind == "audio" {
		want = want[n:]
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d packets, %d were published", kind, len(got), len(want))
		return
	}
	shift := got[0] - want[0]
	for i := range got {
		if i > 0 && got[i] <= got[i-1] {
			t.Errorf("%s: packet %d is of %v s, the one before of %v s", kind, i, got[i], got[i-1])
		}
		if d := got[i] - want[i] - shift; math.Abs(d) > 0.015 {
			t.Errorf("%s: packet %d is %v s late", kind, i, d)
			return
		}
	}
}
