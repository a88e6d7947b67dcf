//go:build clients

package server

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"slices"
)

// Files that are mostly holes, from boxes and their contents [ISO 14496-12].

func box(kind string, parts ...[]byte) []byte {
	p := slices.Concat(parts...)
	return slices.Concat(u32s(uint32(8+len(p))), []byte(kind), p)
}

// full is a box with version 0 and flags.
func full(kind string, flags uint32, parts ...[]byte) []byte {
	return box(kind, u32s(flags), slices.Concat(parts...))
}

func u32s(list ...uint32) (out []byte) {
	for _, v := range list {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	return out
}

func zeros(n int) []byte { return make([]byte, n) }

var fileType = box("ftyp", []byte("isom"), u32s(512), []byte("isomiso2avc1mp41"))

// picturesOf and soundsOf are descriptions of H.264 and of AAC.
func picturesOf() []byte {
	avcC := []byte{1, 66, 0, 30, 0xff, 0xe1, 0, 2, 0x67, 66, 1, 0, 1, 0x68}
	return box("avc1", zeros(6), []byte{0, 1}, zeros(16), []byte{1, 64, 0, 240}, zeros(50), box("avcC", avcC))
}

func soundsOf(descriptors []byte) []byte {
	return box("mp4a", zeros(6), []byte{0, 1}, zeros(8), []byte{0, 2, 0, 16}, zeros(4), u32s(44100<<16), full("esds", 0, descriptors))
}

var aacDescriptors = slices.Concat([]byte{3, 22, 0, 1, 0, 4, 17, 0x40, 0x15}, zeros(11), []byte{5, 2, 0x12, 0x10})

// trackWith is a track of 1,000 ticks a second with what is in stbl beside stsd.
func trackWith(id uint32, handler string, entry []byte, tables ...[]byte) []byte {
	return box("trak",
		full("tkhd", 3, u32s(0, 0, id, 0, 1000), zeros(60)),
		box("mdia",
			full("mdhd", 0, u32s(0, 0, 1000, 1000), zeros(4)),
			full("hdlr", 0, u32s(0), []byte(handler), zeros(13)),
			box("minf", box("stbl", full("stsd", 0, u32s(1), entry), slices.Concat(tables...)))))
}

func movie(parts ...[]byte) []byte {
	return box("moov", full("mvhd", 0, u32s(0, 0, 1000, 1000), zeros(80)), slices.Concat(parts...))
}

// oneChunk is the tables of count samples of a size that lie side by side at the
// beginning of the file's media, a tick apart.
func oneChunk(count, size uint32) []byte {
	return slices.Concat(full("stts", 0, u32s(1, count, 1)), full("stsc", 0, u32s(1, 1, count, 1)),
		full("stsz", 0, u32s(size, count)), full("stco", 0, u32s(1, uint32(len(fileType)+8))))
}

// writeHole writes a file of a type, media that are a hole, and what comes behind.
func writeHole(file string, media int, behind []byte) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	head := slices.Concat(fileType, u32s(uint32(8+media)), []byte("mdat"))
	if _, err := f.Write(head); err != nil {
		return err
	}
	if _, err := f.Seek(int64(media), io.SeekCurrent); err != nil {
		return err
	}
	_, err = f.Write(behind)
	return err
}

// prepareDescriptors writes a file whose descriptions are lists without end.
func prepareDescriptors(file string) error {
	entry := soundsOf(bytes.Repeat([]byte{5, 0}, 500000))
	track := trackWith(1, "soun", entry, oneChunk(2, 4))
	return writeHole(file, 8, movie(bytes.Repeat(track, 8)))
}

// prepareRun writes a file of one fragment with 8 Mi samples of a byte.
func prepareRun(file string) error {
	const count = 8 << 20
	none := slices.Concat(full("stts", 0, u32s(0)), full("stsc", 0, u32s(0)), full("stsz", 0, u32s(0, 0)), full("stco", 0, u32s(0)))
	moof := func(offset uint32) []byte {
		return box("moof", box("traf", full("tfhd", 0x020018, u32s(1, 1, 1)), full("trun", 1, u32s(count, offset))))
	}
	head := slices.Concat(fileType, movie(trackWith(1, "vide", picturesOf(), none), box("mvex")), moof(uint32(len(moof(0))+8)), u32s(8+count), []byte("mdat"))
	if err := os.WriteFile(file, head, 0o644); err != nil {
		return err
	}
	return os.Truncate(file, int64(len(head))+count)
}

// prepareTables writes a file of two tracks with so many samples of a byte each.
func prepareTables(file string, count uint32) error {
	return writeHole(file, int(count), movie(
		trackWith(1, "vide", picturesOf(), oneChunk(count, 1)), trackWith(2, "soun", soundsOf(aacDescriptors), oneChunk(count, 1))))
}

// prepareLarge writes a film of ten pictures of 16 MB.
func prepareLarge(file string) error {
	const count, size = 10, 16000000
	return writeHole(file, count*size, movie(trackWith(1, "vide", picturesOf(), oneChunk(count, size))))
}

// prepareHole writes a file with a table of 2 GB that is a hole.
func prepareHole(file string) error {
	const huge = 2 << 30
	liar := full("stts", 0, u32s((huge-16)/8, 1))
	binary.BigEndian.PutUint32(liar, huge)
	rest := slices.Concat(full("stsc", 0, u32s(1, 1, 2, 1)), full("stsz", 0, u32s(4, 2)), full("stco", 0, u32s(1, uint32(len(fileType)+8))))
	whole := slices.Concat(fileType, box("mdat", zeros(8)), movie(trackWith(1, "soun", soundsOf(aacDescriptors), rest, liar)))
	// Every box around the table is as large as that makes it.
	more := uint32(huge - len(liar))
	for _, around := range []string{"moov", "trak", "mdia", "minf", "stbl"} {
		at := bytes.Index(whole, []byte(around)) - 4
		binary.BigEndian.PutUint32(whole[at:], binary.BigEndian.Uint32(whole[at:])+more)
	}
	if err := os.WriteFile(file, whole, 0o644); err != nil {
		return err
	}
	return os.Truncate(file, int64(len(whole))+int64(more))
}

// prepareFragments writes a file of 200,000 fragments with a sample each.
func prepareFragments(file string) error {
	out := slices.Concat(fileType, movie(trackWith(1, "vide", picturesOf()), box("mvex")))
	one := slices.Concat(
		box("moof", box("traf", full("tfhd", 0x020018, u32s(1, 1, 1)), full("trun", 1, u32s(1, 0)))), box("mdat", zeros(1)))
	return os.WriteFile(file, append(out, bytes.Repeat(one, 200000)...), 0o644)
}
