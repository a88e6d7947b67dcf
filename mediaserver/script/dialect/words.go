package dialect

// global is the object through which rewritten sources reach Prelude.
const global = "__dialect"

// reserved are the words of ECMA-262 edition 3 that SpiderMonkey kept for
// itself: no name of a variable.
var reserved = map[string]bool{
	"break": true, "case": true, "catch": true, "continue": true, "const": true, "debugger": true, "default": true,
	"delete": true, "do": true, "else": true, "export": true, "false": true, "finally": true, "for": true,
	"function": true, "if": true, "import": true, "in": true, "instanceof": true, "new": true, "null": true,
	"return": true, "switch": true, "this": true, "throw": true, "true": true, "try": true, "typeof": true,
	"var": true, "void": true, "while": true, "with": true,
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
	if reserved[p.word()] {
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
