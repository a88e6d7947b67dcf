package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// markAMF3 stands in front of a value that is AMF3 among those of AMF0 [AMF0 §3.1].
const markAMF3 = 0x11

// ErrTooLarge says that values are larger than they may be.
var ErrTooLarge = errors.New("too large")

// Values are the arguments of a command, encoded once for all who are sent them.
type Values struct {
	// AMF3 says that they are for a peer that has connected with objectEncoding 3:
	// what is more than a word or a number is AMF3 then. Any other peer gets AMF0
	// wherever AMF0 can say it.
	AMF3  bool
	Bytes []byte // as they stand in a message; not to be changed
}

// EncodeValues encodes arguments that take most bytes, or less. It fails with
// ErrTooLarge, or with what amf.AppendAll fails with.
func EncodeValues(amf3 bool, most int, args ...amf.Value) (Values, error) {
	b, err := encodeValues(amf3, args)
	if err != nil {
		return Values{}, err
	}
	if len(b) > most {
		return Values{}, fmt.Errorf("%w: %d bytes, of %d that there may be", ErrTooLarge, len(b), most)
	}
	return Values{AMF3: amf3, Bytes: b}, nil
}

func encodeValues(amf3 bool, args []amf.Value) (b []byte, err error) {
	if !amf3 {
		return amf.AppendAll(nil, args...)
	}
	for _, v := range args {
		switch v.(type) {
		case nil, amf.Undefined, bool, float64, string:
			b, err = amf.Append(b, v)
		default:
			b, err = amf.Append3(append(b, markAMF3), v)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Command makes a command of the NetConnection with these arguments, and without a
// command object. The name has no more than 65535 bytes.
func (v Values) Command(name string, transaction float64) *Message {
	const numbers = 1 + 2 + 1 + 8 + 1
	m := &Message{Type: TypeCommand, Payload: make([]byte, 0, 1+numbers+len(name)+len(v.Bytes))}
	b := m.Payload
	if v.AMF3 {
		m.Type = TypeCommandAMF3
		b = append(b, 0) // the format selector: AMF0, with AMF3 behind its marker
	}
	const markNumber, markString, markNull = 0, 2, 5
	b = append(b, markString)
	b = binary.BigEndian.AppendUint16(b, uint16(len(name)))
	b = append(b, name...)
	b = append(b, markNumber)
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(transaction))
	b = append(b, markNull)
	m.Payload = append(b, v.Bytes...)
	return m
}
