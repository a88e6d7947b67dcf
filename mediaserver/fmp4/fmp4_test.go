package fmp4_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	reader "github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	mp4codecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"flashpod.dev/flashpod/mediaserver/fmp4"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/mp4"
)

// described is a track's sequence header and first frames, as ffmpeg encodes it.
type described struct {
	video  bool
	codec  payload.FourCC
	config []byte
	frames [][]byte
}

// describe has ffmpeg encode a quarter of a second.
func describe(t testing.TB, args string) (d described) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.mp4")
	source := "-f lavfi -i sine=r=48000"
	if strings.Contains(args, "-c:v") {
		source = "-f lavfi -i testsrc2=s=160x120:r=20"
	}
	all := append(strings.Fields("-v error "+source+" -t 0.25 "+args), "-strict", "-2", file)
	if out, err := exec.Command("ffmpeg", all...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := bytes.NewReader(b)
	f, err := mp4.Open(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	headers, err := f.Headers(r, f.Seek(0))
	if err != nil {
		t.Fatal(err)
	}
	batch := media.NewBatch(1 << 20)
	if _, err := f.Read(r, f.Seek(0), batch); err != nil {
		t.Fatal(err)
	}
	for _, m := range append(headers, batch.Frames...) {
		whole := append(bytes.Clone(m.Head), m.Data...)
		p, ok := payload.ParseAudio(whole)
		if d.video = m.Type == media.TypeVideo; d.video {
			p, ok = payload.ParseVideo(whole)
		}
		if !ok {
			t.Fatalf("%x is no payload", whole[:8])
		}
		tracks := p.Tracks()
		one, _ := tracks.Next()
		d.codec = one.Codec
		if p.Kind == payload.SequenceStart {
			d.config = one.Body
			continue
		}
		_, body := p.Picture(one)
		d.frames = append(d.frames, body)
	}
	return d
}

var codecs = map[string]struct {
	args string
	name string
	rate uint32
	is   mp4codecs.Codec
}{
	"H.264":           {"-c:v libx264 -pix_fmt yuv420p", "avc1.64000b", 90000, &mp4codecs.H264{}},
	"HEVC":            {"-c:v libx265 -x265-params log-level=none -pix_fmt yuv420p", "hvc1.1.6.L30.90", 90000, &mp4codecs.H265{}},
	"HEVC of 10 bits": {"-c:v libx265 -x265-params log-level=none -pix_fmt yuv420p10", "hvc1.2.4.L30.90", 90000, &mp4codecs.H265{}},
	"AV1":             {"-c:v libsvtav1 -preset 12 -pix_fmt yuv420p", "av01.0.00M.08", 90000, &mp4codecs.AV1{}},
	"VP9":             {"-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p", "vp09.00.10.08", 90000, &mp4codecs.VP9{}},
	"AAC":             {"-c:a aac", "mp4a.40.2", 48000, &mp4codecs.MPEG4Audio{}},
	"Opus":            {"-c:a libopus", "opus", 48000, &mp4codecs.Opus{}},
	"MP3":             {"-c:a libmp3lame", "mp4a.40.34", 48000, &mp4codecs.MPEG1Audio{}},
	"AC-3":            {"-c:a ac3", "ac-3", 48000, &mp4codecs.AC3{}},
	"E-AC-3":          {"-c:a eac3", "ec-3", 48000, nil},
	"FLAC":            {"-c:a flac", "fLaC", 48000, nil},
}

// What is written is read by somebody else: the same tracks, and the same samples at
// the same times.
func TestOthersReadIt(t *testing.T) {
	t.Parallel()
	for name, c := range codecs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := describe(t, c.args)
			track, err := fmp4.NewTrack(d.video, d.codec, d.config, d.frames[0])
			if err != nil {
				t.Fatal(err)
			}
			if track.Name != c.name || track.Timescale != c.rate || d.video && (track.Width != 160 || track.Height != 120) {
				t.Errorf("it is %s, %d units a second, %d by %d", track.Name, track.Timescale, track.Width, track.Height)
			}
			if !d.video && track.Samples(d.frames[0]) <= 0 {
				t.Error("how long a frame is, is not known")
			}
			var samples []fmp4.Sample
			for i, f := range d.frames {
				samples = append(samples, fmp4.Sample{Duration: uint32(100 + i), Offset: int32(i - 2), Key: i == 0, Data: f})
			}
			run := fmp4.Run{Track: 1, Time: 1 << 40, Samples: samples}
			init := fmp4.AppendInit(nil, track)
			checkInit(t, init, track, c.is)
			checkFragment(t, fmp4.AppendFragment(nil, 7, []fmp4.Run{run}), run)
			opens(t, append(init, fmp4.AppendFragment(nil, 0, []fmp4.Run{{Track: 1, Samples: samples}})...), d)
		})
	}
}

func checkInit(t *testing.T, b []byte, track *fmp4.Track, want mp4codecs.Codec) {
	t.Helper()
	var init reader.Init
	err := init.Unmarshal(bytes.NewReader(b))
	if want == nil { // this reader does not know it
		return
	}
	if err != nil || len(init.Tracks) != 1 || init.Tracks[0].TimeScale != track.Timescale {
		t.Fatalf("%+v, %v", init.Tracks, err)
	}
	if got := init.Tracks[0].Codec; reflect.TypeOf(got) != reflect.TypeOf(want) {
		t.Errorf("the codec is %T, want %T", got, want)
	}
}

func checkFragment(t *testing.T, b []byte, want fmp4.Run) {
	t.Helper()
	if n := fmp4.FragmentSize([]fmp4.Run{want}); n < len(b) {
		t.Errorf("%d bytes, said to be %d at most", len(b), n)
	}
	var parts reader.Parts
	if err := parts.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	if len(parts) != 1 || parts[0].SequenceNumber != 7 || len(parts[0].Tracks) != 1 {
		t.Fatalf("%+v", parts)
	}
	got := parts[0].Tracks[0]
	if got.BaseTime != want.Time || len(got.Samples) != len(want.Samples) {
		t.Fatalf("%d samples from %d on, want %d from %d on", len(got.Samples), got.BaseTime, len(want.Samples), want.Time)
	}
	for i, g := range got.Samples {
		w := want.Samples[i]
		if g.Duration != w.Duration || g.PTSOffset != w.Offset || g.IsNonSyncSample == w.Key || !bytes.Equal(g.Payload, w.Data) {
			t.Errorf("sample %d is %d long, at %d; want %d, at %d", i, g.Duration, g.PTSOffset, w.Duration, w.Offset)
		}
	}
}

// opens reads with our own reader, which gives back the header that was published.
func opens(t *testing.T, b []byte, d described) {
	t.Helper()
	r := bytes.NewReader(b)
	f, err := mp4.Open(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	headers, err := f.Headers(r, f.Seek(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		if !bytes.HasSuffix(h.Data, d.config) {
			t.Errorf("the header was %x, is %x", d.config, h.Data)
		}
	}
}

// Codecs that MP4 does not hold, and descriptions that are none, are refused by name.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		video  bool
		codec  payload.FourCC
		config string
		is     error
		words  string
	}{
		{true, 2, "", fmp4.ErrCodec, "Sorenson H.263"},
		{true, 4, "", fmp4.ErrCodec, "VP6"},
		{true, payload.VP8, "", fmp4.ErrCodec, "VP8"},
		{true, payload.VVC, "", fmp4.ErrCodec, "VVC"},
		{true, payload.AAC, "", fmp4.ErrCodec, `"mp4a"`},
		{false, 6, "", fmp4.ErrCodec, "Nellymoser"},
		{false, 11, "", fmp4.ErrCodec, "Speex"},
		{false, payload.AVC, "", fmp4.ErrCodec, `"avc1"`},
		{false, 'a' << 24, "", fmp4.ErrCodec, "number"},
		{true, payload.AVC, "\x01\x64\x00\x0b\xff\xe0\x00\x00", fmp4.ErrConfig, "H.264"},
		{true, payload.AVC, "\x01\x64\x00\x0b\xff\xe1\xff\xff", fmp4.ErrConfig, "H.264"},
		{true, payload.HEVC, "", fmp4.ErrConfig, "HEVC"},
		{true, payload.AV1, "\x81\x00\x0c\x00", fmp4.ErrConfig, "AV1"},
		{true, payload.VP9, "", fmp4.ErrConfig, "VP9"},
		{false, payload.AAC, "", fmp4.ErrConfig, "AAC"},
		{false, payload.Opus, "OpusHead", fmp4.ErrConfig, "Opus"},
		{false, payload.MP3, "", fmp4.ErrConfig, "MP3"},
		{false, payload.FLAC, "fLaC", fmp4.ErrConfig, "FLAC"},
		{false, payload.AC3, "", fmp4.ErrConfig, "AC-3"},
		{false, payload.EAC3, "", fmp4.ErrConfig, "E-AC-3"},
		{false, payload.AAC, strings.Repeat("a", 1<<20), fmp4.ErrConfig, "1048576 bytes"},
	} {
		_, err := fmp4.NewTrack(c.video, c.codec, []byte(c.config), nil)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%v %d: %v, want %v of %s", c.video, c.codec, err, c.is, c.words)
		}
	}
}

// Browsers take Opus at its one rate, whatever it was before it was encoded.
func TestOpusRate(t *testing.T) {
	t.Parallel()
	const head = "OpusHead\x01\x01\x38\x01\x44\xac\x00\x00\x00\x00\x00" // 44,100 Hz, 1 channel
	track, err := fmp4.NewTrack(false, payload.Opus, []byte(head), nil)
	if err != nil {
		t.Fatal(err)
	}
	if init := fmp4.AppendInit(nil, track); !bytes.Contains(init, []byte("dOps\x00\x01\x01\x38\x00\x00\xbb\x80")) {
		t.Errorf("no OpusSpecificBox of 48,000 Hz in %q", init)
	}
}

// Two tracks lie in one fragment.
func TestTracksTogether(t *testing.T) {
	t.Parallel()
	picture, sound := []byte("picture"), []byte("sound")
	runs := []fmp4.Run{
		{Track: 1, Time: 5, Samples: []fmp4.Sample{{Duration: 1, Key: true, Data: picture}}},
		{Track: 3},
		{Track: 2, Time: 6, Samples: []fmp4.Sample{{Duration: 1, Key: true, Data: sound}, {Duration: 2, Key: true, Data: sound}}},
	}
	var parts reader.Parts
	if err := parts.Unmarshal(fmp4.AppendFragment(nil, 1, runs)); err != nil {
		t.Fatal(err)
	}
	tracks := parts[0].Tracks
	if len(tracks) != 2 || !bytes.Equal(tracks[0].Samples[0].Payload, picture) || !bytes.Equal(tracks[1].Samples[1].Payload, sound) {
		t.Errorf("%+v", tracks)
	}
}

// Whatever a publisher says of its track, it is described or refused, and what is
// written is a file that can be opened.
func FuzzNewTrack(f *testing.F) {
	all := []payload.FourCC{
		payload.AVC, payload.HEVC, payload.AV1, payload.VP9, payload.AAC, payload.Opus, payload.MP3, payload.FLAC, payload.AC3, payload.EAC3,
	}
	for _, c := range codecs {
		d := describe(f, c.args)
		for i, codec := range all {
			if codec == d.codec {
				f.Add(uint8(i), d.config, d.frames[0][:min(len(d.frames[0]), 256)])
			}
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, config, first []byte) {
		codec := all[int(n)%len(all)]
		track, err := fmp4.NewTrack(int(n)%len(all) < 4, codec, config, first)
		if err != nil {
			if !errors.Is(err, fmp4.ErrConfig) {
				t.Fatal(err)
			}
			return
		}
		if track.Samples(first) < 0 || track.Timescale == 0 || track.Name == "" {
			t.Fatalf("%+v", track)
		}
		b := fmp4.AppendInit(nil, track)
		b = fmp4.AppendFragment(b, 1, []fmp4.Run{{Track: 1, Samples: []fmp4.Sample{{Duration: 1, Key: true, Data: append(first, 0)}}}})
		r := bytes.NewReader(b)
		if _, err := mp4.Open(r, r.Size()); err != nil && !errors.Is(err, media.ErrInvalid) {
			t.Fatal(err)
		}
	})
}
