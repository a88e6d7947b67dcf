//go:build clients

package clients

import (
	"path/filepath"
	"testing"
)

// encoders are ffmpeg's for what goes over Enhanced RTMP. It writes pictures of
// these codecs since 6.1, and sound since 8.0: `make test-clients` leaves out
// what the installed one does not write, by hack/tools/enhanced.sh.
var encoders = map[string][]string{
	"hevc": {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25"},
	"av1":  {"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-g", "25"},
	"vp9":  {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25"},
	"opus": {"-c:a", "libopus"},
	"flac": {"-c:a", "flac"},
	"ac3":  {"-c:a", "ac3"},
	"eac3": {"-c:a", "eac3"},
}

// modern are the arguments for an encoder of a codec: small pictures, or sound
// alone.
func modern(codec string, seconds string) []string {
	source := []string{"-f", "lavfi", "-i", "testsrc2=s=160x90:r=25", "-pix_fmt", "yuv420p"}
	if encoders[codec][0] == "-c:a" {
		source = []string{"-f", "lavfi", "-i", "sine=r=48000", "-ac", "2"}
	}
	args := append([]string{"-v", "error", "-re"}, source...)
	return append(append(args, encoders[codec]...), "-t", seconds, "-f", "flv")
}

// TestEnhancedCodecs publishes what ffmpeg writes into FLV beyond Flash's own
// codecs, and lets it find the codec again: live, in the recording, and played
// from the recording.
func TestEnhancedCodecs(t *testing.T) {
	for codec := range encoders {
		t.Run(codec, func(t *testing.T) {
			s := serve(t, anyone+"\nrecording: {mode: All}", "", "--web-address", "127.0.0.1:0")
			encoder := start(t, "ffmpeg", append(modern(codec, "6"), s.url+"/cam")...)
			s.untilMetric("streams", 1)
			until(t, "something to be there", func() bool { return s.metric("received_bytes_total") > 20e3 })
			if p := inspect(t, s.url+"/cam", "-read_intervals", "%+1", "-count_packets"); p.count(codec) == 0 {
				t.Errorf("live: %+v", p.Streams)
			}
			if p := inspect(t, s.web+"/live/cam.flv", "-read_intervals", "%+1", "-count_packets"); p.count(codec) == 0 {
				t.Errorf("live by HTTP: %+v", p.Streams)
			}
			encoder.wait()
			s.untilMetric("recordings", 0)
			recorded := decodes(t, only(t, s))
			if recorded.count(codec) < 60 || recorded.seconds() < 5.5 {
				t.Errorf("recorded: %+v", recorded)
			}
			played := inspect(t, s.url+"/cam", "-count_packets")
			// ffmpeg counts the places of speakers for a packet, in some ways
			// of reading and not in others.
			if d := played.count(codec) - recorded.count(codec); d < -1 || d > 1 {
				t.Errorf("played: %d packets, recorded were %d", played.count(codec), recorded.count(codec))
			}
			if p := inspect(t, s.web+"/live/cam.flv", "-count_packets"); p.count(codec) != recorded.count(codec) {
				t.Errorf("recorded, by HTTP: %d packets of %d", p.count(codec), recorded.count(codec))
			}
			file := filepath.Join(t.TempDir(), "middle.flv")
			run(t, "rtmpdump", "-q", "--start", "3", "-r", s.url+"/cam", "-o", file)
			if middle := decodes(t, file); middle.count(codec) == 0 || middle.count(codec) >= recorded.count(codec) {
				t.Errorf("from the middle: %d packets of %d", middle.count(codec), recorded.count(codec))
			}
			s.stop()
		})
	}
}
