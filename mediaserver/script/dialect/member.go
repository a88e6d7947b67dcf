package dialect

// member reads an operand with its properties, elements and, where calls are
// let, calls: they are not in what "new" is given.
func (p *parser) member(calls bool) expr {
	var e expr
	if p.word() == "new" {
		e = p.construct()
	} else {
		e = p.primary()
	}
	for p.tok.kind == punct {
		switch p.text(p.tok) {
		case ".":
			e = p.property(e)
		case "[":
			p.next()
			p.expression(true)
			p.expect("]", "behind an index")
			e = expr{kind: anElement, start: e.start, end: p.prevEnd}
		case "(":
			if !calls {
				return e
			}
			e = p.call(e)
		case "`", "?.", "=>":
			p.unexpected("an operator is missing")
			return e
		case "::":
			p.xml(p.tok.start)
			return e
		default:
			return e
		}
	}
	return e
}

// construct reads new X, with or without arguments.
func (p *parser) construct() expr {
	start := p.tok.start
	if !p.enter() {
		return expr{}
	}
	defer p.leave()
	p.next()
	if p.is(".") {
		p.refuse(p.tok.start, "new.target is of a later edition")
		return expr{}
	}
	of := p.member(false)
	if of.kind == aName && of.name == "Function" {
		p.found(of.start, "new Function", Emulated)
	}
	if p.is("(") {
		p.arguments()
	}
	return expr{kind: aCall, start: start, end: p.prevEnd}
}

// property reads a dot and a name, which may be any word.
func (p *parser) property(of expr) expr {
	dot := p.tok.start
	p.next()
	if p.tok.kind != name {
		if p.is(".") || p.is("@") || p.is("*") || p.is("(") {
			p.xml(dot)
		} else {
			p.unexpected("a property's name is missing behind the dot")
		}
		return expr{start: of.start, end: p.prevEnd}
	}
	e := expr{kind: aMember, start: of.start, end: p.tok.end, name: p.text(p.tok), dot: dot, at: p.tok.start, object: of.end}
	e.callee = e.name == "callee"
	p.next()
	p.uses(&of, e.name, e.at)
	p.activation(of, e)
	p.emulated(of, e)
	return e
}

// activation deals with f.arguments and f.caller. Inside of f itself the first
// is arguments; all else takes functions that tell of their activations.
func (p *parser) activation(of, e expr) {
	if e.name != "arguments" && e.name != "caller" || p.is("=") || of.name == "" && !of.callee {
		return
	}
	inner := p.scope.function
	switch {
	case e.name == "arguments" && of.callee && of.kind == aMember: // arguments.callee.arguments
		p.found(e.dot, "f.arguments", Rewritten)
		p.replace(of.dot, of.dot+1, " ")
		p.blank(of.at, of.end)
		p.blank(e.dot, e.dot+1)
		p.blank(e.at, e.end)
	case e.name == "arguments" && of.kind == aName && inner >= 0 && p.functions[inner].own == of.name && !p.functions[inner].shadowed:
		p.found(e.dot, "f.arguments", Rewritten)
		p.blank(of.start, of.end)
		p.blank(e.dot, e.dot+1)
	case e.name == "arguments":
		p.found(e.dot, "f.arguments", Emulated)
		if p.wanted.arguments == nil {
			p.wanted.arguments = map[string]bool{}
		}
		p.wanted.arguments[of.name] = true
	case of.callee:
		p.found(e.dot, "f.caller", Emulated)
		p.wanted.callee = true
	default:
		if p.wanted.caller == nil {
			p.wanted.caller = map[string]int{}
		}
		if _, ok := p.wanted.caller[of.name]; !ok {
			p.wanted.caller[of.name] = e.dot
		}
	}
}

// call reads the arguments of a call of e.
func (p *parser) call(e expr) expr {
	open := p.tok
	if e.kind == aRegexp {
		p.found(e.start, "a regular expression that is called", Rewritten)
		p.edit(e.end, e.end, closing, ".exec")
	}
	n := p.arguments()
	if p.refusal != nil {
		return e
	}
	p.lastMatch(e, n)
	if e.kind == aName {
		switch e.name {
		case "eval":
			// It stays a call of eval by that name, which sees the variables
			// around it.
			p.found(e.start, "eval", Emulated)
			p.around(open.end, p.prevEnd-1, global+".eval(", ")")
		case "load":
			p.loaded(e.start, open)
		case "Function":
			p.found(e.start, "new Function", Emulated)
		case "uneval":
			p.found(e.start, "toSource and uneval", Emulated)
		}
	}
	return expr{kind: aCall, start: e.start, end: p.prevEnd}
}

// lastMatch notes calls of methods of old that go by RegExp's last match, or
// have an argument more than today.
func (p *parser) lastMatch(e expr, arguments int) {
	if e.kind != aMember {
		return
	}
	switch {
	case (e.name == "exec" || e.name == "test") && arguments == 0,
		(e.name == "match" || e.name == "search") && arguments == 2,
		e.name == "replace" && arguments == 3:
		p.need("regexp")
	}
}

// loaded notes which file a call of load names.
func (p *parser) loaded(pos int, open token) {
	line, column := p.position(pos)
	l := Load{Line: line, Column: column}
	if t := p.look(open.end); t.kind == str {
		if next := p.look(t.end); p.text(next) == ")" {
			l.Path, _ = plain(p.text(t))
		}
	}
	if len(p.loads) < maxFindings {
		p.loads = append(p.loads, l)
	}
}

// arguments reads those of a call, and counts them.
func (p *parser) arguments() (n int) {
	p.next()
	for ; !p.is(")") && p.tok.kind != eof; n++ {
		p.assignment(true)
		if !p.is(")") {
			p.expect(",", "between arguments")
		}
	}
	p.expect(")", "behind the arguments of a call")
	return n
}

// emulated notes properties that Prelude gives.
func (p *parser) emulated(of, e expr) {
	what := ""
	switch e.name {
	case "__resolve":
		what = "__resolve"
		if of.kind == aMember && of.name == "prototype" && p.src[of.start:of.object] == "Object" {
			p.refuse(e.dot, "__resolve of Object.prototype, which would be asked for every missing property of every object: give it to the object or to the class that needs it")
			return
		}
	case "watch", "unwatch":
		if p.is("(") {
			what = "watch and unwatch"
		}
	case "toSource":
		what = "toSource and uneval"
	case "arity":
		what = "f.arity"
	case "lineNumber", "fileName":
		what = "an error's lineNumber and fileName"
	default:
		switch {
		case of.kind != aName:
		case of.name == "RegExp" && e.name != "prototype":
			what = "what RegExp knows of the last match"
		case (of.name == "Array" || of.name == "String") && p.is("(") && e.name != "fromCharCode" && e.name != "isArray":
			what = "methods of Array and String as functions"
			p.need("arrays")
			if e.name == "quote" {
				p.need("source")
			}
		}
	}
	if what != "" {
		p.found(e.dot, what, Emulated)
	}
}

// xml refuses E4X by name.
func (p *parser) xml(pos int) {
	p.refuse(pos, "E4X (XML within the script) is not had: use the class XML")
}
