package dialect

// global is the object through which rewritten sources reach Prelude.
const global = "__dialect"

// reserved tells the words of ECMA-262 edition 3 that SpiderMonkey kept for
// itself: no name of a variable.
func reserved(word string) bool {
	switch word {
	case "break", "case", "catch", "continue", "const", "debugger", "default", "delete", "do", "else", "export", "false", "finally",
		"for", "function", "if", "import", "in", "instanceof", "new", "null", "return", "switch", "this", "throw", "true", "try",
		"typeof", "var", "void", "while", "with":
		return true
	}
	return false
}

// rename gives the name that a variable has in the result. These words were
// free, with a warning that nobody saw, and the engine keeps them for itself.
// Others that a later edition reserves (let, yield, static, await …) are names
// for the engine too where they stand in an old source.
func rename(text string) string {
	switch text {
	case "class", "enum", "extends", "super":
		return "$" + text + "$"
	}
	return text
}

// identifier reads a name of a variable, and gives it as it is written.
func (p *parser) identifier(what string) string {
	if p.tok.kind != name {
		p.unexpected(what + " is missing")
		return ""
	}
	text := p.text(p.tok)
	if reserved(p.word()) {
		p.refuse(p.tok.start, what+" cannot be "+text+", which is a word of the language")
		return ""
	}
	p.renamed()
	p.next()
	return text
}

// renamed puts another name in the place of one that the engine keeps for
// itself.
func (p *parser) renamed() {
	text := p.word()
	if other := rename(text); other != text {
		p.found(p.tok.start, "the word "+text+" as a name", Rewritten)
		p.replace(p.tok.start, p.tok.end, other)
	}
}
