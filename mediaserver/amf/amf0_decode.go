package amf

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Decode takes one AMF0 value from the front of b and returns what is left
// behind it. It follows the marker that switches to AMF3. Errors wrap
// ErrTruncated, ErrInvalid, ErrTooDeep or ErrTooMany and tell the offset.
func Decode(b []byte) (v Value, rest []byte, err error) {
	d := decoder{b: b}
	v, err = d.value0(0)
	if err != nil {
		return nil, b, err
	}
	return v, b[d.at:], nil
}

// DecodeAll takes AMF0 values to the end of b. On an error it returns those
// before it as well.
func DecodeAll(b []byte) ([]Value, error) {
	var all []Value
	d := decoder{b: b}
	for d.at < len(b) {
		d.refs = nil // each value has tables of its own
		v, err := d.value0(0)
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

type decoder struct {
	b    []byte
	at   int
	n    int // values so far, see maxValues
	refs references
}

// count takes n more values into account.
func (d *decoder) count(n int) error {
	if d.n += n; d.n > maxValues {
		return d.fail(": %d at most", ErrTooMany, maxValues)
	}
	return nil
}

// references is a table of values that may be referred to later.
type references []reference

type reference struct {
	v     Value
	begun int // decoder.n before it
	size  int // in values; 0 while it is being decoded
}

// open takes the next place in the table, before what is inside it does.
func (r *references) open(d *decoder, v Value) (place int) {
	*r = append(*r, reference{v: v, begun: d.n})
	return len(*r) - 1
}

// closed says that a value is decoded to its end.
func (r references) closed(d *decoder, place int, v Value) Value {
	r[place].v, r[place].size = v, d.n-r[place].begun
	return v
}

func (r references) get(d *decoder, i int) (Value, error) {
	if i >= len(r) {
		return nil, d.fail(": reference to object %d of %d", ErrInvalid, i, len(r))
	}
	return r[i].v, d.count(r[i].size)
}

func (d *decoder) fail(format string, err error, args ...any) error {
	return fmt.Errorf("decode AMF at byte %d: %w"+format, append([]any{d.at, err}, args...)...)
}

// take returns the next n bytes, which alias the input.
func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.b)-d.at {
		return nil, d.fail(": %d bytes wanted, %d there", ErrTruncated, n, len(d.b)-d.at)
	}
	b := d.b[d.at : d.at+n]
	d.at += n
	return b, d.count(n / perValue)
}

func (d *decoder) byte() (byte, error) {
	b, err := d.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (d *decoder) uint16() (int, error) {
	b, err := d.take(2)
	if err != nil {
		return 0, err
	}
	return int(binary.BigEndian.Uint16(b)), nil
}

func (d *decoder) uint32() (uint32, error) {
	b, err := d.take(4)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}

func (d *decoder) double() (float64, error) {
	b, err := d.take(8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

func (d *decoder) name() (string, error) {
	n, err := d.uint16()
	if err != nil {
		return "", err
	}
	b, err := d.take(n)
	return string(b), err
}

func (d *decoder) long() (string, error) {
	n, err := d.uint32()
	if err != nil {
		return "", err
	}
	b, err := d.take(int(n))
	return string(b), err
}

func (d *decoder) value0(depth int) (Value, error) {
	if depth > maxDepth {
		return nil, d.fail("", ErrTooDeep)
	}
	if err := d.count(1); err != nil {
		return nil, err
	}
	mark, err := d.byte()
	if err != nil {
		return nil, err
	}
	switch mark {
	case markNumber:
		return d.double()
	case markBoolean:
		b, err := d.byte()
		return b != 0, err
	case markString:
		return d.name()
	case markLongString:
		return d.long()
	case markXML:
		s, err := d.long()
		return XML(s), err
	case markNull:
		return nil, nil
	case markUndefined, markUnsupported:
		return Undefined{}, nil
	case markDate:
		ms, err := d.double()
		if err != nil {
			return nil, err
		}
		_, err = d.take(2) // time zone, reserved
		return date(ms), err
	case markReference:
		i, err := d.uint16()
		if err != nil {
			return nil, err
		}
		return d.refs.get(d, i)
	case markObject, markTypedObject:
		o := &Object{}
		place := d.refs.open(d, o)
		if mark == markTypedObject {
			if o.Class, err = d.name(); err != nil {
				return nil, err
			}
		}
		o.Properties, err = d.properties0(depth)
		return d.refs.closed(d, place, o), err
	case markECMAArray:
		a := &ECMAArray{}
		place := d.refs.open(d, a)
		// The count is a hint that encoders get wrong: the end marker counts.
		if _, err := d.uint32(); err != nil {
			return nil, err
		}
		a.Properties, err = d.properties0(depth)
		return d.refs.closed(d, place, a), err
	case markStrictArray:
		return d.strictArray(depth)
	case markAMF3:
		return d.value3(&tables{}, depth)
	}
	d.at--
	return nil, d.fail(": type marker %#02x", ErrInvalid, mark)
}

func (d *decoder) strictArray(depth int) (Value, error) {
	n, err := d.uint32()
	if err != nil {
		return nil, err
	}
	if int64(n) > int64(len(d.b)-d.at) { // an element takes a byte at least
		return nil, d.fail(": array of %d elements", ErrTruncated, n)
	}
	place := d.refs.open(d, nil)
	list := make([]Value, 0, min(n, 64))
	for range n {
		v, err := d.value0(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return d.refs.closed(d, place, list), nil
}

func (d *decoder) properties0(depth int) ([]Property, error) {
	var list []Property
	for {
		name, err := d.name()
		if err != nil {
			return nil, err
		}
		if name == "" && d.at < len(d.b) && d.b[d.at] == markObjectEnd {
			d.at++
			return list, nil
		}
		v, err := d.value0(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, Property{name, v})
	}
}

// date keeps times that Go can express; anything else is the epoch.
func date(ms float64) time.Time {
	if math.IsNaN(ms) || math.Abs(ms) > 8.64e15 { // ECMA-262's own limit
		ms = 0
	}
	return time.UnixMilli(int64(ms)).UTC()
}
