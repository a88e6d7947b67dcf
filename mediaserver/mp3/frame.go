package mp3

import "encoding/binary"

const (
	headerSize = 4
	// maxFrame is the longest frame: 320 kbit/s at 32 kHz with padding.
	maxFrame = 1441
	// minFrame is the shortest: 8 kbit/s at 24 kHz.
	minFrame = 24
	// ticksPerSecond is divided by every sample rate of MPEG audio: times are
	// exact, and a file may change its rate.
	ticksPerSecond = 14112000
	ticksPerMilli  = ticksPerSecond / 1000
)

// frame is what a frame's header says [MPEG §2.4.2.3].
type frame struct {
	size     int // bytes, header included
	samples  int // a channel
	rate     int // Hz
	channels int
	mpeg1    bool
}

// ticks is how long the frame lasts.
func (f frame) ticks() uint64 { return uint64(f.samples * (ticksPerSecond / f.rate)) }

// head is FLV's byte before a frame: MP3, 16 bits. Of the four rates that it
// knows it says the nearest that is not higher; decoders look into the frame
// [FLV §E.4.2.1].
func (f frame) head() byte {
	b := byte(2<<4 | 1<<1)
	switch {
	case f.rate >= 44100:
		b |= 3 << 2
	case f.rate >= 22050:
		b |= 2 << 2
	case f.rate >= 11025:
		b |= 1 << 2
	}
	if f.channels == 2 {
		b |= 1
	}
	return b
}

// Bits a second in thousands, by the header's index: of MPEG 1, then of 2 and
// 2.5. 0 is free format, which has no length, and 15 is forbidden.
var bitrates = [2][16]int{
	{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},
	{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0},
}

var rates = [4]int{44100, 48000, 32000, 0} // of MPEG 1

// parseHeader reads a frame's header; ok is false when p begins with none.
func parseHeader(p []byte) (f frame, ok bool) {
	if len(p) < headerSize || p[0] != 0xff || p[1]&0xe0 != 0xe0 {
		return frame{}, false
	}
	version, layer := p[1]>>3&3, p[1]>>1&3
	f.rate = rates[p[2]>>2&3]
	if version == 1 || layer != 1 || f.rate == 0 {
		return frame{}, false
	}
	f.mpeg1 = version == 3
	table, factor := 0, 144
	f.samples = 1152
	if !f.mpeg1 {
		table, factor, f.samples = 1, 72, 576
		f.rate /= 2
		if version == 0 {
			f.rate /= 2
		}
	}
	bits := bitrates[table][p[2]>>4] * 1000
	if bits == 0 {
		return frame{}, false
	}
	f.size = factor*bits/f.rate + int(p[2]>>1&1)
	f.channels = 2
	if p[3]>>6 == 3 {
		f.channels = 1
	}
	return f, true
}

// follows says whether a frame may come behind another of the same recording.
func (f frame) follows(g frame) bool { return f.rate == g.rate && f.mpeg1 == g.mpeg1 }

// describes says whether a frame is one of LAME's or Fraunhofer's headers, which
// looks like sound and is none.
func (f frame) describes(p []byte) bool {
	at := headerSize + 32 // behind the side information
	switch {
	case f.mpeg1 && f.channels == 1, !f.mpeg1 && f.channels == 2:
		at = headerSize + 17
	case !f.mpeg1:
		at = headerSize + 9
	}
	if len(p) >= at+4 && (string(p[at:at+4]) == "Xing" || string(p[at:at+4]) == "Info") {
		return true
	}
	const vbri = headerSize + 32
	return len(p) >= vbri+4 && string(p[vbri:vbri+4]) == "VBRI"
}

// id3Size is the length of a tag that p begins with, 0 for none [ID3 §3.1].
func id3Size(p []byte) int64 {
	if len(p) < id3Header || string(p[:3]) != "ID3" || p[3] == 0xff || (p[6]|p[7]|p[8]|p[9])&0x80 != 0 {
		return 0
	}
	n := int64(id3Header) + int64(syncsafe(p[6:]))
	if p[5]&0x10 != 0 { // the header again, at the end
		n += id3Header
	}
	return n
}

// syncsafe reads a number of four times seven bits.
func syncsafe(p []byte) int {
	v := binary.BigEndian.Uint32(p)
	return int(v>>24&0x7f<<21 | v>>16&0x7f<<14 | v>>8&0x7f<<7 | v&0x7f)
}
