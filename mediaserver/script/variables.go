package script

import (
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"flashpod.dev/flashpod/mediaserver/charset"
)

// variable is a name with its value, as application/x-www-form-urlencoded has them.
type variable struct{ name, value string }

// maxVariables is how many of them one text may have.
const maxVariables = 10000

// parseVariables reads variables as LoadVars.decode does, which is tolerant: a percent
// sign without two digits stands for itself, and a name without a value has an empty
// one.
func parseVariables(text string) ([]variable, error) {
	var all []variable
	for part := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "&") {
		name, value, _ := strings.Cut(part, "=")
		if name = unescapeVariable(name); name == "" {
			continue
		}
		if len(all) >= maxVariables {
			return nil, fmt.Errorf("more than %d variables", maxVariables)
		}
		all = append(all, variable{name, unescapeVariable(value)})
	}
	return all, nil
}

func unescapeVariable(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s) && digit(s[i+1]) >= 0 && digit(s[i+2]) >= 0:
			b = append(b, byte(digit(s[i+1])<<4|digit(s[i+2])))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	// What is no UTF-8 once it is unescaped was written by a page in Latin-1.
	if utf8.ValidString(s) && !utf8.Valid(b) {
		return charset.Latin1.Decode(b)
	}
	return string(b)
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

const digits = "0123456789ABCDEF"

// escapeVariable is a text as it stands in variables: all bytes of its UTF-8 are
// escaped that are not letters, digits, or one of - _ . ~
func escapeVariable(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return b.String()
}

// decodeText is the text of an answer: of the character set that its mark or its type
// says, else UTF-8, and Latin-1 where it is not that.
func decodeText(b []byte, contentType string) string {
	if set, rest, marked := charset.Marked(b); marked {
		return strings.ToValidUTF8(set.Decode(rest), "\ufffd")
	}
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		if set, ok := charset.Named(params["charset"]); ok && set != charset.UTF8 {
			return set.Decode(b)
		}
	}
	if utf8.Valid(b) {
		return string(b)
	}
	return charset.Latin1.Decode(b)
}
