package engine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

// A Func is a function in Go that a script can call. What it returns is the call's value, or is thrown: an *Error that came from the
// script is thrown as what the script threw, Throw as the value it holds, and every other error as an error object with its text. It
// must not wait for anything: the script's time runs on, and nobody can stop a Go function.
type Func func(c *Call) (Value, error)

// A Call is one call of a Func. It, and the objects in it, are good until the Func returns.
type Call struct {
	Runtime *Runtime
	This    Value
	Args    []Value
	New     bool // called by new; This is undefined then
	Self    any  // for functions of a class: what the object belongs to that the function was called on
}

// Arg is an argument; Undefined if there are not so many.
func (c *Call) Arg(i int) Value {
	if i >= len(c.Args) {
		return Undefined
	}
	return c.Args[i]
}

type thrown struct{ v Value }

// Error implements error.
func (t thrown) Error() string { return "a value that a function of the server throws" }

// Throw is the error by which a Func throws a value.
func Throw(v Value) error { return thrown{v} }

// TypeError and RangeError are errors by which a Func throws objects of these names.
func TypeError(format string, args ...any) error {
	return &namedError{"TypeError", fmt.Sprintf(format, args...)}
}

// RangeError is an error that becomes an object of that name.
func RangeError(format string, args ...any) error {
	return &namedError{"RangeError", fmt.Sprintf(format, args...)}
}

type namedError struct{ name, text string }

// Error implements error.
func (e *namedError) Error() string { return e.text }

// function is a Func as the engine's side calls it.
type function struct {
	name string
	f    Func
	own  *class // whose objects it wants to be called on; nil for others

	constructs *class // of a class's name
	lenient    bool   // of a property: on another object, the prototype for one, it is an ordinary property
	set        bool
}

// NewFunction makes a function of the script's that calls f. It is forgotten when the script and Go have no reference to it.
func (r *Runtime) NewFunction(name string, length int, f Func) (o *Object, err error) {
	err = r.run(func() error {
		v := r.makeFunction(name, length, f)
		if isException(v) {
			return r.exception()
		}
		o, err = r.keep(v)
		return err
	})
	return o, err
}

func (r *Runtime) makeFunction(name string, length int, f Func) jsv {
	ref := lib.XJS_NewObjectProtoClass(r.tls, r.ctx, jsNull, r.classes.ref)
	if isException(ref) {
		return ref
	}
	lib.XJS_SetOpaque(r.tls, ref, r.slots.add(slot{function: &function{name: name, f: f}}))
	data := r.tls.Alloc(int(sizeofValue))
	defer r.tls.Free(int(sizeofValue))
	store(data, ref)
	v := lib.XJS_NewCFunctionData(r.tls, r.ctx, code(onFunction), int32(min(max(length, 0), 255)), 0, 1, data)
	r.free(ref)
	if isException(v) {
		return v
	}
	n := r.newString(name)
	if isException(n) || lib.XJS_DefinePropertyValue(r.tls, r.ctx, v, lib.EJS_ATOM_name, n, lib.MJS_PROP_CONFIGURABLE) < 0 {
		r.free(v)
		return jsException
	}
	return v
}

// OnCall has f asked before each call of a Func from now on, by the function's name, of a class's that of the method, the property or
// the class: what it returns is thrown in place of the call; nil: the call goes on.
func (r *Runtime) OnCall(f func(name string) error) { r.onCall = f }

// onFunction is called by the engine for what makeFunction made.
func onFunction(_ *libc.TLS, ctx uintptr, this jsv, argc int32, argv uintptr, _ int32, data uintptr) jsv {
	r := contextOf(ctx)
	f := r.slots.at(lib.XJS_GetOpaque(r.tls, load[jsv](data), r.classes.ref)).function
	return r.invoke(f, &Call{Runtime: r}, this, argc, argv)
}

// onMethod is called by the engine for functions of classes.
func onMethod(_ *libc.TLS, ctx uintptr, this jsv, argc int32, argv uintptr, magic int32) jsv {
	r := contextOf(ctx)
	f := &r.methods[magic]
	c := &Call{Runtime: r}
	if f.own != nil {
		s := r.slots.of(this)
		switch {
		case s != nil && s.class == f.own:
			c.Self = s.host
		case f.lenient:
			return r.ordinary(f, this, argc, argv)
		default:
			return r.throw(TypeError("%s.%s was called on what is no %s", f.own.Name, f.name, f.own.Name))
		}
	}
	return r.invoke(f, c, this, argc, argv)
}

// ordinary is a property of a class on an object that is none of the class: undefined, until it is assigned, which makes it a property
// of that object's.
func (r *Runtime) ordinary(f *function, this jsv, argc int32, argv uintptr) jsv {
	if !f.set || argc == 0 || !isObject(this) {
		return jsUndefined
	}
	a := r.atom(f.name)
	if a == 0 {
		return jsException
	}
	defer r.freeAtom(a)
	if lib.XJS_DefinePropertyValue(r.tls, r.ctx, this, a, r.dup(load[jsv](argv)), lib.MJS_PROP_C_W_E) < 0 {
		return jsException
	}
	return jsUndefined
}

// invoke calls a Func, between the engine that called and what the Func asks of the engine.
func (r *Runtime) invoke(f *function, c *Call, this jsv, argc int32, argv uintptr) (result jsv) {
	r.inside(f.name, func() error {
		if r.onCall != nil {
			if err := r.onCall(f.name); err != nil {
				return err
			}
		}
		err := r.fillCall(c, this, argc, argv)
		if err != nil {
			return err
		}
		v, err := f.f(c)
		if err != nil {
			return err
		}
		result, err = r.in(v)
		return err
	}, &result)
	return result
}

// inside calls Go code that is not the engine's own. Its scope ends with it, its panics end the call and not the process, and when the
// call's time is up, or the runtime is dead, the engine hears of it whatever the code made of that.
func (r *Runtime) inside(name string, f func() error, result *jsv) {
	from := r.handles.open()
	outer := r.watch.where.Swap(&name)
	err := r.recovered(name, f)
	r.watch.where.Store(outer)
	if r.broken {
		panic(unwinding{})
	}
	if err != nil {
		*result = r.throw(err)
	}
	r.closeScope(from)
	if r.watch.late.Load() && !isException(*result) {
		r.free(*result)
		*result = r.throw(ErrTime)
	}
}

func (r *Runtime) recovered(name string, f func() error) (err error) {
	came := false
	defer func() {
		if came {
			return
		}
		switch reason := recover().(type) {
		case nil: // runtime.Goexit
			r.broken = true
			r.die(&Error{Kind: ErrDead, Message: "the goroutine ended in the server's function " + name})
		case unwinding, interface{ Addr() uintptr }:
			err = r.failed(reason, false)
		default:
			err = &Error{Kind: ErrPanic, Message: fmt.Sprintf("%s: %v\n%s", name, reason, debug.Stack())}
		}
	}()
	err = f()
	came = true
	return err
}

func (r *Runtime) fillCall(c *Call, this jsv, argc int32, argv uintptr) (err error) {
	if c.This, err = r.out(r.dup(this)); err != nil {
		return err
	}
	if argc > 0 {
		c.Args = slices.Grow(c.Args, int(argc))
	}
	for i := range uintptr(argc) {
		v, err := r.out(r.dup(load[jsv](argv + i*sizeofValue)))
		if err != nil {
			return err
		}
		c.Args = append(c.Args, v)
	}
	return nil
}

// throw makes an error the engine's exception.
func (r *Runtime) throw(err error) jsv {
	var (
		value  thrown
		named  *namedError
		script *Error
	)
	switch {
	case errors.Is(err, ErrTime), errors.Is(err, ErrStopped):
		return r.throwNew("InternalError", "interrupted", true)
	case errors.Is(err, ErrPanic):
		// A function of the server that is wrong is nothing that a script should go on after.
		errors.As(err, &r.ended)
		return r.throwNew("InternalError", err.Error(), true)
	case errors.As(err, &value):
		v, err := r.in(value.v)
		if err != nil {
			return r.throwNew("TypeError", err.Error(), false)
		}
		return lib.XJS_Throw(r.tls, r.ctx, v)
	case errors.As(err, &named):
		return r.throwNew(named.name, named.text, false)
	case errors.As(err, &script) && script.Value.obj != nil && !script.Value.obj.gone:
		return lib.XJS_Throw(r.tls, r.ctx, r.dup(script.Value.obj.v))
	case errors.As(err, &script) && script.Kind == nil && script.Name == "":
		v, err := r.in(script.Value)
		if err == nil {
			return lib.XJS_Throw(r.tls, r.ctx, v)
		}
	case errors.Is(err, ErrMemory):
		return lib.XJS_ThrowOutOfMemory(r.tls, r.ctx)
	}
	return r.throwNew("Error", err.Error(), false)
}

// throwNew throws an error object with a text; final is what no catch of the script's sees.
func (r *Runtime) throwNew(name, text string, final bool) jsv {
	r.bytes(wellFormed(text), func(p uintptr) jsv {
		va := r.tls.Alloc(8)
		defer r.tls.Free(8)
		args := libc.VaList(va, p)
		switch name {
		case "TypeError":
			return lib.XJS_ThrowTypeError(r.tls, r.ctx, formatString, args)
		case "RangeError":
			return lib.XJS_ThrowRangeError(r.tls, r.ctx, formatString, args)
		case "InternalError":
			return lib.XJS_ThrowInternalError(r.tls, r.ctx, formatString, args)
		}
		return r.throwError(text)
	})
	if final {
		lib.XJS_SetUncatchableException(r.tls, r.ctx, 1)
	}
	return jsException
}

var formatString = cName("%s")

// throwError throws an object of the name Error, which the engine has no function for.
func (r *Runtime) throwError(text string) jsv {
	e := lib.XJS_NewError(r.tls, r.ctx)
	if isException(e) {
		return e
	}
	t := r.newString(text)
	if isException(t) || lib.XJS_DefinePropertyValue(r.tls, r.ctx, e, lib.EJS_ATOM_message, t,
		lib.MJS_PROP_WRITABLE|lib.MJS_PROP_CONFIGURABLE) < 0 {
		r.free(e)
		return jsException
	}
	return lib.XJS_Throw(r.tls, r.ctx, e)
}
