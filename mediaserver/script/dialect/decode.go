package dialect

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// decode gives a file's text in UTF-8 without its byte order mark. Files of
// the time say nowhere what they are: what is valid UTF-8 is read as that, and
// everything else byte for byte, as SpiderMonkey did (Latin-1).
//
// A carriage return alone is a line's end in old files of the Macintosh; the
// engine would count none, and it becomes a line feed. One before a line feed
// stays.
func decode(data []byte) (text, encoding string) {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return lines(wide(data[2:], binary.LittleEndian)), "UTF-16"
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return lines(wide(data[2:], binary.BigEndian)), "UTF-16"
	}
	if utf8.Valid(data) {
		return lines(string(data)), "UTF-8"
	}
	var out strings.Builder
	out.Grow(len(data) + len(data)/8)
	for _, b := range data {
		out.WriteRune(rune(b))
	}
	return lines(out.String()), "Latin-1"
}

// wide reads two bytes a unit; an odd byte at the end is left out.
func wide(data []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units))
}

func lines(text string) string {
	if strings.IndexByte(text, '\r') < 0 {
		return text
	}
	out := []byte(text)
	for i, b := range out {
		if b == '\r' && (i+1 == len(out) || out[i+1] != '\n') {
			out[i] = '\n'
		}
	}
	return string(out)
}
