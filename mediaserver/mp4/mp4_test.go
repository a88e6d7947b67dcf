package mp4

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// fileCases are files and the frames of them: type, ms, head and data. Where a
// file is refused, err is a part of the reason.
var fileCases = []struct {
	name string
	file []byte
	want []string
	err  string
}{
	{name: "moov behind", file: clip(), want: clipFrames},
	{name: "moov before", file: faststart(), want: clipFrames},
	{name: "fragments", file: fragments(), want: fragmentFrames},
	{name: "fragments with a torn moof", file: cut(fragments(), 38+20), want: fragmentFrames[:4]},
	{name: "fragments with a torn mdat", file: cut(fragments(), 9), want: fragmentFrames[:5]},
	{name: "fragments and garbage", file: cat(fragments(), []byte("\x00\x00\x00\x02garbage")), want: fragmentFrames},
	{name: "fragments and zeros", file: cat(fragments(), zeros(100)), want: fragmentFrames},
	{name: "sound that begins later", file: oneTrack("soun", mp4a, elst(500, 0xffffffff, 100, 0)), want: []string{"8 0 af01 00010203", "8 100 af01 04050607"}},
	{name: "no sync table: all are", file: oneTrack("vide", avc1, nil), want: []string{"9 0 1701000000 00010203", "9 100 1701000000 04050607"}},
	{name: "a box of 64 bits", file: cat(clip()[:len(ftyp)+84], u32(1), []byte("free"), u64(20), zeros(4), clip()[len(ftyp)+84:]), want: clipFrames},

	{name: "empty", err: "no moov"},
	{name: "FLV", file: []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"), err: "does not begin as MP4"},
	{name: "text", file: bytes.Repeat([]byte("text"), 10), err: "does not begin as MP4"},
	{name: "never finished", file: cat(ftyp, mdat(76)), err: "never finished"},
	{name: "no samples", file: cat(ftyp, movieOf(trackOf(1, "vide", 1000, avc1, nil, stsz()))), err: "no samples"},
	{name: "cut in moov", file: cut(clip(), 100), err: "cut"},
	{name: "cut in mdat", file: cut(faststart(), 5), err: "behind the end"},
	{name: "no track", file: cat(ftyp, movieOf()), err: "there is none"},
	{name: "codecs of another time", file: cat(ftyp, movieOf(trackOf(1, "vide", 1, visual("SVQ3"), nil), trackOf(2, "soun", 1, sound("QDM2"), nil))), err: `video "SVQ3", audio "QDM2"`},
	{name: "encrypted", file: oneTrack("vide", visual("encv", boxOf("avcC", avcC)), nil), err: `"encv"`},
	{name: "no avcC", file: oneTrack("vide", visual("avc1"), nil), err: "avcC"},
	{name: "no esds", file: oneTrack("soun", sound("mp4a"), nil), err: "esds"},
	{name: "short entry", file: oneTrack("soun", boxOf("mp4a", zeros(9)), nil), err: "fewer than a description"},
	{name: "no timescale", file: cat(ftyp, movieOf(trackOf(1, "vide", 0, avc1, nil, stsz(1)))), err: "timescale"},
	{name: "too many samples for the file", file: withTables(counted("stsc", 3, 1, 1, 1), fullBox("stsz", 0, 0, u32(1, 0xffffffff)), counted("stco", 1, 40)), err: "more than the file has"},
	{name: "too many samples for the table", file: withTables(counted("stsc", 3, 1, 1, 1), fullBox("stsz", 0, 0, u32(0, 0xffffffff)), counted("stco", 1, 40)), err: "has room for 0"},
	{name: "samples over one another", file: withTables(counted("stsc", 3, 1, 9, 1), stsz(300, 300, 300, 300), counted("stco", 1, 0)), err: "more bytes of samples than the file"},
	{name: "too few chunks", file: withTables(counted("stsc", 3, 1, 1, 1), stsz(1, 1), counted("stco", 1, 40)), err: "fewer chunks"},
	{name: "no stsc", file: withTables(stsz(1, 1), counted("stco", 1, 40)), err: "its first chunk"},
	{name: "stsc from the second chunk", file: withTables(counted("stsc", 3, 2, 1, 1), stsz(1, 1), counted("stco", 1, 40)), err: "its first chunk"},
	{name: "two descriptions", file: withTables(counted("stsc", 3, 1, 1, 1, 2, 1, 2), stsz(1, 1), counted("stco", 1, 40, 41)), err: "changes its codec's settings"},
	{name: "a box larger than its parent", file: cat(ftyp, boxOf("moov", u32(4000), []byte("trak"), zeros(20)), zeros(4000)), err: "more than the box around it"},
	{name: "boxes without end", file: cat(ftyp, movieOf(boxOf("trak", nested("mdia", 30)))), err: "nested"},
	{name: "fragments without samples", file: fragments()[:bytes.Index(fragments(), []byte("moof"))-4], err: "no samples"},
	{name: "a fragment whose run is too short", file: cat(fragments(), boxOf("moof", boxOf("traf", fullBox("tfhd", 0, 0x020000, u32(1)), fullBox("trun", 0, trunSizes, u32(9, 1))))), err: "has room for 1"},
	{name: "a fragment of samples without sizes", file: cat(fragments(), boxOf("moof", boxOf("traf", fullBox("tfhd", 0, 0x020000, u32(1)), fullBox("trun", 0, 0, u32(1<<31))))), err: "without a size"},
}

var clipFrames = []string{
	"9 0 1701000028 00010203040506070809",
	"8 40 af01 1e1f2021",
	"9 40 2701000050 0a0b0c0d0e0f101112131415161718191a1b1c1d",
	"8 60 af01 22232425",
	"9 80 1701000000 2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b",
	"8 80 af01 26272829",
	"8 100 af01 2a2b2c2d",
}

// The negative offset has made decoding begin 40 ms before the sound.
var fragmentFrames = []string{
	"9 0 1701000028 00010203040506070809",
	"9 40 2701000000 0a0b0c0d0e0f101112131415161718191a1b1c1d",
	"8 40 af01 1e1f2021",
	"8 60 af01 22232425",
	"9 80 1701000028 00010203040506070809",
	"8 80 af01 1e1f2021",
	"8 100 af01 22232425",
	"9 120 2701000000 0a0b0c0d0e0f101112131415161718191a1b1c1d",
}

func cut(b []byte, n int) []byte { return b[:len(b)-n] }

func nested(kind string, n int) []byte {
	b := boxOf(kind)
	for range n {
		b = boxOf(kind, b)
	}
	return b
}

// oneTrack is a file of two samples of 4 bytes, 100 ms each.
func oneTrack(handler string, entry, edits []byte) []byte {
	at := uint32(len(ftyp) + 8)
	return cat(ftyp, mdat(8), movieOf(trackOf(1, handler, 1000, entry, edits,
		counted("stts", 2, 2, 100), counted("stsc", 3, 1, 2, 1), stsz(4, 4), counted("stco", 1, at))))
}

// withTables is a file of a picture track with some tables.
func withTables(list ...[]byte) []byte {
	return cat(ftyp, mdat(8), movieOf(trackOf(1, "vide", 1000, avc1, nil, list...)))
}

func open(file []byte) (*File, error) { return Open(bytes.NewReader(file), int64(len(file))) }

// shown is frames as the cases write them.
func shown(frames []media.Frame) (out []string) {
	for _, g := range frames {
		out = append(out, fmt.Sprintf("%d %d %x %x", g.Type, g.Time, g.Head, g.Data))
	}
	return out
}

func TestFiles(t *testing.T) {
	for _, c := range fileCases {
		t.Run(c.name, func(t *testing.T) {
			f, err := open(c.file)
			if c.err != "" {
				if !errors.Is(err, media.ErrInvalid) || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, size := range []int{0, 7, 31, 64 << 10} {
				got := shown(readAll(t, f, bytes.NewReader(c.file), size))
				if !sameSet(got, c.want) {
					t.Errorf("with a buffer of %d:\n%s\nnot\n%s", size, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
				}
			}
		})
	}
}

// sameSet compares frames whose times are known to be in order; those of one
// time may come in any.
func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func readAll(t testing.TB, f *File, r io.ReaderAt, size int) []media.Frame {
	t.Helper()
	var out []media.Frame
	b := media.NewBatch(size)
	last := media.Timestamp(0)
	for at := f.Seek(0); ; {
		next, err := f.Read(r, at, b)
		if errors.Is(err, io.EOF) {
			if len(b.Frames) != 0 {
				t.Fatal("frames at the end of the file")
			}
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if next.At <= at.At || len(b.Frames) == 0 || b.Frames[0].Time != at.Time {
			t.Fatalf("from %+v to %+v with %d frames", at, next, len(b.Frames))
		}
		for _, g := range b.Frames {
			if g.Time < last || g.Size() >= 1<<24 || len(g.Data) == 0 {
				t.Fatalf("%d bytes at %d ms, behind %d", g.Size(), g.Time, last)
			}
			last = g.Time
			g.Head, g.Data = bytes.Clone(g.Head), bytes.Clone(g.Data)
			out = append(out, g)
		}
		at = next
	}
}

// codecCases are sample entries, the sequence header and the head of a keyframe.
var codecCases = []struct {
	name   string
	video  bool
	entry  []byte
	header string // "" for none
	head   string
	meta   string // codec id
}{
	{"H.264", true, avc1, fmt.Sprintf("1700000000%x", avcC), "1701000000", "avc1"},
	{"H.264 with parameters in band", true, visual("avc3", boxOf("avcC", avcC)), fmt.Sprintf("1700000000%x", avcC), "1701000000", "avc3"},
	{"HEVC", true, visual("hvc1", boxOf("hvcC", mdat(15))), fmt.Sprintf("90%x%x", "hvc1", mdat(15)), fmt.Sprintf("91%x000000", "hvc1"), "hvc1"},
	{"HEVC with parameters in band", true, visual("hev1", boxOf("hvcC", mdat(15))), fmt.Sprintf("90%x%x", "hvc1", mdat(15)), fmt.Sprintf("91%x000000", "hvc1"), "hev1"},
	{"AV1", true, visual("av01", boxOf("av1C", []byte{0x81, 4, 12, 0})), fmt.Sprintf("90%x81040c00", "av01"), fmt.Sprintf("91%x", "av01"), "av01"},
	{"VP9", true, visual("vp09", fullBox("vpcC", 1, 0, u32(0x000a8201, 0x01010000))), fmt.Sprintf("90%x000a820101010000", "vp09"), fmt.Sprintf("91%x", "vp09"), "vp09"},
	{"VP8", true, visual("vp08", fullBox("vpcC", 1, 0, u32(0x000a8201, 0x01010000))), fmt.Sprintf("90%x000a820101010000", "vp08"), fmt.Sprintf("91%x", "vp08"), "vp08"},
	{"AAC", false, mp4a, "af001210", "af01", "mp4a"},
	{"AAC in QuickTime", false, boxOf("mp4a", zeros(6), u16(1, 1), zeros(6), u16(2, 16), zeros(4), u32(44100<<16), zeros(16), boxOf("wave", boxOf("frma", []byte("mp4a")), esds(objectAAC, asc), u32(8, 0))), "af001210", "af01", "mp4a"},
	{"MP3", false, sound("mp4a", esds(objectMP3, nil)), "", "2f", ".mp3"},
	{"MP3 in QuickTime", false, sound(".mp3"), "", "2f", ".mp3"},
	{"Opus", false, sound("Opus", boxOf("dOps", []byte{0, 2, 1, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0})), fmt.Sprintf("90%x%x0102380180bb0000000000", "Opus", "OpusHead"), fmt.Sprintf("91%x", "Opus"), "Opus"},
	{"Opus with six channels", false, sound("Opus", boxOf("dOps", []byte{0, 6, 1, 0x38, 0, 0, 0xbb, 0x80, 0xff, 0xfe, 1, 4, 2, 0, 4, 1, 2, 3, 5})), fmt.Sprintf("90%x%x0106380180bb0000feff010402000401020305", "Opus", "OpusHead"), fmt.Sprintf("91%x", "Opus"), "Opus"},
	{"FLAC", false, sound("fLaC", fullBox("dfLa", 0, 0, u32(0x80000022), mdat(26))), fmt.Sprintf("90%x%x", "fLaC", mdat(26)), fmt.Sprintf("91%x", "fLaC"), "fLaC"},
	{"AC-3", false, sound("ac-3", boxOf("dac3", []byte{0x10, 0x3d, 0xe0})), "", fmt.Sprintf("91%x", "ac-3"), "ac-3"},
	{"E-AC-3", false, sound("ec-3", boxOf("dec3", []byte{6, 0, 0x20, 0x0f, 0})), "", fmt.Sprintf("91%x", "ec-3"), "ec-3"},
}

func TestCodecs(t *testing.T) {
	for _, c := range codecCases {
		t.Run(c.name, func(t *testing.T) {
			handler, kind, name := "soun", uint8(media.TypeAudio), "audiocodecid"
			if c.video {
				handler, kind, name = "vide", media.TypeVideo, "videocodecid"
			}
			file := oneTrack(handler, c.entry, nil)
			f, err := open(file)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := f.Meta().Get(name); got != c.meta {
				t.Errorf("metadata says %v", got)
			}
			headers, err := f.Headers(bytes.NewReader(file), f.Seek(0))
			if err != nil || (len(headers) == 1) != (c.header != "") {
				t.Fatalf("%d headers, %v", len(headers), err)
			}
			for _, h := range headers {
				p := cat(h.Head, h.Data)
				if h.Type != kind || fmt.Sprintf("%x", p) != c.header || h.Time != 0 {
					t.Errorf("header %x of type %d", p, h.Type)
				}
				if c.video && !payload.IsVideoHeader(p) || !c.video && !payload.IsAudioHeader(p) {
					t.Errorf("header %x is none to others", p)
				}
			}
			for _, g := range readAll(t, f, bytes.NewReader(file), 100) {
				p := cat(g.Head, g.Data)
				if g.Type != kind || fmt.Sprintf("%x", g.Head) != c.head {
					t.Errorf("head %x of type %d", g.Head, g.Type)
				}
				if payload.IsKeyframe(p) != c.video && c.video {
					t.Errorf("%x is no keyframe to others", p)
				}
			}
		})
	}
}

func TestChannelsOfAC3(t *testing.T) {
	for _, entry := range [][]byte{sound("ac-3", boxOf("dac3", []byte{0x10, 0x3d, 0xe0})), sound("ec-3", boxOf("dec3", []byte{6, 0, 0x20, 0x0f, 0}))} {
		f, err := open(oneTrack("soun", entry, nil))
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := f.Meta().Get("audiochannels"); n != 6.0 {
			t.Errorf("%v channels", n)
		}
	}
}

func TestMeta(t *testing.T) {
	data := func(text string) []byte { return boxOf("data", u32(1, 0), []byte(text)) }
	tags := boxOf("udta", fullBox("meta", 0, 0, fullBox("hdlr", 0, 0, zeros(20)), boxOf("ilst", boxOf("\xa9nam", data("Über Wasser")), boxOf("\xa9ART", data("A")), boxOf("covr", boxOf("data", u32(13, 0, 1))))))
	at := uint32(len(ftyp) + 8)
	file := cat(ftyp, mdat(76), movieOf(trackOf(1, "vide", 90000, avc1, nil, pictures(at)...), trackOf(2, "soun", 44100, mp4a, nil, sounds(at)...), tags))
	f, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"duration": 0.08, "width": 320.0, "height": 240.0, "videocodecid": "avc1", "audiocodecid": "mp4a", "framerate": 25.0,
		"audiosamplerate": 44100.0, "audiochannels": 2.0, "avcprofile": 66.0, "avclevel": 30.0, "aacaot": 2.0,
		"title": "Über Wasser", "tags": amf.NewObject("©nam", "Über Wasser", "©ART", "A"),
	} {
		if got, _ := f.Meta().Get(name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
	if _, err := amf.Append(nil, f.Meta()); err != nil {
		t.Error(err)
	}
}

func TestSeek(t *testing.T) {
	file := clip()
	f, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	if f.Duration() != 100*time.Millisecond {
		t.Errorf("%v long", f.Duration())
	}
	for ms, want := range map[media.Timestamp]media.Timestamp{0: 0, 1: 0, 79: 0, 80: 80, 1 << 31: 80} {
		at := f.Seek(ms)
		b := media.NewBatch(100)
		if _, err := f.Read(bytes.NewReader(file), at, b); err != nil || at.Time != want || b.Frames[0].Time != want || b.Frames[0].Head[0] != 0x17 {
			t.Errorf("seek to %d goes to %+v, %v, %v", ms, at, shown(b.Frames), err)
		}
	}
	for ms, want := range map[media.Timestamp]media.Timestamp{0: 0, 1: 80, 80: 80} {
		if at, ok := f.SeekAfter(ms); !ok || at.Time != want {
			t.Errorf("the keyframe at or after %d is %+v, %v", ms, at, ok)
		}
	}
	if at, ok := f.SeekAfter(81); ok {
		t.Errorf("a keyframe behind the last: %+v", at)
	}
	if f, err = open(oneTrack("soun", mp4a, nil)); err != nil {
		t.Fatal(err)
	}
	for ms, want := range map[media.Timestamp]media.Timestamp{0: 0, 99: 0, 100: 100, 1<<32 - 1: 100} {
		if at := f.Seek(ms); at.Time != want {
			t.Errorf("seek in sound to %d goes to %+v", ms, at)
		}
	}
	if at, ok := f.SeekAfter(1); !ok || at.Time != 100 {
		t.Errorf("sound at or after 1 ms is %+v, %v", at, ok)
	}
}

// A file that became shorter is not one that was played to its end.
func TestFileThatShrinks(t *testing.T) {
	file := clip()
	f, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(bytes.NewReader(file[:50]), f.Seek(0), media.NewBatch(1000)); !errors.Is(err, media.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

// counter counts reads.
type counter struct {
	io.ReaderAt
	n int
}

func (c *counter) ReadAt(p []byte, at int64) (int, error) {
	c.n++
	return c.ReaderAt.ReadAt(p, at)
}

// long is a file of a minute: pictures of 4,000 bytes and sounds of 400, in
// chunks of half a second.
func long(t testing.TB) (*os.File, *File) {
	t.Helper()
	const chunks, frames, beats = 120, 12, 24
	at := uint32(len(ftyp) + 8)
	var video, audio []uint32
	for range uint32(chunks) {
		video = append(video, at)
		audio = append(audio, at+frames*4000)
		at += frames*4000 + beats*400
	}
	name := filepath.Join(t.TempDir(), "long.mp4")
	b := cat(ftyp, mdat(chunks*(frames*4000+beats*400)), movieOf(
		trackOf(1, "vide", 24, avc1, nil, counted("stts", 2, chunks*frames, 1), counted("stsc", 3, 1, frames, 1), fullBox("stsz", 0, 0, u32(4000, chunks*frames)), counted("stco", 1, video...), counted("stss", 1, 1)),
		trackOf(2, "soun", 48, mp4a, nil, counted("stts", 2, chunks*beats, 1), counted("stsc", 3, 1, beats, 1), fullBox("stsz", 0, 0, u32(400, chunks*beats)), counted("stco", 1, audio...))))
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	f, err := Open(r, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return r, f
}

func TestReadsAreFewAndLarge(t *testing.T) {
	r, f := long(t)
	c := &counter{ReaderAt: r}
	frames := readAll(t, f, c, 256<<10)
	// 7 MB in buffers of 256 KiB are 27 batches. The chunks of each are a
	// handful of reads.
	if len(frames) != 120*36 || c.n > 27*maxPieces {
		t.Errorf("%d frames in %d reads", len(frames), c.n)
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	r, f := long(t)
	b := media.NewBatch(64 << 10)
	at := f.Seek(0)
	pass := func() {
		next, err := f.Read(r, at, b)
		if errors.Is(err, io.EOF) {
			next = f.Seek(0)
		} else if err != nil {
			t.Fatal(err)
		}
		at = next
	}
	for range 300 {
		pass()
	}
	if n := testing.AllocsPerRun(300, pass); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

func FuzzOpen(f *testing.F) {
	for _, c := range fileCases {
		f.Add(c.file)
	}
	for _, c := range codecCases {
		handler := "soun"
		if c.video {
			handler = "vide"
		}
		f.Add(oneTrack(handler, c.entry, nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		file, err := open(b)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20+uint64(len(b))*100 {
			t.Fatalf("%d bytes allocated for a file of %d", n, len(b))
		}
		if err != nil {
			return
		}
		frames := readAll(t, file, bytes.NewReader(b), 1000)
		if len(frames) == 0 {
			t.Fatal("no frames")
		}
		if _, err := amf.Append(nil, file.Meta()); err != nil {
			t.Fatal(err)
		}
		file.Seek(file.last() / 2)
		file.SeekAfter(file.last() / 2)
		if _, err := file.Headers(bytes.NewReader(b), file.Seek(0)); err != nil {
			t.Fatal(err)
		}
	})
}

// The figure is for one batch of 64 KiB.
func BenchmarkRead(b *testing.B) {
	r, f := long(b)
	batch := media.NewBatch(64 << 10)
	b.SetBytes(64 << 10)
	b.ReportAllocs()
	at := f.Seek(0)
	for b.Loop() {
		next, err := f.Read(r, at, batch)
		if errors.Is(err, io.EOF) {
			next = f.Seek(0)
		} else if err != nil {
			b.Fatal(err)
		}
		at = next
	}
}

func BenchmarkOpen(b *testing.B) {
	r, _ := long(b)
	info, err := r.Stat()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(r, info.Size()); err != nil {
			b.Fatal(err)
		}
	}
}

// TestBatchOfTinySamples reads a file of which a buffer holds more samples than
// a turn can send: all of them lie at the same byte.
func TestBatchOfTinySamples(t *testing.T) {
	const count = 100000
	chunk := make([]uint32, count)
	at := uint32(len(ftyp) + 8)
	for i := range chunk {
		chunk[i] = at
	}
	file := cat(ftyp, mdat(count+8), movieOf(trackOf(1, "soun", 44100, mp4a, nil,
		counted("stts", 2, count, 1), counted("stsc", 3, 1, 1, 1), fullBox("stsz", 0, 0, u32(1, count)), counted("stco", 1, chunk...))))
	f, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	b := media.NewBatch(128 << 10)
	n := 0
	for at, err := f.Read(bytes.NewReader(file), f.Seek(0), b); err == nil; at, err = f.Read(bytes.NewReader(file), at, b) {
		if len(b.Frames) > 5000 {
			t.Fatalf("%d frames at once", len(b.Frames))
		}
		n += len(b.Frames)
	}
	if n != count {
		t.Errorf("%d frames of %d", n, count)
	}
}
