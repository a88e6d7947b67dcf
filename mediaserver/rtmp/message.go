package rtmp

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/yutopp/go-rtmp/message"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

// MessageType says what a message carries [SPEC §5.4, §7.1].
type MessageType uint8

// The message types.
const (
	TypeSetChunkSize     MessageType = 1
	TypeAbort            MessageType = 2
	TypeAck              MessageType = 3
	TypeUserControl      MessageType = 4
	TypeWindowAckSize    MessageType = 5
	TypeSetPeerBandwidth MessageType = 6
	TypeAudio            MessageType = 8
	TypeVideo            MessageType = 9
	TypeDataAMF3         MessageType = 15
	TypeSharedObjectAMF3 MessageType = 16
	TypeCommandAMF3      MessageType = 17
	TypeData             MessageType = 18
	TypeSharedObject     MessageType = 19
	TypeCommand          MessageType = 20
	TypeAggregate        MessageType = 22
)

// Message is one RTMP message.
type Message struct {
	Type      MessageType
	StreamID  uint32 // message stream id; 0: the connection itself
	Timestamp media.Timestamp
	Payload   []byte
}

// Chunk stream ids of what is sent. Audio, data and video have one each, so
// that none waits for another's end.
const (
	csidControl = 2
	csidCommand = 3
	csidAudio   = 4
	csidData    = 5
	csidVideo   = 6
)

// ChunkStreamID is the chunk stream that messages of a type are sent on.
func ChunkStreamID(t MessageType) uint32 {
	switch t {
	case TypeSetChunkSize, TypeAbort, TypeAck, TypeUserControl, TypeWindowAckSize, TypeSetPeerBandwidth:
		return csidControl
	case TypeAudio:
		return csidAudio
	case TypeVideo, TypeAggregate:
		return csidVideo
	case TypeData, TypeDataAMF3:
		return csidData
	}
	return csidCommand
}

// User control events [SPEC §7.1.7]; 31 and 32 are Flash Media Server's.
const (
	EventStreamBegin      uint16 = 0
	EventStreamEOF        uint16 = 1
	EventStreamDry        uint16 = 2
	EventSetBufferLength  uint16 = 3
	EventStreamIsRecorded uint16 = 4
	EventPingRequest      uint16 = 6
	EventPingResponse     uint16 = 7
	EventBufferEmpty      uint16 = 31
	EventBufferReady      uint16 = 32
)

// control encodes a protocol control message [SPEC §5.4].
func control(m message.Message) *Message {
	var b bytes.Buffer
	if err := message.NewEncoder(&b).Encode(m); err != nil {
		panic(fmt.Sprintf("rtmp: encode control message: %v", err)) // a buffer takes everything
	}
	return &Message{Type: MessageType(m.TypeID()), Payload: b.Bytes()}
}

// WindowAckSize says after how many bytes the sender wants an acknowledgement.
func WindowAckSize(n uint32) *Message { return control(&message.WinAckSize{Size: int32(n)}) }

// SetPeerBandwidth limits what the receiver may send unacknowledged: n bytes;
// limit is 0 hard, 1 soft, 2 dynamic.
func SetPeerBandwidth(n uint32, limit uint8) *Message {
	return control(&message.SetPeerBandwidth{Size: int32(n), Limit: message.LimitType(limit)})
}

// SetChunkSize announces the size of the chunks that follow, in bytes.
func SetChunkSize(n int) *Message { return control(&message.SetChunkSize{ChunkSize: uint32(n)}) }

// ack tells how many bytes were received in all, modulo 2^32.
func ack(n uint64) *Message { return control(&message.Ack{SequenceNumber: uint32(n)}) }

// UserControl makes a user control message: an event and its numbers, most
// often one, a message stream id.
func UserControl(event uint16, values ...uint32) *Message {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 10), event)
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return &Message{Type: TypeUserControl, Payload: b}
}

// NewData makes an AMF0 data message. It fails with what amf.AppendAll
// fails with.
func NewData(streamID uint32, at media.Timestamp, values ...amf.Value) (*Message, error) {
	payload, err := amf.AppendAll(nil, values...)
	if err != nil {
		return nil, fmt.Errorf("data message: %w", err)
	}
	return &Message{Type: TypeData, StreamID: streamID, Timestamp: at, Payload: payload}, nil
}
