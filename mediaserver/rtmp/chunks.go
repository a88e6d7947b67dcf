package rtmp

import (
	"encoding/binary"

	"flashpod.dev/flashpod/mediaserver/media"
)

// Chunks is messages, one behind another, as AppendChunks lays them out in
// chunks of ChunkSize: each begins with a header of format 0, and each further
// chunk of it with one of format 3 [SPEC §5.3.1.2]. A header whose timestamp
// field is 0xffffff has an extended timestamp behind it, and so has every
// further header of that message [SPEC §5.3.1.3].
//
// All methods but Next are about the first message. They trust the bytes, which
// are this server's own and never a peer's; they copy nothing unless they say
// so, and write nothing.
type Chunks []byte

// Fields of the header that begins a message, without its extended timestamp:
// one byte of format and chunk stream id, then the message header of format 0
// [SPEC §5.3.1.2.1]. Numbers are big endian, but for the message stream id.
const (
	timestampAt = 1  // three bytes, ms
	lengthAt    = 4  // three bytes
	typeAt      = 7  // one byte
	streamIDAt  = 8  // four bytes, little endian
	headerBytes = 12 // all together
	// extendedBytes is the length of an extended timestamp.
	extendedBytes = 4
	// format3 makes a basic header of the chunk stream id that it is added to.
	format3 = 0xc0
)

// Next divides the first message from those behind it. There is one.
func (c Chunks) Next() (first, behind Chunks) {
	size, at := c.Size(), c.Timestamp()
	n := headerSize(at) + size + max(0, size-1)/ChunkSize*continuationSize(at)
	return c[:n:n], c[n:]
}

// Type is the message's type.
func (c Chunks) Type() MessageType { return MessageType(c[typeAt]) }

// Timestamp is the message's timestamp.
func (c Chunks) Timestamp() media.Timestamp {
	if field := uint24(c[timestampAt:]); field != noTimestamp {
		return media.Timestamp(field)
	}
	return media.Timestamp(binary.BigEndian.Uint32(c[headerBytes:]))
}

// Head is the part of the payload that lies in the first chunk.
func (c Chunks) Head() []byte {
	at := headerSize(c.Timestamp())
	n := at + min(c.Size(), ChunkSize)
	return c[at:n:n]
}

// Payload is the whole payload. That of more than one chunk is a copy.
func (c Chunks) Payload() []byte {
	size := c.Size()
	if size <= ChunkSize {
		return c.Head()
	}
	whole := make([]byte, 0, size)
	for p := c.Pieces(); p.More(); {
		whole = append(whole, p.Next()...)
	}
	return whole
}

// Message takes the message apart. Its payload is as Payload returns it.
func (c Chunks) Message() Message {
	return Message{
		Type: c.Type(), StreamID: binary.LittleEndian.Uint32(c[streamIDAt:]),
		Timestamp: c.Timestamp(), Payload: c.Payload(),
	}
}

// Size is how long the payload is, in bytes.
func (c Chunks) Size() int { return int(uint24(c[lengthAt:])) }

// Pieces walks over the payload, chunk by chunk.
type Pieces struct {
	rest Chunks
	left int // of the payload
	skip int // the length of further headers
}

// Pieces begins before the first chunk's part of the payload. An empty payload
// has none.
func (c Chunks) Pieces() Pieces {
	at := c.Timestamp()
	return Pieces{rest: c[headerSize(at):], left: c.Size(), skip: continuationSize(at)}
}

// More says whether there is a piece.
func (p *Pieces) More() bool { return p.left > 0 }

// Next returns the next chunk's part of the payload.
func (p *Pieces) Next() []byte {
	n := min(p.left, ChunkSize)
	piece := p.rest[:n:n]
	if p.left -= n; p.left > 0 {
		p.rest = p.rest[n+p.skip:]
	}
	return piece
}

// Restamped is a message for another message stream, or another time, whose
// payload stays where it is: it gives new headers, and between them the bytes
// that need no change.
type Restamped struct {
	of       Chunks
	streamID uint32
	time     media.Timestamp
	pieces   Pieces // while every chunk gets a new header
	begun    bool
	over     bool
}

// Restamp begins to restamp the message: for a message stream, with a
// timestamp.
func (c Chunks) Restamp(streamID uint32, at media.Timestamp) Restamped {
	return Restamped{of: c, streamID: streamID, time: at, pieces: c.Pieces()}
}

// More says whether something is left of the message.
func (r *Restamped) More() bool { return !r.over }

// Next appends the next header to dst. What follows that header is as, and
// where, it was.
func (r *Restamped) Next(dst []byte) (out, follows []byte) {
	if !r.begun {
		r.begun = true
		dst = r.appendHeader(dst)
		was := r.of.Timestamp()
		if was == r.time || max(was, r.time) < noTimestamp {
			// Further headers say nothing of the time, or the same.
			r.over = true
			first, _ := r.of.Next()
			return dst, first[headerSize(was):]
		}
	} else {
		dst = appendContinuation(dst, &Message{Type: r.of.Type(), Timestamp: r.time})
	}
	if r.pieces.More() {
		follows = r.pieces.Next()
	}
	r.over = !r.pieces.More()
	return dst, follows
}

func (r *Restamped) appendHeader(dst []byte) []byte {
	return appendHeader(dst, &Message{Type: r.of.Type(), StreamID: r.streamID, Timestamp: r.time}, r.of.Size())
}

// AppendRestamped appends a copy of the message for another message stream,
// with another timestamp.
func (c Chunks) AppendRestamped(dst []byte, streamID uint32, at media.Timestamp) []byte {
	for r := c.Restamp(streamID, at); r.More(); {
		var follows []byte
		dst, follows = r.Next(dst)
		dst = append(dst, follows...)
	}
	return dst
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }
