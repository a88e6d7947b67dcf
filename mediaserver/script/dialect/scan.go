package dialect

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	eof kind = iota
	name
	number
	str
	regexp
	punct
	sharpDefine // #1=
	sharpUse    // #1#
	include     // #include "file"
)

// token is what stands at src[start:end].
type token struct {
	kind kind
	// newline: a line ended between this token and the one before.
	newline bool
	// escaped: a name written with \u.
	escaped    bool
	start, end int
}

// is tells whether a token is this punctuator or word.
func (p *parser) is(text string) bool {
	return p.tok.kind == punct && p.src[p.tok.start:p.tok.end] == text
}

// word gives the name that stands here, or "".
func (p *parser) word() string { return p.wordOf(p.tok) }

func (p *parser) wordOf(t token) string {
	if t.kind != name || t.escaped {
		return ""
	}
	return p.src[t.start:t.end]
}

func (p *parser) text(t token) string { return p.src[t.start:t.end] }

// next goes to the next token. What begins with a slash is an operator until
// an expression asks for it (regexp).
func (p *parser) next() {
	switch p.tok.kind {
	case name:
		p.mentioned(p.text(p.tok))
	case str:
		p.mentioned(p.src[p.tok.start+1 : p.tok.end-1])
	}
	p.prevEnd = p.tok.end
	p.tok = p.scan(p.tok.end)
}

// peek looks at the token after this one.
func (p *parser) peek() token { return p.look(p.tok.end) }

// look reads a token that is read again later, which then says what is to be
// said of it.
func (p *parser) look(pos int) token {
	edits, findings := len(p.edits), len(p.findings)
	t := p.scan(pos)
	if p.refusal == nil {
		p.edits, p.findings = p.edits[:edits], p.findings[:findings]
	}
	return t
}

// scan reads the token at pos or after it.
func (p *parser) scan(pos int) token {
	if p.refusal != nil {
		return token{kind: eof, start: len(p.src), end: len(p.src)}
	}
	pos, newline := p.space(pos)
	t := token{kind: punct, newline: newline, start: pos, end: pos}
	if pos >= len(p.src) {
		t.kind = eof
		return t
	}
	c := p.src[pos]
	switch {
	case isNameStart(c) || c == '\\' || c >= utf8.RuneSelf:
		t.kind = name
		t.end, t.escaped = p.name(pos)
	case isDigit(c) || c == '.' && pos+1 < len(p.src) && isDigit(p.src[pos+1]):
		t.kind = number
		t.end = p.number(pos)
	case c == '"' || c == '\'':
		t.kind = str
		t.end = p.string(pos)
	case c == '#':
		t.kind, t.end = p.hash(pos)
	default:
		t.end = pos + p.punctuator(pos)
	}
	if p.refusal != nil {
		return token{kind: eof, newline: true, start: len(p.src), end: len(p.src)}
	}
	return t
}

// space skips white space and comments, and those of HTML: "<!--" anywhere
// hides the rest of its line, "-->" only where nothing stands before it.
func (p *parser) space(pos int) (end int, newline bool) {
	begin := pos == 0
	for pos < len(p.src) {
		switch c := p.src[pos]; {
		case c == '\n':
			newline = true
			pos++
		case c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f':
			pos++
		case c == '/' && strings.HasPrefix(p.src[pos:], "//"), c == '<' && strings.HasPrefix(p.src[pos:], "<!--"),
			c == '-' && (newline || begin) && strings.HasPrefix(p.src[pos:], "-->"):
			pos = p.endOfLine(pos)
		case c == '/' && strings.HasPrefix(p.src[pos:], "/*"):
			n := strings.Index(p.src[pos+2:], "*/")
			if n < 0 {
				p.refuse(pos, "a comment that does not end: */ is missing")
				return len(p.src), newline
			}
			newline = newline || strings.ContainsAny(p.src[pos:pos+n+2], lineEnds)
			pos += n + 4
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(p.src[pos:])
			if r == '\u2028' || r == '\u2029' {
				newline = true
			} else if r != '\ufeff' && !unicode.Is(unicode.Zs, r) {
				return pos, newline
			}
			pos += n
		default:
			return pos, newline
		}
	}
	return pos, newline
}

// lineEnds are what the language takes for the end of a line; lines are
// counted by the first alone.
const lineEnds = "\n\u2028\u2029"

func (p *parser) endOfLine(pos int) int {
	end := len(p.src)
	if i := strings.IndexByte(p.src[pos:], '\n'); i >= 0 {
		end = pos + i
	}
	for _, other := range [...]string{"\u2028", "\u2029"} {
		if i := strings.Index(p.src[pos:end], other); i >= 0 {
			end = pos + i
		}
	}
	if end < len(p.src) && p.src[end] != '\n' { // the engine overlooks one that ends a comment
		p.edit(end, end, opening, "\u2028")
	}
	return end
}

// name reads an identifier or a word.
func (p *parser) name(pos int) (end int, escaped bool) {
	start := pos
	for pos < len(p.src) {
		c := p.src[pos]
		switch {
		case isNameStart(c) || isDigit(c):
			pos++
		case c == '\\':
			if pos+6 > len(p.src) || p.src[pos+1] != 'u' || !allHex(p.src[pos+2:pos+6]) {
				p.refuse(pos, `\ in a name: only \u and four hexadecimal digits may stand there`)
				return len(p.src), true
			}
			if r := rune(hexValue(p.src[pos+2 : pos+6])); !inName(r, pos > start) {
				p.refuse(pos, `\u in a name: the character that it stands for is not one of names`)
				return len(p.src), true
			}
			escaped = true
			pos += 6
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(p.src[pos:])
			if !inName(r, pos > start) {
				if pos == start {
					p.refuse(pos, "the character "+string(r)+" stands where it means nothing")
					return len(p.src), false
				}
				return pos, escaped
			}
			pos += n
		default:
			return pos, escaped
		}
	}
	return pos, escaped
}

// inName tells whether a character may stand in a name, at its beginning or
// further in.
func inName(r rune, further bool) bool {
	if r < utf8.RuneSelf {
		return isNameStart(byte(r)) || further && isDigit(byte(r))
	}
	return unicode.In(r, unicode.L, unicode.Nl) || further && unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc)
}

// hexValue gives the value of hexadecimal digits.
func hexValue(digits string) (n int) {
	for i := range len(digits) {
		c := digits[i]
		if isDigit(c) {
			n = n<<4 + int(c-'0')
		} else {
			n = n<<4 + int(c|0x20-'a') + 10
		}
	}
	return n
}

// punctuators by length, those of later editions too: they are refused by name.
var (
	punct4 = []string{">>>="}
	punct3 = []string{"===", "!==", ">>>", "<<=", ">>=", "...", "**=", "??=", "&&=", "||="}
	punct2 = []string{"==", "!=", "<=", ">=", "&&", "||", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", ">>", "=>", "::", "**", "??", "?."}
)

// punctuator gives the length of the one at pos.
func (p *parser) punctuator(pos int) int {
	c := p.src[pos]
	if strings.IndexByte("{}()[];,.<>=!+-*/%&|^~?:@`", c) < 0 {
		p.refuse(pos, "the character "+visible(c)+" stands where it means nothing")
		return len(p.src) - pos
	}
	if pos+1 == len(p.src) || strings.IndexByte("<>=!+-*/%&|^?:.", c) < 0 || strings.IndexByte("<>=+-*&|?:.", p.src[pos+1]) < 0 {
		return 1
	}
	rest := p.src[pos:]
	for _, of := range [...][]string{punct4, punct3, punct2} {
		for _, op := range of {
			if op[0] == c && strings.HasPrefix(rest, op) {
				if op == "?." && len(rest) > 2 && isDigit(rest[2]) {
					return 1 // a?.5:1
				}
				return len(op)
			}
		}
	}
	return 1
}

func visible(c byte) string {
	if c > ' ' && c < 0x7f {
		return string(rune(c))
	}
	const digits = "0123456789ABCDEF"
	return "0x" + string(digits[c>>4]) + string(digits[c&15])
}

func isNameStart(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func allHex(s string) bool {
	for i := range len(s) {
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}
