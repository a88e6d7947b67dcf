package dialect

import "strconv"

// primary reads an operand without what follows it.
func (p *parser) primary() expr {
	t := p.tok
	switch t.kind {
	case name:
		return p.named()
	case number, str:
		p.next()
		return expr{start: t.start, end: t.end}
	case sharpDefine:
		return p.sharp()
	case sharpUse:
		p.found(t.start, "a sharp variable", Rewritten)
		p.replace(t.start, t.end, global+".sharp("+decimal(p.src[t.start+1:t.end-1])+")")
		p.next()
		return expr{start: t.start, end: t.end}
	case punct:
		switch p.text(t) {
		case "(":
			return p.parenthesized()
		case "[":
			return p.array()
		case "{":
			return p.object()
		case "/", "/=":
			p.regexp()
			e := expr{kind: aRegexp, start: t.start, end: p.tok.end}
			p.next()
			return e
		case "<", "@":
			p.xml(t.start)
			return expr{}
		}
	}
	p.unexpected("an expression is missing")
	return expr{}
}

// decimal leaves out leading zeros, which would make a number octal.
func decimal(digits string) string {
	n, _ := strconv.Atoi(digits)
	return strconv.Itoa(n)
}

// named reads an operand that begins with a word.
func (p *parser) named() expr {
	t, word := p.tok, p.word()
	switch word {
	case "this", "null", "true", "false":
		p.next()
		return expr{start: t.start, end: t.end}
	case "function":
		n := p.function(inExpression)
		return expr{kind: aFunction, start: t.start, end: p.prevEnd, function: n}
	case "class":
		if next := p.peek(); next.kind == name && p.wordOf(next) != "in" && p.wordOf(next) != "instanceof" && !next.newline || p.text(next) == "{" && !next.newline {
			p.refuse(t.start, "a class is of a later edition: write a function, and hang methods on its prototype")
			return expr{}
		}
	case "async":
		if next := p.peek(); p.wordOf(next) == "function" && !next.newline {
			p.refuse(t.start, "an async function is of a later edition")
			return expr{}
		}
	case "let":
		p.let()
	case "eval":
		if next := p.text(p.peek()); next != "(" && next != "=" {
			p.found(t.start, "eval", Emulated)
			p.replace(t.start, t.end, global+".indirect")
		}
	}
	if reserved(word) {
		p.unexpected("an expression is missing")
		return expr{}
	}
	p.renamed()
	p.next()
	p.uses(nil, p.text(t), t.start)
	if word == "RegExp" && !p.is("(") {
		p.need("regexp")
	}
	return expr{kind: aName, start: t.start, end: t.end, name: p.text(t), at: t.start}
}

// let keeps the engine from taking a name at the beginning of a statement for
// a declaration. What is of a later edition is refused.
func (p *parser) let() {
	if p.tok.start != p.statement {
		return
	}
	next := p.peek()
	index := p.text(next) == "["
	if !index && p.text(next) != "{" && (next.kind != name || p.wordOf(next) == "in" || p.wordOf(next) == "instanceof") {
		return
	}
	if !index && !next.newline {
		p.refuse(p.tok.start, "let is of a later edition: write var")
		return
	}
	p.found(p.tok.start, "let as a name where a declaration would stand", Rewritten)
	p.wrap(p.tok.start, p.tok.end, "0,(", ")")
}

func (p *parser) parenthesized() expr {
	start := p.tok.start
	p.next()
	if p.is(")") && p.text(p.peek()) == "=>" {
		p.next()
		p.unexpected("")
		return expr{}
	}
	e := p.expression(true)
	p.expect(")", "at the end of parentheses")
	e.start, e.end = start, p.prevEnd
	if p.is("=>") {
		p.unexpected("")
	}
	if e.kind == aRegexp || e.kind == aName && e.name == "eval" {
		e.kind = anything
	}
	return e
}

func (p *parser) array() expr {
	start := p.tok.start
	p.next()
	for !p.is("]") && p.tok.kind != eof {
		if p.is(",") {
			p.next()
			continue
		}
		p.assignment(true)
		if !p.is("]") {
			p.expect(",", "between the elements of an array")
		}
	}
	p.expect("]", "at the end of an array")
	return expr{kind: aLiteral, start: start, end: p.prevEnd}
}

// sharp reads #1= and the object or array it names.
func (p *parser) sharp() expr {
	t := p.tok
	p.found(t.start, "a sharp variable", Rewritten)
	n := decimal(p.src[t.start+1 : t.end-1])
	p.replace(t.start, t.end, global+".define("+global+".begin("+n+"),")
	p.next()
	if !p.enter() {
		return expr{}
	}
	defer p.leave()
	switch {
	case p.is("{"):
		p.object()
	case p.is("["):
		p.array()
	default:
		p.unexpected("an object or an array is missing behind a sharp variable")
	}
	p.edit(p.prevEnd, p.prevEnd, closing, ")")
	return expr{start: t.start, end: p.prevEnd}
}
