package dialect

import "fmt"

// condition reads what stands in parentheses behind a word.
func (p *parser) condition(of string) {
	p.expect("(", "behind "+of)
	p.expression(true)
	p.expect(")", "behind the condition of "+of)
}

// ifStatement reads an if with all that is chained to it by else.
func (p *parser) ifStatement() {
	for {
		p.next()
		p.condition("if")
		p.statementOf()
		if p.word() != "else" {
			return
		}
		p.next()
		if p.word() != "if" {
			p.statementOf()
			return
		}
	}
}

func (p *parser) whileStatement() {
	p.next()
	p.condition("while")
	p.statementOf()
}

func (p *parser) withStatement() {
	p.next()
	p.condition("with")
	p.statementOf()
}

func (p *parser) doStatement() {
	p.next()
	p.statementOf()
	if p.word() != "while" {
		p.unexpected("while is missing behind do")
		return
	}
	p.next()
	p.condition("while")
	if p.is(";") {
		p.next()
	}
}

func (p *parser) switchStatement() {
	p.next()
	p.condition("switch")
	p.expect("{", "behind switch")
	for !p.is("}") && p.tok.kind != eof {
		switch p.word() {
		case "case":
			p.next()
			p.expression(true)
		case "default":
			p.next()
		default:
			p.unexpected("case or default is missing in switch")
		}
		p.expect(":", "behind case or default")
		for !p.is("}") && p.word() != "case" && p.word() != "default" && p.tok.kind != eof {
			p.statementOf()
		}
	}
	p.expect("}", "at the end of switch")
}

// forStatement reads all of them: for (;;), for (x in o), for each (x in o).
func (p *parser) forStatement() {
	p.next()
	each := p.word() == "each"
	if each {
		p.found(p.tok.start, "for each", Rewritten)
		p.blank(p.tok.start, p.tok.end)
		p.next()
	} else if p.word() == "await" {
		p.refuse(p.tok.start, "for await is of a later edition")
		return
	}
	p.expect("(", "behind for")
	if p.forHead(each) {
		p.expect(")", "behind the head of for")
		p.statementOf()
	}
}

// forHead reads what stands in the parentheses.
func (p *parser) forHead(each bool) bool {
	p.statement = p.tok.start
	var e expr
	first := p.tok
	switch {
	case p.is(";"):
	case p.word() == "var":
		p.variables(false)
	case p.word() == "const":
		p.constantsIn()
	case p.word() == "let" && p.peek().kind == name && p.wordOf(p.peek()) != "in":
		p.refuse(p.tok.start, "let is of a later edition: write var")
	default:
		e = p.expression(false)
	}
	switch {
	case p.word() == "in":
		p.enumerate(e, first, each)
	case p.word() == "of":
		p.refuse(p.tok.start, "for of is of a later edition: use for each, or an index")
	case each:
		p.unexpected("in is missing in for each")
	default:
		p.forParts()
	}
	return p.refusal == nil
}

func (p *parser) forParts() {
	p.expect(";", "in the head of for")
	if !p.is(";") {
		p.expression(true)
	}
	p.expect(";", "in the head of for")
	if !p.is(")") {
		p.expression(true)
	}
}

// constantsIn reads const in the head of a for: a variable, as it changes.
func (p *parser) constantsIn() {
	p.found(p.tok.start, "const", Rewritten)
	p.replace(p.tok.start, p.tok.end, "var  ")
	p.variables(false)
}

// enumerate reads the head of a for from the word in on. For each asks for
// values, which the engine has another word for.
func (p *parser) enumerate(e expr, first token, each bool) {
	if p.wordOf(first) != "var" && p.wordOf(first) != "const" {
		if !e.assignable() {
			p.refuse(first.start, "what stands before in cannot be assigned to")
			return
		}
		if e.kind == aName {
			p.wrote(write{name: e.name, how: enumerated, from: e.at, to: e.at + len(e.name)})
			if each && (e.name == "let" || e.name == "async") {
				p.wrap(e.at, e.at+len(e.name), "(", ")")
			}
		}
	}
	if each {
		p.replace(p.tok.start, p.tok.end, "of")
	}
	p.next()
	start := p.tok.start
	p.expression(true)
	if each {
		p.wrap(start, p.prevEnd, global+".each((", "))")
	}
}

// clause is one catch of a try.
type clause struct {
	param       string
	conditional bool
}

// tryStatement reads try with its catches. Several, and those with a
// condition, become one in another: catch (e) { if (…) { … } else { … } },
// where the next begins by throwing e again within the last braces.
func (p *parser) tryStatement() {
	p.next()
	p.block("try")
	var clauses []clause
	for p.word() == "catch" && p.refusal == nil {
		if len(clauses) == maxCatches {
			p.refuse(p.tok.start, fmt.Sprintf("more than %d catches of one try", maxCatches))
			return
		}
		if n := len(clauses); n > 0 {
			if !clauses[n-1].conditional {
				p.refuse(p.tok.start, "a catch behind one that catches everything")
				return
			}
			p.replace(p.tok.start, p.tok.end, "else{try{throw "+clauses[n-1].param+"}catch")
		}
		clauses = append(clauses, p.catchClause())
	}
	p.closeClauses(clauses)
	if p.word() == "finally" {
		p.next()
		p.block("finally")
	} else if len(clauses) == 0 {
		p.unexpected("catch or finally is missing behind try")
	}
}

func (p *parser) catchClause() clause {
	if !p.enter() {
		return clause{}
	}
	defer p.leave()
	p.next()
	if p.is("{") {
		p.refuse(p.tok.start, "a catch without a name is of a later edition: write catch (e)")
		return clause{}
	}
	p.expect("(", "behind catch")
	c := clause{param: rename(p.identifier("a name for what is caught"))}
	if c.conditional = p.word() == "if"; c.conditional {
		p.found(p.tok.start, "catch with a condition", Rewritten)
		p.replace(p.tok.start, p.tok.end, "){if(")
		p.next()
		p.expression(true)
	}
	p.expect(")", "behind what is caught")
	p.block("catch")
	return c
}

func (p *parser) closeClauses(clauses []clause) {
	if len(clauses) == 0 || p.refusal != nil {
		return
	}
	end := ""
	if last := clauses[len(clauses)-1]; last.conditional {
		end = "else throw " + last.param
	}
	for i := len(clauses) - 1; i >= 0; i-- {
		if clauses[i].conditional {
			end += "}"
		}
		if i > 0 {
			end += "}"
		}
	}
	if end != "" {
		p.edit(p.prevEnd, p.prevEnd, closing, end)
	}
}
