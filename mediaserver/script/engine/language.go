package engine

import (
	"errors"
	"fmt"
	"strings"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

// language gives the script the language's own functions. What is left out: modules (there is no loader, so that import() is rejected),
// typed arrays with shared memory and Atomics, weak references, whose callbacks come when they like, BigInt, whose arithmetic is one
// long step, and Unicode's normal forms; and the engine's own library (std, os, workers) is not part of what we call. What reads bytecode
// is not in the language's reach.
func (r *Runtime) language() error {
	for _, add := range []func(*libc.TLS, uintptr) int32{
		lib.XJS_AddIntrinsicBaseObjects, lib.XJS_AddIntrinsicDate, lib.XJS_AddIntrinsicEval, lib.XJS_AddIntrinsicRegExp,
		lib.XJS_AddIntrinsicJSON, lib.XJS_AddIntrinsicProxy, lib.XJS_AddIntrinsicMapSet, lib.XJS_AddIntrinsicPromise,
	} {
		if add(r.tls, r.ctx) != 0 {
			return errSetUp
		}
	}
	for _, left := range leftOut {
		on, err := r.path(left.on)
		if err != nil {
			return err
		}
		for _, name := range left.names {
			a := r.atom(name)
			gone := a != 0 && lib.XJS_DeleteProperty(r.tls, r.ctx, on, a, 0) > 0
			r.freeAtom(a)
			if !gone {
				r.free(on)
				return fmt.Errorf("the engine keeps %s.%s", left.on, name)
			}
		}
		r.free(on)
	}
	return nil
}

// leftOut is what the engine's parts have that a script does not get. Iterators made of iterators call one another without end and
// without counting how deep they are, on the goroutine's stack, whose end would be the process's.
var leftOut = []struct {
	on    string
	names []string
}{
	{"Iterator.prototype", []string{
		"map", "filter", "take", "drop", "flatMap", "reduce", "toArray", "forEach", "some", "every", "find",
	}},
	{"String", []string{"raw"}},
	{"globalThis", []string{"BigInt", "performance", "Iterator"}},
}

// Global is the global object. It is kept until it is released.
func (r *Runtime) Global() (o *Object, err error) {
	err = r.run(func() error {
		o, err = r.keep(lib.XJS_GetGlobalObject(r.tls, r.ctx))
		return err
	})
	return o, err
}

// A Source is a text of the language.
type Source struct {
	Name string // of its file, as errors tell it
	Text string // UTF-8; see Value
	Line int    // of the file's that the text begins with, if it is a part; 0 is 1
}

// Load runs a source as a program: its functions and variables are the global object's. It returns the value of the last
// statement, which is kept like any other if it is an object.
func (r *Runtime) Load(s Source) (Value, error) { return r.load(s, false) }

// Check reads a source, and says what is wrong with it, without running it.
func (r *Runtime) Check(s Source) error {
	_, err := r.load(s, true)
	return err
}

var errName = errors.New("a source's name has a zero in it")

func (r *Runtime) load(s Source, check bool) (got Value, err error) {
	if len(s.Text) > r.limits.Source {
		return Undefined, &Error{
			Kind: ErrSyntax, File: s.Name, Message: fmt.Sprintf("the source has %d bytes: at most %d", len(s.Text), r.limits.Source),
		}
	}
	if strings.ContainsRune(s.Name, 0) || len(s.Name) > maxName {
		return Undefined, errName
	}
	err = r.run(func() error {
		program, err := r.read(s)
		if err != nil {
			return err
		}
		if check {
			r.free(program)
			return nil
		}
		got, err = r.out(lib.XJS_EvalFunction(r.tls, r.ctx, program)) // which takes it over
		var e *Error
		if errors.As(err, &e) && e.File == "" {
			e.File = s.Name
		}
		return err
	})
	return got, err
}

const maxName = 4096

// text is a source as the engine reads it: what it says of lines is right.
func (s Source) text() string { return strings.Repeat("\n", max(s.Line-1, 0)) + wellFormed(s.Text) }
