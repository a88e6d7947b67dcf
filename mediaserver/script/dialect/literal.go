package dialect

import (
	"strings"
	"unicode/utf8"
)

// number reads a number. Octal ones (010, and 08, which is eight) the engine
// takes as they are. It wants a space before a word, as in "3in x".
func (p *parser) number(pos int) int {
	start := pos
	if p.src[pos] == '0' && pos+1 < len(p.src) && p.src[pos+1]|0x20 == 'x' {
		for pos += 2; pos < len(p.src) && isHex(p.src[pos]); pos++ {
		}
		if pos == start+2 {
			p.refuse(start, "0x without a digit")
			return len(p.src)
		}
	} else {
		pos = p.decimal(pos)
	}
	if pos < len(p.src) && p.src[pos] == 'n' && (pos+1 == len(p.src) || !isNameStart(p.src[pos+1]) && !isDigit(p.src[pos+1])) {
		// Not to be had: its arithmetic is one long step, which no limit of time ends.
		p.refuse(start, "a BigInt is of a later edition: leave out the n")
		return len(p.src)
	}
	if pos < len(p.src) && isNameStart(p.src[pos]) && p.refusal == nil {
		p.found(pos, "a word right behind a number", Rewritten)
		p.edit(pos, pos, opening, " ")
	}
	return pos
}

func (p *parser) decimal(pos int) int {
	digits := func() {
		for pos < len(p.src) && isDigit(p.src[pos]) {
			pos++
		}
	}
	start := pos
	digits()
	if whole := p.src[start:pos]; len(whole) > 1 && whole[0] == '0' && strings.Trim(whole, "01234567") == "" {
		return pos // octal: a dot behind it is a property's
	}
	if pos < len(p.src) && p.src[pos] == '.' {
		pos++
		digits()
	}
	if pos < len(p.src) && p.src[pos]|0x20 == 'e' {
		mantissa := pos
		pos++
		if pos < len(p.src) && (p.src[pos] == '+' || p.src[pos] == '-') {
			pos++
		}
		exponent := pos
		digits()
		if pos == exponent {
			p.refuse(mantissa, "a number's exponent without a digit")
			return len(p.src)
		}
	}
	return pos
}

// string reads a string. \x and \u without their digits are the letters, as
// SpiderMonkey had it; the engine would refuse them.
func (p *parser) string(pos int) int {
	quote, start := p.src[pos], pos
	for pos++; pos < len(p.src); pos++ {
		switch c := p.src[pos]; c {
		case quote:
			return pos + 1
		case '\n', '\r':
			p.refuse(start, "a string that does not end on its line")
			return len(p.src)
		case '\\':
			p.escape(pos)
			pos++
			if pos+1 < len(p.src) && p.src[pos] == '\r' && p.src[pos+1] == '\n' {
				pos++
			}
		}
	}
	p.refuse(start, "a string that does not end")
	return len(p.src)
}

func (p *parser) escape(pos int) {
	rest := p.src[pos+1:]
	digits := 0
	switch {
	case strings.HasPrefix(rest, "x"):
		digits = 2
	case strings.HasPrefix(rest, "u"):
		digits = 4
	default:
		return
	}
	if len(rest) <= digits || !allHex(rest[1:1+digits]) {
		p.found(pos, `\x or \u without its digits`, Rewritten)
		p.replace(pos, pos+1, "")
	}
}

// regexp reads the regular expression that begins at the present token, which
// was read as an operator.
func (p *parser) regexp() {
	start := p.tok.start
	class := false
	for pos := start + 1; pos < len(p.src); pos++ {
		switch c := p.src[pos]; {
		case c == '\n' || c == '\r':
			p.refuse(start, "a regular expression that does not end on its line")
			return
		case c == '\\':
			pos++
			if pos < len(p.src) && p.src[pos] == '\n' {
				p.refuse(start, "a regular expression that does not end on its line")
				return
			}
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			p.tok.kind, p.tok.end = regexp, p.flags(pos+1)
			return
		}
	}
	p.refuse(start, "a regular expression that does not end")
}

// flags reads the letters behind a regular expression.
func (p *parser) flags(pos int) int {
	for ; pos < len(p.src) && (isNameStart(p.src[pos]) || isDigit(p.src[pos])); pos++ {
		if strings.IndexByte("gim", p.src[pos]) < 0 {
			p.refuse(pos, "the flag "+visible(p.src[pos])+" of a regular expression: there are g, i and m")
			return len(p.src)
		}
	}
	return pos
}

// hash reads what begins with #: sharp variables, and #include.
func (p *parser) hash(pos int) (kind, int) {
	end := pos + 1
	for end < len(p.src) && isDigit(p.src[end]) {
		end++
	}
	switch {
	case end > pos+6: // no source has so many
	case end > pos+1 && end < len(p.src) && p.src[end] == '=':
		return sharpDefine, end + 1
	case end > pos+1 && end < len(p.src) && p.src[end] == '#':
		return sharpUse, end + 1
	case strings.HasPrefix(p.src[pos:], "#include"):
		return include, pos + len("#include")
	}
	p.refuse(pos, "the character # stands where it means nothing")
	return eof, len(p.src)
}

// plain gives what a string says, where it says so without escapes other than
// those of quotes and backslashes; ok is false for others.
func plain(literal string) (text string, ok bool) {
	inner := literal[1 : len(literal)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner, utf8.ValidString(inner)
	}
	var out strings.Builder
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\\' {
			i++
			if strings.IndexByte(`"'\/`, inner[i]) < 0 {
				return "", false
			}
		}
		out.WriteByte(inner[i])
	}
	return out.String(), true
}
