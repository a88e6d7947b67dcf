package amf

import (
	"math"
	"time"
)

func (d *decoder) value0(depth int) (Value, error) {
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
	case markNumber:
		return d.double()
	case markBoolean:
		b, err := d.byte()
		return b != 0, err
	case markString:
		return d.name()
	case markLongString:
		return d.long()
	case markNull:
		return nil, nil
	case markUndefined, markUnsupported:
		return Undefined{}, nil
	case markReference:
		i, err := d.uint16()
		if err != nil {
			return nil, err
		}
		d.referred = true
		return d.objects0.get(d, i)
	case markAMF3:
		d.switched = true
		return d.value3(depth)
	case markXML, markDate, markObject, markTypedObject, markECMAArray, markStrictArray:
		return d.complex0(mark, depth)
	}
	d.at--
	return nil, d.fail(": type marker %#02x", ErrInvalid, mark)
}

// complex0 reads what takes a place in the table. AMF0 §2.9 names objects and
// arrays alone, but Flash Player refers to dates and XML documents too, and so
// counts them: what it sends of an object that has one XML document twice is in
// ruffle-rs/rust-flash-lso#124; of dates it is said in #73 there.
func (d *decoder) complex0(mark byte, depth int) (Value, error) {
	switch mark {
	case markXML:
		s, err := d.long()
		if err != nil {
			return nil, err
		}
		return d.objects0.keep(XML(s), len(s)), nil
	case markDate:
		ms, err := d.double()
		if err != nil {
			return nil, err
		}
		if _, err = d.take(2); err != nil { // time zone, reserved
			return nil, err
		}
		return d.objects0.keep(date(ms), 0), nil
	case markStrictArray:
		a := &Array{}
		return d.objects0.hold(d, a, func() error { return d.strictArray(a, depth) })
	case markECMAArray:
		a := &ECMAArray{}
		return d.objects0.hold(d, a, func() error {
			// The count is a hint that encoders get wrong: the end marker counts.
			if _, err := d.uint32(); err != nil {
				return err
			}
			return d.properties0(&a.Properties, depth)
		})
	}
	o := &Object{}
	return d.objects0.hold(d, o, func() (err error) {
		if mark == markTypedObject {
			if o.Class, err = d.name(); err != nil {
				return err
			}
		}
		return d.properties0(&o.Properties, depth)
	})
}

func (d *decoder) strictArray(a *Array, depth int) error {
	n, err := d.uint32()
	if err != nil {
		return err
	}
	if err := d.fits(n, 1); err != nil {
		return err
	}
	return items(&a.Items, n, func() (Value, error) { return d.value0(depth + 1) })
}

// items reads n values, n being what a stranger says.
func items(to *[]Value, n uint32, decode func() (Value, error)) error {
	if n == 0 {
		return nil
	}
	*to = make([]Value, 0, min(n, 64))
	for range n {
		v, err := decode()
		if err != nil {
			return err
		}
		*to = append(*to, v)
	}
	return nil
}

func (d *decoder) properties0(to *[]Property, depth int) error {
	for {
		name, err := d.name()
		if err != nil {
			return err
		}
		if name == "" && d.at < len(d.b) && d.b[d.at] == markObjectEnd {
			d.at++
			return nil
		}
		if err := d.count(0); err != nil {
			return err
		}
		v, err := d.value0(depth + 1)
		if err != nil {
			return err
		}
		*to = append(*to, Property{name, v})
	}
}

// maxDate is how far a date may be from 1970, in milliseconds: ECMA-262's own limit.
const maxDate = 8.64e15

// date is NoDate for what ECMA-262 has no date for.
func date(ms float64) time.Time {
	if math.IsNaN(ms) || math.Abs(ms) > maxDate {
		return NoDate
	}
	return time.UnixMilli(int64(ms)).UTC()
}
