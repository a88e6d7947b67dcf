package amf

import (
	"encoding/binary"
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

// Append3 appends the AMF3 form of v, without references: every value is
// written out. Errors are as those of Append.
func Append3(dst []byte, v Value) ([]byte, error) {
	out, err := append3(dst, v, 0)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func append3(dst []byte, v Value, depth int) ([]byte, error) {
	if err := bounded(dst, depth); err != nil {
		return dst, err
	}
	switch v := v.(type) {
	case nil:
		return append(dst, mark3Null), nil
	case Undefined:
		return append(dst, mark3Undefined), nil
	case bool:
		if v {
			return append(dst, mark3True), nil
		}
		return append(dst, mark3False), nil
	case int32:
		if v >= minInt29 && v <= maxInt29 {
			return appendU29(append(dst, mark3Integer), uint32(v)&0x1fffffff), nil
		}
	case string:
		return appendString3(append(dst, mark3String), v), nil
	case XML:
		return appendString3(append(dst, mark3XML), string(v)), nil
	case time.Time:
		return appendDouble(append(dst, mark3Date, 1), float64(v.UnixMilli())), nil
	case []byte:
		return appendString3(append(dst, mark3ByteArray), string(v)), nil
	case []Value:
		return appendArray3(dst, &ECMAArray{Dense: v}, depth)
	case *ECMAArray:
		if v == nil {
			return append(dst, mark3Null), nil
		}
		return appendArray3(dst, v, depth)
	case *Object:
		if v == nil {
			return append(dst, mark3Null), nil
		}
		return appendObject3(dst, v, depth)
	case []int32:
		dst = appendVector(dst, mark3VectorInt, len(v), false)
		for _, n := range v {
			dst = binary.BigEndian.AppendUint32(dst, uint32(n))
		}
		return dst, nil
	case []uint32:
		dst = appendVector(dst, mark3VectorUint, len(v), false)
		for _, n := range v {
			dst = binary.BigEndian.AppendUint32(dst, n)
		}
		return dst, nil
	case []float64:
		dst = appendVector(dst, mark3VectorDouble, len(v), false)
		for _, n := range v {
			dst = appendDouble(dst, n)
		}
		return dst, nil
	case *ObjectVector:
		dst = appendVector(dst, mark3VectorObject, len(v.Items), v.Fixed)
		dst = appendString3(dst, v.Class)
		var err error
		for _, item := range v.Items {
			if dst, err = append3(dst, item, depth+1); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	if n, ok := number(v); ok {
		return appendDouble(append(dst, mark3Double), n), nil
	}
	return dst, fmt.Errorf("encode AMF3: %w: Go type %T", ErrInvalid, v)
}

func appendVector(dst []byte, mark byte, n int, fixed bool) []byte {
	dst = appendU29(append(dst, mark), uint32(n)<<1|1)
	if fixed {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendArray3(dst []byte, a *ECMAArray, depth int) ([]byte, error) {
	dst = appendU29(append(dst, mark3Array), uint32(len(a.Dense))<<1|1)
	dst, err := appendDynamic3(dst, a.Properties, depth)
	if err != nil {
		return dst, err
	}
	for _, item := range a.Dense {
		if dst, err = append3(dst, item, depth+1); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// appendObject3 writes every object as a dynamic one: traits inline, none
// sealed [AMF3 §3.12].
func appendObject3(dst []byte, o *Object, depth int) ([]byte, error) {
	dst = append(dst, mark3Object, 0x0b)
	return appendDynamic3(appendString3(dst, o.Class), o.Properties, depth)
}

// appendDynamic3 writes names and values up to the empty name.
func appendDynamic3(dst []byte, list []Property, depth int) ([]byte, error) {
	var err error
	for _, p := range list {
		if p.Name == "" {
			return dst, fmt.Errorf("encode AMF3: %w: an empty property name would end the object", ErrInvalid)
		}
		if dst, err = append3(appendString3(dst, p.Name), p.Value, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, 1), nil
}

func appendString3(dst []byte, s string) []byte {
	// A length that U29 cannot carry is beyond maxEncoded as well.
	return append(appendU29(dst, uint32(len(s))<<1|1), s...)
}

// appendU29 appends a variable length integer [AMF3 §1.3.1].
func appendU29(dst []byte, n uint32) []byte {
	switch {
	case n < 1<<7:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, byte(n>>7)|0x80, byte(n)&0x7f)
	case n < 1<<21:
		return append(dst, byte(n>>14)|0x80, byte(n>>7)|0x80, byte(n)&0x7f)
	}
	return append(dst, byte(n>>22)|0x80, byte(n>>15)|0x80, byte(n>>8)|0x80, byte(n))
}

// signed29 extends the sign of a 29 bit integer.
func signed29(n uint32) int32 {
	if n > maxInt29 {
		return int32(n) - 1<<29
	}
	return int32(n)
}
