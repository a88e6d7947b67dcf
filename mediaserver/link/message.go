package link

import (
	"encoding/binary"
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

const (
	// messageHead is what stands before a message's payload: its type, flags, and 32 bits
	// of timestamp.
	messageHead = 6
	// cutHead is what stands behind that where the stream is cut before the message: its
	// number, its epoch, when it came in ns since 1970, the target in ns, and how much
	// later the message's timestamp is than where the cut was made, 64 bits each.
	cutHead = 40
)

const (
	flagTookOver = 1 << iota // the first message of a publisher that has taken over
	flagCut                  // a cut stands behind the head; from version 2 on
	flagCutKey               // decoding may begin there
)

// EndAsked is the payload of KindEnd where a publisher has ended by its own wish; of one
// that is lost there is none.
const EndAsked = "asked"

// Marks are what a message of a feed says besides.
type Marks struct {
	TookOver bool       // it is the first of a publisher that has taken over
	Cut      stream.Cut // the stream is cut before it, as it was made (stream.Cut.Made); Number 0: it is not
}

// MessageHead is what stands before a message's payload in a frame of KindMessage.
func MessageHead(m *rtmp.Message, of Marks) []byte {
	head := make([]byte, messageHead, messageHead+cutHead)
	head[0] = byte(m.Type)
	if of.TookOver {
		head[1] |= flagTookOver
	}
	binary.BigEndian.PutUint32(head[2:], uint32(m.Timestamp))
	if of.Cut.Number == 0 {
		return head
	}
	head[1] |= flagCut
	if of.Cut.Key {
		head[1] |= flagCutKey
	}
	for _, n := range []int64{of.Cut.Number, of.Cut.Epoch, of.Cut.At.UnixNano(), int64(of.Cut.Target), int64(m.Timestamp - of.Cut.Time)} {
		head = binary.BigEndian.AppendUint64(head, uint64(n))
	}
	return head
}

// ParseMessage is the message of such a frame, whose payload is a part of b.
func ParseMessage(b []byte) (m rtmp.Message, of Marks, err error) {
	size := messageHead
	if len(b) >= messageHead && b[1]&flagCut != 0 {
		size += cutHead
	}
	if len(b) < size {
		return m, of, fmt.Errorf("%w: a message ends too early", ErrFrame)
	}
	m = rtmp.Message{Type: rtmp.MessageType(b[0]), StreamID: 1, Timestamp: media.Timestamp(binary.BigEndian.Uint32(b[2:])), Payload: b[size:]}
	of.TookOver = b[1]&flagTookOver != 0
	if b[1]&flagCut == 0 {
		return m, of, nil
	}
	var n [cutHead / 8]int64
	for i := range n {
		n[i] = int64(binary.BigEndian.Uint64(b[messageHead+8*i:]))
	}
	of.Cut = stream.Cut{Number: n[0], Epoch: n[1], Time: m.Timestamp - media.Timestamp(n[4]), At: time.Unix(0, n[2]), Target: time.Duration(n[3]), Key: b[1]&flagCutKey != 0}
	if of.Cut.Number <= 0 || of.Cut.Epoch < 0 || of.Cut.Target < 0 {
		return m, of, fmt.Errorf("%w: cut %d of epoch %d", ErrFrame, of.Cut.Number, of.Cut.Epoch)
	}
	return m, of, nil
}
