package dialect

import "slices"

// scope is what a function declares, as JavaScript 1.5 had it: nothing is
// declared for a block.
type scope struct {
	outer *scope
	// function is the number of the function in parser.functions, -1 for the
	// source itself.
	function int
	// declared are parameters, variables and functions; functions are those
	// that are declared by the word function.
	declared, functions []string
	consts              map[string]bool
	// known is what a name is that is assigned to in this scope, once it has
	// been asked for.
	known map[string]binding
}

// binding is what a name stands for.
type binding int8

const (
	unknown binding = iota
	variable
	constant
)

// write is a place where a name is assigned to.
type write struct {
	scope *scope
	name  string
	how   writing
	// from and to are the name's place, or that of the whole of a++.
	from, to int
	// opFrom and opTo are where the operator stands.
	opFrom, opTo int
	// end is where the assigned expression ends.
	end int
}

type writing int

const (
	assigned   writing = iota // c = e
	combined                  // c += e
	prefixed                  // ++c
	postfixed                 // c++
	enumerated                // for (c in o)
)

// wanted is what the source turned out to need, whose cost the others are
// spared.
type wanted struct {
	// consts: there is a constant somewhere, so writes are kept.
	consts bool
	// arguments are names n of which there is n.arguments outside of n.
	arguments map[string]bool
	// caller are names n of which there is n.caller, and where it is first.
	// Only where n is a function of the source is it taken for one's caller.
	caller map[string]int
	// callee: there is arguments.callee.caller.
	callee bool
}

func (p *parser) declare(text string) { p.scope.declared = append(p.scope.declared, text) }

// clash tells whether a function declares a name by var and by function: in a
// block, as instrument makes one of its body, the engine does not have that.
func (s *scope) clash() bool {
	if len(s.functions) == 0 {
		return false
	}
	declared := make(map[string]bool, len(s.declared))
	for _, text := range s.declared {
		declared[text] = true
	}
	return slices.ContainsFunc(s.functions, func(text string) bool { return declared[text] })
}

// declareConst notes a name that is declared by const, which is a var that
// ignores assignments. Global ones are properties that ignore them at run
// time, whichever file they are in.
func (p *parser) declareConst(text string) {
	if p.scope.consts == nil {
		p.scope.consts = map[string]bool{}
	}
	p.scope.consts[text] = true
	p.anyConst = true
}

func (p *parser) globalScope() bool { return p.scope.function < 0 && p.as == program }

func (p *parser) wrote(w write) {
	if p.wanted.consts {
		w.scope = p.scope
		p.writes = append(p.writes, w)
	}
}

// settle says what becomes of assignments, now that all declarations are
// known: one may stand behind the function that assigns to it.
func (p *parser) settle() {
	if !p.anyConst {
		return
	}
	for _, w := range p.writes {
		if w.scope.find(w.name) == constant {
			p.ignore(w)
		}
	}
}

// find looks a name up from the inside out, once for all that assign to it in
// a function.
func (s *scope) find(name string) binding {
	if s.known == nil {
		s.known = make(map[string]binding, len(s.declared)+len(s.consts))
		for _, text := range s.declared {
			s.known[text] = variable
		}
		for _, text := range s.functions {
			s.known[text] = variable
		}
		for text := range s.consts {
			s.known[text] = constant
		}
	}
	b, ok := s.known[name]
	if !ok {
		b = unknown
		if s.outer != nil {
			b = s.outer.find(name)
		}
		s.known[name] = b
	}
	return b
}

// ignore lets an assignment to a constant have its value, and no effect.
func (p *parser) ignore(w write) {
	p.found(w.from, "an assignment to a constant, which is ignored", Rewritten)
	switch w.how {
	case assigned:
		p.replace(w.from, w.to, global+".pass")
		p.replace(w.opFrom, w.opTo, "(")
		p.edit(w.end, w.end, closing, ")")
	case combined:
		p.replace(w.opFrom, w.opTo, p.src[w.opFrom:w.opTo-1]+"(")
		p.edit(w.end, w.end, closing, ")")
	case prefixed:
		p.replace(w.opFrom, w.opTo, global+".pass(")
		p.edit(w.to, w.to, closing, p.src[w.opFrom:w.opFrom+1]+"1)")
	case postfixed:
		p.wrap(w.from, w.opTo, global+".pass(", ")")
		p.replace(w.opFrom, w.opTo, "*1")
	case enumerated:
		p.replace(w.from, w.to, global+".lost")
	}
}
