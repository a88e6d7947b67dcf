package mp4

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// liars are files of tables that lie, beside those of fileCases: none of them has
// more than a few hundred bytes of its own, and each says that it has far more.
func liars() map[string][]byte {
	const many = 0xffffffff
	// lying is a box whose first words are what it says, and which has nothing else.
	lying := func(kind string, says ...uint32) []byte { return fullBox(kind, 0, 0, u32(says...)) }
	// track has a table that lies in place of one that does not.
	track := func(kind string, liar []byte) []byte {
		var list [][]byte
		for name, table := range map[string][]byte{
			"stts": counted("stts", 2, 2, 100), "stsc": counted("stsc", 3, 1, 2, 1), "stsz": stsz(4, 4), "stco": counted("stco", 1, uint32(len(ftyp)+8)),
		} {
			if name != kind {
				list = append(list, table)
			}
		}
		return withTables(append(list, liar)...)
	}
	run := func(flags, count uint32, more ...uint32) []byte {
		return cat(fragments(), boxOf("moof", boxOf("traf", fullBox("tfhd", 0, headIsMoof|headDuration|headSize, u32(1, 1, 1)), fullBox("trun", 0, flags, u32(count), u32(more...)))))
	}
	long := func(parts ...[]byte) []byte { // a box of 64 bits whose size is nearly all that there are
		return cat(ftyp, u32(1), []byte("moov"), u64(math.MaxUint64-7), cat(parts...))
	}
	return map[string][]byte{
		"stts of 2^32":                track("stts", lying("stts", many)),
		"stts without a count":        track("stts", boxOf("stts", []byte{0, 0})),
		"ctts of 2^32":                track("ctts", lying("ctts", many)),
		"stss of 2^32":                track("stss", lying("stss", many)),
		"stsc of 2^32":                track("stsc", lying("stsc", many)),
		"stsc of none":                track("stsc", lying("stsc", 0)),
		"stsc of chunks that go back": track("stsc", counted("stsc", 3, 5, 1, 1, 1, 1, 1)),
		"stsc of no samples":          track("stsc", counted("stsc", 3, 1, 0, 1)),
		"stsz of 2^32":                track("stsz", lying("stsz", 0, many)),
		"stsz of 2^32 of a byte":      track("stsz", lying("stsz", 1, many)),
		"stsz of 2^32 of 2^32":        track("stsz", lying("stsz", many, many)),
		"stsz of a sample of 2^32":    track("stsz", stsz(many, many)),
		"stsz of 16 MB":               track("stsz", stsz(1<<24, 1)),
		"stco of 2^32":                track("stco", lying("stco", many)),
		"stco behind the end":         track("stco", counted("stco", 1, many)),
		"co64 of 2^32":                track("stco", lying("co64", many)),
		"co64 behind all there is":    track("stco", fullBox("co64", 0, 0, u32(1), u64(math.MaxUint64))),
		"elst of 2^32":                oneTrack("soun", mp4a, boxOf("edts", lying("elst", many))),
		"elst that leads nowhere":     oneTrack("soun", mp4a, boxOf("edts", fullBox("elst", 1, 0, u32(1), u64(math.MaxUint64), u64(1<<63), u32(0)))),
		"stsd of nothing":             oneTrack("soun", nil, nil),
		"a description of 4 GB":       oneTrack("soun", cat(u32(many), []byte("mp4a"), zeros(40)), nil),
		"avcC of 4 GB":                oneTrack("vide", visual("avc1", cat(u32(many), []byte("avcC"))), nil),
		"esds of sizes without end":   oneTrack("soun", sound("mp4a", fullBox("esds", 0, 0, bytes.Repeat([]byte{3, 0xff}, 40))), nil),
		"moov of 2^64":                long(zeros(40)),
		"moov that ends before it":    cat(ftyp, u32(1), []byte("moov"), u64(3), zeros(40)),
		"moov of no size":             cat(ftyp, u32(1), []byte("moov"), u64(0), zeros(40)),
		"a run of 2^32":               run(trunSizes, many, 1),
		"a run of 2^32 of a byte":     run(0, many),
		"a run behind the end":        run(trunOffset, 4, 0x7fffffff),
		"a run before the beginning":  run(trunOffset, 4, 0x80000000),
		"a track of no time at all":   cat(ftyp, movieOf(trackOf(1, "vide", 0, avc1, nil, stsz(4)))),
		"durations of 2^32":           track("stts", counted("stts", 2, 2, many)),
		"elst of many that are there": oneTrack("soun", mp4a, boxOf("edts", fullBox("elst", 0, 0, u32(80000), bytes.Repeat(u32(0, 0xffffffff, 1<<16), 80000)))),
		"boxes of eight bytes":        cat(ftyp, bytes.Repeat(boxOf("free"), 50)),
		"boxes of nothing":            cat(ftyp, zeros(400)),
	}
}

// A million boxes, or fragments, with nothing in them take time, which is asked for.
func TestEmptyBoxesTakeTime(t *testing.T) {
	moof := boxOf("moof", boxOf("traf", fullBox("tfhd", 0, headIsMoof, u32(1))))
	for name, file := range map[string][]byte{
		"boxes":           cat(ftyp, bytes.Repeat(boxOf("free"), 300000), clip()[len(ftyp):]),
		"empty fragments": cat(fragments(), bytes.Repeat(moof, 100000)),
	} {
		m := &meter{max: 1 << 40, until: 100}
		if _, err := OpenMetered(bytes.NewReader(file), int64(len(file)), m); !errors.Is(err, errMeter) {
			t.Errorf("%s: %v, behind %d pauses", name, err, m.pauses)
		}
	}
}

// spent counts what is read of a file.
type spent struct {
	io.ReaderAt
	read int
}

func (s *spent) ReadAt(p []byte, at int64) (int, error) {
	n, err := s.ReaderAt.ReadAt(p, at)
	s.read += n
	return n, err
}

// Tables that lie are refused at once, whatever they say: for no more memory,
// reading and work than their few bytes are worth. Where what they say can be
// done without, the rest plays, for as little.
func TestRefusedAtOnce(t *testing.T) {
	all := liars()
	for _, c := range fileCases {
		if c.err != "" {
			all[c.name] = c.file
		}
	}
	refused := 0
	for name, file := range all {
		m := &meter{max: 1 << 20, until: 20} // 20 pauses are 80,000 steps
		in := &spent{ReaderAt: bytes.NewReader(file)}
		cost, _ := costOf(t, in, int64(len(file)))
		if in.read > 128<<10 || cost > 512<<10 {
			t.Errorf("%s: %d bytes were read of %d, and %d allocated", name, in.read, len(file), cost)
		}
		_, err := OpenMetered(bytes.NewReader(file), int64(len(file)), m)
		if errors.Is(err, errMeter) {
			t.Errorf("%s: it takes %d bytes and %d pauses", name, m.most, m.pauses)
		}
		if errors.Is(err, media.ErrInvalid) {
			refused++
		}
	}
	if refused < 50 {
		t.Errorf("%d of %d are refused", refused, len(all))
	}
}
