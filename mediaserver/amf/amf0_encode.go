package amf

import (
	"encoding/binary"
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

// Append appends the AMF0 form of v. What AMF0 cannot express (byte arrays,
// vectors) goes out as AMF3 behind the marker that switches to it. It fails
// with ErrInvalid for a Go type that has no AMF form and a name longer than
// 65535 bytes, and with ErrTooDeep; dst is returned unchanged then.
func Append(dst []byte, v Value) ([]byte, error) {
	out, err := append0(dst, v, 0)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func append0(dst []byte, v Value, depth int) ([]byte, error) {
	if err := bounded(dst, depth); err != nil {
		return dst, err
	}
	switch v := v.(type) {
	case nil:
		return append(dst, markNull), nil
	case Undefined:
		return append(dst, markUndefined), nil
	case bool:
		if v {
			return append(dst, markBoolean, 1), nil
		}
		return append(dst, markBoolean, 0), nil
	case string:
		return appendString0(dst, v), nil
	case XML:
		dst = append(dst, markXML)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v)))
		return append(dst, v...), nil
	case time.Time:
		dst = append(dst, markDate)
		dst = appendDouble(dst, float64(v.UnixMilli()))
		return append(dst, 0, 0), nil // the time zone is reserved
	case []Value:
		dst = append(dst, markStrictArray)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v)))
		var err error
		for _, item := range v {
			if dst, err = append0(dst, item, depth+1); err != nil {
				return dst, err
			}
		}
		return dst, nil
	case *Object:
		if v == nil {
			return append(dst, markNull), nil
		}
		if v.Class == "" {
			return appendProperties0(append(dst, markObject), v.Properties, depth)
		}
		dst, err := appendName(append(dst, markTypedObject), v.Class)
		if err != nil {
			return dst, err
		}
		return appendProperties0(dst, v.Properties, depth)
	case *ECMAArray:
		if v == nil {
			return append(dst, markNull), nil
		}
		all := v.Properties
		for i, item := range v.Dense {
			all = append(all[:len(all):len(all)], Property{fmt.Sprint(i), item})
		}
		dst = append(dst, markECMAArray)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(all)))
		return appendProperties0(dst, all, depth)
	case []byte, []int32, []uint32, []float64, *ObjectVector:
		return append3(append(dst, markAMF3), v, depth)
	}
	if n, ok := number(v); ok {
		return appendDouble(append(dst, markNumber), n), nil
	}
	return dst, fmt.Errorf("encode AMF0: %w: Go type %T", ErrInvalid, v)
}

// maxEncoded bounds what values may grow to: a few bytes of references can
// stand for a tree without end.
const maxEncoded = 64 << 20

func bounded(dst []byte, depth int) error {
	switch {
	case depth > maxDepth:
		return fmt.Errorf("encode AMF: %w", ErrTooDeep)
	case len(dst) > maxEncoded:
		return fmt.Errorf("encode AMF: %w: more than 64 MiB", ErrInvalid)
	}
	return nil
}

func appendProperties0(dst []byte, list []Property, depth int) ([]byte, error) {
	var err error
	for _, p := range list {
		if dst, err = appendName(dst, p.Name); err != nil {
			return dst, err
		}
		if dst, err = append0(dst, p.Value, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, 0, 0, markObjectEnd), nil
}

func appendName(dst []byte, name string) ([]byte, error) {
	if len(name) > math.MaxUint16 {
		return dst, fmt.Errorf("encode AMF0: %w: name of %d bytes, 65535 at most", ErrInvalid, len(name))
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(name)))
	return append(dst, name...), nil
}

func appendString0(dst []byte, s string) []byte {
	if len(s) <= math.MaxUint16 {
		dst = append(dst, markString)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	} else {
		dst = append(dst, markLongString)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	}
	return append(dst, s...)
}

func appendDouble(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(f))
}
