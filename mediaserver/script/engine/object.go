package engine

import (
	lib "modernc.org/libquickjs"
)

// named calls f with the name as the engine has it.
func (o *Object) named(name string, f func(r *Runtime, v jsv, a lib.TJSAtom) error) error {
	return o.use(func(r *Runtime, v jsv) error {
		a := r.atom(name)
		if a == 0 {
			return r.exception()
		}
		defer r.freeAtom(a)
		return f(r, v, a)
	})
}

// Get is a property, the object's own or inherited; Undefined if there is none. A getter of the script's runs.
func (o *Object) Get(name string) (got Value, err error) {
	err = o.named(name, func(r *Runtime, v jsv, a lib.TJSAtom) (err error) {
		got, err = r.out(lib.XJS_GetPropertyInternal(r.tls, r.ctx, v, a, v, 0))
		return err
	})
	return got, err
}

// Set assigns a property as the script would: a setter runs, and what cannot be changed stays as it is.
func (o *Object) Set(name string, value Value) error {
	return o.named(name, func(r *Runtime, v jsv, a lib.TJSAtom) error {
		j, err := r.in(value)
		if err != nil {
			return err
		}
		if lib.XJS_SetPropertyInternal(r.tls, r.ctx, v, a, j, v, 0) < 0 {
			return r.exception()
		}
		return nil
	})
}

// Flags say what may be done with a property.
type Flags uint8

// What may be done with a property: it may be assigned, deleted and defined again, and is seen by for-in.
const (
	Writable Flags = 1 << iota
	Configurable
	Enumerable
)

func (f Flags) js() int32 {
	var n int32
	if f&Writable != 0 {
		n |= lib.MJS_PROP_WRITABLE
	}
	if f&Configurable != 0 {
		n |= lib.MJS_PROP_CONFIGURABLE
	}
	if f&Enumerable != 0 {
		n |= lib.MJS_PROP_ENUMERABLE
	}
	return n
}

// Define makes a property of the object's own, whatever it inherits, or changes what it is.
func (o *Object) Define(name string, value Value, flags Flags) error {
	return o.named(name, func(r *Runtime, v jsv, a lib.TJSAtom) error {
		j, err := r.in(value)
		if err != nil {
			return err
		}
		if lib.XJS_DefinePropertyValue(r.tls, r.ctx, v, a, j, flags.js()|lib.MJS_PROP_THROW) < 0 {
			return r.exception()
		}
		return nil
	})
}

// Delete takes a property of the object's own away, and says whether it is gone.
func (o *Object) Delete(name string) (gone bool, err error) {
	err = o.named(name, func(r *Runtime, v jsv, a lib.TJSAtom) error {
		n := lib.XJS_DeleteProperty(r.tls, r.ctx, v, a, 0)
		if n < 0 {
			return r.exception()
		}
		gone = n > 0
		return nil
	})
	return gone, err
}

// Has says whether the object has a property, its own or inherited.
func (o *Object) Has(name string) (has bool, err error) {
	err = o.named(name, func(r *Runtime, v jsv, a lib.TJSAtom) error {
		n := lib.XJS_HasProperty(r.tls, r.ctx, v, a)
		if n < 0 {
			return r.exception()
		}
		has = n > 0
		return nil
	})
	return has, err
}

// HasOwn says whether the object itself has a property.
func (o *Object) HasOwn(name string) (has bool, err error) {
	err = o.named(name, func(r *Runtime, v jsv, a lib.TJSAtom) error {
		n := lib.XJS_GetOwnProperty(r.tls, r.ctx, 0, v, a)
		if n < 0 {
			return r.exception()
		}
		has = n > 0
		return nil
	})
	return has, err
}

// Keys are the names of the object's own properties that for-in sees, in its order: numbers first, then as they were made. At most
// Limits.Value bytes of them.
func (o *Object) Keys() (keys []string, err error) {
	err = o.use(func(r *Runtime, v jsv) error {
		return r.eachKey(v, func(name string, _ lib.TJSAtom) error {
			keys = append(keys, name)
			return nil
		})
	})
	return keys, err
}

// eachKey calls f for the object's own properties that for-in sees.
func (r *Runtime) eachKey(v jsv, f func(name string, a lib.TJSAtom) error) error {
	out := r.tls.Alloc(16)
	defer r.tls.Free(16)
	if lib.XJS_GetOwnPropertyNames(r.tls, r.ctx, out, out+8, v, lib.MJS_GPN_STRING_MASK|lib.MJS_GPN_ENUM_ONLY) < 0 {
		return r.exception()
	}
	table, n := load[uintptr](out), load[uint32](out+8)
	defer lib.XJS_FreePropertyEnum(r.tls, r.ctx, table, n)
	var bytes int
	for i := range uintptr(n) {
		a := ptr[lib.TJSPropertyEnum](table + i*propertyEnumSize).Fatom
		name, err := r.atomString(a)
		if err != nil {
			return err
		}
		if bytes += len(name) + 16; bytes > r.limits.Value {
			return r.tooLarge("the names of an object's properties", uint64(bytes))
		}
		if err := f(name, a); err != nil {
			return err
		}
	}
	return nil
}

const propertyEnumSize = 8

// atomString is a name's whole text.
func (r *Runtime) atomString(a lib.TJSAtom) (string, error) {
	v := lib.XJS_AtomToString(r.tls, r.ctx, a)
	if isException(v) {
		return "", r.exception()
	}
	defer r.free(v)
	return r.text(v)
}

// Index is an element of an array.
func (o *Object) Index(i uint32) (got Value, err error) {
	err = o.use(func(r *Runtime, v jsv) (err error) {
		got, err = r.out(lib.XJS_GetPropertyUint32(r.tls, r.ctx, v, i))
		return err
	})
	return got, err
}

// SetIndex assigns an element of an array.
func (o *Object) SetIndex(i uint32, value Value) error {
	return o.use(func(r *Runtime, v jsv) error {
		j, err := r.in(value)
		if err != nil {
			return err
		}
		if lib.XJS_SetPropertyUint32(r.tls, r.ctx, v, i, j) < 0 {
			return r.exception()
		}
		return nil
	})
}

// Call calls a function.
func (o *Object) Call(this Value, args ...Value) (got Value, err error) {
	err = o.use(func(r *Runtime, v jsv) error {
		t, err := r.in(this)
		if err != nil {
			return err
		}
		defer r.free(t)
		p, done, err := r.args(args)
		if err != nil {
			return err
		}
		defer done()
		v = r.dup(v) // it may be released while it runs
		defer r.free(v)
		got, err = r.out(lib.XJS_Call(r.tls, r.ctx, v, t, int32(len(args)), p))
		return r.placed(err, v)
	})
	return got, err
}

// New calls a constructor, as new does.
func (o *Object) New(args ...Value) (got Value, err error) {
	err = o.use(func(r *Runtime, v jsv) error {
		p, done, err := r.args(args)
		if err != nil {
			return err
		}
		defer done()
		v = r.dup(v)
		defer r.free(v)
		got, err = r.out(lib.XJS_CallConstructor(r.tls, r.ctx, v, int32(len(args)), p))
		return r.placed(err, v)
	})
	return got, err
}

// placed puts an exception that does not say where it was thrown, since it is no error object, where the function begins that was called.
func (r *Runtime) placed(err error, function jsv) error {
	if e, ok := err.(*Error); ok && e.File == "" && e.Stack == nil { //nolint:errorlint // what r.out returned just now
		if b := bytecodeOf(function); b != 0 {
			p := r.place(ptr[lib.TJSFunctionBytecode](b), 0)
			e.File, e.Line = p.File, p.Line
		}
	}
	return err
}

// Prototype is the object that the object inherits from, or nil.
func (o *Object) Prototype() (proto *Object, err error) {
	err = o.use(func(r *Runtime, v jsv) error {
		got, err := r.out(lib.XJS_GetPrototype(r.tls, r.ctx, v))
		proto = got.obj
		return err
	})
	return proto, err
}

// SetPrototype makes the object inherit from another one, or from none.
func (o *Object) SetPrototype(proto *Object) error {
	return o.use(func(r *Runtime, v jsv) error {
		p, err := r.in(proto.Value())
		if err != nil {
			return err
		}
		defer r.free(p)
		if lib.XJS_SetPrototype(r.tls, r.ctx, v, p) < 0 {
			return r.exception()
		}
		return nil
	})
}

// InstanceOf is the operator instanceof.
func (o *Object) InstanceOf(constructor *Object) (is bool, err error) {
	err = o.use(func(r *Runtime, v jsv) error {
		if err := constructor.check(r); err != nil {
			return err
		}
		n := lib.XJS_IsInstanceOf(r.tls, r.ctx, v, constructor.v)
		if n < 0 {
			return r.exception()
		}
		is = n > 0
		return nil
	})
	return is, err
}

// Class is what the object is made to be: "Array", "Function", "Date", "Error", "RegExp", "Object" and so on, or the name of a class
// that Go defined. The script cannot change it.
func (o *Object) Class() (name string) {
	o.look(func(r *Runtime, v jsv) { name = r.className(v) })
	return name
}

// look runs f with the object's value, for what cannot fail; not at all if the object or its runtime is of no use any more.
func (o *Object) look(f func(r *Runtime, v jsv)) {
	_ = o.use(func(r *Runtime, v jsv) error {
		f(r, v)
		return nil
	})
}

// IsFunction says whether the object can be called.
func (o *Object) IsFunction() (is bool) {
	o.look(func(r *Runtime, v jsv) { is = lib.XJS_IsFunction(r.tls, r.ctx, v) != 0 })
	return is
}

func (r *Runtime) classID(v jsv) uint32 {
	if !isObject(v) {
		return 0
	}
	return uint32(ptr[lib.TJSObject](pointer(v)).Fclass_id)
}

func (r *Runtime) className(v jsv) string {
	switch id := r.classID(v); id {
	case 0:
		return "Symbol"
	case r.classes.plain, r.classes.exotic:
		return r.slots.of(v).class.Name
	case lib.EJS_CLASS_ARRAY:
		return "Array"
	case lib.EJS_CLASS_ERROR:
		return "Error"
	case lib.EJS_CLASS_NUMBER:
		return "Number"
	case lib.EJS_CLASS_STRING:
		return "String"
	case lib.EJS_CLASS_BOOLEAN:
		return "Boolean"
	case lib.EJS_CLASS_DATE:
		return "Date"
	case lib.EJS_CLASS_REGEXP:
		return "RegExp"
	case lib.EJS_CLASS_ARGUMENTS, lib.EJS_CLASS_MAPPED_ARGUMENTS:
		return "Arguments"
	case lib.EJS_CLASS_MAP:
		return "Map"
	case lib.EJS_CLASS_SET:
		return "Set"
	case lib.EJS_CLASS_PROXY:
		return "Proxy"
	case lib.EJS_CLASS_PROMISE:
		return "Promise"
	}
	if lib.XJS_IsFunction(r.tls, r.ctx, v) != 0 {
		return "Function"
	}
	return "Object"
}
