package flv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// fileCases are files in hex: how many tags can be read, what ends them, and
// how many bytes an index takes for whole tags. The tests read them, the
// fuzzers begin with them.
var fileCases = []struct {
	name, hex string
	tags      int
	err       error
	whole     int64
}{
	{"nothing", "", 0, ErrInvalid, 0},
	{"half a header", "464c56 01 05", 0, ErrInvalid, 0},
	{"another format", "52494646 52494646 52494646 5249464652494646", 0, ErrInvalid, 0},
	{"a header of another size", "464c56 01 05 0000000a 00000000", 0, ErrInvalid, 0},
	{"a header", "464c56 01 05 00000009 00000000", 0, io.EOF, 13},
	{"a tag", "464c56 01 05 00000009 00000000 | 08 000002 000000 00 000000 af01 0000000d", 1, io.EOF, 30},
	{"an empty tag", "464c56 01 05 00000009 00000000 | 09 000000 000000 00 000000 0000000b", 1, io.EOF, 28},
	{"no trailers", "464c56 01 05 00000009 00000000 | 08 000002 000000 00 000000 af01 00000000", 1, io.EOF, 30},
	{"a wrong trailer", "464c56 01 05 00000009 00000000 | 08 000002 000000 00 000000 af01 0000000e", 0, ErrInvalid, 30},
	{"a late tag", "464c56 01 05 00000009 00000000 | 08 000002 000001 7f 000000 af01 0000000d", 1, io.EOF, 30},
	{"a torn header", "464c56 01 05 00000009 00000000 | 08 0000", 0, io.ErrUnexpectedEOF, 13},
	{"a torn tag", "464c56 01 05 00000009 00000000 | 08 000002 000000 00 000000 af", 0, io.ErrUnexpectedEOF, 13},
	{"a torn trailer", "464c56 01 05 00000009 00000000 | 08 000002 000000 00 000000 af01 0000", 0, io.ErrUnexpectedEOF, 13},
	{"a tag of 16 MiB", "464c56 01 05 00000009 00000000 | 08 ffffff 000000 00 000000 af01", 0, io.ErrUnexpectedEOF, 13},
	{"an encrypted tag", "464c56 01 05 00000009 00000000 | 28 000002 000000 00 000000 af01 0000000d", 0, ErrInvalid, 13},
	{"an unknown tag", "464c56 01 05 00000009 00000000 | 07 000002 000000 00 000000 af01 0000000d", 0, ErrInvalid, 13},
	{"metadata", "464c56 01 05 00000009 00000000 | 12 000019 000000 00 000000 02000a6f6e4d65746144617461 0800000001 000161 05 000009 00000024 | 09 000005 000000 00 000000 1701000000 00000010 | 09 000005 000028 00 000000 1700000000 00000010", 3, io.EOF, 93},
	{"metadata that is none", "464c56 01 05 00000009 00000000 | 12 00000d 000000 00 000000 02000a6f6e4d65746144617461 00000018", 1, io.EOF, 41},
}

func fileOf(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pieces gives its bytes as many at a time as cuts says, over and over.
type pieces struct {
	rest, cuts []byte
	i          int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := len(p.rest)
	if len(p.cuts) > 0 {
		n = min(n, 1+int(p.cuts[p.i%len(p.cuts)]))
		p.i++
	}
	n = copy(b, p.rest[:n])
	p.rest = p.rest[n:]
	return n, nil
}

// readTags reads to the end, whatever it is. offset is where it stopped.
func readTags(r io.Reader) (tags []Tag, offset int64, err error) {
	in, err := NewReader(r)
	if err != nil {
		return nil, 0, err
	}
	for {
		tag, err := in.Next()
		if err != nil {
			return tags, in.Offset(), err
		}
		tag.Data = bytes.Clone(tag.Data)
		tags = append(tags, tag)
	}
}

func TestReadFiles(t *testing.T) {
	for _, c := range fileCases {
		b := fileOf(t, c.hex)
		for _, cuts := range [][]byte{nil, {0}} {
			tags, _, err := readTags(&pieces{rest: b, cuts: cuts})
			if len(tags) != c.tags || !errors.Is(err, c.err) {
				t.Errorf("%s: %d tags, then %v; want %d, then %v", c.name, len(tags), err, c.tags, c.err)
			}
		}
		x, err := Scan(bytes.NewReader(b), int64(len(b)))
		switch {
		case c.whole == 0:
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: index with %v, want ErrInvalid", c.name, err)
			}
		case err != nil || x.Size != c.whole:
			t.Errorf("%s: index %+v, %v; want %d bytes of whole tags", c.name, x, err, c.whole)
		}
	}
}

// FuzzReader reads files at once and in pieces, and looks for the same in them
// with an index.
func FuzzReader(f *testing.F) {
	for i, c := range fileCases {
		f.Add(fileOf(f, c.hex), []byte{byte(i), 0})
	}
	f.Fuzz(func(t *testing.T, b, cuts []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tags, offset, err := readTags(&pieces{rest: b})
		runtime.ReadMemStats(&after)
		// What one read takes at most, and copies of what is there.
		if cost := after.TotalAlloc - before.TotalAlloc; cost > uint64(256<<10+32*len(b)) {
			t.Fatalf("%d bytes cost %d to read", len(b), cost)
		}
		split, at, errSplit := readTags(&pieces{rest: b, cuts: cuts})
		if !same(tags, split) || offset != at || err.Error() != errSplit.Error() {
			t.Fatalf("at once %d tags to byte %d, %v; in pieces %d to %d, %v", len(tags), offset, err, len(split), at, errSplit)
		}
		again := bytes.Clone(fileHeader)
		for _, tag := range tags {
			if again, err = AppendTag(again, tag); err != nil {
				t.Fatal(err)
			}
		}
		if back, _, err := readTags(bytes.NewReader(again)); !same(tags, back) || !errors.Is(err, io.EOF) {
			t.Fatalf("%d tags come back as %d, %v", len(tags), len(back), err)
		}
		checkIndex(t, b, offset)
	})
}

// checkIndex compares an index with what a Reader found up to an offset.
func checkIndex(t *testing.T, b []byte, offset int64) {
	t.Helper()
	file := bytes.NewReader(b)
	x, err := Scan(file, int64(len(b)))
	if err != nil {
		if offset > 0 || !errors.Is(err, ErrInvalid) {
			t.Fatalf("the reader comes to byte %d, the index fails: %v", offset, err)
		}
		return
	}
	if x.Size < offset || x.Size > int64(len(b)) || x.First > x.Size {
		t.Fatalf("%d bytes: reader to %d, index to %d, first %d", len(b), offset, x.Size, x.First)
	}
	places := x.Entries
	for _, h := range append(x.VideoHeaders, x.AudioHeaders...) {
		places = append(places, h.Entry)
	}
	for _, e := range places {
		if e.Offset >= offset {
			continue // behind a trailer that only the reader minds
		}
		if tag, err := ReadTag(file, e.Offset); err != nil || tag.Timestamp != e.Time {
			t.Fatalf("entry %+v: tag at %d, %v", e, tag.Timestamp, err)
		}
	}
	for _, at := range []media.Timestamp{0, 1, x.Last / 2, x.Last} {
		e := x.Seek(at)
		if e.Offset < fileHeaderSize || e.Offset > x.Size {
			t.Fatalf("%d ms is at byte %d of %d", at, e.Offset, x.Size)
		}
		for _, h := range x.HeadersBefore(e.Offset) {
			if h.Offset >= e.Offset {
				t.Fatalf("a header at byte %d is before byte %d", h.Offset, e.Offset)
			}
		}
	}
}

// FuzzRepair mends files of ours that were cut anywhere, and leaves all others
// as they are.
func FuzzRepair(f *testing.F) {
	g := temp(f)
	w, err := Create(g)
	if err != nil {
		f.Fatal(err)
	}
	writeAll(f, w, clip()[:6])
	if err := w.Flush(); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(g.Name())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, 5)
	f.Add(b, 0)
	for _, c := range fileCases {
		f.Add(fileOf(f, c.hex), 0)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		g := temp(t)
		if cut < 0 || cut > len(b) {
			cut = 0
		}
		b = b[:len(b)-cut]
		if _, err := g.Write(b); err != nil {
			t.Fatal(err)
		}
		_, mended, err := Repair(g, size(t, g))
		now, errRead := os.ReadFile(g.Name())
		if errRead != nil {
			t.Fatal(errRead)
		}
		if !mended {
			if !bytes.Equal(now, b) {
				t.Fatalf("not mended (%v), and changed", err)
			}
			return
		}
		if err != nil {
			t.Fatalf("mended, and failed: %v", err)
		}
		if _, again, err := Repair(g, size(t, g)); again || err != nil {
			t.Fatalf("mended, and not whole: %v %v", again, err)
		}
		if x, err := Scan(bytes.NewReader(now), int64(len(now))); err != nil || x.Size != int64(len(now)) {
			t.Fatalf("mended, and its end is torn: %v", err)
		}
	})
}
