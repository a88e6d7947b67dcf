package dialect

import "slices"

// Use is a place where a file uses a name.
type Use struct {
	// Object is the name of whose property it is, in application.clients; "" where
	// the name stands by itself, or is a property of something else.
	Object string
	Name   string
	// Member: it is a property.
	Member bool
	// Set: something is assigned to it there.
	Set bool
	// Line and Column count from 1; a column is a character.
	Line, Column int
}

// maxUses is how many uses of one file are told.
const maxUses = 1 << 18

// Uses are the names that a file uses and does not declare, and the properties that
// it uses, in the order of the file; 262,144 at most; and those that it declares for
// all files. A file that is refused has those before the place where it is.
func Uses(name string, data []byte) (uses []Use, declared []string) {
	if len(data) > MaxSize {
		return nil, nil
	}
	src, _ := decode(data)
	p := newParser(name, src, program)
	p.used = &[]use{}
	top := p.scope
	p.program()
	for _, u := range *p.used {
		if !u.Member && u.scope.find(u.Name) != unknown || u.Object != "" && u.scope.find(u.Object) != unknown {
			if !u.Member {
				continue
			}
			u.Object = ""
		}
		u.Line, u.Column = p.position(u.at)
		uses = append(uses, u.Use)
	}
	slices.SortStableFunc(uses, func(a, b Use) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return uses, slices.Concat(top.declared, top.functions)
}

// use is a use whose scope may declare more behind it.
type use struct {
	Use
	scope *scope
	at    int
}

// uses notes a name or, with a dot before it, a property of what stands before.
func (p *parser) uses(of *expr, name string, at int) {
	if p.used == nil || len(*p.used) >= maxUses {
		return
	}
	u := use{Use: Use{Name: name, Set: p.is("=")}, scope: p.scope, at: at}
	if of != nil {
		u.Member = true
		if of.kind == aName {
			u.Object = of.name
		}
	}
	*p.used = append(*p.used, u)
}
