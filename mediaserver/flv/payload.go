package flv

// What the low and high bits of a payload's first byte say [FLV §E.4.2.1,
// §E.4.3.1], [E2].
const (
	formatAAC = 10
	formatEx  = 9 // ExAudioTagHeader

	codecAVC  = 7
	codecHEVC = 12 // not Adobe's; encoders use it all the same

	exHeader      = 0x80 // bit of a video payload: ExVideoTagHeader
	frameKey      = 1
	frameDispose  = 3
	frameCommand  = 5
	packetStart   = 0 // sequence start, in the old numbering and the new
	packetExMeta  = 4
	packetExMulti = 6
	packetExModEx = 7
)

// IsKeyframe says whether a video payload is a frame that decoding can begin
// with. A sequence header is none.
func IsKeyframe(p []byte) bool {
	if len(p) == 0 || p[0]>>4&7 != frameKey || IsVideoHeader(p) {
		return false
	}
	if p[0]&exHeader != 0 {
		// 1 and 3 are coded frames; tracks and modifiers carry some.
		switch p[0] & 0x0f {
		case 1, 3, packetExMulti, packetExModEx:
			return true
		}
		return false
	}
	if c := p[0] & 0x0f; c == codecAVC || c == codecHEVC {
		return len(p) > 1 && p[1] == 1 // 2 is the end of the sequence
	}
	return true
}

// IsVideoHeader says whether a video payload is a sequence header: what a
// decoder must have before the first frame.
func IsVideoHeader(p []byte) bool {
	if len(p) == 0 || p[0]>>4&7 == frameCommand {
		return false
	}
	if p[0]&exHeader != 0 {
		switch p[0] & 0x0f {
		case packetStart:
			return true
		case packetExMulti:
			// The next byte's low bits are the type of what is in the tracks.
			return len(p) > 1 && p[1]&0x0f == packetStart
		}
		return false
	}
	c := p[0] & 0x0f
	return (c == codecAVC || c == codecHEVC) && len(p) > 1 && p[1] == packetStart
}

// IsDisposable says whether a video payload is an inter frame that no other
// frame refers to: leaving it out costs a picture and nothing else.
func IsDisposable(p []byte) bool {
	if len(p) == 0 || p[0]>>4&7 != frameDispose || IsVideoHeader(p) {
		return false
	}
	// Of metadata, the frame type says nothing.
	return p[0]&exHeader == 0 || p[0]&0x0f != packetExMeta
}

// IsAudioHeader says whether an audio payload is a sequence header.
func IsAudioHeader(p []byte) bool {
	if len(p) == 0 {
		return false
	}
	switch p[0] >> 4 {
	case formatAAC:
		return len(p) > 1 && p[1] == packetStart
	case formatEx:
		if p[0]&0x0f == 5 { // multitrack
			return len(p) > 1 && p[1]&0x0f == packetStart
		}
		return p[0]&0x0f == packetStart
	}
	return false
}
