package dialect

import (
	"strings"
	"unicode/utf8"

	"flashpod.dev/flashpod/mediaserver/charset"
)

// decode gives a file's text in UTF-8 without its byte order mark. Files of
// the time say nowhere what they are: what is valid UTF-8 is read as that, and
// everything else byte for byte, as SpiderMonkey did (Latin-1).
//
// A carriage return alone is a line's end in old files of the Macintosh; the
// engine would count none, and it becomes a line feed. One before a line feed
// stays.
func decode(data []byte) (text, encoding string) {
	set, rest, _ := charset.Marked(data)
	switch {
	case set != charset.UTF8:
		return lines(set.Decode(rest)), "UTF-16"
	case utf8.Valid(rest):
		return lines(string(rest)), "UTF-8"
	}
	return lines(charset.Latin1.Decode(rest)), "Latin-1"
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
