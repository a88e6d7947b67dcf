package amf

import (
	"bytes"
	"encoding/binary"
	"math"
)

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

func (d *decoder) value3(depth int) (Value, error) {
	if depth > maxDepth {
		return nil, d.fail("", ErrTooDeep)
	}
	if err := d.count(0); err != nil {
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
		return d.string3()
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
		return d.objects3.get(d, int(n>>1))
	}
	return d.complex3(mark, n>>1, depth)
}

func (d *decoder) string3() (string, error) {
	if err := d.count(0); err != nil {
		return "", err
	}
	n, err := d.u29()
	if err != nil {
		return "", err
	}
	if n&1 == 0 {
		if int(n>>1) >= len(d.strings) {
			return "", d.fail(": reference to string %d of %d", ErrInvalid, n>>1, len(d.strings))
		}
		s := d.strings[n>>1]
		return s, d.countAll(len(s))
	}
	b, err := d.text(int(n >> 1))
	if err != nil {
		return "", err
	}
	s := string(b)
	if s != "" {
		d.strings = append(d.strings, s)
	}
	return s, nil
}

// complex3 reads what takes a place in the table of objects; n is the number
// at its front, without the reference bit.
func (d *decoder) complex3(mark byte, n uint32, depth int) (Value, error) {
	switch mark {
	case mark3XMLDoc, mark3XML:
		b, err := d.text(int(n))
		if err != nil {
			return nil, err
		}
		if mark == mark3XMLDoc {
			return d.objects3.keep(XMLDocument(b), len(b)), nil
		}
		return d.objects3.keep(XML(b), len(b)), nil
	case mark3ByteArray:
		b, err := d.text(int(n))
		if err != nil {
			return nil, err
		}
		return d.objects3.keep(&ByteArray{bytes.Clone(b)}, len(b)), nil
	case mark3Date:
		ms, err := d.double()
		if err != nil {
			return nil, err
		}
		return d.objects3.keep(date(ms), 0), nil
	case mark3Array:
		return d.array3(n, depth)
	case mark3Object:
		return d.object3(n, depth)
	case mark3Dictionary:
		return d.dictionary(n, depth)
	case mark3VectorObject:
		return d.objectVector(n, depth)
	}
	return d.vector(mark, n)
}

// array3 gives an Array, or an ECMAArray when some elements have names. Which
// it is shows at the first name, before anything can refer to it.
func (d *decoder) array3(n uint32, depth int) (Value, error) {
	if err := d.fits(n, 1); err != nil {
		return nil, err
	}
	name, err := d.string3()
	if err != nil {
		return nil, err
	}
	item := func() (Value, error) { return d.value3(depth + 1) }
	if name == "" {
		a := &Array{}
		return d.objects3.hold(d, a, func() error { return items(&a.Items, n, item) })
	}
	a := &ECMAArray{}
	return d.objects3.hold(d, a, func() error {
		if err := d.named3(&a.Properties, name, depth); err != nil {
			return err
		}
		return items(&a.Dense, n, item)
	})
}

// named3 reads names and values up to the empty name; the first name is read
// already.
func (d *decoder) named3(to *[]Property, name string, depth int) error {
	for name != "" {
		v, err := d.value3(depth + 1)
		if err != nil {
			return err
		}
		*to = append(*to, Property{name, v})
		if name, err = d.string3(); err != nil {
			return err
		}
	}
	return nil
}

// object3 reads an object whose traits are n.
func (d *decoder) object3(n uint32, depth int) (Value, error) {
	tr, err := d.traits3(n)
	if err != nil {
		return nil, err
	}
	o := &Object{Class: tr.class}
	return d.objects3.hold(d, o, func() error {
		if err := d.count(len(tr.class)); err != nil {
			return err
		}
		for _, name := range tr.sealed {
			if err := d.count(len(name)); err != nil {
				return err
			}
			v, err := d.value3(depth + 1)
			if err != nil {
				return err
			}
			o.Properties = append(o.Properties, Property{name, v})
		}
		if !tr.dynamic {
			return nil
		}
		name, err := d.string3()
		if err != nil {
			return err
		}
		return d.named3(&o.Properties, name, depth)
	})
}

func (d *decoder) traits3(n uint32) (tr traits, err error) {
	switch {
	case n&1 == 0: // seen before
		if int(n>>1) >= len(d.traits) {
			return tr, d.fail(": reference to traits %d of %d", ErrInvalid, n>>1, len(d.traits))
		}
		return d.traits[n>>1], nil
	case n&2 != 0:
		// Only the class itself knows how to read what follows.
		class, err := d.string3()
		if err != nil {
			return tr, err
		}
		return tr, d.fail(": externalizable class %q", ErrInvalid, class)
	}
	if tr.class, err = d.string3(); err != nil {
		return tr, err
	}
	tr.dynamic = n&4 != 0
	if err := d.fits(n>>3, 1); err != nil {
		return tr, err
	}
	for range n >> 3 {
		name, err := d.string3()
		if err != nil {
			return tr, err
		}
		tr.sealed = append(tr.sealed, name)
	}
	d.traits = append(d.traits, tr)
	return tr, nil
}

func (d *decoder) dictionary(n uint32, depth int) (Value, error) {
	weak, err := d.byte()
	if err != nil {
		return nil, err
	}
	if err := d.fits(n, 2); err != nil {
		return nil, err
	}
	dict := &Dictionary{Weak: weak != 0}
	return d.objects3.hold(d, dict, func() error {
		for range n {
			key, err := d.value3(depth + 1)
			if err != nil {
				return err
			}
			v, err := d.value3(depth + 1)
			if err != nil {
				return err
			}
			dict.Entries = append(dict.Entries, Entry{key, v})
		}
		return nil
	})
}

func (d *decoder) objectVector(n uint32, depth int) (Value, error) {
	fixed, err := d.byte()
	if err != nil {
		return nil, err
	}
	v := &ObjectVector{Fixed: fixed != 0}
	return d.objects3.hold(d, v, func() error {
		if v.Class, err = d.string3(); err != nil {
			return err
		}
		if err := d.fits(n, 1); err != nil {
			return err
		}
		return items(&v.Items, n, func() (Value, error) { return d.value3(depth + 1) })
	})
}

func (d *decoder) vector(mark byte, n uint32) (Value, error) {
	flag, err := d.byte()
	if err != nil {
		return nil, err
	}
	size := 4
	if mark == mark3VectorDouble {
		size = 8
	}
	if err := d.fits(n, size); err != nil {
		return nil, err
	}
	b, err := d.text(int(n) * size)
	if err != nil {
		return nil, err
	}
	return d.objects3.keep(numbers(mark, flag != 0, b), len(b)), nil
}

func numbers(mark byte, fixed bool, b []byte) Value {
	switch mark {
	case mark3VectorInt:
		v := &Vector[int32]{Fixed: fixed, Items: make([]int32, len(b)/4)}
		for i := range v.Items {
			v.Items[i] = int32(binary.BigEndian.Uint32(b[4*i:]))
		}
		return v
	case mark3VectorUint:
		v := &Vector[uint32]{Fixed: fixed, Items: make([]uint32, len(b)/4)}
		for i := range v.Items {
			v.Items[i] = binary.BigEndian.Uint32(b[4*i:])
		}
		return v
	}
	v := &Vector[float64]{Fixed: fixed, Items: make([]float64, len(b)/8)}
	for i := range v.Items {
		v.Items[i] = math.Float64frombits(binary.BigEndian.Uint64(b[8*i:]))
	}
	return v
}
