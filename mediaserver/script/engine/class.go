package engine

import (
	"fmt"
	"math"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

// A Class is a kind of objects that Go has and scripts see: a constructor with a prototype, as the language's own are, so that
// instanceof, prototype methods that a script adds and objects that inherit from one work as scripts expect.
type Class struct {
	Name   string
	Length int // of the constructor

	// New makes what an object belongs to, when a script says new Name(…). Without it scripts cannot make objects of the class. What
	// it returns is Object.Host of the new object, and Call.Self of its functions. It must not return nil with no error.
	New func(c *Call) (any, error)
	// Call is what Name(…) does, without new. Without it that is a TypeError.
	Call Func

	Methods    []Method   // of the prototype
	Statics    []Method   // of the constructor
	Properties []Property // of the prototype; they are those of the object on which they are asked for
	Dynamic    *Dynamic   // properties whose names only Go knows

	// Gone is told when an object is no more, once no call is under way. It must not ask anything of the runtime.
	Gone func(host any)
	// Freed is told so at once, in the middle of a call, too: it counts what an object had of Go's memory, and does nothing else. It is
	// not called when the whole runtime ends.
	Freed func(host any)
}

// A Method is a function of a class's prototype or constructor.
type Method struct {
	Name   string
	Length int
	Func   Func // Self is what the object belongs to; nil for Statics
}

// A Property is computed by Go whenever it is read, and told to Go when it is assigned.
type Property struct {
	Name   string
	Hidden bool // from for-in
	Get    func(c *Call) (Value, error)
	// Set gets the new value as the first argument. Without it assignments do nothing, as for everything that is read-only.
	Set func(c *Call) error
}

// Dynamic are properties whose names only Go knows. They are asked about only where the object has no property of that name that a
// script hung on it.
type Dynamic struct {
	// Get is a property of the object's own; false if there is none of that name.
	Get func(host any, name string) (Value, bool, error)
	// Set is told of an assignment; false for one that makes an ordinary property, which is also so without Set.
	Set func(host any, name string, v Value) (bool, error)
	// Delete is told to take a property away; false if it has none.
	Delete func(host any, name string) (bool, error)
	// Names are those that for-in sees.
	Names func(host any) []string
	// Missing is asked for what neither the object nor its prototypes have; false makes it undefined. object is the one that was
	// asked, which may inherit from one of the class.
	Missing func(object *Object, name string) (Value, bool, error)
}

// A Type is a class as one runtime has it.
type Type struct {
	r *Runtime
	c *class
}

type class struct {
	Class
	id          lib.TJSClassID
	constructor *Object
	proto       *Object
}

// classIDs are the engine's numbers of what we add to it. They are the process's, and few: all classes in Go are one or the other.
var classIDs = func() (ids struct{ plain, exotic, ref lib.TJSClassID }) {
	p := libc.Xcalloc(nil, 3, 4)
	ids.plain = lib.XJS_NewClassID(nil, p)
	ids.exotic = lib.XJS_NewClassID(nil, p+4)
	ids.ref = lib.XJS_NewClassID(nil, p+8)
	return ids
}()

var classDefs = struct{ plain, exotic, ref uintptr }{
	classDef("Object", lib.TJSClassDef{Ffinalizer: code(onObjectGone)}),
	classDef("Object", lib.TJSClassDef{Ffinalizer: code(onObjectGone), Fexotic: exoticMethods}),
	classDef("Function", lib.TJSClassDef{Ffinalizer: code(onRefGone)}),
}

func classDef(name string, def lib.TJSClassDef) uintptr {
	p := libc.Xcalloc(nil, 1, 40)
	def.Fclass_name = cName(name)
	store(p, def)
	return p
}

func (r *Runtime) defineClasses() error {
	r.classes = classIDs
	for id, def := range map[lib.TJSClassID]uintptr{
		classIDs.plain: classDefs.plain, classIDs.exotic: classDefs.exotic, classIDs.ref: classDefs.ref,
	} {
		if lib.XJS_NewClass(r.tls, r.rt, id, def) < 0 {
			return errSetUp
		}
	}
	return nil
}

func onObjectGone(_ *libc.TLS, rt uintptr, v jsv) {
	runtimeOf(ptr[lib.TJSRuntime](rt).Fmalloc_ctx.Fmalloc_state.Fopaque).slots.remove(ptr[lib.TJSObject](pointer(v)).Fu.Fopaque)
}

func onRefGone(_ *libc.TLS, rt uintptr, v jsv) { onObjectGone(nil, rt, v) }

// Define makes a class known to the runtime. The script does not see it before its constructor is made a property of something that it
// sees.
func (r *Runtime) Define(c Class) (*Type, error) {
	t := &Type{r: r, c: &class{Class: c, id: r.classes.plain}}
	if c.Dynamic != nil {
		t.c.id = r.classes.exotic
	}
	err := r.run(func() error { return r.define(t.c) })
	if err != nil {
		return nil, fmt.Errorf("define class %s: %w", c.Name, err)
	}
	return t, nil
}

func (r *Runtime) define(c *class) error {
	proto := lib.XJS_NewObject(r.tls, r.ctx)
	if isException(proto) {
		return r.exception()
	}
	var err error
	if c.proto, err = r.keep(proto); err != nil {
		return err
	}
	c.proto.Keep()
	constructor, err := r.nativeFunction(function{name: c.Name, f: c.construct, own: nil}, c.Length, lib.EJS_CFUNC_constructor_or_func_magic, c)
	if err != nil {
		return err
	}
	if c.constructor, err = r.keep(constructor); err != nil {
		return err
	}
	c.constructor.Keep()
	lib.XJS_SetConstructor(r.tls, r.ctx, constructor, proto)
	if tag := r.newString(c.Name); isException(tag) || lib.XJS_DefinePropertyValue(r.tls, r.ctx, proto, lib.EJS_ATOM_Symbol_toStringTag, tag,
		lib.MJS_PROP_CONFIGURABLE) < 0 {
		return r.exception()
	}
	for _, m := range c.Methods {
		if err := r.addMethod(proto, m, c); err != nil {
			return err
		}
	}
	for _, m := range c.Statics {
		if err := r.addMethod(constructor, m, nil); err != nil {
			return err
		}
	}
	for _, p := range c.Properties {
		if err := r.addProperty(proto, p, c); err != nil {
			return err
		}
	}
	return nil
}

// nativeFunction makes a function object for a function of a class, which stays as long as the runtime.
func (r *Runtime) nativeFunction(f function, length int, proto int32, c *class) (jsv, error) {
	if len(r.methods) > math.MaxInt16 {
		return jsv{}, fmt.Errorf("more than %d functions of classes", math.MaxInt16)
	}
	f.constructs = nil
	call := code(onMethod)
	if proto == lib.EJS_CFUNC_constructor_or_func_magic {
		call, f.constructs = code(onConstructor), c
	}
	r.methods = append(r.methods, f)
	var v jsv
	r.bytes(f.name, func(p uintptr) jsv {
		v = lib.XJS_NewCFunction2(r.tls, r.ctx, call, p, int32(length), proto, int32(len(r.methods)-1))
		return v
	})
	if isException(v) {
		return v, r.exception()
	}
	return v, nil
}

func (r *Runtime) addMethod(on jsv, m Method, own *class) error {
	f, err := r.nativeFunction(function{name: m.Name, f: m.Func, own: own}, m.Length, lib.EJS_CFUNC_generic_magic, nil)
	if err != nil {
		return err
	}
	a := r.atom(m.Name)
	defer r.freeAtom(a)
	if a == 0 || lib.XJS_DefinePropertyValue(r.tls, r.ctx, on, a, f, lib.MJS_PROP_WRITABLE|lib.MJS_PROP_CONFIGURABLE) < 0 {
		return r.exception()
	}
	return nil
}

func (r *Runtime) addProperty(on jsv, p Property, own *class) error {
	get, err := r.nativeFunction(function{name: p.Name, own: own, lenient: true, f: p.Get}, 0, lib.EJS_CFUNC_generic_magic, nil)
	if err != nil {
		return err
	}
	set := function{name: p.Name, own: own, lenient: true, set: true, f: func(c *Call) (Value, error) { return Undefined, nil }}
	if p.Set != nil {
		set.f = func(c *Call) (Value, error) { return Undefined, p.Set(c) }
	}
	setter, err := r.nativeFunction(set, 1, lib.EJS_CFUNC_generic_magic, nil)
	if err != nil {
		r.free(get)
		return err
	}
	flags := int32(lib.MJS_PROP_CONFIGURABLE)
	if !p.Hidden {
		flags |= lib.MJS_PROP_ENUMERABLE
	}
	a := r.atom(p.Name)
	defer r.freeAtom(a)
	if a == 0 || lib.XJS_DefinePropertyGetSet(r.tls, r.ctx, on, a, get, setter, flags) < 0 {
		return r.exception()
	}
	return nil
}

// construct is what the class's name does when it is called as a function.
func (c *class) construct(call *Call) (Value, error) {
	if c.Call == nil {
		return Undefined, TypeError("%s must be called with new", c.Name)
	}
	return c.Call(call)
}

// onConstructor is called by the engine for a class's name: target is undefined without new, and with it the function after new, which
// is another one where a script's class extends ours.
func onConstructor(_ *libc.TLS, ctx uintptr, target jsv, argc int32, argv uintptr, magic int32) (object jsv) {
	r := contextOf(ctx)
	f := r.methods[magic]
	c := f.constructs
	if !isObject(target) {
		return r.invoke(&f, &Call{Runtime: r}, jsUndefined, argc, argv)
	}
	if c.New == nil {
		return r.throw(TypeError("%s cannot be made by a script", c.Name))
	}
	proto := lib.XJS_GetPropertyInternal(r.tls, r.ctx, target, lib.EJS_ATOM_prototype, target, 0)
	if isException(proto) {
		return proto
	}
	defer r.free(proto)
	r.inside(c.Name, func() error {
		call := &Call{Runtime: r, New: true}
		if err := r.fillCall(call, jsUndefined, argc, argv); err != nil {
			return err
		}
		host, err := c.New(call)
		if err != nil {
			return err
		}
		object, err = r.makeObject(c, proto, host)
		return err
	}, &object)
	return object
}

// makeObject makes an object of a class. Where proto is no object, it gets the class's.
func (r *Runtime) makeObject(c *class, proto jsv, host any) (jsv, error) {
	if !isObject(proto) {
		proto = c.proto.v
	}
	v := lib.XJS_NewObjectProtoClass(r.tls, r.ctx, proto, c.id)
	if isException(v) {
		return v, r.exception()
	}
	lib.XJS_SetOpaque(r.tls, v, r.slots.add(slot{class: c, host: host}))
	return v, nil
}

// New makes an object of the class that belongs to host, as Go likes, without calling Class.New.
func (t *Type) New(host any) (o *Object, err error) {
	err = t.r.run(func() error {
		v, err := t.r.makeObject(t.c, jsUndefined, host)
		if err != nil {
			return err
		}
		o, err = t.r.keep(v)
		return err
	})
	return o, err
}

// Constructor is the function by whose name scripts know the class. It is kept as long as the runtime.
func (t *Type) Constructor() *Object { return t.c.constructor }

// Prototype is what objects of the class inherit from. It is kept as long as the runtime.
func (t *Type) Prototype() *Object { return t.c.proto }

// Host is what an object of a class defined in Go belongs to, and nil for others.
func (o *Object) Host() (host any) {
	o.look(func(r *Runtime, v jsv) {
		if s := r.slots.of(v); s != nil {
			host = s.host
		}
	})
	return host
}

// Is says whether the object was made as one of the class, whatever its prototype is now.
func (t *Type) Is(o *Object) (is bool) {
	o.look(func(r *Runtime, v jsv) {
		s := r.slots.of(v)
		is = s != nil && s.class == t.c
	})
	return is
}
