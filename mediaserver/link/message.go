package link

import (
	"encoding/binary"
	"fmt"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// messageHead is what stands before a message's payload: its type, flags, and 32 bits of
// timestamp.
const messageHead = 6

// flagTookOver is on the first message of a publisher that has taken over.
const flagTookOver = 1

// EndAsked is the payload of KindEnd where a publisher has ended by its own wish; of one
// that is lost there is none.
const EndAsked = "asked"

// MessageHead is what stands before a message's payload in a frame of KindMessage.
func MessageHead(m *rtmp.Message, tookOver bool) (head [messageHead]byte) {
	head[0] = byte(m.Type)
	if tookOver {
		head[1] = flagTookOver
	}
	binary.BigEndian.PutUint32(head[2:], uint32(m.Timestamp))
	return head
}

// ParseMessage is the message of such a frame, whose payload is a part of b.
func ParseMessage(b []byte) (m rtmp.Message, tookOver bool, err error) {
	if len(b) < messageHead {
		return m, false, fmt.Errorf("%w: a message ends too early", ErrFrame)
	}
	m = rtmp.Message{Type: rtmp.MessageType(b[0]), StreamID: 1, Timestamp: media.Timestamp(binary.BigEndian.Uint32(b[2:])), Payload: b[messageHead:]}
	return m, b[1]&flagTookOver != 0, nil
}
