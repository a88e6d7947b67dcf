package payload

import (
	"fmt"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// units are NAL units behind lengths of some bytes.
func units(lengthSize int, list ...string) string {
	out := ""
	for _, u := range list {
		for i := lengthSize - 1; i >= 0; i-- {
			out += string([]byte{byte(len(u) >> (8 * i))})
		}
		out += u
	}
	return out
}

// NAL units and frames as encoders make them, cut short.
const (
	avcDelimiter = "\x09\xf0"
	avcSPS       = "\x67\x64\x00\x1f\xac"
	avcPPS       = "\x68\xeb\xe3"
	avcIDR       = "\x65\x88\x84\x00"
	avcI         = "\x41\x88\x82\x00"
	avcI2        = "\x61\xb1\x00"
	avcP         = "\x41\x9a\x24\x6c"
	avcB         = "\x01\x9e\x41\x79"
	avcText      = "\x06\x05\x04text\x80"
	avcRecovery  = "\x06\x05\x04\x00\x00\x03\x00\x01\x06\x01\xc4\x80" // behind a byte that keeps a start code out

	hevcDelimiter = "\x46\x01\x50"
	hevcVPS       = "\x40\x01\x0c\x01"
	hevcIDR       = "\x26\x01\xaf\x09"
	hevcIDRN      = "\x28\x01\xaf\x09"
	hevcCRA       = "\x2a\x01\xaf\x09"
	hevcBLA       = "\x20\x01\xaf\x09"
	hevcTrail     = "\x02\x01\xd0\x09"
	hevcRASL      = "\x10\x01\xd0\x09"
	hevcReserved  = "\x2c\x01\xd0\x09" // IRAP 22
	hevcText      = "\x4e\x01\x05\x04text\x80"
	hevcRecovery  = "\x4e\x01\x06\x01\xc4\x80"

	vvcSPS   = "\x00\x79\x00\xad"
	vvcIDR   = "\x00\x39\xc4\x00"
	vvcIDRN  = "\x00\x41\xc4\x00"
	vvcCRA   = "\x00\x49\xc4\x00"
	vvcGDR   = "\x00\x51\xc4\x00"
	vvcTrail = "\x00\x01\xc4\x00"
	vvcRASL  = "\x00\x19\xc4\x00"

	av1Delimiter = "\x12\x00"
	av1Sequence  = "\x0a\x04\x00\x00\x00\x02"
	av1Still     = "\x0a\x04\x18\x00\x00\x02"
	av1Key       = "\x32\x03\x10\x00\x00"
	av1KeyHeader = "\x1a\x03\x10\x00\x00"
	av1Inter     = "\x32\x03\x30\x00\x00"
	av1Intra     = "\x32\x03\x50\x00\x00"
	av1Shown     = "\x1a\x01\x80"
	av1Metadata  = "\x2a\x03\x01\x02\x03"

	vp8Key   = "\x50\x42\x00\x9d\x01\x2a\x40\x01"
	vp8Inter = "\x31\x02\x00\x85\x85"

	vp9Key   = "\x82\x49\x83\x42\x00"
	vp9Key1  = "\xa2\x49\x83\x42\x00"
	vp9Key3  = "\xb1\x24\xc1\xa1\x00"
	vp9Inter = "\x86\x00\x40\x92"
	vp9Shown = "\x8b\x00\x00\x00"
)

// accessCases are pictures without a mark, and what they say themselves: key,
// inter, or nothing.
var accessCases = []struct {
	name    string
	codec   FourCC
	lengths int
	body    string
	want    verdict
}{
	{"IDR", AVC, 4, units(4, avcIDR), random},
	{"IDR behind all that goes before it", AVC, 4, units(4, avcDelimiter, avcSPS, avcPPS, avcText, avcIDR), random},
	{"IDR behind lengths of two bytes", AVC, 2, units(2, avcSPS, avcIDR), random},
	{"IDR behind a length of one byte", AVC, 1, units(1, avcSPS, avcIDR), random},
	{"P", AVC, 4, units(4, avcP), needsOthers},
	{"P behind all that goes before it", AVC, 4, units(4, avcDelimiter, avcText, avcP), needsOthers},
	{"B", AVC, 4, units(4, avcB), needsOthers},
	{"P with a recovery point", AVC, 4, units(4, avcDelimiter, avcRecovery, avcP), random},
	{"P behind which a recovery point is too late", AVC, 4, units(4, avcP, avcRecovery), needsOthers},
	{"I that is no IDR", AVC, 4, units(4, avcI), unreadable},
	{"I of a kind that not all slices are", AVC, 4, units(4, avcI2), unreadable},
	{"data partition", AVC, 4, units(4, "\x42\x9a\x24"), needsOthers},
	{"nothing but parameter sets", AVC, 4, units(4, avcSPS, avcPPS), unreadable},
	{"start codes", AVC, 4, "\x00\x00\x00\x01" + avcIDR, unreadable},
	{"a length of nothing", AVC, 4, "\x00\x00\x00\x00" + avcIDR, unreadable},
	{"a length of no message", AVC, 4, "\x02\x00\x00\x00" + avcIDR, unreadable},
	{"a slice that is cut off", AVC, 4, "\x00\x00\x40\x00" + avcIDR, random},
	{"parameter sets that are cut off", AVC, 4, "\x00\x00\x40\x00" + avcSPS, unreadable},
	{"forbidden bit", AVC, 4, units(4, "\xe5\x88"), unreadable},
	{"too many units", AVC, 4, strings.Repeat(units(4, avcDelimiter), 32) + units(4, avcIDR), unreadable},
	{"empty", AVC, 4, "", unreadable},

	{"IDR_W_RADL", HEVC, 4, units(4, hevcDelimiter, hevcVPS, hevcText, hevcIDR), random},
	{"IDR_N_LP", HEVC, 4, units(4, hevcIDRN), random},
	{"CRA", HEVC, 4, units(4, hevcCRA), random},
	{"BLA_W_LP", HEVC, 4, units(4, hevcBLA), random},
	{"reserved IRAP", HEVC, 4, units(4, hevcReserved), needsOthers},
	{"TRAIL_R", HEVC, 4, units(4, hevcText, hevcTrail), needsOthers},
	{"RASL_N", HEVC, 4, units(4, hevcRASL), needsOthers},
	{"TRAIL_R with a recovery point", HEVC, 4, units(4, hevcRecovery, hevcTrail), random},
	{"no temporal id", HEVC, 4, units(4, "\x26\x00\xaf"), unreadable},

	{"VVC IDR_W_RADL", VVC, 4, units(4, vvcSPS, vvcIDR), random},
	{"VVC IDR_N_LP", VVC, 4, units(4, vvcIDRN), random},
	{"VVC CRA", VVC, 4, units(4, vvcCRA), random},
	{"VVC GDR", VVC, 4, units(4, vvcGDR), random},
	{"VVC TRAIL", VVC, 4, units(4, vvcTrail), needsOthers},
	{"VVC RASL", VVC, 4, units(4, vvcSPS, vvcRASL), needsOthers},
	{"VVC reserved bit", VVC, 4, units(4, "\x40\x39\xc4"), unreadable},

	{"AV1 sequence and key frame", AV1, 4, av1Delimiter + av1Sequence + av1Key, random},
	{"AV1 sequence, metadata, key frame header", AV1, 4, av1Sequence + av1Metadata + av1KeyHeader, random},
	{"AV1 key frame", AV1, 4, av1Key, random},
	{"AV1 key frame without a size", AV1, 4, av1Sequence + "\x30\x10\x00", random},
	{"AV1 key frame of a layer", AV1, 4, "\x36\x08\x02\x10\x00", random},
	{"AV1 sequence header and no more", AV1, 4, av1Delimiter + av1Sequence, goOn},
	{"AV1 still picture", AV1, 4, av1Still + "\x32\x01\x7f", random},
	{"AV1 inter frame", AV1, 4, av1Delimiter + av1Inter, needsOthers},
	{"AV1 intra only frame", AV1, 4, av1Intra, needsOthers},
	{"AV1 sequence header repeated", AV1, 4, av1Sequence + av1Inter, needsOthers},
	{"AV1 shown again", AV1, 4, av1Shown, needsOthers},
	{"AV1 sequence header and a key frame shown", AV1, 4, av1Sequence + av1Shown, random},
	{"AV1 nothing but a delimiter", AV1, 4, av1Delimiter, unreadable},
	{"AV1 frame that is cut off", AV1, 4, av1Sequence + "\x32\xff\x7f\x10", random},
	{"AV1 metadata that is cut off", AV1, 4, av1Sequence + "\x2a\xff\x7f\x10", unreadable},
	{"AV1 size without an end", AV1, 4, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x01", unreadable},
	{"AV1 forbidden bit", AV1, 4, "\x8a\x01\x00", unreadable},
	{"AV1 reserved OBU", AV1, 4, "\x4a\x01\x00" + av1Key, unreadable},

	{"VP8 key frame", VP8, 4, vp8Key, random},
	{"VP8 inter frame", VP8, 4, vp8Inter, needsOthers},
	{"VP8 key frame without its start code", VP8, 4, "\x50\x42\x00\x9d\x01\x2b\x40\x01", unreadable},
	{"VP8 version 4", VP8, 4, "\x59\x42\x00\x9d\x01\x2a\x40\x01", unreadable},
	{"VP8 of two bytes", VP8, 4, "\x50\x42", unreadable},

	{"VP9 key frame", VP9, 4, vp9Key, random},
	{"VP9 key frame of profile 1", VP9, 4, vp9Key1, random},
	{"VP9 key frame of profile 3", VP9, 4, vp9Key3, random},
	{"VP9 inter frame", VP9, 4, vp9Inter, needsOthers},
	{"VP9 shown again", VP9, 4, vp9Shown, needsOthers},
	{"VP9 key frame without its sync code", VP9, 4, "\x82\x49\x83\x43\x00", unreadable},
	{"VP9 without frame marker", VP9, 4, "\x42\x49\x83\x42\x00", unreadable},

	{"Sorenson", 2, 4, "\x00\x00\x84\x00", unreadable},
}

func TestWhatPicturesSay(t *testing.T) {
	for _, c := range accessCases {
		if got := access(c.codec, []byte(c.body), c.lengths); got != c.want {
			t.Errorf("%v %s: %d, want %d", c.codec, c.name, got, c.want)
		}
	}
}

// What lies behind LookAhead makes no difference, so that a file's index, which
// reads no more of a tag, judges as a stream does.
func TestNoMoreThanLookAheadCounts(t *testing.T) {
	long := "\x06\x05" + strings.Repeat("\xff", 16) + "\x10" + strings.Repeat("x", 16*255+16) + "\x80"
	for text, want := range map[int]verdict{100: random, len(long): unreadable} {
		b := []byte("\x07\x01\x00\x00\x00" + units(4, long[:text], avcIDR))
		v, _ := ParseVideo(b)
		var p Pictures
		if got := access(AVC, picture(&v, Track{Codec: AVC, Body: v.body}), 4); got != want {
			t.Errorf("behind %d bytes: %d, want %d", text, got, want)
		}
		if got := p.Next(&v, 0) == Keyframe; got != (want == random) {
			t.Errorf("behind %d bytes: keyframe %v", text, got)
		}
	}
}

// picturesCases are streams: a letter of want is k for a keyframe, m for a
// makeshift and a dash for neither. Pictures are so far apart.
var picturesCases = []struct {
	name  string
	apart media.Timestamp // ms
	list  []string
	want  string
}{
	{"AVC without marks", 40, []string{"\x07\x00\x00\x00\x00\x01\x64\x00\x1f\xff", "\x07\x01\x00\x00\x00" + units(4, avcIDR), "\x07\x01\x00\x00\x00" + units(4, avcP), "\x67\x01\x00\x00\x00" + units(4, avcIDR)}, "-k-k"},
	{"AVC with lengths of two bytes", 40, []string{"\x07\x00\x00\x00\x00\x01\x64\x00\x1f\xfd", "\x07\x01\x00\x00\x00" + units(2, avcP), "\x07\x01\x00\x00\x00" + units(2, avcIDR)}, "--k"},
	{"AVC the new way", 40, []string{"\x80avc1\x01\x64\x00\x1f\xff", "\x81avc1\x00\x00\x00" + units(4, avcIDR), "\x83avc1" + units(4, avcP), "\x83avc1" + units(4, avcIDR)}, "-k-k"},
	{"HEVC without marks", 40, []string{"\x80hvc1" + strings.Repeat("\x00", 21) + "\xff", "\x81hvc1\x00\x00\x28" + units(4, hevcIDR), "\x83hvc1" + units(4, hevcTrail), "\x83hvc1" + units(4, hevcCRA)}, "-k-k"},
	{"HEVC with lengths of two bytes", 40, []string{"\x80hvc1" + strings.Repeat("\x00", 21) + "\xfd", "\x83hvc1" + units(2, hevcIDR), "\x83hvc1" + units(2, hevcTrail)}, "-k-"},
	{"HEVC the old way", 40, []string{"\x0c\x01\x00\x00\x00" + units(4, hevcIDR), "\x0c\x01\x00\x00\x00" + units(4, hevcTrail)}, "k-"},
	{"VVC without marks", 40, []string{"\x80vvc1\xff", "\x81vvc1\x00\x00\x00" + units(4, vvcIDR), "\x83vvc1" + units(4, vvcTrail), "\x83vvc1" + units(4, vvcGDR)}, "-k-k"},
	{"VVC with lengths of two bytes", 40, []string{"\x80vvc1\xfb", "\x83vvc1" + units(2, vvcCRA)}, "-k"},
	{"AV1 without marks", 40, []string{"\x80av01", "\x81av01" + av1Sequence + av1Key, "\x81av01" + av1Inter, "\x81av01" + av1Delimiter + av1Sequence}, "-k-k"},
	{"VP8 without marks", 40, []string{"\x81vp08" + vp8Key, "\x81vp08" + vp8Inter}, "k-"},
	{"VP9 without marks", 40, []string{"\x81vp09" + vp9Key, "\x81vp09" + vp9Inter}, "k-"},
	{"tracks without marks", 40, []string{"\x86\x01hvc1\x02\x00\x00\x00" + units(4, hevcIDR), "\x86\x13av01\x01\x00\x00\x05" + av1Inter + "\x02\x00\x00\x05" + av1Key, "\x86\x13av01\x01\x00\x00\x05" + av1Key}, "k-k"},

	{"every picture marked inter", 40, []string{"\xa3hvc1" + units(4, hevcIDR), "\xa3hvc1" + units(4, hevcTrail), "\xa3hvc1" + units(4, hevcIDR)}, "k-k"},
	{"every picture marked as a keyframe", 40, []string{"\x91av01" + av1Key, "\x91av01" + av1Inter, "\x91av01" + av1Inter, "\x91av01" + av1Sequence + av1Key}, "k--k"},
	{"keyframes all of them", 40, []string{"\x17\x01\x00\x00\x00" + units(4, avcIDR), "\x17\x01\x00\x00\x00" + units(4, avcIDR), "\x17\x01\x00\x00\x00" + units(4, avcI)}, "kkk"},
	{"a mark that only the encoder understands", 40, append(repeat("\xa3hvc1"+units(4, hevcTrail), 8), "\x93hvc1"+units(4, hevcTrail), "\x93hvc1"+units(4, hevcTrail)), "--------k-"},
	{"marks of a codec that says nothing", 40, []string{"\x12a", "\x12a", "\x22a", "\x02a"}, "kk--"},
	{"generated keyframe", 40, []string{"\x47\x01\x00\x00\x00" + units(4, avcP), "\x47\x01\x00\x00\x00" + units(4, avcIDR)}, "-k"},

	{"none comes for three seconds", 1000, repeat("\x83hvc1"+units(4, hevcTrail), 8), "---m--m-"},
	{"none comes, and nothing can be read", 1000, repeat("\x81av01 ", 8), "---m--m-"},
	{"none comes for long behind a keyframe", 4000, append([]string{"\x83hvc1" + units(4, hevcIDR)}, repeat("\x83hvc1"+units(4, hevcTrail), 7)...), "k--m--m-"},
	{"a header is no picture to wait from", 4000, []string{"\x80av01", "\x80av01", "\x81av01" + av1Inter, "\x81av01" + av1Inter}, "---m"},
	{"a track that is not the default one makes no difference", 1000, append([]string{"\x96\x00av01\x01"}, repeat("\x96\x01av01\x02"+av1Key, 8)...), "---------"},
}

func repeat(s string, n int) (list []string) {
	for range n {
		list = append(list, s)
	}
	return list
}

func TestPictures(t *testing.T) {
	for _, c := range picturesCases {
		var p Pictures
		got := ""
		for i, b := range c.list {
			v, ok := ParseVideo([]byte(b))
			if !ok {
				t.Fatalf("%s: payload %d is none", c.name, i)
			}
			got += string("-mk"[p.Next(&v, c.apart*media.Timestamp(i))])
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A clock that goes back, or around, neither hastens nor delays what there is.
func TestPicturesOfAClockThatGoesBack(t *testing.T) {
	var p Pictures
	v, _ := ParseVideo([]byte("\x81av01" + av1Inter))
	got := ""
	for _, at := range []media.Timestamp{0xffffff00, 0xffffffff, 2000, 4000, 10, 2000, 3010} {
		got += string("-mk"[p.Next(&v, at)])
	}
	if want := "---m--m"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// FuzzPictures looks for pictures that are read past their end, for fronts that
// seem to be enough and are not, and for judgements that depend on what lies
// behind LookAhead.
func FuzzPictures(f *testing.F) {
	for _, c := range accessCases {
		var v string
		switch c.codec {
		case AVC:
			v = "\x07\x01\x00\x00\x00"
		case HEVC, VVC:
			v = fmt.Sprintf("\x83%v", c.codec)
		default:
			v = fmt.Sprintf("\x81%v", c.codec)
		}
		f.Add([]byte(v+c.body), uint16(len(v)+len(c.body)/2))
	}
	for _, c := range picturesCases {
		for _, b := range c.list {
			f.Add([]byte(b), uint16(9))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		whole, ok := ParseVideo(b)
		if !ok {
			return
		}
		front, ok := ParseVideo(b[:min(len(b), int(cut))])
		for _, lengthSize := range []uint8{0, 1, 2, 3} {
			all, some := Pictures{lengthSize: lengthSize}, Pictures{lengthSize: lengthSize}
			got := all.Next(&whole, 0)
			if got == Makeshift {
				t.Fatal("a makeshift at once")
			}
			if whole.Kind == Frames && ok && some.Enough(&front) {
				if cut := some.Next(&front, 0); cut != got || some != all {
					t.Fatalf("%x says %d, its first %d bytes %d", b, got, cut, len(front.body))
				}
			}
		}
	})
}

// BenchmarkPictures judges a picture: one that is marked rightly, first a
// keyframe and then those between, and one that says nothing.
func BenchmarkPictures(b *testing.B) {
	for name, body := range map[string]string{
		"marked key":   "\x17\x01\x00\x00\x00" + units(4, avcSPS, avcPPS, avcIDR),
		"marked inter": "\x27\x01\x00\x00\x00" + units(4, avcP),
		"with text":    "\x27\x01\x00\x00\x00" + units(4, avcDelimiter, "\x06\x04\x50"+strings.Repeat("caption ", 10)+"\x80", avcP),
		"unmarked AV1": "\x81av01" + av1Delimiter + av1Inter,
	} {
		b.Run(name, func(b *testing.B) {
			var p Pictures
			data := []byte(body)
			b.ReportAllocs()
			for b.Loop() {
				v, _ := ParseVideo(data)
				p.Next(&v, 0)
			}
		})
	}
}
