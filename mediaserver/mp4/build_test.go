package mp4

import "encoding/binary"

// What the tests make files of: boxes from their contents.

func cat(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func boxOf(kind string, parts ...[]byte) []byte {
	p := cat(parts...)
	return cat(u32(uint32(8+len(p))), []byte(kind), p)
}

// fullBox is a box with version and flags.
func fullBox(kind string, version uint8, flags uint32, parts ...[]byte) []byte {
	return boxOf(kind, u32(uint32(version)<<24|flags), cat(parts...))
}

func u32(list ...uint32) (out []byte) {
	for _, v := range list {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	return out
}

func u16(list ...uint16) (out []byte) {
	for _, v := range list {
		out = binary.BigEndian.AppendUint16(out, v)
	}
	return out
}

func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

func zeros(n int) []byte { return make([]byte, n) }

var (
	ftyp = boxOf("ftyp", []byte("isom"), u32(512), []byte("isomiso2avc1mp41"))
	avcC = []byte{1, 66, 0, 30, 0xff, 0xe1, 0, 2, 0x67, 66, 1, 0, 1, 0x68}
	asc  = []byte{0x12, 0x10} // AAC LC, 44100 Hz, stereo
)

// visual and sound are sample entries with the boxes that describe a codec.
func visual(kind string, boxes ...[]byte) []byte {
	return boxOf(kind, zeros(6), u16(1), zeros(16), u16(320, 240), zeros(50), cat(boxes...))
}

func sound(kind string, boxes ...[]byte) []byte {
	return boxOf(kind, zeros(6), u16(1), zeros(8), u16(2, 16), zeros(4), u32(44100<<16), cat(boxes...))
}

// esds is a description of MPEG-4 sound.
func esds(object byte, config []byte) []byte {
	specific := cat([]byte{5, byte(len(config))}, config)
	if config == nil {
		specific = nil
	}
	decoder := cat([]byte{4, byte(13 + len(specific)), object, 0x15}, zeros(11), specific)
	return fullBox("esds", 0, 0, []byte{3, byte(3 + len(decoder)), 0, 1, 0}, decoder)
}

var (
	avc1 = visual("avc1", boxOf("avcC", avcC))
	mp4a = sound("mp4a", esds(objectAAC, asc))
)

// trackOf is a trak; tables are what is in stbl beside stsd.
func trackOf(id uint32, handler string, scale uint32, entry, edits []byte, tables ...[]byte) []byte {
	return boxOf("trak",
		fullBox("tkhd", 0, 3, u32(0, 0, id, 0, 1000), zeros(60)),
		edits,
		boxOf("mdia",
			fullBox("mdhd", 0, 0, u32(0, 0, scale, 1000), zeros(4)),
			fullBox("hdlr", 0, 0, u32(0), []byte(handler), zeros(13)),
			boxOf("minf", boxOf("stbl", fullBox("stsd", 0, 0, u32(1), entry), cat(tables...)))))
}

func elst(entries ...uint32) []byte { // length, time
	var list []byte
	for i := 0; i < len(entries); i += 2 {
		list = cat(list, u32(entries[i], entries[i+1], 1<<16))
	}
	return boxOf("edts", fullBox("elst", 0, 0, u32(uint32(len(entries)/2)), list))
}

func counted(kind string, width int, values ...uint32) []byte {
	return fullBox(kind, 0, 0, u32(uint32(len(values)/width)), u32(values...))
}

func stsz(sizes ...uint32) []byte {
	return fullBox("stsz", 0, 0, u32(0, uint32(len(sizes))), u32(sizes...))
}

func movieOf(parts ...[]byte) []byte {
	return boxOf("moov", fullBox("mvhd", 0, 0, u32(0, 0, 1000, 1000), zeros(80)), cat(parts...))
}

// media is what lies in mdat: bytes that tell where they are.
func mdat(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i)
	}
	return boxOf("mdat", p)
}

// pictures and sounds are the tables of a clip whose mdat begins at an offset:
// three pictures of 40 ms, shown in the order 1 3 2, in two chunks, and between
// these four sounds of 20 ms.
func pictures(at uint32) [][]byte {
	return [][]byte{
		counted("stts", 2, 3, 3600), fullBox("ctts", 0, 0, u32(3, 1, 3600, 1, 7200, 1, 0)),
		counted("stsc", 3, 1, 2, 1, 2, 1, 1), stsz(10, 20, 30), counted("stco", 1, at, at+30+16), counted("stss", 1, 1, 3),
	}
}

func sounds(at uint32) [][]byte {
	return [][]byte{
		counted("stts", 2, 4, 882), counted("stsc", 3, 1, 4, 1), fullBox("stsz", 0, 0, u32(4, 4)),
		fullBox("co64", 0, 0, u32(1), u64(uint64(at+30))),
	}
}

// clip is a whole file, with moov behind mdat.
func clip() []byte {
	at := uint32(len(ftyp) + 8)
	return cat(ftyp, mdat(76), movieOf(
		trackOf(1, "vide", 90000, avc1, elst(1000, 3600), pictures(at)...),
		trackOf(2, "soun", 44100, mp4a, nil, sounds(at)...)))
}

// faststart is clip with moov before mdat.
func faststart() []byte {
	moov := func(at uint32) []byte {
		return movieOf(
			trackOf(1, "vide", 90000, avc1, elst(1000, 3600), pictures(at)...),
			trackOf(2, "soun", 44100, mp4a, nil, sounds(at)...))
	}
	at := len(ftyp) + len(moov(0)) + 8
	return cat(ftyp, moov(uint32(at)), mdat(76))
}

// trun is a run of samples of size, duration 3600, with offsets for showing.
func trun(data uint32, keyFirst bool, sizes []uint32, offsets []int32) []byte {
	var list []byte
	for i, n := range sizes {
		list = cat(list, u32(n, uint32(offsets[i])))
	}
	flags := uint32(sampleNonSync)
	if keyFirst {
		flags = 0
	}
	return fullBox("trun", 1, trunOffset|trunFirstFlags|trunSizes|trunCTS, u32(uint32(len(sizes)), data, flags), list)
}

// fragments is an empty moov and two fragments, each of two pictures and two
// sounds.
func fragments() []byte {
	trex := func(id, duration, size, flags uint32) []byte {
		return fullBox("trex", 0, 0, u32(id, 1, duration, size, flags))
	}
	none := [][]byte{counted("stts", 2), counted("stsc", 3), stsz(), counted("stco", 1)}
	out := cat(ftyp, movieOf(
		trackOf(1, "vide", 90000, avc1, nil, none...), trackOf(2, "soun", 44100, mp4a, nil, none...),
		boxOf("mvex", trex(1, 3600, 0, sampleNonSync), trex(2, 882, 4, 0))))
	for i := range uint32(2) {
		moof := func(data uint32) []byte {
			return boxOf("moof", fullBox("mfhd", 0, 0, u32(i+1)),
				boxOf("traf", fullBox("tfhd", 0, 0x020000, u32(1)), fullBox("tfdt", 1, 0, u64(uint64(i)*7200)),
					trun(data, true, []uint32{10, 20}, []int32{0, -3600})),
				boxOf("traf", fullBox("tfhd", 0, 0x020000, u32(2)), fullBox("tfdt", 0, 0, u32(i*1764)),
					fullBox("trun", 0, trunOffset, u32(2, data+30))))
		}
		out = cat(out, moof(uint32(len(moof(0))+8)), mdat(38))
	}
	return out
}
