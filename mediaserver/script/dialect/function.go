package dialect

// function is one that has been read.
type function struct {
	// start is its first token, in the source; end is behind its last.
	start, end int
	// closed is the number of the edit that closes it, -1 for none: that of an
	// expression closure, which has no brace of its own.
	closed int
	// own is the name behind the word function, binding that which it is
	// assigned to.
	own, binding string
	// bodyStart is behind the body's first brace, bodyEnd before its last.
	bodyStart, bodyEnd int
	// expression: the body is an expression, without braces. Such a function
	// does not tell of its activations.
	expression bool
	// shadowed: arguments is a name that it declares.
	shadowed bool
	scope    *scope
}

// span is a function that came out other than it was written.
type span struct{ start, end, from, to int }

// where a function stands decides what a declaration becomes.
type place int

const (
	inExpression place = iota
	asDeclaration
	inBlock
)

// function reads from the word function on.
func (p *parser) function(at place) int {
	f := function{start: p.tok.start, closed: -1}
	p.next()
	if p.is("*") {
		p.refuse(p.tok.start, "a generator is of a later edition")
	}
	if p.tok.kind == name {
		named := p.tok
		f.own = p.identifier("a function's name")
		switch at {
		case asDeclaration:
			p.scope.functions = append(p.scope.functions, f.own)
		case inBlock:
			p.blockFunction(f.start, named)
			p.declare(f.own)
		}
	} else if at != inExpression {
		p.anonymous(f.start)
		at = inBlock
	}
	n := p.parameters(f)
	if at == inBlock {
		end := p.functions[n].end
		p.edit(end, end, closing, ";")
	}
	return n
}

// blockFunction makes a declaration in a block what it was: a variable of the
// function around it that is assigned to when control comes to it.
func (p *parser) blockFunction(start int, named token) {
	p.found(start, "a function in a block", Rewritten)
	p.edit(start, start, opening, "var "+rename(p.text(named))+"=")
	p.blank(named.start, named.end)
}

// anonymous is a declaration without a name, which SpiderMonkey took and which
// does nothing.
func (p *parser) anonymous(start int) {
	p.found(start, "a function without a name as a statement", Rewritten)
	p.edit(start, start, opening, "0,")
}

// parameters reads a function from its parameters on.
func (p *parser) parameters(f function) int {
	n := len(p.functions)
	p.functions = append(p.functions, f)
	if !p.enter() {
		return n
	}
	defer p.leave()
	p.scope = &scope{outer: p.scope, function: n}
	p.functions[n].scope = p.scope
	p.expect("(", "before a function's parameters")
	for !p.is(")") && p.tok.kind != eof {
		if p.is("{") || p.is("[") {
			p.refuse(p.tok.start, "a parameter that is taken apart is of a later edition")
			break
		}
		p.declared("a parameter")
		if p.is("=") {
			p.refuse(p.tok.start, "a parameter's default is of a later edition: test for undefined")
		}
		if !p.is(")") {
			p.expect(",", "between parameters")
		}
	}
	p.expect(")", "behind a function's parameters")
	if p.is("{") {
		p.body(n)
	} else {
		p.expressionBody(n)
	}
	p.functions[n].end = p.prevEnd
	p.scope = p.scope.outer
	return n
}

// body reads statements between braces. The last brace is the function's own
// last token.
func (p *parser) body(n int) {
	p.functions[n].bodyStart = p.tok.end
	p.next()
	p.directives()
	for !p.is("}") && p.tok.kind != eof {
		p.element()
	}
	p.functions[n].bodyEnd = p.tok.start
	p.expect("}", "at the end of a function")
}

// expressionBody reads an expression closure: function(x) x*x.
func (p *parser) expressionBody(n int) {
	if p.tok.kind == eof {
		p.unexpected("a function's body is missing")
		return
	}
	p.found(p.tok.start, "an expression closure", Rewritten)
	start := p.tok.start
	p.assignment(true)
	f := &p.functions[n]
	f.expression = true
	p.edit(start, start, opening, "{return ")
	f.closed = p.edit(p.prevEnd, p.prevEnd, closing, "}")
}

// declared reads a name that is declared here.
func (p *parser) declared(what string) string {
	text := p.identifier(what)
	p.declare(text)
	if text == "arguments" && p.scope.function >= 0 {
		p.functions[p.scope.function].shadowed = true
	}
	return text
}

// bind tells a function what it is assigned to.
func (p *parser) bind(e expr, binding string) {
	if e.kind == aFunction && binding != "" && p.functions[e.function].binding == "" {
		p.functions[e.function].binding = binding
	}
}

// instrument lets those functions tell of their activations whose arguments or
// caller the source asks for.
func (p *parser) instrument() {
	all := p.callers()
	if !all && len(p.wanted.arguments) == 0 {
		return
	}
	p.need("frames")
	for i := range p.functions {
		f := &p.functions[i]
		if f.shadowed || f.expression || f.bodyStart == 0 || !all && !p.wanted.arguments[f.own] && !p.wanted.arguments[f.binding] {
			continue
		}
		if f.scope.clash() {
			if p.meant(f) {
				p.refuse(f.start, "f.arguments of a function that declares a name both by var and by function: give one of the two another name")
				return
			}
			continue // it is passed over
		}
		p.around(f.bodyStart, f.bodyEnd, global+".enter(arguments);try{", "}finally{"+global+".leave()}")
	}
}

// meant tells whether somebody asks for the arguments of this function, and of
// none other with its name.
func (p *parser) meant(f *function) bool {
	for _, called := range []string{f.own, f.binding} {
		if called == "" || !p.wanted.arguments[called] {
			continue
		}
		if p.count(called) == 1 {
			return true
		}
	}
	return false
}

// count gives how many functions have a name.
func (p *parser) count(called string) int {
	if p.namesakes == nil {
		p.namesakes = map[string]int{}
		for i := range p.functions {
			f := &p.functions[i]
			p.namesakes[f.own]++
			if f.binding != f.own {
				p.namesakes[f.binding]++
			}
		}
	}
	return p.namesakes[called]
}

// callers tells whether a function of this source asks for its caller, which
// may be any.
func (p *parser) callers() bool {
	all := p.wanted.callee
	if len(p.wanted.caller) == 0 {
		return all
	}
	for i := range p.functions {
		for _, called := range []string{p.functions[i].own, p.functions[i].binding} {
			if pos, ok := p.wanted.caller[called]; ok {
				p.found(pos, "f.caller", Emulated)
				delete(p.wanted.caller, called)
				all = true
			}
		}
	}
	return all
}

// spans gives the functions whose text is not what it was, by their places in
// the result.
func (p *parser) spans(edits []edit) []span {
	var out []span
	if len(edits) == 0 {
		return nil
	}
	for i := range p.functions {
		f := &p.functions[i]
		if f.end == 0 {
			continue
		}
		s := span{from: f.start, to: f.end, start: moved(edits, f.start), end: movedEnd(edits, f.end, int32(f.closed))}
		if s.end-s.start != f.end-f.start || edited(edits, f.start, f.end) {
			out = append(out, s)
		}
	}
	return out
}
