package rtmp

import (
	"fmt"
	"math"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// Command is a command message [SPEC §7.2]: a call, or the answer to one.
type Command struct {
	StreamID    uint32
	Name        string
	Transaction float64   // 0: no answer is wanted
	Object      amf.Value // the command object; nil for most
	Args        []amf.Value
	Size        int // what came takes, written out, in bytes: see amf.DecodeWithin
}

// ParseCommand takes an AMF0 command message apart. Only the name must be
// there; the error says what was found in its place.
func ParseCommand(m *Message) (*Command, error) { return ParseCommandWithin(m, math.MaxInt) }

// ParseCommandWithin is ParseCommand for commands that are no larger than so many
// bytes, written out: see amf.DecodeWithin.
func ParseCommandWithin(m *Message, most int) (*Command, error) {
	values, size, err := amf.DecodeWithin(m.Payload, most)
	if err != nil {
		return nil, fmt.Errorf("command message: %w", err)
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("command message: %w: it is empty", ErrProtocol)
	}
	c := &Command{StreamID: m.StreamID, Size: size}
	var ok bool
	if c.Name, ok = values[0].(string); !ok {
		return nil, fmt.Errorf("command message: %w: its name is of type %T, not a string", ErrProtocol, values[0])
	}
	if len(values) > 1 {
		switch n := values[1].(type) {
		case float64:
			c.Transaction = n
		case int32:
			c.Transaction = float64(n)
		case nil: // some clients, where no answer is wanted
		default:
			return nil, fmt.Errorf("command %.64q: %w: its transaction id is of type %T, not a number", c.Name, ErrProtocol, n)
		}
	}
	if len(values) > 2 {
		c.Object = values[2]
	}
	if len(values) > 3 {
		c.Args = values[3:]
	}
	return c, nil
}

// NewCommand makes an AMF0 command message. It fails with what amf.AppendAll
// fails with.
func NewCommand(streamID uint32, name string, transaction float64, object amf.Value, args ...amf.Value) (*Message, error) {
	payload, err := amf.AppendAll(nil, append([]amf.Value{name, transaction, object}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", name, err)
	}
	return &Message{Type: TypeCommand, StreamID: streamID, Payload: payload}, nil
}

// Status makes an onStatus command: transaction 0, and an information object of
// level ("status", "warning", "error"), code, description and what more pairs
// of names and values there are. It panics when a value has no AMF form: that
// is a mistake in the program.
func Status(streamID uint32, level, code, description string, more ...any) *Message {
	info := amf.NewObject(append([]any{"level", level, "code", code, "description", description}, more...)...)
	m, err := NewCommand(streamID, "onStatus", 0, nil, info)
	if err != nil {
		panic("rtmp: status " + code + ": " + err.Error())
	}
	return m
}
