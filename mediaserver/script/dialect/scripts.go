package dialect

import (
	"strconv"
	"strings"
	"time"
)

// maxMade is how much of the sources that a script made itself is kept for
// what its functions show of themselves.
const maxMade = 1 << 20

// Scripts are the sources that a runtime has loaded. It belongs to whoever
// runs the runtime, and is for one goroutine at a time.
type Scripts struct {
	loaded []*Source
	// made are sources of eval and Function, the oldest first.
	made     []*Source
	madeSize int
}

// Add takes note of a source that is going to be loaded, so that its functions
// show what their author wrote.
func (s *Scripts) Add(source *Source) {
	if len(source.functions) > 0 {
		s.loaded = append(s.loaded, source)
	}
}

// What Prelude asks its host for, the first argument of Hook.
const (
	// HookEval wants a source that eval can run for one that a script gave it.
	HookEval = "eval"
	// HookFunction wants a source whose value is a function, of its parameters
	// and its body.
	HookFunction = "function"
	// HookText wants what the author of a function wrote, of the text that the
	// engine knows.
	HookText = "text"
	// HookZone wants what the time zone is called at a time, in milliseconds since 1970;
	// nothing where that is no name.
	HookZone = "zone"
	// HookPart wants a part of the prelude that is seldom needed.
	HookPart = "part"
)

// Hook is the host's function that Prelude calls, under the name HookName. The
// answer begins with "+" and what was asked for, or with "-" and the message
// of a SyntaxError.
func (s *Scripts) Hook(what, a, b string) string {
	switch what {
	case HookEval:
		return s.make("eval", a, evaluated)
	case HookFunction:
		return s.function(a, b)
	case HookText:
		return "+" + s.text(a)
	case HookZone:
		return "+" + zone(a)
	case HookPart:
		if text, ok := late(a); ok {
			return "+" + text
		}
	}
	return "-the host knows no " + what
}

// zone is the local time zone's abbreviation, of letters and digits alone.
func zone(ms string) string {
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return ""
	}
	name, _ := time.UnixMilli(n).Zone()
	for _, c := range []byte(name) {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return ""
		}
	}
	return name
}

// make rewrites what a script made.
func (s *Scripts) make(name, text string, as mode) string {
	source, err := rewrite(name, []byte(strings.ToValidUTF8(text, "\ufffd")), as)
	if err != nil {
		return "-" + err.Error()
	}
	s.keep(source)
	return "+" + source.Text
}

func (s *Scripts) keep(source *Source) {
	if len(source.functions) == 0 {
		return
	}
	s.made = append(s.made, source)
	s.madeSize += source.size()
	for s.madeSize > maxMade && len(s.made) > 0 {
		s.madeSize -= s.made[0].size()
		s.made[0] = nil
		s.made = s.made[1:]
	}
}

func (s *Source) size() int { return len(s.Text) + len(s.original) }

// function makes one of parameters and body, each of which must be whole: none
// can end the other.
func (s *Scripts) function(parameters, body string) string {
	for _, part := range []string{"(function(" + parameters + "\n){})", "(function(){" + body + "\n})"} {
		p := newParser("Function", part, evaluated)
		p.program()
		if p.refusal != nil {
			return "-" + p.refusal.Error()
		}
		if len(p.functions) == 0 || p.functions[0].end != len(part)-1 {
			return "-Function: parameters and body are not those of one function"
		}
	}
	return s.make("Function", "(function anonymous("+parameters+") {\n"+body+"\n})", evaluated)
}

// text gives what the author of a function wrote.
func (s *Scripts) text(text string) string {
	for _, list := range [][]*Source{s.made, s.loaded} {
		for i := len(list) - 1; i >= 0; i-- {
			if original, ok := list[i].was(text); ok {
				return original
			}
		}
	}
	return text
}

// was gives the text of a function of this source as it was, where the text is
// that of one which was changed.
func (s *Source) was(text string) (string, bool) {
	for _, f := range s.functions {
		if f.end-f.start == len(text) && s.Text[f.start:f.end] == text {
			return s.original[f.from:f.to], true
		}
	}
	return "", false
}
