package engine

import (
	"fmt"

	lib "modernc.org/libquickjs"
)

// Options say how values are copied out.
type Options struct {
	// Keep, if set, is asked about each object that is neither {} nor an array nor a date; true leaves it a *Object. The object that it
	// is given is good until it returns, unless it keeps it.
	Keep func(o *Object) (bool, error)
}

// Export copies a value out of the script, with all that it holds: at most Limits.Value bytes, each value and name counted with 16 more,
// and Limits.Depth levels. Getters of the script's run.
func (r *Runtime) Export(v Value, options Options) (d Data, err error) {
	err = r.run(func() error {
		j, err := r.in(v)
		if err != nil {
			return err
		}
		defer r.free(j)
		e := exporter{r: r, options: options, seen: map[uintptr]Data{}}
		defer e.release()
		d, err = e.value(j, 0)
		if err != nil {
			d = nil
			for _, o := range e.made {
				o.release()
			}
		}
		return err
	})
	return d, err
}

type exporter struct {
	r       *Runtime
	options Options
	seen    map[uintptr]Data
	held    []jsv     // what was seen is not to go away, and its address be another's, while a getter runs
	made    []*Object // what the data has of objects, given up when it is not whole
	bytes   int
}

func (e *exporter) release() {
	for _, v := range e.held {
		e.r.free(v)
	}
}

func (e *exporter) charge(n int) error {
	if e.bytes += n + 16; e.bytes > e.r.limits.Value {
		return e.r.tooLarge("a value", uint64(e.bytes))
	}
	return nil
}

func (e *exporter) value(v jsv, depth int) (Data, error) {
	r := e.r
	if err := e.charge(0); err != nil {
		return nil, err
	}
	if depth > r.limits.Depth {
		return nil, fmt.Errorf("%w: more than %d levels deep", ErrValue, r.limits.Depth)
	}
	if r.watch.late.Load() {
		return nil, &Error{Kind: r.lateKind()}
	}
	if !isObject(v) {
		if v.Ftag == lib.EJS_TAG_SYMBOL {
			return Undefined, nil
		}
		out, err := r.out(r.dup(v))
		if err == nil && out.kind == KindString {
			err = e.charge(len(out.str))
		}
		return out, err
	}
	if d, ok := e.seen[pointer(v)]; ok {
		return d, nil
	}
	return e.object(v, depth)
}

func (e *exporter) object(v jsv, depth int) (Data, error) {
	r := e.r
	switch id := r.classID(v); id {
	case lib.EJS_CLASS_ARRAY:
		l := &List{}
		e.hold(v, l)
		return l, e.list(v, l, depth)
	case lib.EJS_CLASS_DATE:
		return Date(r.date(v)), nil
	case lib.EJS_CLASS_NUMBER, lib.EJS_CLASS_STRING, lib.EJS_CLASS_BOOLEAN:
		return e.value(load[jsv](pointer(v)+objectData), depth+1)
	case r.classes.plain, r.classes.exotic:
		return e.handle(v)
	}
	if lib.XJS_IsFunction(r.tls, r.ctx, v) != 0 {
		return e.handle(v)
	}
	rec := &Record{}
	keep, err := e.plain(v, rec)
	if err != nil || keep != nil {
		return keep, err
	}
	e.hold(v, rec)
	return rec, r.eachKey(v, func(name string, a lib.TJSAtom) error {
		if err := e.charge(len(name)); err != nil {
			return err
		}
		d, err := e.property(v, a, depth)
		rec.Fields = append(rec.Fields, Field{name, d})
		return err
	})
}

// plain looks at what an object inherits from, and asks Options.Keep about it where that is nothing usual.
func (e *exporter) plain(v jsv, rec *Record) (kept Data, err error) {
	r := e.r
	proto := lib.XJS_GetPrototype(r.tls, r.ctx, v)
	if isException(proto) {
		return nil, r.exception()
	}
	usual := lib.XJS_GetClassProto(r.tls, r.ctx, lib.EJS_CLASS_OBJECT)
	r.free(usual)
	if r.classID(v) == lib.EJS_CLASS_OBJECT && (proto == usual || !isObject(proto)) {
		r.free(proto)
		return nil, nil
	}
	if isObject(proto) {
		if rec.Proto, err = e.keep(proto); err != nil {
			return nil, err
		}
	}
	if e.options.Keep == nil {
		return nil, nil
	}
	if keep, err := e.ask(v); err != nil || !keep {
		return nil, err
	}
	return e.handle(v)
}

// ask asks Options.Keep, in a scope of its own: the object that it gets is released after it.
func (e *exporter) ask(v jsv) (keep bool, err error) {
	r := e.r
	from := r.handles.open()
	defer r.closeScope(from)
	o, err := r.keep(r.dup(v))
	if err != nil {
		return false, err
	}
	return e.options.Keep(o)
}

func (e *exporter) handle(v jsv) (Data, error) {
	o, err := e.keep(e.r.dup(v))
	if err != nil {
		return nil, err
	}
	e.hold(v, o)
	return o, nil
}

// keep takes v over.
func (e *exporter) keep(v jsv) (*Object, error) {
	o, err := e.r.keep(v)
	if err == nil {
		e.made = append(e.made, o)
	}
	return o, err
}

func (e *exporter) hold(v jsv, d Data) {
	e.seen[pointer(v)] = d
	e.held = append(e.held, e.r.dup(v))
}

func (e *exporter) property(v jsv, a lib.TJSAtom, depth int) (Data, error) {
	r := e.r
	got := lib.XJS_GetPropertyInternal(r.tls, r.ctx, v, a, v, 0)
	if isException(got) {
		return nil, r.exception()
	}
	defer r.free(got)
	return e.value(got, depth+1)
}

func (e *exporter) list(v jsv, l *List, depth int) error {
	r := e.r
	length := lib.XJS_GetPropertyInternal(r.tls, r.ctx, v, lib.EJS_ATOM_length, v, 0)
	if isException(length) {
		return r.exception()
	}
	l.Length = uint32(number(length))
	return r.eachKey(v, func(name string, a lib.TJSAtom) error {
		d, err := e.property(v, a, depth)
		if err != nil {
			return err
		}
		if i, ok := Index(name); ok {
			l.Items = append(l.Items, Item{i, d})
			l.Length = max(l.Length, i+1) // a getter may have made it longer
			return nil
		}
		l.Fields = append(l.Fields, Field{name, d})
		return e.charge(len(name))
	})
}

// Index says whether a name is that of an element: a number below 2³²-1 as the language writes it [ECMA-262 ed. 3 §15.4].
func Index(name string) (uint32, bool) {
	if name == "" || len(name) > 10 || name[0] == '0' && len(name) > 1 {
		return 0, false
	}
	var n uint64
	for _, c := range []byte(name) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return uint32(n), n < 1<<32-1
}
