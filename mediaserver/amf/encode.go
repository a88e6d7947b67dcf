package amf

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Append appends the AMF0 form of v. What AMF0 cannot express (byte arrays,
// vectors, dictionaries) goes out as AMF3 behind the marker that switches to
// it; what is met on both sides of it is written on each. It fails with
// ErrInvalid for a Go type that has no AMF form and a name longer than 65535
// bytes, and with ErrTooDeep; dst is returned unchanged then.
func Append(dst []byte, v Value) ([]byte, error) {
	return AppendAll(dst, v)
}

// AppendAll appends the AMF0 forms of the values of one message, which refer to
// one another where a value is met again. Errors are as those of Append.
func AppendAll(dst []byte, values ...Value) ([]byte, error) {
	e := encoder{b: dst, before: len(dst), limit: maxEncoded}
	return e.all(values)
}

// all writes the values of a message as AMF0.
func (e *encoder) all(values []Value) ([]byte, error) {
	for _, v := range values {
		if err := e.value0(v, 0); err != nil {
			return e.b[:e.before], err
		}
	}
	return e.end()
}

// Append3 appends the AMF3 form of v. Text and traits are written out wherever
// they are met. Errors are as those of Append.
func Append3(dst []byte, v Value) ([]byte, error) {
	e := encoder{b: dst, before: len(dst), limit: maxEncoded}
	if err := e.value3(v, 0); err != nil {
		return dst, err
	}
	return e.end()
}

// encoder writes one message. Its tables are as those of a decoder.
type encoder struct {
	b        []byte
	before   int // bytes that were in b
	limit    int // how many more there may be
	objects0 places
	objects3 places
}

// places are the places of a table of values that may be referred to.
type places struct {
	n  int // places taken
	of map[any]int
}

// find is the place that a value has; one that has none takes the next.
func (p *places) find(v any) (place int, found bool) {
	if place, found = p.of[v]; found {
		return place, true
	}
	if p.of == nil {
		p.of = map[any]int{}
	}
	p.of[v] = p.n
	p.skip()
	return 0, false
}

// skip is for a value that takes a place and is not referred to.
func (p *places) skip() { p.n++ }

// maxEncoded bounds what values may grow to: what is too far behind to be
// referred to is written out again. It is as much as is decoded.
const maxEncoded = maxSize

func (e *encoder) bounded(depth int) error {
	switch {
	case depth > maxDepth:
		return fmt.Errorf("encode AMF: %w", ErrTooDeep)
	case len(e.b)-e.before > e.limit:
		return fmt.Errorf("encode AMF: %w: more than %d bytes", ErrInvalid, e.limit)
	}
	return nil
}

// end is what was written, or what there was before when that is too much.
func (e *encoder) end() ([]byte, error) {
	if err := e.bounded(0); err != nil {
		return e.b[:e.before], err
	}
	return e.b, nil
}

func (e *encoder) bytes(b ...byte) { e.b = append(e.b, b...) }

func (e *encoder) uint16(n uint16) { e.b = binary.BigEndian.AppendUint16(e.b, n) }

func (e *encoder) uint32(n uint32) { e.b = binary.BigEndian.AppendUint32(e.b, n) }

func (e *encoder) double(f float64) {
	e.b = binary.BigEndian.AppendUint64(e.b, math.Float64bits(f))
}

func (e *encoder) date(t time.Time) {
	ms := float64(t.UnixMilli())
	if math.Abs(ms) > maxDate {
		ms = math.Float64frombits(0x7ff8 << 48) // as Flash Player writes NaN
	}
	e.double(ms)
}

// IsNull says whether v is null: nil itself, or a pointer to nothing.
func IsNull(v Value) bool {
	switch v := v.(type) {
	case nil:
		return true
	case *Array:
		return v == nil
	case *ECMAArray:
		return v == nil
	case *Object:
		return v == nil
	case *Dictionary:
		return v == nil
	case *ByteArray:
		return v == nil
	case *Vector[int32]:
		return v == nil
	case *Vector[uint32]:
		return v == nil
	case *Vector[float64]:
		return v == nil
	case *ObjectVector:
		return v == nil
	}
	return false
}

// Number is a value of any of Go's numeric types as a number; false: it is none.
func Number(v Value) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case float32:
		return float64(n), true
	case int:
		return float64(n), true
	case int8:
		return float64(n), true
	case int16:
		return float64(n), true
	case int32:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint:
		return float64(n), true
	case uint8:
		return float64(n), true
	case uint16:
		return float64(n), true
	case uint32:
		return float64(n), true
	case uint64:
		return float64(n), true
	}
	return 0, false
}
