package amf

import "bytes"

// Message takes values of one message apart that have other things between them,
// such as the names of a shared object's slots. AMF0 values may refer to those
// before them; each part that is AMF3 has tables of its own, as clients write
// them there. The zero value is not ready: see NewMessage.
type Message struct{ d decoder }

// NewMessage is for a message whose values are no larger than so many bytes all
// together, written out: see DecodeWithin.
func NewMessage(most int) *Message { return &Message{decoder{most: min(most, maxSize)}} }

// One is a value of a message.
type One struct {
	Value Value
	Bytes int  // that it takes, at the front of what it was decoded from
	AMF3  bool // it has a part that is AMF3
	// Alone says that its bytes mean the same without the values before it.
	Alone bool
}

// Decode takes the next AMF0 value from the front of b. Errors are as those of
// the package's Decode.
func (m *Message) Decode(b []byte) (One, error) {
	d := &m.d
	d.b, d.at, d.switched, d.referred = b, 0, false, false
	d.objects3, d.strings, d.traits = nil, nil, nil
	first := len(d.objects0) == 0
	v, err := d.value0(0)
	if err != nil {
		return One{}, err
	}
	return One{Value: v, Bytes: d.at, AMF3: d.switched, Alone: first || !d.referred}, nil
}

// Refers says whether one of the values of a message refers to another, or to
// itself, in AMF0. References of AMF3 are within their own value.
func Refers(b []byte) bool {
	if bytes.IndexByte(b, markReference) < 0 {
		return false
	}
	d := decoder{b: b, most: maxSize}
	_, err := d.all()
	return err == nil && d.referred
}
