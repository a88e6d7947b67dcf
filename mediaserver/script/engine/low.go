package engine

import (
	"fmt"
	"math"
	"runtime"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

// jsv is a value as QuickJS has it: on the machines we build for, a tag and eight bytes. Those with a negative tag are counted
// references into the arena. In this package a function that takes a jsv borrows it unless its comment says that it takes it over, and
// one that returns a jsv gives the reference to its caller.
type jsv = lib.TJSValue

const sizeofValue = unsafe.Sizeof(jsv{})

var (
	jsUndefined = jsv{Ftag: lib.EJS_TAG_UNDEFINED}
	jsNull      = jsv{Ftag: lib.EJS_TAG_NULL}
	jsException = jsv{Ftag: lib.EJS_TAG_EXCEPTION}
)

func jsBool(b bool) jsv {
	v := jsv{Ftag: lib.EJS_TAG_BOOL}
	if b {
		setBits(&v, 1)
	}
	return v
}

func jsNumber(f float64) jsv {
	if i := int32(f); float64(i) == f && (i != 0 || !math.Signbit(f)) {
		v := jsv{Ftag: lib.EJS_TAG_INT}
		setBits(&v, uint64(uint32(i)))
		return v
	}
	v := jsv{Ftag: lib.EJS_TAG_FLOAT64}
	setBits(&v, math.Float64bits(f))
	return v
}

func setBits(v *jsv, bits uint64) { *(*uint64)(unsafe.Pointer(v)) = bits }
func bits(v jsv) uint64           { return *(*uint64)(unsafe.Pointer(&v)) }
func pointer(v jsv) uintptr       { return uintptr(bits(v)) }
func number(v jsv) float64 {
	if v.Ftag == lib.EJS_TAG_INT {
		return float64(int32(bits(v)))
	}
	return math.Float64frombits(bits(v))
}
func isException(v jsv) bool { return v.Ftag == lib.EJS_TAG_EXCEPTION }
func isObject(v jsv) bool    { return v.Ftag == lib.EJS_TAG_OBJECT }
func isString(v jsv) bool {
	return v.Ftag == lib.EJS_TAG_STRING || v.Ftag == lib.EJS_TAG_STRING_ROPE
}

// load and store read and write what lies at an address that is none of Go's.
func load[T any](p uintptr) T     { return *(*T)(unsafe.Add(nil, p)) }
func store[T any](p uintptr, v T) { *(*T)(unsafe.Add(nil, p)) = v }
func ptr[T any](p uintptr) *T     { return (*T)(unsafe.Add(nil, p)) }
func at(p uintptr, n int) []byte  { return unsafe.Slice((*byte)(unsafe.Add(nil, p)), n) }

// code is the address of a function of this package as the translated C keeps it: that of a func value without a context, which the
// linker made and which does not move.
func code(f any) uintptr { return (*[2]uintptr)(unsafe.Pointer(&f))[1] }

// cName is a string with a zero behind it, outside of Go's heap and for the whole process.
func cName(s string) uintptr {
	p, err := libc.CString(s)
	if err != nil {
		panic(err) // a few bytes, when the program starts
	}
	return p
}

// pointerTo is the address of a place that holds p.
func pointerTo(p uintptr) unsafe.Pointer { return unsafe.Pointer(&p) }

// self is how the engine's C side knows its Runtime: its address, which stands still since the Runtime is pinned from New to Close.
func (r *Runtime) self() uintptr { return uintptr(unsafe.Pointer(r)) }

func runtimeOf(p uintptr) *Runtime   { return *(**Runtime)(unsafe.Pointer(&p)) }
func contextOf(ctx uintptr) *Runtime { return runtimeOf(ptr[lib.TJSContext](ctx).Fuser_opaque) }

func (r *Runtime) dup(v jsv) jsv { return lib.XDupValue(r.tls, r.ctx, v) }
func (r *Runtime) free(v jsv) {
	if v.Ftag < 0 {
		lib.XFreeValue(r.tls, r.ctx, v)
	}
}

// bytes calls f with the address of s and a zero behind it, in the arena: the engine never sees addresses of Go's, since a goroutine's
// stack, on which s may lie, moves while the engine runs.
func (r *Runtime) bytes(s string, f func(p uintptr) jsv) jsv {
	p := r.scratch
	if len(s) >= scratchSize || p == 0 {
		if p = lib.Xjs_malloc(r.tls, r.ctx, uint64(len(s)+1)); p == 0 {
			return jsException
		}
		defer lib.Xjs_free(r.tls, r.ctx, p)
	} else {
		r.scratch = 0
		defer func() { r.scratch = p }()
	}
	copy(at(p, len(s)), s)
	store(p+uintptr(len(s)), byte(0))
	return f(p)
}

// scratchSize is the length from which strings on their way into the engine are allocated one by one.
const scratchSize = 1024

// newString is a string of the script's.
func (r *Runtime) newString(s string) jsv {
	s = wellFormed(s)
	return r.bytes(s, func(p uintptr) jsv { return lib.XJS_NewStringLen(r.tls, r.ctx, p, uint64(len(s))) })
}

// atom is a property's name; 0 is an exception. Who gets it frees it by freeAtom.
func (r *Runtime) atom(name string) lib.TJSAtom {
	name = wellFormed(name)
	var a lib.TJSAtom
	r.bytes(name, func(p uintptr) jsv {
		a = lib.XJS_NewAtomLen(r.tls, r.ctx, p, uint64(len(name)))
		return jsUndefined
	})
	return a
}

func (r *Runtime) freeAtom(a lib.TJSAtom) { lib.XJS_FreeAtom(r.tls, r.ctx, a) }

// text is a string as Go has it (see String), if it is no longer than the limit.
func (r *Runtime) text(v jsv) (string, error) {
	n := r.tls.Alloc(8)
	defer r.tls.Free(8)
	p := lib.XJS_ToCStringLen2(r.tls, r.ctx, n, v, 0)
	if p == 0 {
		return "", r.exception()
	}
	defer lib.XJS_FreeCString(r.tls, r.ctx, p)
	if size := load[uint64](n); size > uint64(r.limits.Value) {
		return "", r.tooLarge("a string", size)
	} else {
		return string(at(p, int(size))), nil
	}
}

const maxArgs = 1 << 15 // half of what the engine takes

// args lays values out as a call wants them, in memory of the engine's that is given back by the function it returns. The values are
// borrowed.
func (r *Runtime) args(values []Value) (uintptr, func(), error) {
	if len(values) == 0 {
		return 0, func() {}, nil
	}
	if len(values) > maxArgs {
		return 0, nil, fmt.Errorf("%w: %d arguments: at most %d", ErrValue, len(values), maxArgs)
	}
	size := len(values) * int(sizeofValue)
	p := r.tls.Alloc(size)
	for i, v := range values {
		j, err := r.in(v)
		if err != nil {
			r.freeArgs(p, i)
			r.tls.Free(size)
			return 0, nil, err
		}
		store(p+uintptr(i)*sizeofValue, j)
	}
	return p, func() {
		r.freeArgs(p, len(values))
		r.tls.Free(size)
	}, nil
}

func (r *Runtime) freeArgs(p uintptr, n int) {
	for i := range n {
		r.free(load[jsv](p + uintptr(i)*sizeofValue))
	}
}

func init() {
	// The layouts above and in guard.go and where.go are those of 64-bit machines.
	if sizeofValue != 16 || runtime.GOARCH == "s390x" {
		panic("mediaserver/script/engine: this machine's layout of values is not known")
	}
}
