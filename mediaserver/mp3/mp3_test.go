package mp3

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

func cat(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// Headers of frames, and what they are.
const (
	stereo128 = 0xfffb9000 // 44100 Hz, 417 bytes, 1152 samples
	padded128 = 0xfffb9200 // 418 bytes
	mono64    = 0xfff384c0 // MPEG 2: 24000 Hz, 192 bytes, 576 samples
	slow8     = 0xffe318c0 // MPEG 2.5: 8000 Hz, 72 bytes, 576 samples
)

// sound is frames with one header, whose bytes are their number.
func sound(header uint32, n int) (out []byte) {
	h := binary.BigEndian.AppendUint32(nil, header)
	f, ok := parseHeader(h)
	if !ok {
		panic("no header")
	}
	for i := range n {
		p := bytes.Repeat([]byte{byte(i % 100)}, f.size)
		copy(p, h)
		out = append(out, p...)
	}
	return out
}

// named is a frame that says something in place of sound.
func named(header uint32, at int, name string) []byte {
	p := sound(header, 1)
	clear(p[4:])
	copy(p[at:], name)
	return p
}

// id3 is a tag of version 2.
func id3(version, flags byte, body []byte) []byte {
	n := len(body)
	return cat([]byte{'I', 'D', '3', version, 0, flags, byte(n >> 21 & 127), byte(n >> 14 & 127), byte(n >> 7 & 127), byte(n & 127)}, body)
}

func textFrame(name string, text []byte) []byte {
	if len(name) == 3 {
		return cat([]byte(name), []byte{0, 0, byte(len(text))}, text)
	}
	return cat([]byte(name), []byte{0, 0, 0, byte(len(text)), 0, 0}, text)
}

func tagV1() []byte {
	p := make([]byte, id3v1)
	copy(p, "TAG")
	copy(p[3:], "Old title")
	copy(p[33:], "Caf\xe9")
	return p
}

// garbage looks like the beginnings of frames, which lead nowhere.
var garbage = cat([]byte{0}, bytes.Repeat([]byte{0xff, 0xfb, 0x90, 0, 1}, 600))

// fileCases are files, how many frames they have and how long these are; err is
// a part of the reason why a file is refused.
var fileCases = []struct {
	name   string
	file   []byte
	frames int
	last   media.Timestamp // of the last frame
	err    string
}{
	{name: "one frame", file: sound(stereo128, 1), frames: 1},
	{name: "constant rate", file: sound(stereo128, 400), frames: 400, last: 10422},
	{name: "an hour", file: sound(slow8, 50000), frames: 50000, last: 3599928},
	{name: "variable rate", file: cat(sound(stereo128, 10), sound(padded128, 10), sound(0xfffb5000, 10)), frames: 30, last: 757},
	{name: "a change of the sample rate", file: cat(sound(stereo128, 10), sound(slow8, 10)), frames: 20, last: 909},
	{name: "Xing", file: cat(named(stereo128, 36, "Xing"), sound(stereo128, 3)), frames: 3, last: 52},
	{name: "Info in mono", file: cat(named(0xfffb90c0, 21, "Info"), sound(0xfffb90c0, 3)), frames: 3, last: 52},
	{name: "Info in MPEG 2", file: cat(named(mono64, 13, "Info"), sound(mono64, 3)), frames: 3, last: 48},
	{name: "VBRI", file: cat(named(stereo128, 36, "VBRI"), sound(stereo128, 3)), frames: 3, last: 52},
	{name: "ID3v2", file: cat(id3(3, 0, make([]byte, 5000)), sound(stereo128, 3)), frames: 3, last: 52},
	{name: "ID3v2 with a footer", file: cat(id3(4, 0x10, make([]byte, 500)), []byte("3DI\x04\x00\x10\x00\x00\x03\x74"), sound(stereo128, 3)), frames: 3, last: 52},
	{name: "a picture of 2 MB", file: cat(id3(3, 0, bytes.Repeat(sound(stereo128, 1)[:100], 20000)), sound(stereo128, 3)), frames: 3, last: 52},
	{name: "ID3v1", file: cat(sound(stereo128, 3), tagV1()), frames: 3, last: 52},
	{name: "a tag on the way", file: cat(sound(stereo128, 3), id3(3, 0, make([]byte, 2<<20)), sound(stereo128, 2)), frames: 5, last: 104},
	{name: "garbage before", file: cat(garbage, sound(stereo128, 3)), frames: 3, last: 52},
	{name: "garbage between", file: cat(sound(stereo128, 3), garbage, sound(stereo128, 2), garbage, sound(stereo128, 2)), frames: 7, last: 156},
	{name: "garbage behind a header", file: cat(named(stereo128, 36, "Xing"), garbage, sound(stereo128, 2)), frames: 2, last: 26},
	{name: "garbage behind", file: cat(sound(stereo128, 3), garbage), frames: 3, last: 52},
	{name: "a torn frame", file: sound(stereo128, 4)[:4*417-1], frames: 3, last: 52},

	{name: "empty", err: "no MP3"},
	{name: "text", file: bytes.Repeat([]byte("text"), 1000), err: "no MP3"},
	{name: "garbage", file: bytes.Repeat([]byte{0xff}, 3<<20), err: "in the first 1048576 bytes"},
	{name: "too much garbage", file: cat(make([]byte, maxGarbage+1), sound(stereo128, 9)), err: "no MP3"},
	{name: "a tag alone", file: id3(3, 0, make([]byte, 100)), err: "no MP3"},
	{name: "a tag longer than the file", file: id3(3, 0, make([]byte, 100))[:50], err: "no MP3"},
	{name: "a header alone", file: named(stereo128, 36, "Info"), err: "no sound"},
	{name: "layer II", file: bytes.Repeat(cat([]byte{0xff, 0xfd, 0x90, 0}, make([]byte, 413)), 9), err: "no MP3"},
	{name: "damage everywhere", file: bytes.Repeat(cat(sound(slow8, 2), []byte{1}), maxGaps+2), err: "damaged in more than"},
}

func open(file []byte) (*File, error) { return Open(bytes.NewReader(file), int64(len(file))) }

func readAll(t testing.TB, f *File, r io.ReaderAt, at media.Position, size int) []media.Frame {
	t.Helper()
	var out []media.Frame
	for b := media.NewBatch(size); ; {
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
			g.Head, g.Data = bytes.Clone(g.Head), bytes.Clone(g.Data)
			out = append(out, g)
		}
		at = next
	}
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
			if f.Duration() != c.last.Duration() {
				t.Errorf("%v long, not %v", f.Duration(), c.last.Duration())
			}
			var first []media.Frame
			for _, size := range []int{0, 2000, 64 << 10} {
				got := readAll(t, f, bytes.NewReader(c.file), f.Seek(0), size)
				if len(got) != c.frames || got[len(got)-1].Time != c.last {
					t.Fatalf("%d frames, the last at %d ms", len(got), got[len(got)-1].Time)
				}
				if first == nil {
					first = got
				} else if !reflect.DeepEqual(got, first) {
					t.Errorf("other frames with a buffer of %d", size)
				}
			}
			for _, g := range first {
				if h, ok := parseHeader(g.Data); !ok || h.size != len(g.Data) || g.Type != media.TypeAudio || len(g.Head) != 1 {
					t.Fatalf("a frame of %d bytes begins %x", len(g.Data), g.Data[:4])
				}
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		header uint32
		want   frame
		head   byte
	}{
		{stereo128, frame{417, 1152, 44100, 2, true}, 0x2f},
		{padded128, frame{418, 1152, 44100, 2, true}, 0x2f},
		{0xfffbe4c0, frame{960, 1152, 48000, 1, true}, 0x2e},
		{0xfffbea00, frame{1441, 1152, 32000, 2, true}, 0x2b},
		{mono64, frame{192, 576, 24000, 1, false}, 0x2a},
		{0xfff314c0, frame{24, 576, 24000, 1, false}, 0x2a},
		{0xffe310c0, frame{52, 576, 11025, 1, false}, 0x26},
		{slow8, frame{72, 576, 8000, 1, false}, 0x22},
	} {
		f, ok := parseHeader(binary.BigEndian.AppendUint32(nil, c.header))
		if !ok || f != c.want || f.head() != c.head {
			t.Errorf("%08x is %+v with %02x", c.header, f, f.head())
		}
		if f.size > maxFrame || f.size < minFrame {
			t.Errorf("%08x has %d bytes", c.header, f.size)
		}
	}
	for _, header := range []uint32{0, 0xffea9000, 0xfff99000, 0xfffd9000, 0xfffb0000, 0xfffbf000, 0xfffb9c00, 0x7ffb9000} {
		if f, ok := parseHeader(binary.BigEndian.AppendUint32(nil, header)); ok {
			t.Errorf("%08x is %+v", header, f)
		}
	}
}

// tagCases are files' tags and what metadata says of them.
var tagCases = []struct {
	name string
	tag  []byte
	old  bool // with a tag at the end
	want map[string]any
}{
	{"none", nil, false, nil},
	{"version 2.3", id3(3, 0, cat(textFrame("TIT2", []byte("\x00Caf\xe9")), textFrame("TPE1", []byte("\x01\xff\xfeA\x00\xfc\x00")), textFrame("TALB", []byte("\x01\xfe\xff\x00A")), textFrame("APIC", make([]byte, 90)), make([]byte, 50))), true,
		map[string]any{"TIT2": "Café", "TPE1": "Aü", "TALB": "A"}},
	{"version 2.4", id3(4, 0, cat(textFrame("TIT2", []byte("\x03Caf\xc3\xa9\x00more")), textFrame("TDRC", []byte("\x02\x001")))), false, map[string]any{"TIT2": "Café", "TYER": "1"}},
	{"version 2.2", id3(2, 0, cat(textFrame("TT2", []byte("\x00T")), textFrame("TP1", []byte("\x00A")))), false, map[string]any{"TIT2": "T", "TPE1": "A"}},
	{"an extended header", id3(3, 0x40, cat([]byte{0, 0, 0, 6}, make([]byte, 6), textFrame("TIT2", []byte("\x00T")))), false, map[string]any{"TIT2": "T"}},
	{"an extended header without end", id3(3, 0x40, cat([]byte{0xff, 0xff, 0xff, 0xff}, textFrame("TIT2", []byte("\x00T")))), false, nil},
	{"a text longer than the tag", id3(3, 0, []byte("TIT2\x7f\xff\xff\xff\x00\x00\x00T")), false, nil},
	{"no UTF-8", id3(4, 0, textFrame("TIT2", []byte("\x03\xff"))), false, nil},
	{"compressed", id3(3, 0, []byte("TIT2\x00\x00\x00\x02\x00\x80\x00T")), false, nil},
	{"version 1", nil, true, map[string]any{"TIT2": "Old title", "TPE1": "Café"}},
}

func TestTags(t *testing.T) {
	for _, c := range tagCases {
		file := cat(c.tag, sound(stereo128, 3))
		if c.old {
			file = append(file, tagV1()...)
		}
		f, err := open(file)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := map[string]any(nil)
		if tags, ok := f.Meta().Get("id3"); ok {
			got = map[string]any{}
			for _, p := range tags.(*amf.Object).Properties {
				got[p.Name] = p.Value
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
		if title, _ := f.Meta().Get("title"); c.want != nil && title != c.want["TIT2"] {
			t.Errorf("%s: title %v", c.name, title)
		}
	}
}

func TestMeta(t *testing.T) {
	f, err := open(sound(stereo128, 400))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"duration": 10.422, "audiocodecid": 2.0, "audiosamplerate": 44100.0, "audiochannels": 2.0, "stereo": true} {
		if got, _ := f.Meta().Get(name); got != want {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
	if rate, _ := f.Meta().Get("audiodatarate"); rate.(float64) < 127 || rate.(float64) > 128 {
		t.Errorf("%v kbit/s", rate)
	}
	if h, err := f.Headers(nil, f.Seek(0)); len(h) != 0 || err != nil {
		t.Errorf("headers %v, %v", h, err)
	}
}

// What is played from the middle has the times and bytes that it has from the
// beginning.
func TestSeek(t *testing.T) {
	file := cat(id3(3, 0, make([]byte, 100)), named(stereo128, 36, "Xing"), sound(stereo128, 400), garbage, sound(padded128, 400))
	f, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	whole := readAll(t, f, bytes.NewReader(file), f.Seek(0), 5000)
	for ms := media.Timestamp(0); ms < f.last+2000; ms += 100 {
		at := f.Seek(ms)
		if at.Time > ms || at.Time+1100 < min(ms, f.last) {
			t.Fatalf("seek to %d goes to %d", ms, at.Time)
		}
		got := readAll(t, f, bytes.NewReader(file), at, 5000)
		if !reflect.DeepEqual(got, whole[len(whole)-len(got):]) {
			t.Fatalf("from %d ms on it is another file", ms)
		}
		after, ok := f.SeekAfter(ms)
		if ok != (ms <= f.entries[len(f.entries)-1].time()) || ok && (after.Time < ms || after.Time > ms+1100) {
			t.Fatalf("seek to %d or after goes to %+v, %v", ms, after, ok)
		}
	}
}

func TestFileThatChanges(t *testing.T) {
	file := sound(stereo128, 100)
	f, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{file[:2000], make([]byte, len(file))} {
		if _, err := f.Read(bytes.NewReader(b), f.Seek(0), media.NewBatch(10000)); !errors.Is(err, media.ErrInvalid) {
			t.Errorf("%v", err)
		}
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	file := sound(stereo128, 4000)
	f, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	r, b, at := bytes.NewReader(file), media.NewBatch(64<<10), f.Seek(0)
	pass := func() {
		next, err := f.Read(r, at, b)
		if errors.Is(err, io.EOF) {
			next = f.Seek(0)
		} else if err != nil {
			t.Fatal(err)
		}
		at = next
	}
	for range 100 {
		pass()
	}
	if n := testing.AllocsPerRun(100, pass); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

func FuzzOpen(f *testing.F) {
	for _, c := range fileCases {
		if len(c.file) < 64<<10 {
			f.Add(c.file)
		}
	}
	for _, c := range tagCases {
		f.Add(cat(c.tag, sound(stereo128, 2)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		file, err := open(b)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20+uint64(len(b))*20 {
			t.Fatalf("%d bytes allocated for a file of %d", n, len(b))
		}
		if err != nil {
			return
		}
		frames := readAll(t, file, bytes.NewReader(b), file.Seek(0), 1000)
		if len(frames) == 0 || frames[len(frames)-1].Time.Duration() != file.Duration() {
			t.Fatalf("%d frames, %v", len(frames), file.Duration())
		}
		if _, err := amf.Append(nil, file.Meta()); err != nil {
			t.Fatal(err)
		}
		half := readAll(t, file, bytes.NewReader(b), file.Seek(file.last/2), 1000)
		if !reflect.DeepEqual(half, frames[len(frames)-len(half):]) {
			t.Fatal("another file from the middle on")
		}
	})
}

// The figure is for one batch of 64 KiB.
func BenchmarkRead(b *testing.B) {
	file := sound(stereo128, 4000)
	f, err := open(file)
	if err != nil {
		b.Fatal(err)
	}
	r, batch, at := bytes.NewReader(file), media.NewBatch(64<<10), f.Seek(0)
	b.SetBytes(64 << 10)
	b.ReportAllocs()
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
	file := sound(stereo128, 4000)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := open(file); err != nil {
			b.Fatal(fmt.Errorf("open: %w", err))
		}
	}
}

// lean is a meter that pays for so much.
type lean struct{ bytes, pauses int64 }

func (l *lean) Spend(n int64) error {
	if l.bytes -= n; l.bytes < 0 {
		return io.ErrShortBuffer
	}
	return nil
}

func (l *lean) Pause() error {
	if l.pauses--; l.pauses < 0 {
		return io.ErrNoProgress
	}
	return nil
}

// TestMeterIsAsked opens a file for a meter that has enough, too little memory, or
// too little time.
func TestMeterIsAsked(t *testing.T) {
	file := sound(stereo128, 20000)
	for _, c := range []struct {
		meter lean
		want  error
	}{
		{lean{1 << 40, 1 << 40}, nil}, {lean{100, 1 << 40}, io.ErrShortBuffer}, {lean{1 << 40, 2}, io.ErrNoProgress},
	} {
		if _, err := OpenMetered(bytes.NewReader(file), int64(len(file)), &c.meter); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
}
