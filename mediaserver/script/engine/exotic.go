package engine

import (
	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

// exoticMethods are what the engine asks about objects of classes with Dynamic, where it finds no property that a script made.
var exoticMethods = func() uintptr {
	p := libc.Xcalloc(nil, 11, 8)
	store(p, lib.TJSClassExoticMethods{
		Fget_own_property: code(onGetOwn), Fget_own_property_names: code(onNames), Fdelete_property: code(onDelete),
		Fget_property: code(onGet), Fset_property: code(onSet),
	})
	return p
}()

// dynamic is what to ask about an object, and the name as Go has it; false for symbols, which are never asked about.
func (r *Runtime) dynamic(v jsv, a lib.TJSAtom) (s *slot, name string, ok bool) {
	if s = r.slots.of(v); s == nil || s.class.Dynamic == nil {
		return nil, "", false
	}
	value := lib.XJS_AtomToValue(r.tls, r.ctx, a)
	defer r.free(value)
	if !isString(value) {
		if isException(value) {
			r.drop()
		}
		return nil, "", false
	}
	name, err := r.text(value)
	return s, name, err == nil
}

// find asks for a property of the object's own. found is 1, 0, or -1 for an exception.
func (r *Runtime) find(v jsv, a lib.TJSAtom) (found int32, value jsv) {
	s, name, ok := r.dynamic(v, a)
	if !ok || s.class.Dynamic.Get == nil {
		return 0, jsUndefined
	}
	host, get := s.host, s.class.Dynamic.Get
	r.inside(s.class.Name, func() error {
		got, has, err := get(host, name)
		if err != nil || !has {
			return err
		}
		found = 1
		value, err = r.in(got)
		return err
	}, &value)
	if isException(value) {
		return -1, value
	}
	return found, value
}

func onGetOwn(_ *libc.TLS, ctx, desc uintptr, v jsv, a lib.TJSAtom) int32 {
	r := contextOf(ctx)
	found, value := r.find(v, a)
	if found > 0 && desc != 0 {
		*ptr[lib.TJSPropertyDescriptor](desc) = lib.TJSPropertyDescriptor{
			Fflags: lib.MJS_PROP_C_W_E, Fvalue: value, Fgetter: jsUndefined, Fsetter: jsUndefined,
		}
	} else {
		r.free(value)
	}
	return found
}

func onGet(_ *libc.TLS, ctx uintptr, v jsv, a lib.TJSAtom, receiver jsv) jsv {
	r := contextOf(ctx)
	if found, value := r.find(v, a); found != 0 {
		return value
	}
	proto := lib.XJS_GetPrototype(r.tls, r.ctx, v)
	if isException(proto) {
		return proto
	}
	defer r.free(proto)
	if isObject(proto) {
		switch has := lib.XJS_HasProperty(r.tls, r.ctx, proto, a); {
		case has < 0:
			return jsException
		case has > 0:
			return lib.XJS_GetPropertyInternal(r.tls, r.ctx, proto, a, receiver, 0)
		}
	}
	return r.missing(v, a, receiver)
}

func (r *Runtime) missing(v jsv, a lib.TJSAtom, receiver jsv) (value jsv) {
	value = jsUndefined
	s, name, ok := r.dynamic(v, a)
	if !ok || s.class.Dynamic.Missing == nil {
		return value
	}
	missing := s.class.Dynamic.Missing
	r.inside(s.class.Name, func() error {
		object, err := r.keep(r.dup(receiver))
		if err != nil {
			return err
		}
		got, has, err := missing(object, name)
		if err != nil || !has {
			return err
		}
		value, err = r.in(got)
		return err
	}, &value)
	return value
}

// onSet borrows value, as the engine has it here.
func onSet(_ *libc.TLS, ctx uintptr, v jsv, a lib.TJSAtom, value, receiver jsv, flags int32) int32 {
	r := contextOf(ctx)
	if s, name, ok := r.dynamic(v, a); ok && s.class.Dynamic.Set != nil && pointer(v) == pointer(receiver) {
		var taken bool
		host, set, result := s.host, s.class.Dynamic.Set, jsUndefined
		r.inside(s.class.Name, func() error {
			arg, err := r.out(r.dup(value))
			if err != nil {
				return err
			}
			taken, err = set(host, name, arg)
			return err
		}, &result)
		if isException(result) {
			return -1
		}
		if taken {
			return 1
		}
	}
	// An ordinary property: a prototype's setter, or a new one of the object's own.
	proto := lib.XJS_GetPrototype(r.tls, r.ctx, v)
	if isException(proto) {
		return -1
	}
	defer r.free(proto)
	if !isObject(proto) {
		return lib.XJS_DefinePropertyValue(r.tls, r.ctx, receiver, a, r.dup(value), lib.MJS_PROP_C_W_E|lib.MJS_PROP_NO_EXOTIC)
	}
	return lib.XJS_SetPropertyInternal(r.tls, r.ctx, proto, a, r.dup(value), receiver, flags)
}

func onDelete(_ *libc.TLS, ctx uintptr, v jsv, a lib.TJSAtom) int32 {
	r := contextOf(ctx)
	s, name, ok := r.dynamic(v, a)
	if !ok || s.class.Dynamic.Delete == nil {
		return 1
	}
	host, remove, result := s.host, s.class.Dynamic.Delete, jsUndefined
	r.inside(s.class.Name, func() error {
		_, err := remove(host, name) // what was not there is gone, too
		return err
	}, &result)
	if isException(result) {
		return -1
	}
	return 1
}

// onNames gives the engine a table that it frees.
func onNames(_ *libc.TLS, ctx, table, count uintptr, v jsv) int32 {
	r := contextOf(ctx)
	store(table, uintptr(0))
	store(count, uint32(0))
	s := r.slots.of(v)
	if s == nil || s.class.Dynamic == nil || s.class.Dynamic.Names == nil {
		return 0
	}
	host, names, result := s.host, s.class.Dynamic.Names, jsUndefined
	var all []string
	r.inside(s.class.Name, func() error {
		all = names(host)
		return nil
	}, &result)
	if isException(result) {
		return -1
	}
	if len(all) == 0 {
		return 0
	}
	p := lib.Xjs_malloc(r.tls, r.ctx, uint64(len(all)*propertyEnumSize))
	if p == 0 {
		return -1
	}
	for i, name := range all {
		a := r.atom(name)
		if a == 0 {
			lib.XJS_FreePropertyEnum(r.tls, r.ctx, p, uint32(i))
			return -1
		}
		store(p+uintptr(i)*propertyEnumSize, lib.TJSPropertyEnum{Fis_enumerable: 1, Fatom: a})
	}
	store(table, p)
	store(count, uint32(len(all)))
	return 0
}
