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
	for _, part := range []string{"base", "eval", "errors", "source", "regexp", "arrays", "watch", "resolve", "forms"} {
		text, err := parts.ReadFile("prelude/" + part + ".js")
		if err != nil {
			panic(err) // it is not in the program: a mistake in the list
		}
		out.Write(text)
	}
	out.WriteString("})(this,this." + HookName + ");\n")
	return out.String()
}
