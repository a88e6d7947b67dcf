package engine

import (
	"fmt"
)

// An Object is an object of the script's that Go keeps: as long as it does, the script's memory does not lose it.
//
// What a Go function that the script called gets and makes is released when that function returns; so is what is made in a Scope when
// that ends. Keep keeps an object beyond that, as it is kept when it was made outside of both, and then Release lets it go. Two Objects
// may be one object of the script's: see Same.
type Object struct {
	r    *Runtime
	v    jsv
	kept bool // released by Release alone
	gone bool
}

// handles are the values that Go keeps.
type handles struct {
	live   int
	scope  []*Object // those that are released when a scope ends, in the order in which they came
	nested int       // scopes under way
}

func (h *handles) scoped() bool { return h.nested > 0 }

func (h *handles) open() int {
	h.nested++
	return len(h.scope)
}

func (r *Runtime) closeScope(from int) {
	h := &r.handles
	h.nested--
	if r.broken || from > len(h.scope) {
		return
	}
	for _, o := range h.scope[from:] {
		if !o.kept {
			o.release()
		}
	}
	clear(h.scope[from:])
	h.scope = h.scope[:from]
}

// Scope calls f, and releases what came up meanwhile and was not kept.
func (r *Runtime) Scope(f func() error) error {
	if err := r.usable(); err != nil {
		return err
	}
	from := r.handles.open()
	defer r.closeScope(from)
	return f()
}

// keep makes an Object, and takes v over.
func (r *Runtime) keep(v jsv) (*Object, error) {
	h := &r.handles
	if h.live >= r.limits.Handles {
		r.free(v)
		return nil, fmt.Errorf("%w: %d at once", ErrHandles, r.limits.Handles)
	}
	h.live++
	o := &Object{r: r, v: v, kept: !h.scoped()}
	if h.scoped() {
		h.scope = append(h.scope, o)
	}
	return o, nil
}

// Keep keeps the object until Release, wherever it came from.
func (o *Object) Keep() *Object {
	o.kept = true
	return o
}

// Release lets the object go. It may be called more than once, and after the runtime was closed or died; the object must not be used
// afterwards.
func (o *Object) Release() {
	if o == nil || o.gone {
		return
	}
	if o.r.usable() != nil {
		o.gone = true
		return
	}
	_ = o.r.run(func() error { // a runtime that dies of it says so itself
		o.release()
		return nil
	})
}

func (o *Object) release() {
	if o.gone {
		return
	}
	o.gone = true
	o.r.handles.live--
	o.r.free(o.v)
}

// Handles says how many values Go keeps, and how many it may.
func (r *Runtime) Handles() (kept, limit int) { return r.handles.live, r.limits.Handles }

func (o *Object) check(r *Runtime) error {
	switch {
	case o == nil:
		return fmt.Errorf("%w: no object", ErrValue)
	case o.r != r:
		return fmt.Errorf("%w: an object of another runtime", ErrValue)
	case o.gone:
		return fmt.Errorf("%w: an object that was released", ErrValue)
	}
	return nil
}

// use runs f with the object's value.
func (o *Object) use(f func(r *Runtime, v jsv) error) error {
	if o == nil {
		return fmt.Errorf("%w: no object", ErrValue)
	}
	return o.r.run(func() error {
		if err := o.check(o.r); err != nil {
			return err
		}
		return f(o.r, o.v)
	})
}

// Value is the object as a value.
func (o *Object) Value() Value {
	if o == nil {
		return Null
	}
	return Value{kind: KindObject, obj: o}
}

// Same says whether two Objects are one object of the script's.
func (o *Object) Same(p *Object) bool {
	return o == p || o != nil && p != nil && !o.gone && !p.gone && o.r == p.r && o.v == p.v
}
