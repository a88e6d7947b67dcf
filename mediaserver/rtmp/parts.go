package rtmp

import (
	"encoding/binary"
	"errors"

	"flashpod.dev/flashpod/mediaserver/media"
)

// Parts is a message that is sent in parts, as its payload comes: on a chunk
// stream that no other message is on meanwhile, so that all others may go
// between two parts [SPEC §5.3].
type Parts struct {
	message     Message // without its payload
	chunkStream uint32
	size, left  int // of the payload, in bytes
}

// NewParts begins a message with a payload of size bytes on a chunk stream that
// [Conn.TakeChunkStream] returned.
func NewParts(chunkStream uint32, kind MessageType, streamID uint32, at media.Timestamp, size int) Parts {
	return Parts{message: Message{Type: kind, StreamID: streamID, Timestamp: at}, chunkStream: chunkStream, size: size, left: size}
}

// Left is how many bytes of the payload are still to come.
func (p *Parts) Left() int { return p.left }

// AddPart appends what follows of a message: front, which is copied, and then
// payload, which is not, and stays as it is until the layout was sent. Every part
// but the last is a multiple of ChunkSize bytes long: a chunk is sent whole.
func (l *Layout) AddPart(p *Parts, front, payload []byte) {
	for len(front)+len(payload) > 0 {
		begin := len(l.heads)
		l.heads = p.appendHeader(l.heads)
		n := min(len(front), ChunkSize)
		l.heads = append(l.heads, front[:n]...)
		front = front[n:]
		l.put(l.heads[begin:])
		m := min(len(payload), ChunkSize-n)
		l.put(payload[:m])
		payload = payload[m:]
		p.left -= n + m
	}
}

// appendHeader appends the header of the chunk that follows.
func (p *Parts) appendHeader(b []byte) []byte {
	if p.left < p.size {
		b = appendBasicHeader(b, format3, p.chunkStream)
		if p.message.Timestamp >= noTimestamp {
			b = binary.BigEndian.AppendUint32(b, uint32(p.message.Timestamp))
		}
		return b
	}
	b = appendBasicHeader(b, 0, p.chunkStream)
	var head [headerBytes + extendedBytes]byte
	return append(b, appendHeader(head[:0], &p.message, p.size)[1:]...)
}

// appendBasicHeader appends a format, in its upper two bits, and the id of a chunk
// stream [SPEC §5.3.1.1].
func appendBasicHeader(b []byte, format byte, id uint32) []byte {
	switch {
	case id < 64:
		return append(b, format|byte(id))
	case id < 320:
		return append(b, format, byte(id-64))
	}
	return append(b, format|1, byte(id-64), byte((id-64)>>8))
}

const (
	// firstStream is the first chunk stream that messages in parts are on; those
	// before are for messages that are sent whole. Some clients take no ids from 32
	// on, and hardly ever are so many needed.
	firstStream = 8
	lastStream  = 65599 // [SPEC §5.3.1.1]
)

// errNoChunkStream ends a client that has left too many messages unfinished.
var errNoChunkStream = errors.New("no chunk stream is left: too many messages were broken off")

// TakeChunkStream returns the id of a chunk stream for messages in parts, one
// after another. GiveChunkStream gives it back when the last of them is whole;
// one on which a message was broken off is not used again: not every client
// listens to Abort.
func (c *Conn) TakeChunkStream() (id uint32, err error) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.streams); n > 0 {
		id, o.streams = o.streams[n-1], o.streams[:n-1]
		return id, nil
	}
	if o.nextStream == 0 {
		o.nextStream = firstStream
	}
	if o.nextStream > lastStream {
		return 0, errNoChunkStream
	}
	o.nextStream++
	return o.nextStream - 1, nil
}

// GiveChunkStream gives back what TakeChunkStream returned.
func (c *Conn) GiveChunkStream(id uint32) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	o.streams = append(o.streams, id)
}

// Abort is the message that breaks off the one on a chunk stream [SPEC §5.4.2].
func Abort(chunkStream uint32) *Message {
	return &Message{Type: TypeAbort, Payload: binary.BigEndian.AppendUint32(nil, chunkStream)}
}
