package dialect

import (
	"sort"
	"strings"
)

// partOf says which part of the prelude gives what goes by a name. Scripts
// that do not have the name, as a name or in quotes, are spared the part.
func partOf(text string) string {
	switch text {
	case "toSource", "uneval", "quote":
		return "source"
	case "watch", "unwatch":
		return "watch"
	case "__resolve":
		return "resolve"
	case "lineNumber", "fileName":
		return "errors"
	}
	return ""
}

// need notes that the source asks for a part of the prelude.
func (p *parser) need(part string) {
	if p.needs == nil {
		p.needs = map[string]bool{}
	}
	p.needs[part] = true
}

// mentioned notes what a name or a string of the source asks for.
func (p *parser) mentioned(text string) {
	if part := partOf(text); part != "" {
		p.need(part)
	}
}

// prepare lets the source begin by asking for the parts that it needs.
func (p *parser) prepare(at int) {
	if len(p.needs) == 0 {
		return
	}
	var parts []string
	for part := range p.needs {
		parts = append(parts, `"`+part+`"`)
	}
	sort.Strings(parts)
	p.edit(at, at, opening, global+".need("+strings.Join(parts, ",")+");")
}
