package charset

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Set is a way to write text in bytes. The zero value is UTF-8.
type Set int

// The sets.
const (
	UTF8        Set = iota
	Latin1          // ISO 8859-1: Unicode's first 256 characters, a byte each
	Windows1252     // the same, with others in place of the control characters 0x80 to 0x9f
	UTF16LE         // two bytes a unit, the lower first
	UTF16BE
)

// names are what sets are called, in small letters, by Flash Player's list of them (Supported
// Character Sets) and in MIME.
var names = map[string]Set{
	"utf-8": UTF8, "us-ascii": Latin1, "ascii": Latin1, "iso-8859-1": Latin1, "iso-8859-15": Latin1, "latin1": Latin1,
	"windows-1252": Windows1252, "unicode": UTF16LE, "utf-16": UTF16LE, "utf-16le": UTF16LE, "unicodefffe": UTF16BE, "utf-16be": UTF16BE,
}

// Named is the set of a name, whatever its case; ok is false for one that is not known.
func Named(name string) (s Set, ok bool) {
	s, ok = names[strings.ToLower(name)]
	return s, ok
}

// Marked is the set that a byte order mark says, and what follows that; ok is false where
// there is none.
func Marked(b []byte) (s Set, rest []byte, ok bool) {
	for _, m := range []struct {
		mark string
		Set
	}{{"\xef\xbb\xbf", UTF8}, {"\xff\xfe", UTF16LE}, {"\xfe\xff", UTF16BE}} {
		if strings.HasPrefix(string(b[:min(len(b), len(m.mark))]), m.mark) {
			return m.Set, b[len(m.mark):], true
		}
	}
	return UTF8, b, false
}

// high are the characters of Windows-1252 from 0x80 on, those that are none being the
// control characters of Latin-1 [WHATWG Encoding, index windows-1252].
var high = [32]rune{
	'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8d, 'Ž', 0x8f,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9d, 'ž', 'Ÿ',
}

// Decode is what bytes stand for. UTF-8 is taken as it is, valid or not; of UTF-16 an odd
// byte at the end is left out.
func (s Set) Decode(b []byte) string {
	switch s {
	case Latin1, Windows1252:
		var text strings.Builder
		text.Grow(len(b) + len(b)/8)
		for _, c := range b {
			r := rune(c)
			if s == Windows1252 && c >= 0x80 && c < 0xa0 {
				r = high[c-0x80]
			}
			text.WriteRune(r)
		}
		return text.String()
	case UTF16LE, UTF16BE:
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = s.order().Uint16(b[2*i:])
		}
		return string(utf16.Decode(units))
	}
	return string(b)
}

// Encode is the other way round. What a set of one byte does not have is a question mark.
func (s Set) Encode(text string) []byte {
	switch s {
	case Latin1, Windows1252:
		b := make([]byte, 0, len(text))
		for _, r := range text {
			b = append(b, s.oneByte(r))
		}
		return b
	case UTF16LE, UTF16BE:
		units := utf16.Encode([]rune(text))
		b := make([]byte, 2*len(units))
		for i, unit := range units {
			s.order().PutUint16(b[2*i:], unit)
		}
		return b
	}
	return []byte(text)
}

func (s Set) oneByte(r rune) byte {
	if s == Windows1252 {
		if i := slices.Index(high[:], r); i >= 0 {
			return byte(0x80 + i)
		}
		if r >= 0x80 && r < 0xa0 {
			return '?'
		}
	}
	if r > 0xff || r == utf8.RuneError {
		return '?'
	}
	return byte(r)
}

func (s Set) order() binary.ByteOrder {
	if s == UTF16BE {
		return binary.BigEndian
	}
	return binary.LittleEndian
}
