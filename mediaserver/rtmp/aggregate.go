package rtmp

import (
	"encoding/binary"
	"fmt"

	"flashpod.dev/flashpod/mediaserver/media"
)

// unpack calls handle for every message in an aggregate [SPEC §7.1.6]. Their
// timestamps count from the first one's, which stands for the aggregate's own;
// the aggregate's message stream id is that of all.
func unpack(m *Message, handle func(*Message) error) error {
	const header, trailer = 11, 4
	var first media.Timestamp
	b := m.Payload
	for i := 0; len(b) > 0; i++ {
		if len(b) < header {
			return fmt.Errorf("%w: aggregate message ends inside a header", ErrProtocol)
		}
		size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		at := media.Timestamp(binary.BigEndian.Uint32([]byte{b[7], b[4], b[5], b[6]}))
		if len(b)-header < size {
			return fmt.Errorf("%w: aggregate message ends inside a message of %d bytes", ErrProtocol, size)
		}
		if i == 0 {
			first = at
		}
		sub := Message{
			Type: MessageType(b[0]), StreamID: m.StreamID,
			Timestamp: m.Timestamp + at - first, Payload: b[header : header+size],
		}
		if sub.Type == TypeAggregate {
			return fmt.Errorf("%w: aggregate message inside another", ErrProtocol)
		}
		if err := handle(&sub); err != nil {
			return err
		}
		// The back pointer of the last one is missing here and there.
		b = b[min(len(b), header+size+trailer):]
	}
	return nil
}
