package logs

import (
	"strings"
	"unicode/utf8"
)

// masked stands for a key.
const masked = "***"

// MaxValue is how many characters of one value the log shows.
const MaxValue = 256

// Clean makes a stranger's word fit to be shown: its keys are masked, and of more
// than so many characters the last is an ellipsis. It costs no more for a longer
// word.
func Clean(s string, most int) string {
	return clip(mask(clip(s, 4*most)), most)
}

// clip cuts a string to so many characters.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	n, cut := 0, 0
	for i := range s {
		if n == most-1 {
			cut = i
		}
		if n == most {
			return s[:cut] + "…"
		}
		n++
	}
	return s
}

// mask hides the values of everything that is called key, or ends so, wherever
// it stands: "cam?key=SECRET&x=1" is "cam?key=***&x=1". What a name or an equals
// sign is made of may be escaped as in URLs, several times over. A value goes on
// until an ampersand: all else may be part of a key.
func mask(s string) string {
	var out strings.Builder
	done := 0
	for i := 0; i < len(s); {
		begin, ok := valueOfKey(s, i)
		if !ok {
			i++
			continue
		}
		end := len(s)
		if n := strings.IndexByte(s[begin:], '&'); n >= 0 {
			end = begin + n
		}
		if end > begin {
			out.WriteString(s[done:begin])
			out.WriteString(masked)
			done = end
		}
		i = end
	}
	if done == 0 {
		return s
	}
	out.WriteString(s[done:])
	return out.String()
}

// valueOfKey says whether "key=" stands at a place, in whatever case, and where
// the value behind it begins.
func valueOfKey(s string, at int) (begin int, ok bool) {
	for _, want := range []byte("key=") {
		c, n := unescape(s[at:])
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if n == 0 || c != want {
			return 0, false
		}
		at += n
	}
	return at, true
}

// maxEscapes is how many times over something may be escaped.
const maxEscapes = 8

// unescape reads one character, of so many bytes: "%3D" and "%253D" are '='. It
// reads none from an empty string.
func unescape(s string) (c byte, bytes int) {
	if s == "" || s[0] != '%' {
		if s == "" || s[0] >= utf8.RuneSelf {
			return 0, min(len(s), 1)
		}
		return s[0], 1
	}
	digits := 1
	for digits < 2*maxEscapes && strings.HasPrefix(s[digits:], "25") {
		digits += 2 // the sign was escaped, too
	}
	if len(s) < digits+2 {
		return '%', 1
	}
	high, low := hex(s[digits]), hex(s[digits+1])
	if high < 0 || low < 0 {
		return '%', 1
	}
	return byte(high<<4 | low), digits + 2
}

// hex is the value of a digit; negative for what is none.
func hex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
