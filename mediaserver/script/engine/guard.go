package engine

import (
	"fmt"
	"strconv"
	"strings"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

// The engine's own functions on arrays take what says that it has a length, and go through it without asking anybody whether to stop.
// So what an array's function is called on is looked at first: a dense array costs what it holds, which the memory's limit bounds; of
// what is none, the length is read and must not be above Limits.Length. A length that
// changes between our look and the engine's, through a getter of the script's, is left to the watch.
var guardedFunctions = []struct {
	on    string // a path from the global object
	names []string
	where guardedValue
}{
	{"Array.prototype", []string{
		"every", "some", "forEach", "map", "filter", "reduce", "reduceRight", "fill", "find", "findIndex", "findLast",
		"findLastIndex", "indexOf", "lastIndexOf", "includes", "join", "toString", "toLocaleString", "shift", "unshift", "reverse",
		"toReversed", "sort", "toSorted", "slice", "splice", "toSpliced", "copyWithin", "flatMap", "flat", "with",
	}, guardThis},
	{"Array.prototype", []string{"concat"}, guardAll},
	{"Array", []string{"from"}, guardFirst},
	{"Function.prototype", []string{"apply"}, guardSecond},
	{"Function.prototype", []string{"bind"}, guardBound},
	{"Reflect", []string{"apply"}, guardThird},
	{"Reflect", []string{"construct"}, guardSecond},
	{"Object", []string{"groupBy"}, guardFirst},
	{"Map", []string{"groupBy"}, guardFirst},
	{"Promise", []string{"all", "allSettled", "any", "race"}, guardFirst},
	{"String.prototype", []string{"indexOf", "lastIndexOf", "includes", "split", "replace", "replaceAll"}, guardSearch},
	{"JSON", []string{"stringify"}, guardFirst},
	{"globalThis", []string{"RegExp"}, guardPattern},
	{"RegExp.prototype", []string{"compile"}, guardPattern},
}

// guardedValue says which of a call's values is looked at: this, an argument, all of them, or an argument that is a regular expression.
type guardedValue int

const (
	guardBound   guardedValue = -5 // this, a function, is bound, perhaps once more
	guardSearch  guardedValue = -4 // this, a string, is searched for an argument
	guardAll     guardedValue = -3
	guardPattern guardedValue = -2
	guardThis    guardedValue = -1
	guardFirst   guardedValue = 0
	guardSecond  guardedValue = 1
	guardThird   guardedValue = 2
)

// maxPattern is how long a regular expression may be: the engine reads one without looking at the clock, in time that grows with its
// square.
const maxPattern = 16 << 10

// guarded is one of the engine's functions, as it was.
type guarded struct {
	name  string
	call  func(tls *libc.TLS, ctx uintptr, this jsv, argc int32, argv uintptr, magic int32) jsv
	magic int32
	where guardedValue
}

// cFunction is what the engine has of a function in C: u.cfunc of JSObject.
type cFunction struct {
	_        uintptr // its realm
	function uintptr
	_        uint8 // its length
	cproto   uint8
	magic    int16
}

// guard puts our look before the engine's functions, in the function objects that it has already: what a script sees of them, their
// names and identities, stays as it is.
func (r *Runtime) guard() error {
	for _, g := range guardedFunctions {
		on, err := r.path(g.on)
		if err != nil {
			return err
		}
		for _, name := range g.names {
			if err := r.guardOne(on, name, g.on+"."+name, g.where); err != nil {
				r.free(on)
				return err
			}
		}
		r.free(on)
	}
	ctx := ptr[lib.TJSContext](r.ctx)
	r.compilePattern = asFunc[func(*libc.TLS, uintptr, jsv, jsv) jsv](ctx.Fcompile_regexp)
	ctx.Fcompile_regexp = code(onPattern)
	return nil
}

// path is what a path from the global object leads to, before any script has run.
func (r *Runtime) path(path string) (jsv, error) {
	v := lib.XJS_GetGlobalObject(r.tls, r.ctx)
	for name := range strings.SplitSeq(path, ".") {
		a := r.atom(name)
		next := lib.XJS_GetPropertyInternal(r.tls, r.ctx, v, a, v, 0)
		r.freeAtom(a)
		r.free(v)
		if v = next; isException(v) {
			return v, fmt.Errorf("the engine has no %s: %w", path, r.exception())
		}
	}
	return v, nil
}

func (r *Runtime) guardOne(on jsv, name, path string, where guardedValue) error {
	a := r.atom(name)
	v := lib.XJS_GetPropertyInternal(r.tls, r.ctx, on, a, on, 0)
	r.freeAtom(a)
	defer r.free(v) // the object that has it keeps it
	if r.classID(v) != lib.EJS_CLASS_C_FUNCTION {
		return fmt.Errorf("the engine's %s is not as we know it", path)
	}
	c := ptr[cFunction](pointer(v) + objectData)
	g := guarded{name: path, magic: int32(c.magic), where: where}
	proto := int32(lib.EJS_CFUNC_generic_magic)
	switch int32(c.cproto) {
	case lib.EJS_CFUNC_generic, lib.EJS_CFUNC_constructor_or_func:
		if c.cproto == lib.EJS_CFUNC_constructor_or_func {
			proto = lib.EJS_CFUNC_constructor_or_func_magic
		}
		plain := asFunc[func(*libc.TLS, uintptr, jsv, int32, uintptr) jsv](c.function)
		g.call = func(tls *libc.TLS, ctx uintptr, this jsv, argc int32, argv uintptr, _ int32) jsv {
			return plain(tls, ctx, this, argc, argv)
		}
	case lib.EJS_CFUNC_generic_magic:
		g.call = asFunc[func(*libc.TLS, uintptr, jsv, int32, uintptr, int32) jsv](c.function)
	default:
		return fmt.Errorf("the engine's %s is called as we do not know it", path)
	}
	r.guarded = append(r.guarded, g)
	c.function, c.cproto, c.magic = code(onGuarded), uint8(proto), int16(len(r.guarded)-1)
	return nil
}

// asFunc is the reverse of code.
func asFunc[F any](p uintptr) F {
	return *(*F)(pointerTo(p))
}

func onGuarded(tls *libc.TLS, ctx uintptr, this jsv, argc int32, argv uintptr, magic int32) jsv {
	r := contextOf(ctx)
	g := &r.guarded[magic]
	var ok bool
	switch g.where {
	case guardThis:
		ok = r.lookAt(g, this)
	case guardAll:
		ok = r.lookAt(g, this)
		for i := uintptr(0); ok && i < uintptr(argc); i++ {
			ok = r.lookAt(g, load[jsv](argv+i*sizeofValue))
		}
	case guardBound:
		ok = r.shortBound(this)
	case guardSearch:
		ok = argc == 0 || r.shortSearch(this, load[jsv](argv))
	case guardPattern:
		ok = argc == 0 || r.shortPattern(load[jsv](argv))
	default:
		ok = int32(g.where) >= argc || r.lookAt(g, load[jsv](argv+uintptr(g.where)*sizeofValue))
	}
	if !ok {
		return jsException
	}
	return g.call(tls, ctx, this, argc, argv, g.magic)
}

// lookAt says whether a value is short enough; false is an exception.
func (r *Runtime) lookAt(g *guarded, v jsv) bool {
	n, dense, ok := r.length(v)
	if !ok {
		return false
	}
	if !dense && n > float64(r.limits.Length) {
		r.throw(RangeError("%s: a length of %s is more than %d", g.name, strconv.FormatFloat(n, 'f', -1, 64), r.limits.Length))
		return false
	}
	return true
}

func (r *Runtime) shortPattern(v jsv) bool {
	if n := stringLength(v); n > maxPattern {
		r.throw(RangeError("a regular expression of %d characters: at most %d", n, maxPattern))
		return false
	}
	return true
}

// maxSearch is how many characters may be compared, at worst, to find a string in another one: a second's work.
const maxSearch = 1 << 30

func (r *Runtime) shortSearch(text, what jsv) bool {
	n, m := stringLength(text), stringLength(what)
	if n*m > maxSearch {
		r.throw(RangeError("to look for %d characters in %d is too much: at most %d by %d", m, n, maxSearch/n, n))
		return false
	}
	return true
}

// shortBound says whether a function was not bound again and again: the engine looks for where such a one comes from without counting how
// deep it goes.
func (r *Runtime) shortBound(v jsv) bool {
	for range r.limits.Depth {
		if r.classID(v) != lib.EJS_CLASS_BOUND_FUNCTION {
			return true
		}
		v = ptr[lib.TJSBoundFunction](ptr[lib.TJSObject](pointer(v)).Fu.Fopaque).Ffunc_obj
	}
	r.throw(RangeError("a function that was bound %d times", r.limits.Depth))
	return false
}

// stringLength is 0 for what is no string.
func stringLength(v jsv) int64 {
	switch v.Ftag {
	case lib.EJS_TAG_STRING:
		return int64(ptr[lib.TJSString](pointer(v)).F__ccgo0 & 0x7fffffff)
	case lib.EJS_TAG_STRING_ROPE:
		return int64(ptr[lib.TJSStringRope](pointer(v)).Flen1)
	}
	return 0
}

// onPattern is called by the engine to read a regular expression that is in a source.
func onPattern(tls *libc.TLS, ctx uintptr, pattern, flags jsv) jsv {
	r := contextOf(ctx)
	if !r.shortPattern(pattern) {
		return jsException
	}
	return r.compilePattern(tls, ctx, pattern, flags)
}

// length is how many elements a value has, and whether it holds them all; false is an exception.
func (r *Runtime) length(v jsv) (n float64, dense, ok bool) {
	if !isObject(v) {
		return 0, true, true // a string is no longer than the memory
	}
	o := ptr[lib.TJSObject](pointer(v))
	if o.Fclass_id == lib.EJS_CLASS_ARRAY {
		n = number(load[jsv](o.Fprop)) // an array's length is the first of its properties
		held := load[uint32](pointer(v) + objectData + arrayCount)
		return n, o.F__ccgo16&fastArray != 0 && n == float64(held), true
	}
	l := lib.XJS_GetPropertyInternal(r.tls, r.ctx, v, lib.EJS_ATOM_length, v, 0)
	switch l.Ftag {
	case lib.EJS_TAG_INT, lib.EJS_TAG_FLOAT64:
		return number(l), false, true
	case lib.EJS_TAG_UNDEFINED:
		return 0, false, true
	case lib.EJS_TAG_EXCEPTION:
		return 0, false, false
	}
	defer r.free(l)
	p := r.tls.Alloc(8)
	defer r.tls.Free(8)
	if lib.XJS_ToFloat64(r.tls, r.ctx, p, l) != 0 {
		return 0, false, false
	}
	return load[float64](p), false, true
}

const (
	fastArray  = 0x10 // of JSObject's flags: all elements stand one behind another
	arrayCount = 16   // offsetof(JSObject, u.array.count) - offsetof(JSObject, u)
)
