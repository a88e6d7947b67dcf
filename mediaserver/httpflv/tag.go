package httpflv

import (
	"encoding/binary"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// tags is the form of packets in an answer of HTTP: FLV tags. It has none for what FLV
// has not, such as commands.
type tags struct{}

// MaxOverhead implements stream.Encoding.
func (tags) MaxOverhead() int { return flv.TagOverhead }

// AppendHeader implements stream.Encoding.
func (tags) AppendHeader(dst []byte, f stream.Frame) ([]byte, bool) {
	if !hasTag(f) {
		return dst, false
	}
	return flv.AppendTagHeader(dst, uint8(f.Type), f.Timestamp, f.Size), true
}

// AppendTrailer implements stream.Encoding.
func (tags) AppendTrailer(dst []byte, f stream.Frame) []byte {
	return flv.AppendTagTrailer(dst, f.Size)
}

// hasTag says whether FLV has a form for a packet. Types of tags are those of messages.
func hasTag(f stream.Frame) bool {
	switch f.Type {
	case rtmp.TypeAudio, rtmp.TypeVideo, rtmp.TypeData:
		return f.Size <= flv.MaxTagData
	}
	return false
}

// messages is the form of packets in a WebSocket: a tag is a binary message, in one
// frame, which a server does not mask.
type messages struct{}

// maxFrameHeader is the longest header of a frame that is not masked [RFC 6455 §5.2].
const maxFrameHeader = 10

// MaxOverhead implements stream.Encoding.
func (messages) MaxOverhead() int { return maxFrameHeader + flv.TagOverhead }

// AppendHeader implements stream.Encoding.
func (messages) AppendHeader(dst []byte, f stream.Frame) ([]byte, bool) {
	if !hasTag(f) {
		return dst, false
	}
	dst = appendFrameHeader(dst, opBinary, f.Size+flv.TagOverhead)
	return flv.AppendTagHeader(dst, uint8(f.Type), f.Timestamp, f.Size), true
}

// AppendTrailer implements stream.Encoding.
func (messages) AppendTrailer(dst []byte, f stream.Frame) []byte {
	return flv.AppendTagTrailer(dst, f.Size)
}

// appendFrameHeader appends the header of a whole message, or of a control frame, with
// a payload of so many bytes [RFC 6455 §5.2].
func appendFrameHeader(dst []byte, op byte, size int) []byte {
	const final = 0x80
	switch {
	case size < 126:
		return append(dst, final|op, byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, final|op, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(dst, final|op, 127), uint64(size))
}
