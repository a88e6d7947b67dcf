package engine

import (
	lib "modernc.org/libquickjs"
)

// made keeps what the engine makes.
func (r *Runtime) made(f func() jsv) (o *Object, err error) {
	err = r.run(func() error {
		v := f()
		if isException(v) {
			return r.exception()
		}
		o, err = r.keep(v)
		return err
	})
	return o, err
}

// NewObject makes an object without properties.
func (r *Runtime) NewObject() (*Object, error) {
	return r.made(func() jsv { return lib.XJS_NewObject(r.tls, r.ctx) })
}

// NewArray makes an array of values.
func (r *Runtime) NewArray(values ...Value) (*Object, error) {
	a, err := r.made(func() jsv { return lib.XJS_NewArray(r.tls, r.ctx) })
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		if err := a.SetIndex(uint32(i), v); err != nil {
			a.Release()
			return nil, err
		}
	}
	return a, nil
}

// NewDate makes a date of milliseconds since 1970 in UTC; NaN is the invalid date.
func (r *Runtime) NewDate(ms float64) (*Object, error) {
	return r.made(func() jsv { return lib.XJS_NewDate(r.tls, r.ctx, ms) })
}

// NewError makes an error object.
func (r *Runtime) NewError(message string) (*Object, error) {
	return r.made(func() jsv {
		if v := r.throwError(message); !isException(v) {
			return v
		}
		return lib.XJS_GetException(r.tls, r.ctx)
	})
}

// Date is a date's milliseconds since 1970 in UTC, NaN for an invalid one; false for what is no date.
func (o *Object) Date() (ms float64, ok bool) {
	o.look(func(r *Runtime, v jsv) {
		if ok = r.classID(v) == lib.EJS_CLASS_DATE; ok {
			ms = r.date(v)
		}
	})
	return ms, ok
}

// date reads a date without running anything: the engine keeps its time as a number in the object.
func (r *Runtime) date(v jsv) float64 {
	return number(load[jsv](pointer(v) + objectData))
}

// objectData is where an object has what is its own: offsetof(JSObject, u).
const objectData = 40
