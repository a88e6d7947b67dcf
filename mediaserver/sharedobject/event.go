package sharedobject

import "flashpod.dev/flashpod/mediaserver/amf"

// EventType is what an event of a shared object says.
type EventType uint8

// The events. Those of clients are Use, Release, RequestChange, SendMessage,
// RequestRemove, and for an object that is to be emptied Clear or RequestClear:
// servers that proxy an object send the latter, and how Flash Player says it is
// not known. Types 12 and 13 are between servers.
const (
	Use           EventType = 1
	Release       EventType = 2
	RequestChange EventType = 3
	Change        EventType = 4
	Success       EventType = 5
	SendMessage   EventType = 6
	Status        EventType = 7
	Clear         EventType = 8
	Remove        EventType = 9
	RequestRemove EventType = 10
	UseSuccess    EventType = 11
	RequestClear  EventType = 14
)

// Event is one event of a message.
type Event struct {
	Type EventType
	// Name is the slot's, and the code of a Status, whose level is error.
	Name string
	// Value is the slot's, and of a SendMessage the handler's name and what else
	// is sent, one AMF0 value after another.
	Value Value
}

// Codes of a Status.
const (
	CodeNoReadAccess   = "SharedObject.NoReadAccess"
	CodeNoWriteAccess  = "SharedObject.NoWriteAccess"
	CodeCreationFailed = "SharedObject.ObjectCreationFailed"
)

// Failed is the Status of a code.
func Failed(code string) Event { return Event{Type: Status, Name: code} }

// Concerns says whether a Status is about a slot: what that is follows, in the events
// behind it.
func Concerns(next []Event) bool {
	return len(next) > 0 && (next[0].Type == Change || next[0].Type == Remove)
}

// Value is an encoded value that stands alone. Its bytes are not changed.
type Value struct {
	// Raw is AMF0 as the client sent it, with parts that are AMF3 where it has
	// them.
	Raw []byte
	// Plain says the same in AMF0 as far as AMF0 can; nil: Raw does.
	Plain []byte
	// Refers says that one of them refers to something in itself, in AMF0: what is
	// referred to is counted from the beginning of a message, so that the value is
	// the first in its own.
	Refers bool
}

// As returns the value for a client that understands AMF3, or for one that does
// not.
func (v Value) As(amf3 bool) []byte {
	if amf3 || v.Plain == nil {
		return v.Raw
	}
	return v.Plain
}

// size is what it holds of memory.
func (v Value) size() int { return len(v.Raw) + len(v.Plain) }

// counts is its size against limits: that of its larger form, which some clients are
// told.
func (v Value) counts() int { return max(len(v.Raw), len(v.Plain)) }

// refers says whether a form refers to something in itself.
func (v Value) refers() bool { return amf.Refers(v.Raw) || amf.Refers(v.Plain) }

// deletes says whether putting the value into a slot deletes it: null and
// undefined do.
func (v Value) deletes() bool {
	const undefined, null, unsupported, amf3 = 0x06, 0x05, 0x0d, 0x11
	switch b := v.Raw; {
	case len(b) == 1:
		return b[0] == undefined || b[0] == null || b[0] == unsupported
	case len(b) == 2:
		return b[0] == amf3 && b[1] <= 1
	}
	return false
}
