package http2

import "encoding/binary"

// header is that of a frame [RFC 9113 §4.1].
type header struct {
	size   int // of the payload, in bytes
	kind   uint8
	flags  uint8
	stream uint32
}

// Kinds of frames and their flags [RFC 9113 §6].
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	frameWindow       = 8
	frameContinuation = 9

	flagAck        = 1
	flagEndStream  = 1
	flagEndHeaders = 4
)

func (h header) bytes() (b [headerSize]byte) {
	b[0], b[1], b[2], b[3], b[4] = byte(h.size>>16), byte(h.size>>8), byte(h.size), h.kind, h.flags
	binary.BigEndian.PutUint32(b[5:], h.stream)
	return b
}

func parseHeader(b []byte) header {
	return header{
		size: int(b[0])<<16 | int(b[1])<<8 | int(b[2]), kind: b[3], flags: b[4],
		stream: binary.BigEndian.Uint32(b[5:]) & (1<<31 - 1),
	}
}
