package amf

import (
	"fmt"
	"time"
)

// AMF3 type markers [AMF3 §3.1].
const (
	mark3Undefined    = 0x00
	mark3Null         = 0x01
	mark3False        = 0x02
	mark3True         = 0x03
	mark3Integer      = 0x04
	mark3Double       = 0x05
	mark3String       = 0x06
	mark3XMLDoc       = 0x07
	mark3Date         = 0x08
	mark3Array        = 0x09
	mark3Object       = 0x0a
	mark3XML          = 0x0b
	mark3ByteArray    = 0x0c
	mark3VectorInt    = 0x0d
	mark3VectorUint   = 0x0e
	mark3VectorDouble = 0x0f
	mark3VectorObject = 0x10
	mark3Dictionary   = 0x11
)

// The range of an AMF3 integer: 29 bits, signed.
const (
	minInt29 = -1 << 28
	maxInt29 = 1<<28 - 1
)

func (e *encoder) value3(v Value, depth int) error {
	if err := e.bounded(depth); err != nil {
		return err
	}
	if IsNull(v) {
		e.bytes(mark3Null)
		return nil
	}
	switch v := v.(type) {
	case Undefined:
		e.bytes(mark3Undefined)
		return nil
	case bool:
		if v {
			e.bytes(mark3True)
		} else {
			e.bytes(mark3False)
		}
		return nil
	case int32:
		if v >= minInt29 && v <= maxInt29 {
			e.bytes(mark3Integer)
			e.u29(uint32(v) & 0x1fffffff)
			return nil
		}
	case string:
		e.bytes(mark3String)
		e.string3(v)
		return nil
	case XML:
		e.objects3.skip()
		e.bytes(mark3XML)
		e.string3(string(v))
		return nil
	case XMLDocument:
		e.objects3.skip()
		e.bytes(mark3XMLDoc)
		e.string3(string(v))
		return nil
	case time.Time:
		e.objects3.skip()
		e.bytes(mark3Date, 1)
		e.date(v)
		return nil
	case *Array, *ECMAArray, *Object, *Dictionary, *ByteArray,
		*Vector[int32], *Vector[uint32], *Vector[float64], *ObjectVector:
		return e.complex3(v, depth)
	}
	if n, ok := Number(v); ok {
		e.bytes(mark3Double)
		e.double(n)
		return nil
	}
	return fmt.Errorf("encode AMF3: %w: Go type %T", ErrInvalid, v)
}

// complex3 writes what may be referred to.
func (e *encoder) complex3(v Value, depth int) error {
	switch v := v.(type) {
	case *Array:
		return e.hold3(mark3Array, v, len(v.Items), func() error {
			e.bytes(1) // no names
			return e.items3(v.Items, depth)
		})
	case *ECMAArray:
		return e.hold3(mark3Array, v, len(v.Dense), func() error {
			if err := e.named3(v.Properties, depth); err != nil {
				return err
			}
			return e.items3(v.Dense, depth)
		})
	case *Object:
		// Every object is a dynamic one: traits inline, none sealed [AMF3 §3.12].
		return e.hold3(mark3Object, v, 0x0b>>1, func() error {
			e.string3(v.Class)
			return e.named3(v.Properties, depth)
		})
	case *Dictionary:
		return e.hold3(mark3Dictionary, v, len(v.Entries), func() error { return e.dictionary(v, depth) })
	case *ByteArray:
		return e.hold3(mark3ByteArray, v, len(v.Bytes), func() error { e.b = append(e.b, v.Bytes...); return nil })
	case *Vector[int32]:
		return vector3(e, mark3VectorInt, v, func(n int32) { e.uint32(uint32(n)) })
	case *Vector[uint32]:
		return vector3(e, mark3VectorUint, v, e.uint32)
	case *Vector[float64]:
		return vector3(e, mark3VectorDouble, v, e.double)
	case *ObjectVector:
		return e.hold3(mark3VectorObject, v, len(v.Items), func() error {
			e.flag(v.Fixed)
			e.string3(v.Class)
			return e.items3(v.Items, depth)
		})
	}
	return nil
}

// hold3 writes a value that may be referred to: its marker, the number at its
// front, which is n of 28 bits, and what is in it. One that was written already
// is referred to.
func (e *encoder) hold3(mark byte, v any, n int, fill func() error) error {
	place, found := e.objects3.find(v)
	e.bytes(mark)
	if found {
		e.u29(uint32(place) << 1)
		return nil
	}
	e.u29(uint32(n)<<1 | 1)
	return fill()
}

func (e *encoder) items3(list []Value, depth int) error {
	for _, item := range list {
		if err := e.value3(item, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// named3 writes names and values up to the empty name.
func (e *encoder) named3(list []Property, depth int) error {
	for _, p := range list {
		if p.Name == "" {
			return fmt.Errorf("encode AMF3: %w: an empty property name would end the object", ErrInvalid)
		}
		e.string3(p.Name)
		if err := e.value3(p.Value, depth+1); err != nil {
			return err
		}
	}
	e.bytes(1)
	return nil
}

func (e *encoder) dictionary(d *Dictionary, depth int) error {
	e.flag(d.Weak)
	for _, entry := range d.Entries {
		if err := e.value3(entry.Key, depth+1); err != nil {
			return err
		}
		if err := e.value3(entry.Value, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func vector3[T int32 | uint32 | float64](e *encoder, mark byte, v *Vector[T], write func(T)) error {
	return e.hold3(mark, v, len(v.Items), func() error {
		e.flag(v.Fixed)
		for _, n := range v.Items {
			write(n)
		}
		return nil
	})
}

func (e *encoder) flag(b bool) {
	if b {
		e.bytes(1)
	} else {
		e.bytes(0)
	}
}

func (e *encoder) string3(s string) {
	// A length that U29 cannot carry is beyond maxEncoded as well.
	e.u29(uint32(len(s))<<1 | 1)
	e.b = append(e.b, s...)
}

// u29 writes a variable length integer [AMF3 §1.3.1].
func (e *encoder) u29(n uint32) {
	switch {
	case n < 1<<7:
		e.bytes(byte(n))
	case n < 1<<14:
		e.bytes(byte(n>>7)|0x80, byte(n)&0x7f)
	case n < 1<<21:
		e.bytes(byte(n>>14)|0x80, byte(n>>7)|0x80, byte(n)&0x7f)
	default:
		e.bytes(byte(n>>22)|0x80, byte(n>>15)|0x80, byte(n>>8)|0x80, byte(n))
	}
}

// signed29 extends the sign of a 29 bit integer.
func signed29(n uint32) int32 {
	if n > maxInt29 {
		return int32(n) - 1<<29
	}
	return int32(n)
}
