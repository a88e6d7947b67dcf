package amf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Decode takes one AMF0 value from the front of b and returns what is left
// behind it. It follows the marker that switches to AMF3. Errors wrap
// ErrTruncated, ErrInvalid, ErrTooDeep or ErrTooMany and tell the offset.
func Decode(b []byte) (v Value, rest []byte, err error) {
	return one(b, (*decoder).value0)
}

// Decode3 takes one AMF3 value from the front of b and returns what is left
// behind it. Errors are as those of Decode.
func Decode3(b []byte) (v Value, rest []byte, err error) {
	return one(b, (*decoder).value3)
}

func one(b []byte, decode func(d *decoder, depth int) (Value, error)) (v Value, rest []byte, err error) {
	d := decoder{b: b, most: maxSize}
	v, err = decode(&d, 0)
	if err != nil {
		return nil, b, err
	}
	return v, b[d.at:], nil
}

// DecodeAll takes the AMF0 values of a message, to the end of b. They may refer
// to one another. On an error it returns those before it as well.
func DecodeAll(b []byte) ([]Value, error) {
	all, _, err := DecodeWithin(b, maxSize)
	return all, err
}

// DecodeWithin is DecodeAll for values that are no larger than so many bytes all
// together, written out: 64 for each value and each name, and those of names and
// text; what is referred to counts as often as it is. Larger ones are ErrTooMany.
// It returns how large they are.
func DecodeWithin(b []byte, most int) (all []Value, size int, err error) {
	d := decoder{b: b, most: min(most, maxSize)}
	all, err = d.all()
	return all, d.n, err
}

// all takes what is left of a message apart.
func (d *decoder) all() ([]Value, error) {
	var all []Value
	for d.at < len(d.b) {
		v, err := d.value0(0)
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

// decoder takes one message apart. Its tables of what may be referred to are
// the message's: indices are local to a message body [AMF0 §4.1.3], and the
// parts of it that are AMF3 share one set of tables, as Adobe's own BlazeDS
// keeps them.
type decoder struct {
	b    []byte
	at   int
	n    int // size of the values so far, see maxSize
	most int // that they may have

	switched bool // a part of it is AMF3
	referred bool // a value of AMF0 refers to another
	objects0 references

	objects3 references
	strings  []string
	traits   []traits
}

// count takes a value of so many bytes of text into account, or a name.
func (d *decoder) count(text int) error { return d.countAll(perValue + text) }

// countAll takes values of a size into account.
func (d *decoder) countAll(size int) error {
	if d.n += size; d.n > d.most {
		return d.fail(": %d bytes at most, written out", ErrTooMany, d.most)
	}
	return nil
}

// references is a table of values that may be referred to later.
type references []reference

type reference struct {
	v    Value
	size int // see maxSize; 0 while it is being decoded
}

// hold gives a value the next place in the table, before fill decodes what is
// inside it, which may refer to it.
func (r *references) hold(d *decoder, v Value, fill func() error) (Value, error) {
	place, begun := len(*r), d.n
	*r = append(*r, reference{v: v})
	if err := fill(); err != nil {
		return nil, err
	}
	(*r)[place].size = d.n - begun
	return v, nil
}

// keep gives a value that has nothing inside it, but so many bytes, the next
// place in the table.
func (r *references) keep(v Value, size int) Value {
	*r = append(*r, reference{v: v, size: size})
	return v
}

func (r references) get(d *decoder, i int) (Value, error) {
	if i >= len(r) {
		return nil, d.fail(": reference to object %d of %d", ErrInvalid, i, len(r))
	}
	return r[i].v, d.countAll(r[i].size)
}

func (d *decoder) fail(format string, err error, args ...any) error {
	return fmt.Errorf("decode AMF at byte %d: %w"+format, append([]any{d.at, err}, args...)...)
}

// fits refuses a count of elements, of size bytes each at least, that the bytes
// left cannot hold.
func (d *decoder) fits(n uint32, size int) error {
	if int64(n)*int64(size) > int64(len(d.b)-d.at) {
		return d.fail(": %d elements", ErrTruncated, n)
	}
	return nil
}

// take returns the next n bytes, which alias the input.
func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.b)-d.at {
		return nil, d.fail(": %d bytes wanted, %d there", ErrTruncated, n, len(d.b)-d.at)
	}
	b := d.b[d.at : d.at+n]
	d.at += n
	return b, nil
}

// text takes the next n bytes, which count.
func (d *decoder) text(n int) ([]byte, error) {
	b, err := d.take(n)
	if err != nil {
		return nil, err
	}
	return b, d.countAll(n)
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
	b, err := d.text(n)
	return string(b), err
}

func (d *decoder) long() (string, error) {
	n, err := d.uint32()
	if err != nil {
		return "", err
	}
	b, err := d.text(int(n))
	return string(b), err
}
