package values

import (
	"encoding/binary"
	"math"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// number is how a number of so many bytes is read and written.
type number struct {
	name string // of the method behind read
	size int
	get  func(b []byte, o binary.ByteOrder) float64
}

var numbers = []number{
	{"Byte", 1, func(b []byte, _ binary.ByteOrder) float64 { return float64(int8(b[0])) }},
	{"UnsignedByte", 1, func(b []byte, _ binary.ByteOrder) float64 { return float64(b[0]) }},
	{"Short", 2, func(b []byte, o binary.ByteOrder) float64 { return float64(int16(o.Uint16(b))) }},
	{"UnsignedShort", 2, func(b []byte, o binary.ByteOrder) float64 { return float64(o.Uint16(b)) }},
	{"Int", 4, func(b []byte, o binary.ByteOrder) float64 { return float64(int32(o.Uint32(b))) }},
	{"UnsignedInt", 4, func(b []byte, o binary.ByteOrder) float64 { return float64(o.Uint32(b)) }},
	{"Float", 4, func(b []byte, o binary.ByteOrder) float64 { return float64(math.Float32frombits(o.Uint32(b))) }},
	{"Double", 8, func(b []byte, o binary.ByteOrder) float64 { return math.Float64frombits(o.Uint64(b)) }},
}

// methods are all of the class.
func (s *byteArrays) methods() []engine.Method {
	var all []engine.Method
	add := func(name string, length int, f func(b *byteArray, c *engine.Call) (engine.Value, error)) {
		all = append(all, engine.Method{Name: name, Length: length, Func: func(c *engine.Call) (engine.Value, error) {
			v, err := f(c.Self.(*byteArray), c)
			return v, wrap(name, err)
		}})
	}
	for _, n := range numbers {
		add("read"+n.name, 0, func(b *byteArray, _ *engine.Call) (engine.Value, error) {
			got, err := b.take(n.size)
			if err != nil {
				return engine.Undefined, err
			}
			return engine.Number(n.get(got, b.order())), nil
		})
	}
	for _, name := range []string{"Byte", "Short", "Int", "UnsignedInt"} {
		size := map[string]int{"Byte": 1, "Short": 2}[name]
		add("write"+name, 1, func(b *byteArray, c *engine.Call) (engine.Value, error) {
			n, err := s.v.uint32(c.Arg(0))
			if err != nil {
				return engine.Undefined, err
			}
			return engine.Undefined, b.writeInteger(n, size)
		})
	}
	add("writeFloat", 1, func(b *byteArray, c *engine.Call) (engine.Value, error) {
		f, err := s.v.rt.ToNumber(c.Arg(0))
		if err != nil {
			return engine.Undefined, err
		}
		return engine.Undefined, b.writeInteger(math.Float32bits(float32(f)), 4)
	})
	add("writeDouble", 1, func(b *byteArray, c *engine.Call) (engine.Value, error) {
		f, err := s.v.rt.ToNumber(c.Arg(0))
		if err != nil {
			return engine.Undefined, err
		}
		to, err := b.room(8)
		if err == nil {
			b.order().PutUint64(to, math.Float64bits(f))
		}
		return engine.Undefined, err
	})
	add("readBoolean", 0, func(b *byteArray, _ *engine.Call) (engine.Value, error) {
		got, err := b.take(1)
		return engine.Bool(err == nil && got[0] != 0), err
	})
	add("writeBoolean", 1, func(b *byteArray, c *engine.Call) (engine.Value, error) {
		n := uint32(0)
		if c.Arg(0).Truth() {
			n = 1
		}
		return engine.Undefined, b.writeInteger(n, 1)
	})
	s.bytesMethods(add)
	s.textMethods(add)
	s.objectMethods(add)
	return all
}

// writeInteger writes the lower bytes of a number: one, two, or all four.
func (b *byteArray) writeInteger(n uint32, size int) error {
	if size == 0 {
		size = 4
	}
	to, err := b.room(size)
	if err != nil {
		return err
	}
	switch size {
	case 1:
		to[0] = byte(n)
	case 2:
		b.order().PutUint16(to, uint16(n))
	default:
		b.order().PutUint32(to, n)
	}
	return nil
}
