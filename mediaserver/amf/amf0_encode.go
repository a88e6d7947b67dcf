package amf

import (
	"fmt"
	"math"
	"time"
)

// AMF0 type markers [AMF0 §2.1].
const (
	markNumber      = 0x00
	markBoolean     = 0x01
	markString      = 0x02
	markObject      = 0x03
	markNull        = 0x05
	markUndefined   = 0x06
	markReference   = 0x07
	markECMAArray   = 0x08
	markObjectEnd   = 0x09
	markStrictArray = 0x0a
	markDate        = 0x0b
	markLongString  = 0x0c
	markUnsupported = 0x0d
	markXML         = 0x0f
	markTypedObject = 0x10
	markAMF3        = 0x11
)

func (e *encoder) value0(v Value, depth int) error {
	if err := e.bounded(depth); err != nil {
		return err
	}
	if IsNull(v) {
		e.bytes(markNull)
		return nil
	}
	switch v := v.(type) {
	case Undefined:
		e.bytes(markUndefined)
		return nil
	case bool:
		e.bytes(markBoolean, 0)
		if v {
			e.b[len(e.b)-1] = 1
		}
		return nil
	case string:
		e.string0(v)
		return nil
	case XML:
		e.xml0(string(v))
		return nil
	case XMLDocument:
		e.xml0(string(v))
		return nil
	case time.Time:
		e.objects0.skip()
		e.bytes(markDate)
		e.date(v)
		e.bytes(0, 0) // the time zone is reserved
		return nil
	case *Array, *ECMAArray, *Object:
		return e.complex0(v, depth)
	case *ByteArray, *Dictionary, *Vector[int32], *Vector[uint32], *Vector[float64], *ObjectVector:
		e.bytes(markAMF3)
		return e.value3(v, depth)
	}
	if n, ok := Number(v); ok {
		e.bytes(markNumber)
		e.double(n)
		return nil
	}
	return fmt.Errorf("encode AMF0: %w: Go type %T", ErrInvalid, v)
}

// complex0 writes what may be referred to, or the reference. One that is too
// far behind for 16 bits is written out again, and a cycle that leads there is
// too deep.
func (e *encoder) complex0(v Value, depth int) error {
	if place, found := e.objects0.find(v); found && place <= math.MaxUint16 {
		e.bytes(markReference)
		e.uint16(uint16(place))
		return nil
	} else if found {
		e.objects0.skip()
	}
	switch v := v.(type) {
	case *Array:
		e.bytes(markStrictArray)
		e.uint32(uint32(len(v.Items)))
		for _, item := range v.Items {
			if err := e.value0(item, depth+1); err != nil {
				return err
			}
		}
	case *ECMAArray:
		all := v.Properties
		if len(v.Dense) > 0 { // first, as for-in has them
			all = make([]Property, 0, len(v.Dense)+len(v.Properties))
			for i, item := range v.Dense {
				all = append(all, Property{fmt.Sprint(i), item})
			}
			all = append(all, v.Properties...)
		}
		e.bytes(markECMAArray)
		e.uint32(uint32(len(all)))
		return e.properties0(all, depth)
	case *Object:
		if v.Class == "" {
			e.bytes(markObject)
			return e.properties0(v.Properties, depth)
		}
		e.bytes(markTypedObject)
		if err := e.name(v.Class); err != nil {
			return err
		}
		return e.properties0(v.Properties, depth)
	}
	return nil
}

func (e *encoder) properties0(list []Property, depth int) error {
	for _, p := range list {
		if err := e.name(p.Name); err != nil {
			return err
		}
		if err := e.value0(p.Value, depth+1); err != nil {
			return err
		}
	}
	e.bytes(0, 0, markObjectEnd)
	return nil
}

func (e *encoder) name(name string) error {
	if len(name) > math.MaxUint16 {
		return fmt.Errorf("encode AMF0: %w: name of %d bytes, 65535 at most", ErrInvalid, len(name))
	}
	e.uint16(uint16(len(name)))
	e.b = append(e.b, name...)
	return nil
}

func (e *encoder) xml0(text string) {
	e.objects0.skip()
	e.bytes(markXML)
	e.uint32(uint32(len(text)))
	e.b = append(e.b, text...)
}

func (e *encoder) string0(s string) {
	if len(s) <= math.MaxUint16 {
		e.bytes(markString)
		e.uint16(uint16(len(s)))
	} else {
		e.bytes(markLongString)
		e.uint32(uint32(len(s)))
	}
	e.b = append(e.b, s...)
}
