package dialect

// expr is what is known of an expression that has been read.
type expr struct {
	kind form
	// start and end are its place, with the parentheses around it.
	start, end int
	// name is that of an identifier, or of the last property of a member.
	name string
	// dot and at are where a member's dot and name stand.
	dot, at int
	// object is what a member is of, function what a function's number is.
	object, function int
	// callee: the expression is arguments.callee, or whatever.callee.
	callee bool
}

type form uint8

const (
	anything form = iota
	aName
	aMember
	anElement // a[b]
	aCall
	aFunction
	aRegexp
	aLiteral // of an object or an array
)

func (e expr) assignable() bool {
	return e.kind == aName || e.kind == aMember || e.kind == anElement || e.kind == aCall || e.kind == aLiteral
}

// expression reads one with commas. in says whether the operator "in" may
// stand in it, which it may not in the head of a for.
func (p *parser) expression(in bool) expr {
	e := p.assignment(in)
	for p.is(",") {
		p.next()
		p.assignment(in)
		e = expr{start: e.start, end: p.prevEnd}
	}
	return e
}

// assignment reads an expression without commas.
func (p *parser) assignment(in bool) expr {
	if !p.enter() {
		return expr{}
	}
	defer p.leave()
	start := p.tok.start
	e := p.binary(1, in)
	for p.is("?") {
		p.next()
		p.assignment(true)
		p.expect(":", "in a condition with ?")
		e = p.binary(1, in)
	}
	e = p.assigned(e, in)
	if e.start > start { // the last branch of a condition
		e = expr{start: start, end: p.prevEnd}
	}
	return e
}

// assigned reads what follows when something is assigned to e.
func (p *parser) assigned(e expr, in bool) expr {
	if word := p.word(); (word == "getter" || word == "setter") && !p.tok.newline && p.text(p.peek()) == "=" {
		return p.assignedAccessor(e, word, in)
	}
	if p.tok.kind != punct || !assigns(p.text(p.tok)) {
		return e
	}
	op := p.tok
	if !e.assignable() {
		p.refuse(op.start, "what stands before "+p.text(op)+" cannot be assigned to")
		return e
	}
	p.next()
	p.bind(p.assignment(in), e.name)
	if e.kind == aName {
		how := assigned
		if op.end-op.start > 1 {
			how = combined
		}
		p.wrote(write{name: e.name, how: how, from: e.at, to: e.at + len(e.name), opFrom: op.start, opTo: op.end, end: p.prevEnd})
	}
	return expr{start: e.start, end: p.prevEnd}
}

func assigns(op string) bool {
	switch op {
	case "=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", ">>>=", "&=", "|=", "^=":
		return true
	}
	return false
}

// strength gives how tightly the operator binds that stands here, or 0.
func (p *parser) strength(in bool) int {
	switch p.tok.kind {
	case punct:
		return strengthOf(p.text(p.tok))
	case name:
		if word := p.word(); word == "instanceof" || word == "in" && in {
			return 7
		}
	}
	return 0
}

func strengthOf(op string) int {
	switch op {
	case "||":
		return 1
	case "&&":
		return 2
	case "|":
		return 3
	case "^":
		return 4
	case "&":
		return 5
	case "==", "!=", "===", "!==":
		return 6
	case "<", ">", "<=", ">=":
		return 7
	case "<<", ">>", ">>>":
		return 8
	case "+", "-":
		return 9
	case "*", "/", "%":
		return 10
	}
	return 0
}

// binary reads operands with operators of some strength and more.
func (p *parser) binary(least int, in bool) expr {
	e := p.unary()
	for {
		s := p.strength(in)
		if s < least {
			return e
		}
		p.next()
		p.binary(s+1, in)
		e = expr{start: e.start, end: p.prevEnd}
	}
}

func (p *parser) unary() expr {
	start := p.tok
	switch text := p.text(p.tok); {
	case p.tok.kind == punct && (text == "!" || text == "-" || text == "+" || text == "~"),
		p.tok.kind == name && (p.word() == "typeof" || p.word() == "void" || p.word() == "delete"):
		if !p.enter() {
			return expr{}
		}
		defer p.leave()
		p.next()
		p.unary()
		return expr{start: start.start, end: p.prevEnd}
	case p.tok.kind == punct && (text == "++" || text == "--"):
		if !p.enter() {
			return expr{}
		}
		defer p.leave()
		p.next()
		e := p.unary()
		if e.kind == aName {
			p.wrote(write{name: e.name, how: prefixed, from: e.at, to: e.at + len(e.name), opFrom: start.start, opTo: start.end})
		}
		return expr{start: start.start, end: p.prevEnd}
	}
	return p.postfix()
}

func (p *parser) postfix() expr {
	e := p.member(true)
	if (p.is("++") || p.is("--")) && !p.tok.newline {
		op := p.tok
		p.next()
		if e.kind == aName {
			p.wrote(write{name: e.name, how: postfixed, from: e.at, to: e.at + len(e.name), opFrom: op.start, opTo: op.end})
		}
		return expr{start: e.start, end: p.prevEnd}
	}
	return e
}
