package rtmp

import (
	"encoding/binary"

	"flashpod.dev/flashpod/mediaserver/media"
)

const (
	// ChunkSize is the chunk size that this server sends with, once it has
	// said so: large enough that most messages are one chunk, and within what
	// Flash Player takes.
	ChunkSize = 65536
	// defaultChunkSize is what both sides begin with [SPEC §5.4.1].
	defaultChunkSize = 128

	// noTimestamp in a timestamp field means that the extended one follows.
	noTimestamp = 0xffffff
)

// AppendChunks appends a message as chunks of chunkSize bytes: a header of
// format 0, which needs nothing that was sent before, then headers of format
// 3. An extended timestamp is repeated in each of them [SPEC §5.3.1.3].
func AppendChunks(dst []byte, m *Message, chunkSize int) []byte {
	dst = appendHeader(dst, m, len(m.Payload))
	payload := m.Payload
	for len(payload) > chunkSize {
		dst = append(dst, payload[:chunkSize]...)
		payload = payload[chunkSize:]
		dst = appendContinuation(dst, m)
	}
	return append(dst, payload...)
}

// appendHeader appends the header of a message with a payload of size bytes.
func appendHeader(dst []byte, m *Message, size int) []byte {
	field := min(m.Timestamp, noTimestamp)
	dst = append(dst, byte(ChunkStreamID(m.Type)), // all are below 64: one byte
		byte(field>>16), byte(field>>8), byte(field),
		byte(size>>16), byte(size>>8), byte(size),
		byte(m.Type))
	dst = binary.LittleEndian.AppendUint32(dst, m.StreamID)
	if field == noTimestamp {
		dst = binary.BigEndian.AppendUint32(dst, uint32(m.Timestamp))
	}
	return dst
}

// headerSize is the length of what appendHeader appends for a time.
func headerSize(at media.Timestamp) int {
	if at >= noTimestamp {
		return headerBytes + extendedBytes
	}
	return headerBytes
}

// appendContinuation appends the header of a message's next chunk.
func appendContinuation(dst []byte, m *Message) []byte {
	dst = append(dst, format3|byte(ChunkStreamID(m.Type)))
	if m.Timestamp >= noTimestamp {
		dst = binary.BigEndian.AppendUint32(dst, uint32(m.Timestamp))
	}
	return dst
}

// continuationSize is the length of what appendContinuation appends.
func continuationSize(at media.Timestamp) int {
	if at >= noTimestamp {
		return 1 + extendedBytes
	}
	return 1
}

// MaxChunkedSize is the most that AppendChunks makes of a payload of size
// bytes, in chunks of ChunkSize.
func MaxChunkedSize(size int) int {
	return headerBytes + extendedBytes + size + size/ChunkSize*(1+extendedBytes)
}
