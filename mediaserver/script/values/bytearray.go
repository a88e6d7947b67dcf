package values

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// byteArray is what an object of the script's class ByteArray belongs to. Its methods
// are those of ActionScript's class; numbers are read and written at its position,
// big endian unless the script has said otherwise.
type byteArray struct {
	of       *byteArrays
	b        []byte
	position int // may be behind the end
	little   bool
	amf0     bool // what readObject and writeObject speak; AMF3 otherwise
}

// byteArrays are a runtime's. What they hold is Go's memory, and counted here.
type byteArrays struct {
	v     *Values
	class *engine.Type
	used  int // bytes
	limit int // for all of them
}

var errEnd = errors.New("the end of the ByteArray was met")

func (s *byteArrays) define(v *Values, global *engine.Object) (err error) {
	s.v, s.limit = v, v.rt.Limits().Memory
	s.class, err = v.rt.Define(engine.Class{
		Name:       "ByteArray",
		New:        func(*engine.Call) (any, error) { return &byteArray{of: s}, nil },
		Methods:    s.methods(),
		Properties: s.properties(),
		Dynamic:    &engine.Dynamic{Get: getByte, Set: s.setByte},
		Freed:      func(host any) { s.used -= cap(host.(*byteArray).b) },
	})
	if err != nil {
		return err
	}
	return global.Define("ByteArray", s.class.Constructor().Value(), engine.Writable|engine.Configurable)
}

// arrived makes an object of bytes, which are copied.
func (s *byteArrays) arrived(b []byte) (*engine.Object, error) {
	host := &byteArray{of: s}
	if err := host.resize(len(b)); err != nil {
		return nil, err
	}
	copy(host.b, b)
	o, err := s.class.New(host)
	if err != nil {
		host.clear()
	}
	return o, err
}

// copy is what the array holds, for others than the script.
func (b *byteArray) copy() []byte { return append([]byte{}, b.b...) }

// resize makes the array so long; what is new is zero.
func (b *byteArray) resize(n int) error {
	if n < cap(b.b)/4 && cap(b.b) > 1<<10 { // it has become much shorter
		b.of.used -= cap(b.b) - n
		b.b = append(make([]byte, 0, n), b.b[:min(n, len(b.b))]...)
	}
	if n <= cap(b.b) {
		old := len(b.b)
		b.b = b.b[:n]
		if n > old {
			clear(b.b[old:])
		}
		return nil
	}
	size := max(n, min(2*cap(b.b), cap(b.b)+1<<20), 32)
	if err := b.of.pay(size - cap(b.b)); err != nil {
		return err
	}
	grown := make([]byte, n, size)
	copy(grown, b.b)
	b.b = grown
	return nil
}

// pay counts bytes that an array is to have more. Where there are too many, what the
// script has lost is looked for first.
func (s *byteArrays) pay(n int) error {
	if s.used+n > s.limit {
		if n > s.limit {
			return s.full(n)
		}
		if err := s.v.rt.Collect(); err != nil {
			return err
		}
		if s.used+n > s.limit {
			return s.full(n)
		}
	}
	s.used += n
	return nil
}

func (s *byteArrays) full(n int) error {
	return engine.RangeError("the script's ByteArrays have %d bytes, and %d more are wanted: at most %d", s.used, n, s.limit)
}

// clear gives back what the array holds.
func (b *byteArray) clear() {
	b.of.used -= cap(b.b)
	b.b, b.position = nil, 0
}

// take returns the next n bytes, which are the array's own, and goes behind them.
func (b *byteArray) take(n int) ([]byte, error) {
	if n < 0 || b.position > len(b.b) || n > len(b.b)-b.position {
		return nil, errEnd
	}
	got := b.b[b.position : b.position+n]
	b.position += n
	return got, nil
}

// room makes room for n bytes at the position, and goes behind it.
func (b *byteArray) room(n int) ([]byte, error) {
	if b.position > b.of.limit {
		return nil, b.of.full(b.position)
	}
	if end := b.position + n; end > len(b.b) {
		if err := b.resize(end); err != nil {
			return nil, err
		}
	}
	return b.take(n)
}

func (b *byteArray) order() binary.ByteOrder {
	if b.little {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// getByte and setByte are what a script writes with a number in brackets.
func getByte(host any, name string) (engine.Value, bool, error) {
	i, ok := engine.Index(name)
	b := host.(*byteArray)
	if !ok || int64(i) >= int64(len(b.b)) {
		return engine.Undefined, false, nil
	}
	return engine.Number(float64(b.b[i])), true, nil
}

func (s *byteArrays) setByte(host any, name string, v engine.Value) (bool, error) {
	i, ok := engine.Index(name)
	if !ok {
		return false, nil
	}
	n, err := s.v.uint32(v)
	if err != nil {
		return true, err
	}
	b := host.(*byteArray)
	if int64(i) >= int64(len(b.b)) {
		if int64(i) >= int64(s.limit) {
			return true, s.full(int(i))
		}
		if err := b.resize(int(i) + 1); err != nil {
			return true, err
		}
	}
	b.b[i] = byte(n)
	return true, nil
}

func (s *byteArrays) properties() []engine.Property {
	of := func(c *engine.Call) *byteArray { return c.Self.(*byteArray) }
	number := func(f func(*byteArray) int) func(*engine.Call) (engine.Value, error) {
		return func(c *engine.Call) (engine.Value, error) { return engine.Number(float64(f(of(c)))), nil }
	}
	return []engine.Property{
		{Name: "length", Hidden: true, Get: number(func(b *byteArray) int { return len(b.b) }), Set: func(c *engine.Call) error {
			n, err := s.v.uint32(c.Arg(0))
			if err != nil {
				return err
			}
			if int64(n) > int64(s.limit) {
				return s.full(int(n))
			}
			of(c).position = min(of(c).position, int(n))
			return of(c).resize(int(n))
		}},
		{Name: "position", Hidden: true, Get: number(func(b *byteArray) int { return b.position }), Set: func(c *engine.Call) error {
			n, err := s.v.uint32(c.Arg(0))
			of(c).position = int(n)
			return err
		}},
		{Name: "bytesAvailable", Hidden: true, Get: number(func(b *byteArray) int { return max(0, len(b.b)-b.position) })},
		{Name: "endian", Hidden: true, Get: func(c *engine.Call) (engine.Value, error) {
			if of(c).little {
				return engine.String("littleEndian"), nil
			}
			return engine.String("bigEndian"), nil
		}, Set: func(c *engine.Call) error {
			switch s := c.Arg(0).Text(); s {
			case "littleEndian", "bigEndian":
				of(c).little = s == "littleEndian"
				return nil
			}
			return engine.TypeError("endian must be bigEndian or littleEndian")
		}},
		{Name: "objectEncoding", Hidden: true, Get: number(func(b *byteArray) int {
			if b.amf0 {
				return 0
			}
			return 3
		}), Set: func(c *engine.Call) error {
			switch n := c.Arg(0).Number(); {
			case c.Arg(0).Kind() == engine.KindNumber && (n == 0 || n == 3):
				of(c).amf0 = n == 0
				return nil
			}
			return engine.RangeError("objectEncoding must be 0 or 3")
		}},
	}
}

// uint32 is a number as the language makes it one of 32 bits: of what is behind the
// point nothing, and of larger numbers what is below 2³².
func (v *Values) uint32(e engine.Value) (uint32, error) {
	f, err := v.rt.ToNumber(e)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, err
	}
	m := math.Mod(math.Trunc(f), 1<<32)
	return uint32(int64(m)), nil
}

// count is an argument that says how many bytes; where it is not given it is def.
func (v *Values) count(c *engine.Call, i, def int) (int, error) {
	if c.Arg(i).Kind() == engine.KindUndefined {
		return def, nil
	}
	n, err := v.uint32(c.Arg(i))
	if err == nil && n > math.MaxInt32 {
		err = engine.RangeError("%d bytes", n)
	}
	return int(n), err
}

// other is an argument that is a ByteArray.
func (s *byteArrays) other(c *engine.Call, i int) (*byteArray, error) {
	if o := c.Arg(i).Object(); o != nil {
		if b, ok := o.Host().(*byteArray); ok {
			return b, nil
		}
	}
	return nil, engine.TypeError("argument %d must be a ByteArray", i+1)
}

func wrap(method string, err error) error {
	if errors.Is(err, errEnd) {
		return fmt.Errorf("ByteArray.%s: %w", method, err)
	}
	return err
}
