package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	lib "modernc.org/libquickjs"
)

// An Error is what ended a call: an exception that the script threw and did not catch, a limit, a source that cannot be read.
type Error struct {
	Kind    error   // one of the errors above, or nil for what a script threw
	Name    string  // of an error object, as TypeError; "" for other values
	Message string  // of an error object, or the value that was thrown as text
	File    string  // where: the innermost place of Stack that is in a source, or where the source is wrong
	Line    int     // from 1; 0 if it is not known
	Column  int     // from 1
	Stack   []Place // the calls under way, innermost first, at most maxPlaces; none for values that are no error objects
	Value   Value   // what was thrown; only inside of a Go function that the script called, or a Scope, and as long as that

	native string // the engine's own function in which it was
}

// A Place is a call that was under way.
type Place struct {
	Function string // "" if it has no name
	File     string // "" for what is not in a source
	Line     int
	Column   int
}

// maxPlaces is how many places an Error keeps: enough to see where one is, and who called.
const maxPlaces = 20

// Error implements error: the place, and what was thrown.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(Place{File: e.File, Line: e.Line, Column: e.Column}.String())
		b.WriteString(": ")
	}
	what := e.Message
	if e.Name != "" {
		what = e.Name + ": " + e.Message
	}
	switch {
	case e.Kind == nil, errors.Is(e.Kind, ErrSyntax):
	case what == "":
		what = e.Kind.Error()
	default:
		what = e.Kind.Error() + ": " + what
	}
	b.WriteString(what)
	if e.native != "" {
		fmt.Fprintf(&b, " (in %s)", e.native)
	}
	return b.String()
}

// Unwrap is for errors.Is.
func (e *Error) Unwrap() error { return e.Kind }

// String is a place as compilers write it.
func (p Place) String() string {
	switch {
	case p.File == "":
		return p.Function
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return p.File + ":" + strconv.Itoa(p.Line)
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// at puts an error where a stack says.
func (e *Error) at(stack []Place) {
	e.Stack = stack
	for _, p := range stack {
		if p.File != "" {
			e.File, e.Line, e.Column = p.File, p.Line, p.Column
			return
		}
	}
}

// exception takes the exception that is under way, and says what it is. It runs nothing of the script's: what it reads of an object are
// its own properties and its prototypes'.
func (r *Runtime) exception() *Error {
	v := lib.XJS_GetException(r.tls, r.ctx)
	defer r.free(v)
	e := &Error{}
	switch {
	case isObject(v):
		r.readError(e, v)
	case isString(v):
		e.Message = r.shortText(v)
	case v.Ftag == lib.EJS_TAG_NULL && r.refused: // what the engine throws when there is no room for an error
		e.Kind = ErrMemory
		return e
	case v.Ftag == lib.EJS_TAG_SYMBOL:
		e.Message = "a symbol"
	default:
		e.Message = r.shortText(v)
	}
	switch {
	case r.ended != nil && e.Name == "InternalError":
		e.Kind, e.Name, e.Message, r.ended = r.ended.Kind, "", r.ended.Message, nil
		return e
	case r.tooDeep, e.Message == "stack overflow" && e.Name != "":
		e.Kind = ErrDepth
	case r.watch.late.Load() && e.Name == "InternalError" && e.Message == "interrupted":
		e.Kind = r.lateKind()
	case r.refused && e.Name != "" && (e.Message == "" || strings.HasPrefix(e.Message, "out of memory")):
		e.Kind = ErrMemory
	}
	if e.Kind != nil {
		e.Name, e.Message = "", ""
	}
	if r.handles.scoped() {
		e.Value, _ = r.out(r.dup(v)) // a value that cannot leave is still told about
	}
	return e
}

// readError reads an error object, or what looks like one.
func (r *Runtime) readError(e *Error, v jsv) {
	e.Message = r.dataText(v, lib.EJS_ATOM_message)
	if lib.XJS_IsError(r.tls, r.ctx, v) == 0 {
		if e.Message == "" {
			e.Message = "[object " + r.className(v) + "]"
		}
		return
	}
	if e.Name = r.dataText(v, lib.EJS_ATOM_name); e.Name == "" {
		e.Name = "Error"
	}
	e.at(parseStack(r.dataText(v, lib.EJS_ATOM_stack)))
}

// maxText is how much of a text is kept in an Error.
const maxText = 32 << 10

// dataText is a property that is a string, of an object or of its prototypes, without running anything.
func (r *Runtime) dataText(v jsv, name lib.TJSAtom) string {
	d := r.tls.Alloc(64)
	defer r.tls.Free(64)
	v = r.dup(v)
	for range 8 {
		if r.classID(v) == lib.EJS_CLASS_PROXY || r.classID(v) == r.classes.exotic {
			break
		}
		if lib.XJS_GetOwnProperty(r.tls, r.ctx, d, v, name) > 0 {
			desc := ptr[lib.TJSPropertyDescriptor](d)
			got, text := desc.Fvalue, ""
			if isString(got) {
				text = r.shortText(got)
			}
			r.free(got)
			r.free(desc.Fgetter)
			r.free(desc.Fsetter)
			r.free(v)
			return text
		}
		proto := lib.XJS_GetPrototype(r.tls, r.ctx, v)
		r.free(v)
		if v = proto; !isObject(v) {
			break
		}
	}
	r.free(v)
	r.drop()
	return ""
}

// drop forgets an exception that came up on the way to describe another one.
func (r *Runtime) drop() { r.free(lib.XJS_GetException(r.tls, r.ctx)) }

// shortText is the text of a value that is no object, cut where it is very long.
func (r *Runtime) shortText(v jsv) string {
	n := r.tls.Alloc(8)
	defer r.tls.Free(8)
	p := lib.XJS_ToCStringLen2(r.tls, r.ctx, n, v, 0)
	if p == 0 {
		r.drop()
		return "a value that cannot be shown"
	}
	defer lib.XJS_FreeCString(r.tls, r.ctx, p)
	size := load[uint64](n)
	if size > maxText {
		return strings.ToValidUTF8(string(at(p, maxText)), "\uFFFD") + "…"
	}
	return string(at(p, int(size)))
}

// parseStack reads what the engine writes about an error: a line for each call, as "    at f (main.asc:3:7)", "    at main.asc:3:7" for
// what is no function, or "    at f (native)".
func parseStack(text string) []Place {
	var stack []Place
	for line := range strings.Lines(text) {
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "at ")
		if !ok || len(stack) == maxPlaces {
			continue
		}
		var p Place
		if open := strings.LastIndex(line, " ("); open >= 0 && strings.HasSuffix(line, ")") {
			p.Function, line = line[:open], line[open+2:len(line)-1]
		}
		if p.Function == "<anonymous>" || p.Function == "<eval>" {
			p.Function = ""
		}
		if line != "native" {
			p.File, p.Line, p.Column = cutPosition(line)
		}
		stack = append(stack, p)
	}
	return stack
}

// cutPosition takes file:line:column apart; a file's name may have colons.
func cutPosition(s string) (file string, line, column int) {
	var numbers [2]int
	n := 0
	for n < 2 {
		i := strings.LastIndexByte(s, ':')
		if i < 0 {
			break
		}
		v, err := strconv.Atoi(s[i+1:])
		if err != nil {
			break
		}
		numbers[n], s = v, s[:i]
		n++
	}
	if n == 2 {
		return s, numbers[1], numbers[0]
	}
	return s, numbers[0], 0
}
