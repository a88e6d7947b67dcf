package flv

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

var (
	avcHeader = []byte{0x17, 0, 0, 0, 0, 1}
	aacHeader = []byte{0xaf, 0, 0x12, 0x10}
	key       = []byte{0x17, 1, 0, 0, 0, 9, 9, 9}
	inter     = []byte{0x27, 1, 0, 0, 0, 9}
	sound     = []byte{0xaf, 1, 7, 7}
)

// temp makes an empty file.
func temp(t testing.TB) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "x.flv"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func size(t testing.TB, f *os.File) int64 {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// clip is what a publisher sends: two GOPs of 40 ms frames with sound.
func clip() []Tag {
	tags := []Tag{{TypeVideo, 0, avcHeader}, {TypeAudio, 0, aacHeader}}
	for i := range media.Timestamp(50) {
		frame := inter
		if i%25 == 0 {
			frame = key
		}
		tags = append(tags, Tag{TypeVideo, i * 40, frame}, Tag{TypeAudio, i*40 + 3, sound})
	}
	return tags
}

func writeAll(t testing.TB, w *Writer, tags []Tag) {
	t.Helper()
	for _, tag := range tags {
		if err := w.Write(tag); err != nil {
			t.Fatal(err)
		}
	}
}

// tagsOf reads a file and leaves out its metadata.
func tagsOf(t testing.TB, f *os.File) (tags []Tag) {
	t.Helper()
	r, err := NewReader(io.NewSectionReader(f, 0, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	for {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			return tags
		}
		if err != nil {
			t.Fatal(err)
		}
		if tag.Type != TypeScript {
			tag.Data = bytes.Clone(tag.Data)
			tags = append(tags, tag)
		}
	}
}

func same(a, b []Tag) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Type != b[i].Type || a[i].Timestamp != b[i].Timestamp || !bytes.Equal(a[i].Data, b[i].Data) {
			return false
		}
	}
	return true
}

func TestWrittenFile(t *testing.T) {
	f := temp(t)
	w, err := Create(f)
	if err != nil {
		t.Fatal(err)
	}
	meta, _ := amf.Append(nil, "onMetaData")
	meta, _ = amf.Append(meta, amf.NewObject("width", 320, "duration", 99, "encoder", "e"))
	if !w.SetMeta(meta) || w.SetMeta([]byte{2, 0, 1, 'x'}) {
		t.Error("SetMeta takes what is not onMetaData, or not what is")
	}
	writeAll(t, w, clip())
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if !same(tagsOf(t, f), clip()) {
		t.Error("what was written does not read back")
	}
	x, err := Scan(f, size(t, f))
	if err != nil {
		t.Fatal(err)
	}
	if x.Size != size(t, f) || x.Size != w.Size() || x.Last != 49*40+3 || len(x.Entries) != 2 || x.Entries[1].Time != 1000 || x.First != fileHeaderSize+metaReserve {
		t.Errorf("index %+v", x)
	}
	for name, want := range map[string]any{"width": 320.0, "duration": 1.963, "filesize": float64(x.Size), "encoder": "e", "creator": creator, "hasKeyframes": true} {
		if got, _ := x.Meta.Get(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	frames := keyframesOf(t, f, x)
	positions, _ := frames.(*amf.Object).Get("filepositions")
	if got := positions.(*amf.Array).Items; len(got) != 2 || got[1] != float64(x.Entries[1].Offset) {
		t.Errorf("keyframes at %v, index says %v", got, x.Entries)
	}
	if tag, err := ReadTag(f, x.Entries[1].Offset); err != nil || !bytes.Equal(tag.Data, key) {
		t.Errorf("tag at the second keyframe: %v, %v", tag, err)
	}
}

func TestSeek(t *testing.T) {
	f := temp(t)
	w, err := Create(f)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, w, clip())
	writeAll(t, w, []Tag{{TypeVideo, 2000, avcHeader}, {TypeVideo, 2000, key}})
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	x, err := Scan(f, size(t, f))
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[media.Timestamp]media.Timestamp{0: 0, 1: 0, 999: 0, 1000: 1000, 1999: 1000, 2000: 2000, 9999: 2000} {
		if got := x.Seek(at); got.Time != want {
			t.Errorf("seek to %d goes to %d", at, got.Time)
		}
	}
	if got := x.Seek(0).Offset; got != x.First {
		t.Errorf("the beginning is at %d, not %d", got, x.First)
	}
	if h := x.HeadersBefore(x.First); len(h) != 0 {
		t.Errorf("headers before the first tag: %v", h)
	}
	if h := x.HeadersBefore(x.Seek(2000).Offset); len(h) != 2 || h[0].Time != 2000 {
		t.Errorf("headers before the third keyframe: %v", h)
	}
}

func TestIndexOfManyKeyframesIsThinnedToItsPlace(t *testing.T) {
	f := temp(t)
	w, err := Create(f)
	if err != nil {
		t.Fatal(err)
	}
	const count = 20000
	for i := range media.Timestamp(count) {
		if err := w.Write(Tag{TypeVideo, i * 1000, key}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	x, err := Scan(f, size(t, f))
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Entries) != count || x.First != fileHeaderSize+metaReserve {
		t.Fatalf("%d keyframes, first tag at %d", len(x.Entries), x.First)
	}
	frames := keyframesOf(t, f, x)
	times, _ := frames.(*amf.Object).Get("times")
	if n := len(times.(*amf.Array).Items); n < 900 || n > 1900 {
		t.Errorf("%d keyframes in the metadata", n)
	}
}

func TestSoundAloneIsIndexedBySeconds(t *testing.T) {
	f := temp(t)
	w, err := Create(f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range media.Timestamp(500) {
		if err := w.Write(Tag{TypeAudio, i * 23, sound}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	x, err := Scan(f, size(t, f))
	if err != nil || len(x.Entries) < 11 || len(x.Entries) > 12 {
		t.Errorf("%d entries for 11.5 s, %v", len(x.Entries), err)
	}
}

// A file that is cut at any byte is mended to what was whole.
func TestRepairOfTornTails(t *testing.T) {
	t.Parallel()
	f := temp(t)
	w, err := Create(f)
	if err != nil {
		t.Fatal(err)
	}
	tags := clip()
	writeAll(t, w, tags)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	ends := []int{len(whole)}
	for i := len(tags) - 1; i > len(tags)-5; i-- {
		ends = append(ends, ends[len(ends)-1]-tags[i].size())
	}
	for cut := ends[4]; cut <= len(whole); cut++ {
		g := temp(t)
		if _, err := g.Write(whole[:cut]); err != nil {
			t.Fatal(err)
		}
		unsynced := &dying{g, 1 << 20} // a disk that is waited for each time is no part of it
		lost, mended, err := Repair(unsynced, int64(cut))
		if err != nil || !mended {
			t.Fatalf("cut at %d: mended %v, %v", cut, mended, err)
		}
		left := 0
		for left < len(ends)-1 && ends[left] > cut {
			left++
		}
		if int(lost) != cut-ends[left] || !same(tagsOf(t, g), tags[:len(tags)-left]) {
			t.Fatalf("cut at %d: %d bytes lost, %d tags left", cut, lost, len(tagsOf(t, g)))
		}
		if _, again, err := Repair(unsynced, size(t, g)); again || err != nil {
			t.Fatalf("cut at %d: mended twice, %v", cut, err)
		}
		x, err := Scan(g, size(t, g))
		if err != nil {
			t.Fatal(err)
		}
		if said, _ := x.Meta.Get("duration"); said != float64(x.Last)/1000 {
			t.Fatalf("cut at %d: metadata says %v s, it is %d ms", cut, said, x.Last)
		}
	}
}

func TestRepairLeavesOthersAlone(t *testing.T) {
	b := append([]byte(nil), fileHeader...)
	for _, tag := range clip() {
		b, _ = AppendTag(b, tag)
	}
	f := temp(t)
	if _, err := f.Write(b[:len(b)-3]); err != nil {
		t.Fatal(err)
	}
	if _, mended, err := Repair(f, size(t, f)); mended || err != nil {
		t.Errorf("mended %v, %v", mended, err)
	}
	if n := size(t, f); n != int64(len(b)-3) {
		t.Errorf("it has %d bytes now", n)
	}
}

func TestAppendGoesOn(t *testing.T) {
	f := temp(t)
	w, err := Create(f)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, w, clip())
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{9, 0, 0}, size(t, f)); err != nil { // torn
		t.Fatal(err)
	}
	if w, err = Append(f, size(t, f)); err != nil {
		t.Fatal(err)
	}
	if v, a := w.Last(); v != 1960 || a != 1963 || w.Duration() != 1963*time.Millisecond {
		t.Errorf("last %d, %d; duration %v", v, a, w.Duration())
	}
	more := []Tag{{TypeVideo, 2000, key}}
	writeAll(t, w, more)
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if !same(tagsOf(t, f), append(clip(), more...)) {
		t.Error("what was appended does not read back")
	}
}

func TestTagOfSixteenMegabytes(t *testing.T) {
	if _, err := AppendTag(nil, Tag{Data: make([]byte, maxTagData+1)}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a tag of 16 MiB: %v", err)
	}
}

func BenchmarkWrite(b *testing.B) {
	w, err := Create(temp(b))
	if err != nil {
		b.Fatal(err)
	}
	tag := Tag{TypeVideo, 0, append(bytes.Clone(inter), make([]byte, 4000)...)}
	b.SetBytes(int64(tag.size()))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(tag); err != nil {
			b.Fatal(err)
		}
		if w.Buffered() > 256<<10 {
			if err := w.Flush(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkScan(b *testing.B) {
	f := temp(b)
	w, err := Create(f)
	if err != nil {
		b.Fatal(err)
	}
	for i := range media.Timestamp(10000) {
		if err := w.Write(Tag{TypeVideo, i * 40, append(bytes.Clone(inter), make([]byte, 4000)...)}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		b.Fatal(err)
	}
	n := size(b, f)
	b.SetBytes(n)
	for b.Loop() {
		if _, err := Scan(f, n); err != nil {
			b.Fatal(err)
		}
	}
}

// keyframesOf is the index that a file carries for others.
func keyframesOf(t testing.TB, f io.ReaderAt, x *Index) amf.Value {
	t.Helper()
	if _, kept := x.Meta.Get("keyframes"); kept {
		t.Error("the index of the file is kept in memory as well")
	}
	tag, err := ReadTag(f, x.metaOffset)
	if err != nil {
		t.Fatal(err)
	}
	values, err := amf.DecodeAll(tag.Data)
	if err != nil {
		t.Fatal(err)
	}
	frames, _ := values[1].(*amf.ECMAArray).Get("keyframes")
	return frames
}
