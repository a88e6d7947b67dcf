//go:build clients

package mp4

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

const (
	picture = "testsrc2=s=160x120:r=25:d=4"
	tone    = "sine=d=4:r=44100"
)

// Files as ffmpeg writes them; what comes before the name of the file.
var encoded = []struct {
	name, file, args string
	config           bool // a sequence header for every track
	flv              bool // of codecs that ffmpeg reads in FLV, whatever its version
}{
	{"H.264 with B-frames and AAC", "a.mp4", "-c:v libx264 -bf 2 -g 25 -c:a aac", true, true},
	{"moov in front", "a.mp4", "-c:v libx264 -bf 2 -g 25 -c:a aac -movflags +faststart", true, true},
	{"F4V", "a.f4v", "-c:v libx264 -g 25 -c:a aac", true, true},
	{"QuickTime", "a.mov", "-c:v libx264 -bf 2 -g 25 -c:a aac", true, true},
	{"M4V", "a.m4v", "-c:v libx264 -g 25 -c:a aac", true, true},
	{"negative offsets", "a.mp4", "-c:v libx264 -bf 2 -g 25 -c:a aac -movflags +negative_cts_offsets", true, true},
	{"no edit list", "a.mp4", "-c:v libx264 -bf 2 -g 25 -c:a aac -use_editlist 0", true, true},
	{"fragments", "a.mp4", "-c:v libx264 -bf 2 -g 25 -c:a aac -movflags +frag_keyframe+empty_moov", true, true},
	{"fragments from their own beginning", "a.mp4", "-c:v libx264 -bf 2 -g 25 -c:a aac -movflags +frag_keyframe+empty_moov+default_base_moof", true, true},
	{"fragments with a late moov", "a.mp4", "-c:v libx264 -bf 2 -g 25 -c:a aac -movflags +frag_keyframe+delay_moov", true, true},
	{"a fragment for every frame", "a.mp4", "-c:v libx264 -g 25 -c:a aac -movflags +frag_every_frame+empty_moov+omit_tfhd_offset", true, true},
	{"samples in moov, then fragments", "a.mp4", "-c:v libx264 -bf 2 -g 25 -c:a aac -movflags +frag_keyframe", true, true},
	{"HEVC", "a.mp4", "-c:v libx265 -x265-params log-level=none -g 25 -c:a aac", true, false},
	{"AV1 and Opus", "a.mp4", "-c:v libaom-av1 -cpu-used 8 -g 25 -c:a libopus", true, false},
	{"VP9 and FLAC", "a.mp4", "-c:v libvpx-vp9 -cpu-used 8 -g 25 -c:a flac -strict -2", true, false},
	{"MP3", "a.mp4", "-c:v libx264 -g 25 -c:a libmp3lame", false, true},
	{"MP3 in QuickTime", "a.mov", "-c:v libx264 -g 25 -c:a libmp3lame", false, true},
	{"AC-3", "a.mp4", "-c:v libx264 -g 25 -c:a ac3", false, false},
	{"E-AC-3", "a.mp4", "-c:v libx264 -g 25 -c:a eac3", false, false},
	{"sound alone", "a.m4a", "-vn -c:a aac", true, true},
	{"picture alone", "a.mp4", "-an -c:v libx264 -bf 2 -g 25", true, true},
}

// Every sample is where ffprobe says that it is, when it says that it is.
func TestFFProbeAgrees(t *testing.T) {
	for _, c := range encoded {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), c.file)
			args := []string{"-v", "error", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, "-pix_fmt", "yuv420p", "-metadata", "title=A tone"}
			args = append(args, strings.Fields(c.args)...)
			if out, err := exec.Command("ffmpeg", append(args, name)...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			f, frames := compare(t, name, c.config)
			if c.flv {
				decode(t, f, frames)
			}
		})
	}
}

// probed is what ffprobe says of a file.
type probed struct {
	Streams []probedStream
	Packets []probedPacket
}

type probedStream struct {
	Index         int
	CodecType     string `json:"codec_type"`
	TimeBase      string `json:"time_base"` // seconds, as 1/n
	Width, Height int
	SampleRate    string `json:"sample_rate"`
	Channels      int
}

type probedPacket struct {
	Stream    int    `json:"stream_index"`
	PTS, DTS  int64  // in the stream's time base
	Size, Pos string // bytes
	Flags     string
}

func probe(t *testing.T, name string) (p probed) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_packets", "-show_streams", "-of", "json", name).Output()
	if err == nil {
		err = json.Unmarshal(out, &p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scales are ticks a second, by the index of the stream.
func (p probed) scales(t *testing.T) map[int]uint32 {
	t.Helper()
	scale := map[int]uint32{}
	for _, s := range p.Streams {
		_, d, _ := strings.Cut(s.TimeBase, "/")
		n, err := strconv.ParseUint(d, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		scale[s.Index] = uint32(n)
	}
	return scale
}

// compare reads a file, and holds all of it against what ffprobe says.
func compare(t *testing.T, name string, config bool) (*File, []media.Frame) {
	want := probe(t, name)
	in, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(in, int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	frames := readAll(t, f, in, 64<<10)
	headers, err := f.Headers(in, media.Position{})
	if err != nil || config && len(headers) != len(want.Streams) {
		t.Errorf("%d headers, %v", len(headers), err)
	}
	if title, _ := f.Meta().Get("title"); title != "A tone" && !strings.HasSuffix(name, ".mov") {
		t.Errorf("title is %v", title)
	}
	for _, s := range want.Streams {
		compareMeta(t, f, s)
	}
	compareFrames(t, frames, want, whole)
	return f, frames
}

func compareMeta(t *testing.T, f *File, s probedStream) {
	t.Helper()
	meta := map[string]any{"width": float64(s.Width), "height": float64(s.Height)}
	if s.CodecType == "audio" {
		rate, _ := strconv.ParseFloat(s.SampleRate, 64)
		meta = map[string]any{"audiosamplerate": rate, "audiochannels": float64(s.Channels)}
	}
	for k, v := range meta {
		if got, _ := f.Meta().Get(k); got != v {
			t.Errorf("%s is %v, not %v", k, got, v)
		}
	}
}

// compareFrames holds the frames of each stream against its packets. ffprobe's
// times are those of the edit list; ours begin with the first packet.
func compareFrames(t *testing.T, frames []media.Frame, want probed, whole []byte) {
	t.Helper()
	scale, zero := want.scales(t), int64(1<<60)
	for _, p := range want.Packets {
		zero = min(zero, millis(p.DTS, scale[p.Stream]))
	}
	for _, s := range want.Streams {
		kind := uint8(media.TypeVideo)
		if s.CodecType == "audio" {
			kind = media.TypeAudio
		}
		var got []media.Frame
		for _, g := range frames {
			if g.Type == kind {
				got = append(got, g)
			}
		}
		n := 0
		for _, p := range want.Packets {
			if p.Stream != s.Index {
				continue
			}
			if n == len(got) {
				t.Fatalf("%s: %d frames, ffprobe has more", s.CodecType, n)
			}
			dts, pts := millis(p.DTS, scale[s.Index])-zero, millis(p.PTS, scale[s.Index])-zero
			if err := differs(got[n], p, dts, pts, whole); err != nil {
				t.Fatalf("%s frame %d: %v", s.CodecType, n, err)
			}
			n++
		}
		if n != len(got) || n == 0 {
			t.Errorf("%s: %d frames, ffprobe has %d", s.CodecType, len(got), n)
		}
	}
}

// differs says in what a frame is not a packet of a file, whose times are in ms.
func differs(g media.Frame, p probedPacket, dts, pts int64, whole []byte) error {
	pos, _ := strconv.Atoi(p.Pos)
	size, _ := strconv.Atoi(p.Size)
	if int64(g.Time) != dts || len(g.Data) != size || !bytes.Equal(g.Data, whole[pos:pos+size]) {
		return fmt.Errorf("%d ms, %d bytes; ffprobe has %+v, %d ms", g.Time, len(g.Data), p, dts)
	}
	if g.Type != media.TypeVideo {
		return nil
	}
	if key := strings.HasPrefix(p.Flags, "K"); (g.Head[0]>>4&7 == 1) != key {
		return fmt.Errorf("head %x, ffprobe has flags %q", g.Head, p.Flags)
	}
	if composition(g) != pts-dts {
		return fmt.Errorf("it is shown %d ms behind decoding, ffprobe has %d", composition(g), pts-dts)
	}
	return nil
}

// decode has ffmpeg decode the frames, from an FLV file of them: every head and
// sequence header means what it should.
func decode(t *testing.T, f *File, frames []media.Frame) {
	out, err := os.Create(filepath.Join(t.TempDir(), "a.flv"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w, err := flv.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	headers, err := f.Headers(out, f.Seek(0))
	if err != nil {
		t.Fatal(err)
	}
	pictures := 0
	for _, g := range append(headers, frames...) {
		if err := w.Write(flv.Tag{Type: g.Type, Timestamp: g.Time, Data: cat(g.Head, g.Data)}); err != nil {
			t.Fatal(err)
		}
		if p := cat(g.Head, g.Data); g.Type == media.TypeVideo && !payload.IsVideoHeader(p) {
			pictures++
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	args := []string{"-v", "warning", "-i", out.Name()}
	if f.audio != nil {
		// FLV's times are whole ms: ffmpeg finds that sound overlaps by less.
		args = append(args, "-af", "asetpts=N/SR/TB")
	}
	said, err := exec.Command("ffmpeg", append(args, "-f", "null", "-")...).CombinedOutput()
	if err != nil || len(said) > 0 {
		t.Errorf("%v\n%s", err, said)
	}
	if pictures == 0 {
		return
	}
	count, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", out.Name()).CombinedOutput()
	if n, e := strconv.Atoi(strings.TrimSpace(string(count))); err != nil || e != nil || n != pictures {
		t.Errorf("%s of %d pictures decoded, %v", count, pictures, err)
	}
}

// composition reads a head back.
func composition(f media.Frame) int64 {
	h := f.Head
	if h[0]&videoEx != 0 && string(h[1:5]) != "hvc1" {
		return 0
	}
	h = h[len(h)-3:]
	return int64(int32(uint32(h[0])<<24|uint32(h[1])<<16|uint32(h[2])<<8) >> 8)
}
