package dialect

// directives keeps "use strict", which was a string without effect, from
// having one.
func (p *parser) directives() {
	for p.tok.kind == str {
		if text := p.text(p.tok); text == `"use strict"` || text == `'use strict'` {
			p.found(p.tok.start, `"use strict", which had no effect`, Rewritten)
			p.edit(p.tok.start, p.tok.start, opening, "0,")
		}
		p.statementOf()
	}
}

// element reads a statement of a source or of a function's body, where
// functions are declared.
func (p *parser) element() {
	if p.word() == "function" {
		p.function(asDeclaration)
		return
	}
	p.statementOf()
}

// statementOf reads a statement.
func (p *parser) statementOf() {
	if !p.enter() {
		return
	}
	defer p.leave()
	p.statement = p.tok.start
	if p.tok.kind == punct {
		switch p.text(p.tok) {
		case "{":
			p.block("a block")
			return
		case ";":
			p.next()
			return
		}
	}
	if p.tok.kind == include {
		p.include()
		return
	}
	word := p.word()
	if read, ok := statements[word]; ok {
		read(p)
		return
	}
	if word != "" {
		next := p.look(p.tok.end)
		switch {
		case p.text(next) == ":" && !reserved(word):
			p.label()
			return
		case (word == "getter" || word == "setter") && p.wordOf(next) == "function" && !next.newline:
			p.declaredAccessor(word)
			return
		}
	}
	p.expression(true)
	p.semicolon()
}

// statements are those that begin with a word.
var statements map[string]func(*parser)

func init() {
	statements = map[string]func(*parser){
		"var":      func(p *parser) { p.variables(true); p.semicolon() },
		"const":    func(p *parser) { p.constants(true); p.semicolon() },
		"function": func(p *parser) { p.function(inBlock) },
		"if":       (*parser).ifStatement,
		"for":      (*parser).forStatement,
		"while":    (*parser).whileStatement,
		"do":       (*parser).doStatement,
		"with":     (*parser).withStatement,
		"switch":   (*parser).switchStatement,
		"try":      (*parser).tryStatement,
		"break":    (*parser).jump,
		"continue": (*parser).jump,
		"return":   (*parser).returnStatement,
		"throw":    (*parser).throwStatement,
		"debugger": func(p *parser) { p.next(); p.semicolon() },
		"default":  (*parser).defaultStatement,
		"import":   func(p *parser) { p.refuse(p.tok.start, "import is not had: use load") },
		"export":   func(p *parser) { p.refuse(p.tok.start, "export is not had: what a file declares is global") },
	}
}

// semicolon reads the end of a statement, which may be a line's.
func (p *parser) semicolon() {
	switch {
	case p.is(";"):
		p.next()
	case p.is("}"), p.tok.kind == eof, p.tok.newline:
	default:
		p.unexpected("; is missing before the next statement")
	}
}

func (p *parser) block(of string) {
	p.expect("{", "at the beginning of "+of)
	for !p.is("}") && p.tok.kind != eof {
		p.statementOf()
	}
	p.expect("}", "at the end of "+of)
}

func (p *parser) label() {
	p.renamed()
	p.next()
	p.next()
	p.statementOf()
}

// include makes #include "file" a call of load; as there, the rest of the line
// is free.
func (p *parser) include() {
	hash := p.tok
	p.next()
	if p.tok.kind != str || p.tok.newline {
		p.unexpected("a file's name in quotes is missing behind #include")
		return
	}
	p.found(hash.start, "#include", Rewritten)
	line, column := p.position(hash.start)
	path, _ := plain(p.text(p.tok))
	p.loads = append(p.loads, Load{Path: path, Line: line, Column: column})
	p.replace(hash.start, hash.end, "load(")
	p.edit(p.tok.end, p.tok.end, closing, ");")
	p.next()
	p.semicolon()
}

// variables reads var and what it declares.
func (p *parser) variables(in bool) {
	p.next()
	for {
		if p.is("[") || p.is("{") {
			p.refuse(p.tok.start, "a declaration that takes a value apart is of a later edition")
			return
		}
		text := p.declared("a variable's name")
		if p.is("=") {
			p.next()
			p.bind(p.assignment(in), text)
		}
		if !p.is(",") {
			return
		}
		p.next()
	}
}

// constants reads const and what it declares. In a function it becomes var,
// and assignments to it are ignored when the function has been read. A global
// one is defined at run time, as one that all files know.
func (p *parser) constants(in bool) {
	p.found(p.tok.start, "const", Rewritten)
	globally := p.globalScope()
	if globally {
		p.blank(p.tok.start, p.tok.end)
	} else {
		p.replace(p.tok.start, p.tok.end, "var  ")
	}
	p.next()
	for p.refusal == nil {
		at := p.tok
		text := p.identifier("a constant's name")
		if globally {
			p.constantValue(at, in)
		} else {
			p.declareConst(text)
			if p.is("=") {
				p.next()
				p.bind(p.assignment(in), text)
			}
		}
		if !p.is(",") {
			return
		}
		p.next()
	}
}

func (p *parser) constantValue(at token, in bool) {
	if p.refusal != nil {
		return
	}
	p.edit(at.start, at.start, opening, global+`.constant("`)
	p.edit(at.end, at.end, closing, `"`)
	if p.is("=") {
		p.replace(p.tok.start, p.tok.end, ",")
		p.next()
		p.bind(p.assignment(in), p.text(at))
	}
	p.edit(p.prevEnd, p.prevEnd, closing, ")")
}

// jump reads break and continue.
func (p *parser) jump() {
	p.next()
	if p.tok.kind == name && !p.tok.newline {
		p.identifier("a label")
	}
	p.semicolon()
}

func (p *parser) returnStatement() {
	if p.scope.function < 0 {
		p.refuse(p.tok.start, "return outside of a function")
		return
	}
	p.next()
	if !p.is(";") && !p.is("}") && p.tok.kind != eof && !p.tok.newline {
		p.expression(true)
	}
	p.semicolon()
}

func (p *parser) throwStatement() {
	p.next()
	if p.tok.newline {
		p.unexpected("what is thrown must stand on the line of throw")
		return
	}
	p.expression(true)
	p.semicolon()
}

func (p *parser) defaultStatement() {
	if p.wordOf(p.peek()) == "xml" {
		p.xml(p.tok.start)
		return
	}
	p.unexpected("a statement is missing")
}
