package dialect

import (
	"cmp"
	"fmt"
	"slices"
)

// What is read of one file.
const (
	// MaxSize is how many bytes a file may have.
	MaxSize = 4 << 20
	// MaxDepth is how deep statements, expressions and functions may stand in
	// one another.
	MaxDepth = 400
	// maxEdits is how many places of a file are said in other words at most.
	maxEdits = 1 << 18
	// maxCatches is how many catches a try may have: they are rewritten to stand
	// in one another.
	maxCatches = 64
	// maxFindings is how many findings of one file are kept.
	maxFindings = 1000
)

// Action is what was done with a form that the engine does not know as
// SpiderMonkey did.
type Action int

const (
	// Rewritten: the source that is loaded says it in other words.
	Rewritten Action = iota
	// Emulated: Prelude gives the script what it asks for.
	Emulated
	// Refused: the file is not loaded.
	Refused
)

// String gives the action's word.
func (a Action) String() string {
	switch a {
	case Rewritten:
		return "rewritten"
	case Emulated:
		return "emulated"
	case Refused:
		return "refused"
	}
	return fmt.Sprintf("action %d", int(a))
}

// Finding is a place in a file where it uses what only old engines had.
type Finding struct {
	File string
	// Line and Column count from 1; a column is a character.
	Line, Column int
	// What names the form, such as "for each".
	What   string
	Action Action
}

// String gives the finding as a line of a log: file, line and column, and what.
func (f Finding) String() string {
	return fmt.Sprintf("%s:%d:%d: %s (%s)", f.File, f.Line, f.Column, f.What, f.Action)
}

// Load is a file that a source loads.
type Load struct {
	// Path is what load or #include was given. It is empty where the name is
	// computed, and known only when the script runs.
	Path         string
	Line, Column int
}

// Refusal says why a file is not loaded: it has a form that is not had, or is
// no script at all.
type Refusal struct {
	File string
	// Line and Column count from 1; they are 0 where the file as a whole is
	// meant.
	Line, Column int
	What         string
}

// Error gives file, line, column and reason.
func (r *Refusal) Error() string {
	if r.Line == 0 {
		return fmt.Sprintf("%s: %s", r.File, r.What)
	}
	return fmt.Sprintf("%s:%d:%d: %s", r.File, r.Line, r.Column, r.What)
}

// Source is a file that can be loaded.
type Source struct {
	Name string
	// Text is what the engine is to run, in UTF-8. It has the lines of the
	// file, under the numbers that they have there. It counts on Prelude.
	Text string
	// Encoding is how the file was read: UTF-8, UTF-16 or Latin-1.
	Encoding string
	// Findings are in the order of the file: 1000 at most.
	Findings []Finding
	Loads    []Load

	original  string
	edits     []edit
	functions []span
}

// Rewrite makes a file loadable. The name stands in what is said of it. The
// error is a *Refusal; the Source then still has what was found up to there
// (and no text), for those who tell what a folder uses.
func Rewrite(name string, data []byte) (*Source, error) {
	return rewrite(name, data, program)
}

func rewrite(name string, data []byte, as mode) (*Source, error) {
	s := &Source{Name: name}
	if len(data) > MaxSize {
		return s, &Refusal{File: name, What: fmt.Sprintf("the file has %d bytes; scripts may have %d: split it, and load the parts", len(data), MaxSize)}
	}
	s.original, s.Encoding = decode(data)
	p := newParser(name, s.original, as)
	p.program()
	slices.SortStableFunc(p.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	s.Findings, s.Loads = p.findings, p.loads
	if p.refusal != nil {
		return s, p.refusal
	}
	s.Text, s.edits = apply(s.original, p.edits)
	s.functions = p.spans(s.edits)
	return s, nil
}
