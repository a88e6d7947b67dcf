package dialect

import (
	"sort"
	"strings"
)

// partOf says which part of the prelude gives what goes by a name. Scripts
// that do not have the name, as a name or in quotes, are spared the part.
var partOf = map[string]string{
	"toSource": "source", "uneval": "source", "quote": "source",
	"watch": "watch", "unwatch": "watch",
	"__resolve":  "resolve",
	"lineNumber": "errors", "fileName": "errors",
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
	if part, ok := partOf[text]; ok {
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
