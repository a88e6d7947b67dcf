package dialect

import (
	"embed"
	"strings"
)

// HookName is the global function that Prelude expects of its host when it is
// run, and removes: it takes three strings, and gives one (Scripts.Hook).
const HookName = "__dialectHook"

//go:embed prelude/*.js
var parts embed.FS

// late gives a part of the prelude that is read when it is first needed.
func late(name string) (string, bool) {
	text, err := parts.ReadFile("prelude/" + name + "_late.js")
	return string(text), err == nil
}

// Prelude is the source that is run in a runtime before any other. It gives
// scripts what SpiderMonkey had beyond the engine's own. What it adds to
// objects that scripts see is not enumerable, and it uses nothing that a
// script may have changed by the time it is called.
var Prelude = prelude()

// prelude joins the parts: one function around all of them, so that they see
// one another, and scripts see none of them.
func prelude() string {
	var out strings.Builder
	out.WriteString("(function(world,hook){\n")
	for _, part := range []string{"base", "eval", "sort", "dates", "forms"} {
		text, err := parts.ReadFile("prelude/" + part + ".js")
		if err != nil {
			panic(err) // it is not in the program: a mistake in the list
		}
		for line := range strings.Lines(string(text)) { // every runtime reads it: without comments
			if line = strings.TrimLeft(line, "\t"); !strings.HasPrefix(line, "//") {
				out.WriteString(line)
			}
		}
	}
	out.WriteString("})(this,this." + HookName + ");\n")
	return out.String()
}
