package mp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/abema/go-mp4"

	"flashpod.dev/flashpod/mediaserver/media"
)

// hole is a file whose bytes are zero but where the parts are. It counts what is
// read of it.
type hole struct {
	size  int64
	parts map[int64][]byte
	read  int64
}

func (h *hole) ReadAt(p []byte, at int64) (int, error) {
	n := int(min(int64(len(p)), h.size-at))
	h.read += int64(n)
	clear(p[:n])
	for from, part := range h.parts {
		if at < from+int64(len(part)) && from < at+int64(n) {
			copy(p[max(0, from-at):n], part[max(0, at-from):])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// costOf is how many bytes are allocated while a file is opened.
func costOf(t *testing.T, r io.ReaderAt, size int64) (cost int64, err error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = Open(r, size)
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc), err
}

// TestListsThatLie opens files whose small boxes have as many entries as fit.
func TestListsThatLie(t *testing.T) {
	descriptors := func(n int) []byte {
		return sound("mp4a", fullBox("esds", 0, 0, bytes.Repeat([]byte{tagSpecificInfo, 0}, n)))
	}
	const edits = 80000
	empty := boxOf("edts", fullBox("elst", 0, 0, u32(edits), bytes.Repeat(u32(0, 0xffffffff, 1<<16), edits)))
	for _, c := range []struct {
		name  string
		entry []byte
		edits []byte
		err   string
	}{
		{"descriptors", descriptors(120000), nil, "no list of descriptors"},
		{"more descriptors", descriptors(500000), nil, "more than"},
		{"boxes of a description", sound("mp4a", bytes.Repeat(boxOf("free"), 100000)), nil, "more than 64 boxes"},
		{"edits", mp4a, empty, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			track := trackOf(1, "soun", 1000, c.entry, c.edits, counted("stts", 2, 2, 100), counted("stsc", 3, 1, 2, 1), stsz(4, 4), counted("stco", 1, uint32(len(ftyp)+8)))
			file := cat(ftyp, mdat(8), movieOf(bytes.Repeat(track, 8)))
			cost, err := costOf(t, bytes.NewReader(file), int64(len(file)))
			if c.err == "" && err != nil || c.err != "" && (!errors.Is(err, media.ErrInvalid) || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%v", err)
			}
			if cost > 4<<20 {
				t.Errorf("%d bytes allocated for a file of %d", cost, len(file))
			}
		})
	}
}

// TestTablesOfHoles opens files whose tables are gigabytes of zeros.
func TestTablesOfHoles(t *testing.T) {
	const huge = 2 << 30
	for _, kind := range []string{"stts", "ctts", "stsc", "stco", "co64"} {
		t.Run(kind, func(t *testing.T) {
			tables := map[string][]byte{
				"stts": counted("stts", 2, 2, 100), "ctts": counted("ctts", 2, 2, 0), "stsc": counted("stsc", 3, 1, 2, 1),
				"stsz": stsz(4, 4), "stco": counted("stco", 1, uint32(len(ftyp)+8)),
			}
			delete(tables, kind)
			if kind == "co64" {
				delete(tables, "stco")
			}
			var rest []byte
			for _, one := range tables {
				rest = cat(rest, one)
			}
			width := map[string]uint32{"stts": 8, "ctts": 8, "stsc": 12, "stco": 4, "co64": 8}[kind]
			liar := fullBox(kind, 0, 0, u32((huge-16)/width, 1))
			binary.BigEndian.PutUint32(liar, huge)
			// Every box around the table is as large as that makes it.
			whole := cat(ftyp, mdat(8), movieOf(trackOf(1, "soun", 1000, mp4a, nil, cat(rest, liar))))
			more := uint32(huge - len(liar))
			for _, around := range []string{"moov", "trak", "mdia", "minf", "stbl"} {
				at := bytes.Index(whole, []byte(around)) - 4
				binary.BigEndian.PutUint32(whole[at:], binary.BigEndian.Uint32(whole[at:])+more)
			}
			h := &hole{size: int64(len(whole)) + int64(more), parts: map[int64][]byte{0: whole}}
			cost, err := costOf(t, h, h.size)
			if !errors.Is(err, media.ErrInvalid) {
				t.Errorf("%v", err)
			}
			if h.read > 1<<20 || cost > 1<<20 {
				t.Errorf("%d bytes were read, and %d allocated", h.read, cost)
			}
		})
	}
}

// meter is a budget that a test looks at.
type meter struct {
	used, most int64
	pauses     int
	max        int64 // bytes
	until      int   // pauses
}

var errMeter = errors.New("enough")

func (m *meter) Spend(n int64) error {
	if m.used += n; m.used > m.max {
		m.used -= n
		return errMeter
	}
	m.most = max(m.most, m.used)
	return nil
}

func (m *meter) Pause() error {
	if m.pauses++; m.pauses > m.until {
		return errMeter
	}
	return nil
}

// manySamples is a file of a picture track and a sound track with so many
// samples each, as tables or as fragments of a thousand.
func manySamples(n int, inFragments bool) []byte {
	if !inFragments {
		tables := func() [][]byte {
			return [][]byte{
				counted("stts", 2, uint32(n), 1), counted("stsc", 3, 1, uint32(n), 1), fullBox("stsz", 0, 0, u32(1, uint32(n))),
				counted("stco", 1, uint32(len(ftyp)+8)),
			}
		}
		return cat(ftyp, mdat(n), movieOf(trackOf(1, "vide", 1000, avc1, nil, tables()...), trackOf(2, "soun", 1000, mp4a, nil, tables()...)))
	}
	out := cat(ftyp, movieOf(trackOf(1, "vide", 1000, avc1, nil), trackOf(2, "soun", 1000, mp4a, nil), boxOf("mvex")))
	const each = 1000
	one := func(id uint32) []byte {
		return boxOf("moof", boxOf("traf",
			fullBox("tfhd", 0, headIsMoof|headDuration|headSize, u32(id, 1, 1)), fullBox("trun", 0, trunOffset, u32(each, 0))))
	}
	for range n / each {
		out = cat(out, one(1), one(2), boxOf("mdat", zeros(2*each)))
	}
	return out
}

// TestMeterIsAsked opens files for a meter that has enough, too little memory, or
// too little time.
func TestMeterIsAsked(t *testing.T) {
	const n = 100000
	for _, fragments := range []bool{false, true} {
		file := manySamples(n, fragments)
		r, size := bytes.NewReader(file), int64(len(file))
		enough := &meter{max: 1 << 40, until: 1 << 30}
		f, err := OpenMetered(r, size, enough)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.samples) != 2*n {
			t.Fatalf("%d samples", len(f.samples))
		}
		if enough.most < f.Memory() || enough.most > 3*f.Memory() {
			t.Errorf("%d bytes were asked for, an index has %d", enough.most, f.Memory())
		}
		if enough.pauses < 2*n/4096 {
			t.Errorf("%d pauses", enough.pauses)
		}
		for _, m := range []*meter{{max: f.Memory() - 1, until: 1 << 30}, {max: 1 << 40, until: 5}} {
			if _, err := OpenMetered(r, size, m); !errors.Is(err, errMeter) || errors.Is(err, media.ErrInvalid) {
				t.Errorf("fragments %v, meter %+v: %v", fragments, m, err)
			}
			if m.pauses > m.until+1 {
				t.Errorf("it went on for %d pauses", m.pauses)
			}
		}
	}
}

// descriptorCases are lists of descriptors, and what is read of them.
var descriptorCases = []struct {
	name   string
	list   []byte
	object byte
	config string
	ok     bool
}{
	{"nothing", nil, 0, "", true},
	{"as written", esds(objectAAC, asc)[12:], objectAAC, string(asc), true},
	{"sizes of four bytes", cat([]byte{3, 0x80, 0x80, 0x80, 22, 0, 1, 0}, []byte{4, 0x80, 0x80, 0x80, 17, objectAAC}, zeros(12), []byte{5, 0x80, 0x80, 0x80, 2}, asc), objectAAC, string(asc), true},
	{"what a stream depends on", cat([]byte{3, 30, 0, 1, 0xe0, 0, 2, 3, 'u', 'r', 'l', 0, 3}, []byte{4, 15, objectMP3}, zeros(12)), objectMP3, "", true},
	{"a size without end", []byte{5, 0x80, 0x80, 0x80, 0x80, 0}, 0, "", false},
	{"a size that is not there", []byte{5}, 0, "", false},
	{"longer than the list", []byte{5, 9, 1, 2}, 0, "", false},
	{"a decoder that is cut", []byte{4, 13, objectAAC, 0}, 0, "", false},
	{"a stream that is cut", []byte{3, 9, 0, 1}, 0, "", false},
	{"a link that is cut", []byte{3, 9, 0, 1, 0x40}, 0, "", false},
	{"as many as there may be", bytes.Repeat([]byte{6, 1, 2}, maxDescriptors-1), 0, "", true},
	{"too many", bytes.Repeat([]byte{6, 1, 2}, maxDescriptors+1), 0, "", false},
}

func TestDescriptors(t *testing.T) {
	for _, c := range descriptorCases {
		d, ok := parseDescriptors(c.list)
		if ok != c.ok || ok && (d.object != c.object || string(d.config) != c.config) {
			t.Errorf("%s: %+v, %v", c.name, d, ok)
		}
	}
}

// FuzzDescriptors reads lists as go-mp4 does, where both do.
func FuzzDescriptors(f *testing.F) {
	for _, c := range descriptorCases {
		f.Add(c.list)
	}
	f.Fuzz(func(t *testing.T, list []byte) {
		d, ok := parseDescriptors(list)
		if !ok || len(list) > 1000 {
			return
		}
		var other mp4.Esds
		p := cat(zeros(4), list)
		if _, err := mp4.Unmarshal(bytes.NewReader(p), uint64(len(p)), &other, mp4.Context{}); err != nil {
			return
		}
		var want descriptors
		for _, one := range other.Descriptors {
			switch {
			case one.Tag == mp4.DecoderConfigDescrTag && one.DecoderConfigDescriptor != nil:
				want.object = one.DecoderConfigDescriptor.ObjectTypeIndication
			case one.Tag == mp4.DecSpecificInfoTag:
				want.config = one.Data
			}
		}
		if d.object != want.object || !bytes.Equal(d.config, want.config) {
			t.Errorf("%x: %+v, go-mp4 reads %+v", list, d, want)
		}
	})
}

// TestLargeSamplesAreReadInPart reads samples of which a buffer holds the
// beginning: the rest is where the frame says.
func TestLargeSamplesAreReadInPart(t *testing.T) {
	at := uint32(len(ftyp) + 8)
	sizes := []uint32{10, 5000, 900, 20000}
	file := cat(ftyp, mdat(30000), movieOf(trackOf(1, "vide", 1000, avc1, nil,
		counted("stts", 2, 4, 40), counted("stsc", 3, 1, 4, 1), stsz(sizes...), counted("stco", 1, at))))
	f, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	r := bytes.NewReader(file)
	b := media.NewBatch(100)
	b.Part = 1000
	offset, n := int(at), 0
	for pos := f.Seek(0); ; {
		next, err := f.Read(r, pos, b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, frame := range b.Frames {
			data := bytes.Clone(frame.Data)
			data = append(data, file[frame.From:][:frame.More]...)
			if !bytes.Equal(data, file[offset:offset+int(sizes[n])]) || (frame.More > 0) != (sizes[n] > 1000) || len(frame.Head) != 5 {
				t.Fatalf("sample %d is not what it was: %d bytes and %d more", n, len(frame.Data), frame.More)
			}
			offset += len(data)
			n++
		}
		pos = next
	}
	if n != len(sizes) || len(b.Buf) > 1000 {
		t.Errorf("%d samples, a buffer of %d bytes", n, len(b.Buf))
	}
}
