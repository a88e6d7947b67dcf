package engine

import (
	"errors"
	"fmt"

	lib "modernc.org/libquickjs"
)

// Import copies data into the script: at most Limits.Value bytes, counted as Export does, and Limits.Depth levels.
func (r *Runtime) Import(d Data) (v Value, err error) {
	err = r.run(func() error {
		i := importer{r: r, seen: map[Data]jsv{}}
		j, err := i.value(d, 0)
		if err != nil {
			return err
		}
		v, err = r.out(j)
		return err
	})
	return v, err
}

type importer struct {
	r     *Runtime
	seen  map[Data]jsv
	bytes int
}

var errData = errors.New("no kind of data that is copied in")

// value gives a reference to its caller.
func (i *importer) value(d Data, depth int) (jsv, error) {
	r := i.r
	if i.bytes += 16; i.bytes > r.limits.Value {
		return jsv{}, r.tooLarge("a value", uint64(i.bytes))
	}
	if depth > r.limits.Depth {
		return jsv{}, fmt.Errorf("%w: more than %d levels deep", ErrValue, r.limits.Depth)
	}
	switch d := d.(type) {
	case nil:
		return jsUndefined, nil
	case Value:
		i.bytes += len(d.str)
		return r.in(d)
	case *Object:
		return r.in(d.Value())
	case Date:
		return i.made(nil, lib.XJS_NewDate(r.tls, r.ctx, float64(d)))
	case *List:
		if j, ok := i.seen[d]; ok {
			return r.dup(j), nil
		}
		v, err := i.made(d, lib.XJS_NewArray(r.tls, r.ctx))
		if err == nil {
			err = i.list(v, d, depth)
		}
		return i.whole(v, err)
	case *Record:
		if j, ok := i.seen[d]; ok {
			return r.dup(j), nil
		}
		v, err := i.record(d)
		if err == nil {
			err = i.fields(v, d.Fields, depth)
		}
		return i.whole(v, err)
	}
	return jsv{}, fmt.Errorf("%w: %T is %w", ErrValue, d, errData)
}

func (i *importer) made(d Data, v jsv) (jsv, error) {
	if isException(v) {
		return jsUndefined, i.r.exception()
	}
	if d != nil {
		i.seen[d] = v
	}
	return v, nil
}

// whole gives back what was made when not all of it could be.
func (i *importer) whole(v jsv, err error) (jsv, error) {
	if err != nil {
		i.r.free(v)
		return jsv{}, err
	}
	return v, nil
}

func (i *importer) record(d *Record) (jsv, error) {
	r := i.r
	if d.Proto == nil {
		return i.made(d, lib.XJS_NewObject(r.tls, r.ctx))
	}
	if err := d.Proto.check(r); err != nil {
		return jsUndefined, err
	}
	return i.made(d, lib.XJS_NewObjectProto(r.tls, r.ctx, d.Proto.v))
}

func (i *importer) list(v jsv, d *List, depth int) error {
	r := i.r
	for _, item := range d.Items {
		j, err := i.value(item.Value, depth+1)
		if err != nil {
			return err
		}
		if lib.XJS_DefinePropertyValueUint32(r.tls, r.ctx, v, item.Index, j, lib.MJS_PROP_C_W_E|lib.MJS_PROP_THROW) < 0 {
			return r.exception()
		}
	}
	if lib.XJS_SetPropertyInternal(r.tls, r.ctx, v, lib.EJS_ATOM_length, jsNumber(float64(d.Length)), v, lib.MJS_PROP_THROW) < 0 {
		return r.exception()
	}
	return i.fields(v, d.Fields, depth)
}

func (i *importer) fields(v jsv, fields []Field, depth int) error {
	r := i.r
	for _, f := range fields {
		if i.bytes += len(f.Name) + 16; i.bytes > r.limits.Value {
			return r.tooLarge("a value", uint64(i.bytes))
		}
		j, err := i.value(f.Value, depth+1)
		if err != nil {
			return err
		}
		a := r.atom(f.Name)
		if a == 0 {
			r.free(j)
			return r.exception()
		}
		n := lib.XJS_DefinePropertyValue(r.tls, r.ctx, v, a, j, lib.MJS_PROP_C_W_E|lib.MJS_PROP_THROW)
		r.freeAtom(a)
		if n < 0 {
			return r.exception()
		}
	}
	return nil
}
