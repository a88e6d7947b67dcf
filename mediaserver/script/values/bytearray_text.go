package values

import (
	"math"

	"flashpod.dev/flashpod/mediaserver/charset"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// textMethods read and write text.
func (s *byteArrays) textMethods(add addMethod) {
	add("readUTF", 0, func(b *byteArray, _ *engine.Call) (engine.Value, error) {
		before := b.position
		n, err := b.take(2)
		if err != nil {
			return engine.Undefined, err
		}
		text, err := b.take(int(b.order().Uint16(n)))
		if err != nil {
			b.position = before
		}
		return engine.String(string(text)), err
	})
	add("writeUTF", 1, func(b *byteArray, c *engine.Call) (engine.Value, error) {
		text, err := s.v.rt.ToString(c.Arg(0))
		if err != nil {
			return engine.Undefined, err
		}
		if len(text) > math.MaxUint16 {
			return engine.Undefined, engine.RangeError("a text of %d bytes: at most %d", len(text), math.MaxUint16)
		}
		if err := b.writeInteger(uint32(len(text)), 2); err != nil {
			return engine.Undefined, err
		}
		return engine.Undefined, b.write([]byte(text))
	})
	add("readUTFBytes", 1, func(b *byteArray, c *engine.Call) (engine.Value, error) {
		return s.readText(b, c, "utf-8")
	})
	add("writeUTFBytes", 1, func(b *byteArray, c *engine.Call) (engine.Value, error) {
		return s.writeText(b, c, "utf-8")
	})
	add("readMultiByte", 2, func(b *byteArray, c *engine.Call) (engine.Value, error) {
		return s.readText(b, c, c.Arg(1).Text())
	})
	add("writeMultiByte", 2, func(b *byteArray, c *engine.Call) (engine.Value, error) {
		return s.writeText(b, c, c.Arg(1).Text())
	})
	add("toString", 0, func(b *byteArray, _ *engine.Call) (engine.Value, error) {
		return engine.String(string(b.b)), nil
	})
}

func (s *byteArrays) readText(b *byteArray, c *engine.Call, set string) (engine.Value, error) {
	n, err := s.v.count(c, 0, 0)
	if err != nil {
		return engine.Undefined, err
	}
	if limit := s.v.rt.Limits().Value; n > limit {
		return engine.Undefined, tooLarge(limit)
	}
	text, err := b.take(n)
	if err != nil {
		return engine.Undefined, err
	}
	return engine.String(setOf(set).Decode(text)), nil
}

func (s *byteArrays) writeText(b *byteArray, c *engine.Call, set string) (engine.Value, error) {
	text, err := s.v.rt.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	return engine.Undefined, b.write(setOf(set).Encode(text))
}

// setOf is the set of characters of a name; every one that is not known is UTF-8.
func setOf(name string) charset.Set {
	set, _ := charset.Named(name)
	return set
}
