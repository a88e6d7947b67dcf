package sharedobject

import (
	"encoding/binary"
	"errors"
	"math"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// Message is a shared object message, of type 19 or, behind a byte that selects
// the format, 16:
//
//	name        16 bits of length, and UTF-8
//	version     32 bits: the server's, or the last that the client has seen
//	flags       32 bits: 2 for a persistent object
//	            32 bits of 0
//	events      8 bits of type, 32 bits of length, and a body; to the end
//
// All numbers are big endian. See PROTOCOL.md §13.
type Message struct {
	Name       string
	Version    uint32
	Persistent bool
	Events     []Event
}

// ErrInvalid says that a message cannot be understood.
var ErrInvalid = errors.New("invalid shared object message")

const (
	flagPersistent = 2
	// maxEvents bounds what one message asks for; clients batch what has changed
	// since the last one, slots mostly.
	maxEvents = 8192
	perEvent  = 96 // bytes of memory
	eventHead = 5
	// perMessage is what a message costs beside its events.
	perMessage = 160
)

// NewValue encodes a value: a slot's, or several, for a SendMessage. Errors are
// those of amf.AppendAll.
func NewValue(values ...amf.Value) (Value, error) {
	raw, err := amf.AppendAll(nil, values...)
	if err != nil {
		return Value{}, err
	}
	return newValue(raw, false)
}

// Size is what the message holds of memory, in bytes, about.
func (m *Message) Size() int {
	return perMessage + len(m.Name) + memory(m.Events)
}

// Encode returns the message as it goes to a client that understands AMF3, or
// not: the payload of type 16; that of type 19 is all behind its first byte.
func (m *Message) Encode(amf3 bool) []byte {
	size := 1 + 2 + len(m.Name) + 12
	for i := range m.Events {
		size += m.Events[i].encoded(amf3)
	}
	b := m.appendHead(make([]byte, 0, size))
	for i := range m.Events {
		b = m.Events[i].appendTo(b, amf3)
	}
	return b
}

func (m *Message) appendHead(b []byte) []byte {
	b = append(b, 0) // selects the format
	b = appendText(b, m.Name)
	b = binary.BigEndian.AppendUint32(b, m.Version)
	flags := uint32(0)
	if m.Persistent {
		flags = flagPersistent
	}
	b = binary.BigEndian.AppendUint32(b, flags)
	return binary.BigEndian.AppendUint32(b, 0)
}

const levelError = "error"

// encoded is how many bytes the event takes.
func (e *Event) encoded(amf3 bool) int { return eventHead + e.body(amf3) }

// largest is how many bytes it takes for those for whom it takes most.
func (e *Event) largest() int { return max(e.encoded(true), e.encoded(false)) }

func (e *Event) body(amf3 bool) int {
	switch e.Type {
	case RequestChange, Change:
		return 2 + len(e.Name) + len(e.Value.As(amf3))
	case Success, Remove, RequestRemove, byClient, byOthers, joins, leaves, floor:
		return 2 + len(e.Name)
	case Status:
		return 2 + len(e.Name) + 2 + len(levelError)
	case SendMessage:
		return len(e.Value.As(amf3))
	}
	return 0
}

func (e *Event) appendTo(b []byte, amf3 bool) []byte {
	b = append(b, byte(e.Type))
	b = binary.BigEndian.AppendUint32(b, uint32(e.body(amf3)))
	switch e.Type {
	case RequestChange, Change:
		b = append(appendText(b, e.Name), e.Value.As(amf3)...)
	case Success, Remove, RequestRemove, byClient, byOthers, joins, leaves, floor:
		b = appendText(b, e.Name)
	case Status:
		b = appendText(appendText(b, e.Name), levelError)
	case SendMessage:
		b = append(b, e.Value.As(amf3)...)
	}
	return b
}

// appendText appends a string; one that came in a message always fits.
func appendText(b []byte, s string) []byte {
	s = s[:min(len(s), math.MaxUint16)]
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}
