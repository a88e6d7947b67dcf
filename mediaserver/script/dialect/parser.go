package dialect

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// mode is what a source is.
type mode int

const (
	// program is a file: what it declares is global.
	program mode = iota
	// evaluated is what eval was given: it may stand in a function.
	evaluated
)

// parser reads a source once, from its beginning to its end, and notes what
// is to be said in other words. It builds no tree: what is rewritten depends
// on what has been read when a construct ends, and on the functions around it.
//
// The first thing that cannot be had ends it: refusal is set, and from then on
// every token is the end of the file, which every loop ends at.
type parser struct {
	file, src string
	as        mode

	tok     token
	prevEnd int // where the token before tok ends
	depth   int
	// statement is where the present statement begins, if nothing of it has
	// been read.
	statement int

	edits    []edit
	findings []Finding
	loads    []Load
	used     *[]use // nil: nobody wants to know
	refusal  *Refusal
	starts   []int // where lines start

	scope     *scope
	writes    []write
	anyConst  bool // in a function
	functions []function
	namesakes map[string]int // how many functions have a name
	wanted    wanted
	needs     map[string]bool // parts of the prelude
}

func newParser(file, src string, as mode) *parser {
	p := &parser{file: file, src: src, as: as, statement: -1, scope: &scope{function: -1}}
	p.wanted.consts = strings.Contains(src, "const")
	return p
}

// program reads the whole source.
func (p *parser) program() {
	if i := strings.IndexByte(p.src, 0); i >= 0 {
		p.refuse(i, "a byte 0: this is no script")
		return
	}
	p.tok = p.scan(0)
	first := p.tok.start // behind comments: --> is one at a line's beginning alone
	p.directives()
	for p.tok.kind != eof {
		p.element()
	}
	if p.refusal == nil {
		p.settle()
		p.instrument()
		p.prepare(first)
	}
}

// refuse ends the parsing.
func (p *parser) refuse(pos int, what string) {
	if p.refusal != nil {
		return
	}
	line, column := p.position(pos)
	p.found(pos, what, Refused)
	p.refusal = &Refusal{File: p.file, Line: line, Column: column, What: what}
	p.tok = token{kind: eof, newline: true, start: len(p.src), end: len(p.src)}
}

// found notes a form. Nothing is noted twice where a token is read again.
func (p *parser) found(pos int, what string, action Action) {
	if len(p.findings) >= maxFindings && action != Refused {
		return
	}
	line, column := p.position(pos)
	p.findings = append(p.findings, Finding{File: p.file, Line: line, Column: column, What: what, Action: action})
}

// position gives line and column of a place, in characters from 1.
func (p *parser) position(pos int) (line, column int) {
	if p.starts == nil {
		p.starts = append(p.starts, 0)
		for i := range len(p.src) {
			if p.src[i] == '\n' {
				p.starts = append(p.starts, i+1)
			}
		}
	}
	pos = min(pos, len(p.src))
	line = sort.SearchInts(p.starts, pos+1)
	start := p.starts[line-1]
	// A line may be as long as the file, and have a finding at every place.
	const most = 4096
	if pos-start > most {
		return line, pos - start + 1
	}
	return line, utf8.RuneCountInString(p.src[start:pos]) + 1
}

// enter counts how deep the parser stands; what it calls leaves again.
func (p *parser) enter() bool {
	p.depth++
	if p.depth > MaxDepth {
		p.refuse(p.tok.start, fmt.Sprintf("statements, expressions and functions stand in one another more than %d deep", MaxDepth))
	}
	return p.refusal == nil
}

func (p *parser) leave() { p.depth-- }

// expect reads a punctuator that must come.
func (p *parser) expect(text, where string) {
	if !p.is(text) {
		p.unexpected(text + " is missing " + where)
		return
	}
	p.next()
}

// unexpected refuses the present token; what is missing is said first.
func (p *parser) unexpected(missing string) {
	if p.refusal != nil {
		return
	}
	at := p.tok.start
	what := "the file ends here"
	if p.tok.kind != eof {
		text := p.text(p.tok)
		if newer := later(text); newer != "" {
			p.refuse(at, newer)
			return
		}
		if len(text) > 40 {
			text = strings.ToValidUTF8(text[:40], "") + "…"
		}
		what = "here stands " + text
	}
	p.refuse(at, missing+": "+what)
}

// later names forms that came after the scripts that this package is for.
func later(text string) string {
	switch text {
	case "=>":
		return "an arrow function is of a later edition: write function"
	case "`":
		return "a template string is of a later edition: add strings with +"
	case "...":
		return "... is of a later edition: use arguments, apply and concat"
	case "**", "**=", "??", "??=", "?.", "&&=", "||=":
		return "the operator " + text + " is of a later edition"
	}
	return ""
}
