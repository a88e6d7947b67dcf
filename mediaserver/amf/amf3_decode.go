package amf

import (
	"encoding/binary"
	"math"
)

// Decode3 takes one AMF3 value from the front of b and returns what is left
// behind it. Errors are as those of Decode.
func Decode3(b []byte) (v Value, rest []byte, err error) {
	d := decoder{b: b}
	v, err = d.value3(&tables{}, 0)
	if err != nil {
		return nil, b, err
	}
	return v, b[d.at:], nil
}

// tables are AMF3's reference tables. They start anew with each value
// [AMF0 §3.1].
type tables struct {
	strings []string
	objects references
	traits  []traits
}

type traits struct {
	class   string
	dynamic bool
	sealed  []string
}

// u29 reads a variable length integer.
func (d *decoder) u29() (uint32, error) {
	var n uint32
	for i := range 4 {
		b, err := d.byte()
		if err != nil {
			return 0, err
		}
		if i == 3 {
			return n<<8 | uint32(b), nil
		}
		n = n<<7 | uint32(b&0x7f)
		if b < 0x80 {
			break
		}
	}
	return n, nil
}

func (d *decoder) value3(t *tables, depth int) (Value, error) {
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
	case mark3Undefined:
		return Undefined{}, nil
	case mark3Null:
		return nil, nil
	case mark3False, mark3True:
		return mark == mark3True, nil
	case mark3Integer:
		n, err := d.u29()
		return signed29(n), err
	case mark3Double:
		return d.double()
	case mark3String:
		return d.string3(t)
	}
	if mark > mark3Dictionary {
		d.at--
		return nil, d.fail(": AMF3 type marker %#02x", ErrInvalid, mark)
	}
	// The others begin with a number whose lowest bit says whether it is a
	// reference to an object before.
	n, err := d.u29()
	if err != nil {
		return nil, err
	}
	if n&1 == 0 {
		return t.objects.get(d, int(n>>1))
	}
	return d.complex3(t, mark, n>>1, depth)
}

func (d *decoder) string3(t *tables) (string, error) {
	if err := d.count(1); err != nil {
		return "", err
	}
	n, err := d.u29()
	if err != nil {
		return "", err
	}
	if n&1 == 0 {
		if int(n>>1) >= len(t.strings) {
			return "", d.fail(": reference to string %d of %d", ErrInvalid, n>>1, len(t.strings))
		}
		s := t.strings[n>>1]
		return s, d.count(len(s) / perValue)
	}
	b, err := d.take(int(n >> 1))
	if err != nil {
		return "", err
	}
	s := string(b)
	if s != "" {
		t.strings = append(t.strings, s)
	}
	return s, nil
}

func (d *decoder) complex3(t *tables, mark byte, n uint32, depth int) (Value, error) {
	switch mark {
	case mark3XMLDoc, mark3XML, mark3ByteArray:
		place := t.objects.open(d, nil)
		b, err := d.take(int(n))
		if err != nil {
			return nil, err
		}
		var v Value = XML(b)
		if mark == mark3ByteArray {
			v = append([]byte{}, b...)
		}
		return t.objects.closed(d, place, v), nil
	case mark3Date:
		place := t.objects.open(d, nil)
		ms, err := d.double()
		if err != nil {
			return nil, err
		}
		return t.objects.closed(d, place, date(ms)), nil
	case mark3Array:
		return d.array3(t, n, depth)
	case mark3Object:
		return d.object3(t, n, depth)
	case mark3Dictionary:
		return d.dictionary(t, n, depth)
	}
	return d.vector(t, mark, n, depth)
}

// fits refuses a count that the bytes left cannot hold.
func (d *decoder) fits(n uint32, size int) error {
	if int64(n)*int64(size) > int64(len(d.b)-d.at) {
		return d.fail(": %d elements", ErrTruncated, n)
	}
	return nil
}

// array3 gives []Value, or an ECMAArray when some elements have names.
func (d *decoder) array3(t *tables, n uint32, depth int) (Value, error) {
	if err := d.fits(n, 1); err != nil {
		return nil, err
	}
	place := t.objects.open(d, nil)
	named, err := d.dynamic3(t, depth)
	if err != nil {
		return nil, err
	}
	list := make([]Value, 0, min(n, 64))
	for range n {
		v, err := d.value3(t, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if len(named) == 0 {
		return t.objects.closed(d, place, list), nil
	}
	a := &ECMAArray{Properties: named}
	if n > 0 {
		a.Dense = list
	}
	return t.objects.closed(d, place, a), nil
}

func (d *decoder) dynamic3(t *tables, depth int) ([]Property, error) {
	var list []Property
	for {
		name, err := d.string3(t)
		if err != nil || name == "" {
			return list, err
		}
		v, err := d.value3(t, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, Property{name, v})
	}
}

// object3 reads an object whose traits are n (without the reference bit).
func (d *decoder) object3(t *tables, n uint32, depth int) (Value, error) {
	var tr traits
	switch {
	case n&1 == 0: // traits seen before
		if int(n>>1) >= len(t.traits) {
			return nil, d.fail(": reference to traits %d of %d", ErrInvalid, n>>1, len(t.traits))
		}
		tr = t.traits[n>>1]
	case n&2 != 0:
		// Only the class itself knows how to read what follows.
		class, err := d.string3(t)
		if err != nil {
			return nil, err
		}
		return nil, d.fail(": externalizable class %q", ErrInvalid, class)
	default:
		var err error
		if tr.class, err = d.string3(t); err != nil {
			return nil, err
		}
		tr.dynamic = n&4 != 0
		if err := d.fits(n>>3, 1); err != nil {
			return nil, err
		}
		for range n >> 3 {
			name, err := d.string3(t)
			if err != nil {
				return nil, err
			}
			tr.sealed = append(tr.sealed, name)
		}
		t.traits = append(t.traits, tr)
	}
	o := &Object{Class: tr.class}
	place := t.objects.open(d, o)
	for _, name := range tr.sealed {
		v, err := d.value3(t, depth+1)
		if err != nil {
			return nil, err
		}
		o.Properties = append(o.Properties, Property{name, v})
	}
	if tr.dynamic {
		named, err := d.dynamic3(t, depth)
		if err != nil {
			return nil, err
		}
		o.Properties = append(o.Properties, named...)
	}
	return t.objects.closed(d, place, o), nil
}

// dictionary gives a list of its keys and values in turn: keys may be of any
// type, which no Go map of ours holds.
func (d *decoder) dictionary(t *tables, n uint32, depth int) (Value, error) {
	if _, err := d.byte(); err != nil { // weak keys
		return nil, err
	}
	if err := d.fits(n, 2); err != nil {
		return nil, err
	}
	place := t.objects.open(d, nil)
	list := make([]Value, 0, min(2*n, 64))
	for range 2 * n {
		v, err := d.value3(t, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return t.objects.closed(d, place, list), nil
}

func (d *decoder) vector(t *tables, mark byte, n uint32, depth int) (Value, error) {
	fixed, err := d.byte()
	if err != nil {
		return nil, err
	}
	if mark == mark3VectorObject {
		v := &ObjectVector{Fixed: fixed != 0}
		place := t.objects.open(d, v)
		if v.Class, err = d.string3(t); err != nil {
			return nil, err
		}
		if err := d.fits(n, 1); err != nil {
			return nil, err
		}
		for range n {
			item, err := d.value3(t, depth+1)
			if err != nil {
				return nil, err
			}
			v.Items = append(v.Items, item)
		}
		return t.objects.closed(d, place, v), nil
	}
	size := 4
	if mark == mark3VectorDouble {
		size = 8
	}
	if err := d.fits(n, size); err != nil {
		return nil, err
	}
	place := t.objects.open(d, nil)
	b, err := d.take(int(n) * size)
	if err != nil {
		return nil, err
	}
	return t.objects.closed(d, place, numbers(mark, b)), nil
}

func numbers(mark byte, b []byte) Value {
	switch mark {
	case mark3VectorInt:
		list := make([]int32, len(b)/4)
		for i := range list {
			list[i] = int32(binary.BigEndian.Uint32(b[4*i:]))
		}
		return list
	case mark3VectorUint:
		list := make([]uint32, len(b)/4)
		for i := range list {
			list[i] = binary.BigEndian.Uint32(b[4*i:])
		}
		return list
	}
	list := make([]float64, len(b)/8)
	for i := range list {
		list[i] = math.Float64frombits(binary.BigEndian.Uint64(b[8*i:]))
	}
	return list
}
