package values

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

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

func (s *byteArrays) readText(b *byteArray, c *engine.Call, charset string) (engine.Value, error) {
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
	return engine.String(decodeText(text, charset)), nil
}

func (s *byteArrays) writeText(b *byteArray, c *engine.Call, charset string) (engine.Value, error) {
	text, err := s.v.rt.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	return engine.Undefined, b.write(encodeText(text, charset))
}

// The sets of characters that are known; every other name is UTF-8. Those of one byte
// are Unicode's first 256 characters.
func oneByte(charset string) bool {
	switch strings.ToLower(charset) {
	case "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252":
		return true
	}
	return false
}

func twoBytes(charset string) (binary.ByteOrder, bool) {
	switch strings.ToLower(charset) {
	case "unicode", "utf-16", "utf-16le":
		return binary.LittleEndian, true
	case "unicodefffe", "utf-16be":
		return binary.BigEndian, true
	}
	return nil, false
}

func decodeText(b []byte, charset string) string {
	if oneByte(charset) {
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c)
		}
		return string(runes)
	}
	if order, ok := twoBytes(charset); ok {
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = order.Uint16(b[2*i:])
		}
		return string(utf16.Decode(units))
	}
	return string(b)
}

func encodeText(text, charset string) []byte {
	if oneByte(charset) {
		b := make([]byte, 0, len(text))
		for _, c := range text {
			if c > 0xff || c == utf8.RuneError {
				c = '?'
			}
			b = append(b, byte(c))
		}
		return b
	}
	if order, ok := twoBytes(charset); ok {
		var b []byte
		for _, unit := range utf16.Encode([]rune(text)) {
			b = append(b, 0, 0)
			order.PutUint16(b[len(b)-2:], unit)
		}
		return b
	}
	return []byte(text)
}
