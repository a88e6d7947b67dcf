package flv

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

// counted is a file that counts what is read of it.
type counted struct {
	b    []byte
	read int
}

func (c *counted) ReadAt(p []byte, at int64) (int, error) {
	n, err := bytes.NewReader(c.b).ReadAt(p, at)
	c.read += n
	return n, err
}

// bytesOf is a file of tags.
func bytesOf(t testing.TB, tags []Tag) []byte {
	t.Helper()
	b := bytes.Clone(fileHeader)
	for _, tag := range tags {
		var err error
		if b, err = AppendTag(b, tag); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// film is a recording of pictures, sound and data, with headers now and then.
func filmOf(t testing.TB, n int) []byte {
	t.Helper()
	meta, err := amf.Append(nil, metaName)
	if err == nil {
		meta, err = amf.Append(meta, amf.NewECMAArray("title", "film"))
	}
	if err != nil {
		t.Fatal(err)
	}
	tags := []Tag{{TypeScript, 0, meta}}
	for i := range media.Timestamp(n) {
		tags = append(tags, Tag{TypeVideo, i * 40, inter}, Tag{TypeAudio, i * 40, sound})
		switch i % 50 {
		case 0:
			tags = append(tags, Tag{TypeVideo, i * 40, avcHeader}, Tag{TypeAudio, i * 40, aacHeader}, Tag{TypeVideo, i * 40, key})
		case 7:
			tags = append(tags, Tag{TypeScript, i * 40, []byte("\x02\x00\x03cue")})
		}
	}
	return bytesOf(t, tags)
}

// TestGrownIsAsOpened lets a file grow, torn tags included, and compares what is
// known of it with what a reader from the beginning finds.
func TestGrownIsAsOpened(t *testing.T) {
	whole := filmOf(t, 2000)
	half := len(whole) / 2
	c := &counted{b: whole[:half]}
	f, err := Open(c, int64(half))
	if err != nil {
		t.Fatal(err)
	}
	for n := half; n < len(whole); n += 777 {
		c.b, c.read = whole[:n], 0
		g, ok, err := f.Grown(c, int64(n), nil)
		if err != nil || !ok {
			t.Fatalf("%v, %v", ok, err)
		}
		want, err := Open(bytes.NewReader(c.b), int64(n))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(g.x, want.x) {
			t.Fatalf("of %d bytes:\n%+v\nnot\n%+v", n, g.x, want.x)
		}
		if c.read > 2*manyRead {
			t.Fatalf("%d bytes were read for %d more", c.read, 777)
		}
		f = g
	}
}

// TestGrownTwice lets two files grow out of one: neither changes the other, nor
// what it came from.
func TestGrownTwice(t *testing.T) {
	one, other := filmOf(t, 1000), filmOf(t, 500)
	begin := len(other)
	for i := range 500 {
		tag, err := AppendTag(nil, Tag{TypeVideo, media.Timestamp(90000 + i), key})
		if err != nil {
			t.Fatal(err)
		}
		other = append(other, tag...)
	}
	f, err := Open(bytes.NewReader(one), int64(begin))
	if err != nil {
		t.Fatal(err)
	}
	was := *f.x
	var grown []*File
	for _, b := range [][]byte{one, other} {
		g, ok, err := f.Grown(bytes.NewReader(b), int64(len(b)), nil)
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		grown = append(grown, g)
	}
	for i, b := range [][]byte{one, other} {
		want, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(grown[i].x, want.x) {
			t.Errorf("file %d is not what it was when it had grown", i)
		}
	}
	if !reflect.DeepEqual(*f.x, was) {
		t.Error("what they came from has changed")
	}
}

// TestGrownIsTheSameFile looks at files that only seem to have grown.
func TestGrownIsTheSameFile(t *testing.T) {
	b := filmOf(t, 100)
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string][]byte{
		"shorter":            b[:len(b)-1],
		"of zeros":           append(make([]byte, len(b)), b...),
		"another last tag":   append(append(bytes.Clone(b[:f.x.lastTag]), 8, 0, 0, 1), bytes.Repeat([]byte{1}, 1000)...),
		"no header":          append([]byte("FLW"), b[3:]...),
		"metadata elsewhere": append(append(bytes.Clone(b[:fileHeaderSize]), 9), b[fileHeaderSize+1:]...),
	} {
		if _, ok, err := f.Grown(bytes.NewReader(other), int64(len(other)), nil); ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

// TestGrownMetadata finishes a recording: what it says of itself is written anew,
// where it was.
func TestGrownMetadata(t *testing.T) {
	file := temp(t)
	w, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, w, tracked())
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	f, err := Open(file, size(t, file))
	if err != nil {
		t.Fatal(err)
	}
	said, err := amf.Append(nil, metaName)
	if err == nil {
		said, err = amf.Append(said, amf.NewECMAArray("title", "film"))
	}
	if err != nil || !w.SetMeta(said) {
		t.Fatal(err)
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	g, ok, err := f.Grown(file, size(t, file), nil)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if title, _ := g.Meta().Get("title"); title != "film" {
		t.Errorf("it says %v", g.Meta())
	}
}

// TestMetadataThatLies opens files of scripts that are no metadata, and of
// metadata that is far too large: neither is decoded.
func TestMetadataThatLies(t *testing.T) {
	huge := append(bytes.Clone(metaFront), make([]byte, 8<<20)...)
	for name, tags := range map[string][]Tag{
		"scripts":  {{TypeScript, 0, make([]byte, 8<<20)}, {TypeScript, 0, make([]byte, 8<<20)}, {TypeVideo, 0, key}},
		"metadata": {{TypeScript, 0, huge}, {TypeVideo, 0, key}},
	} {
		c := &counted{b: bytesOf(t, tags)}
		f, err := Open(c, int64(len(c.b)))
		if err != nil {
			t.Fatal(err)
		}
		if c.read > 1<<20 {
			t.Errorf("%s: %d bytes were read", name, c.read)
		}
		if got := f.Meta(); len(got.Properties) != 1 {
			t.Errorf("%s: %v", name, got)
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

// TestMeterIsAsked opens a file of nothing but scripts, whose index is as large
// as it is.
func TestMeterIsAsked(t *testing.T) {
	var tags []Tag
	for range 100000 {
		tags = append(tags, Tag{TypeScript, 0, nil})
	}
	b := bytesOf(t, tags)
	for _, c := range []struct {
		meter lean
		want  error
	}{
		{lean{1 << 40, 1 << 40}, nil}, {lean{1 << 20, 1 << 40}, io.ErrShortBuffer}, {lean{1 << 40, 10}, io.ErrNoProgress},
	} {
		if _, err := OpenMetered(bytes.NewReader(b), int64(len(b)), &c.meter); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
}
