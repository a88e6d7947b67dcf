package dialect

// object reads an object's literal.
func (p *parser) object() expr {
	start := p.tok.start
	resolve, proto := false, false
	p.next()
	for !p.is("}") && p.tok.kind != eof {
		switch p.entry() {
		case "__resolve":
			resolve = true
		case "__proto__":
			if proto {
				p.refuse(p.prevEnd, "an object with __proto__ twice: one of the two is never used")
			}
			proto = true
		}
		if !p.is("}") {
			p.expect(",", "between the properties of an object")
		}
	}
	p.expect("}", "at the end of an object")
	if resolve {
		p.found(start, "__resolve", Emulated)
		p.wrap(start, p.prevEnd, global+".resolving(", ")")
	}
	return expr{kind: aLiteral, start: start, end: p.prevEnd}
}

// entry reads one property, and gives its name.
func (p *parser) entry() string {
	key := p.tok
	if key.kind != name && key.kind != str && key.kind != number {
		p.unexpected("a property's name is missing")
		return ""
	}
	text := p.text(key)
	if key.kind == str {
		text, _ = plain(text)
	}
	p.next()
	if (text == "get" || text == "set") && key.kind == name && (p.tok.kind == name || p.tok.kind == str || p.tok.kind == number) {
		p.accessor()
		return ""
	}
	if word := p.word(); word == "getter" || word == "setter" {
		p.oldAccessor(key, word)
		return ""
	}
	switch {
	case p.is(","), p.is("}"):
		p.refuse(key.start, "a property without a value is of a later edition: write "+abridged(text)+": "+abridged(text))
		return ""
	case p.is("("):
		p.refuse(key.start, "a method without the word function is of a later edition: write "+abridged(text)+": function(")
		return ""
	}
	p.expect(":", "behind a property's name")
	p.bind(p.assignment(true), text)
	return text
}

// accessor reads get x() { … } from the name on.
func (p *parser) accessor() {
	f := function{start: p.tok.start, closed: -1, own: ""}
	p.next()
	p.parameters(f)
}

// oldAccessor makes x getter: function() { … } a getter that the engine knows.
func (p *parser) oldAccessor(key token, word string) {
	p.found(p.tok.start, "a getter or setter in its old form", Rewritten)
	p.edit(key.start, key.start, opening, word[:3]+" ")
	p.blank(p.tok.start, p.tok.end)
	p.next()
	if !p.is(":") {
		p.unexpected(": is missing behind " + word)
		return
	}
	p.blank(p.tok.start, p.tok.end)
	p.next()
	if p.word() != "function" {
		p.refuse(p.tok.start, "a "+word+" that is no function written here: use __defineGetter__ or __defineSetter__")
		return
	}
	f := function{start: p.tok.start, closed: -1}
	p.blank(p.tok.start, p.tok.end)
	p.next()
	if p.tok.kind == name {
		p.blank(p.tok.start, p.tok.end)
		p.next()
	}
	p.parameters(f)
}

// assignedAccessor reads o.x getter = f from the word getter on.
func (p *parser) assignedAccessor(e expr, word string, in bool) expr {
	p.found(p.tok.start, "a getter or setter in its old form", Rewritten)
	switch e.kind {
	case aMember:
		p.replace(e.dot, e.dot+1, ",")
		p.replace(e.at, e.at+len(e.name), `"`+e.name+`"`)
	case aName:
		if !p.globalScope() {
			p.refuse(p.tok.start, "a "+word+" of a variable in a function")
			return e
		}
		p.edit(e.at, e.at, opening, `this,"`)
		p.edit(e.at+len(e.name), e.at+len(e.name), closing, `"`)
	default:
		p.refuse(p.tok.start, "a "+word+" of something without a name: use __defineGetter__ or __defineSetter__")
		return e
	}
	p.replace(p.tok.start, p.tok.end, ",")
	p.next()
	p.blank(p.tok.start, p.tok.end)
	p.next()
	p.assignment(in)
	p.wrap(e.start, p.prevEnd, global+"."+word+"(", ")")
	return expr{kind: aCall, start: e.start, end: p.prevEnd}
}

// declaredAccessor reads getter function x() { … }, which is one of the global
// object.
func (p *parser) declaredAccessor(word string) {
	start := p.tok
	p.found(start.start, "a getter or setter in its old form", Rewritten)
	if !p.globalScope() {
		p.refuse(start.start, "a "+word+" of a variable in a function")
		return
	}
	p.next()
	named := p.peek()
	if named.kind != name {
		p.unexpected("the name of a " + word + " is missing")
		return
	}
	p.replace(start.start, start.end, global+"."+word+`(this,"`+p.text(named)+`",`)
	p.function(inExpression)
	p.edit(p.prevEnd, p.prevEnd, closing, ");")
}

// abridged keeps what is quoted in a message short.
func abridged(text string) string {
	if len(text) > 40 {
		return text[:40] + "…"
	}
	return text
}
