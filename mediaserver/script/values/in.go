package values

import (
	"fmt"
	"math"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// In makes a value the script's. It lives as all that is got from the engine (see
// engine.Object). Errors wrap engine.ErrValue where it is too large or too deep, or are
// what a constructor of the script's has thrown.
func (v *Values) In(a amf.Value) (engine.Value, error) {
	all, err := v.InAll([]amf.Value{a})
	if err != nil {
		return engine.Undefined, err
	}
	return all[0], nil
}

// InAll is In for the values of one message: what is one object in two of them stays
// one.
func (v *Values) InAll(all []amf.Value) ([]engine.Value, error) {
	out := make([]engine.Value, len(all))
	simple := true
	for i, a := range all {
		d, ok := v.simple(a)
		out[i] = d
		simple = simple && ok
	}
	if simple || len(all) == 0 {
		return out, nil
	}
	list, err := v.within(func() (engine.Value, error) {
		in := arrival{v: v, limits: v.rt.Limits(), seen: map[amf.Value]engine.Data{}}
		return in.all(all)
	})
	if err != nil {
		return nil, fmt.Errorf("values for the script: %w", err)
	}
	defer list.Object().Release()
	for i := range out {
		if out[i], err = list.Object().Index(uint32(i)); err != nil {
			return nil, fmt.Errorf("values for the script: %w", err)
		}
	}
	return out, nil
}

// simple is a value that is no object in a script; false: it is one.
func (v *Values) simple(a amf.Value) (engine.Value, bool) {
	switch a := a.(type) {
	case nil:
		return engine.Null, true
	case amf.Undefined:
		return engine.Undefined, true
	case bool:
		return engine.Bool(a), true
	case float64:
		return engine.Number(a), true
	case string:
		return engine.String(a), len(a) <= v.rt.Limits().Value
	}
	if f, ok := amf.Number(a); ok {
		return engine.Number(f), true
	}
	if amf.IsNull(a) {
		return engine.Null, true
	}
	return engine.Undefined, false
}

// arrival takes values into a script: first all constructors make their objects, then
// all else is copied in at once, and then those objects get what they hold.
type arrival struct {
	v       *Values
	limits  engine.Limits
	seen    map[amf.Value]engine.Data
	size    int
	fills   []fill
	aliases map[string]*engine.Object
}

// fill is what an object gets that was made before.
type fill struct {
	object *engine.Object
	names  []string // of its properties; nil: keys and values in turn, of a Map
	values []engine.Data
	class  bool // it was made by a registered constructor
}

func (in *arrival) all(values []amf.Value) (engine.Value, error) {
	roots, err := in.list(values, 0)
	if err != nil {
		return engine.Undefined, err
	}
	held := &engine.List{Length: uint32(len(in.fills))}
	for i, f := range in.fills {
		l := &engine.List{Length: uint32(len(f.values))}
		for j, d := range f.values {
			l.Items = append(l.Items, engine.Item{Index: uint32(j), Value: d})
		}
		held.Items = append(held.Items, engine.Item{Index: uint32(i), Value: l})
	}
	both, err := in.v.rt.Import(&engine.List{Length: 2, Items: []engine.Item{{Index: 0, Value: roots}, {Index: 1, Value: held}}})
	if err != nil {
		return engine.Undefined, err
	}
	if err := in.fill(both.Object()); err != nil {
		return engine.Undefined, err
	}
	return both.Object().Index(0)
}

// fill gives objects what they hold, those within others first.
func (in *arrival) fill(both *engine.Object) error {
	if len(in.fills) == 0 {
		return nil
	}
	held, err := both.Index(1)
	if err != nil {
		return err
	}
	for i, f := range in.fills {
		err := in.v.rt.Scope(func() error {
			l, err := held.Object().Index(uint32(i))
			if err != nil {
				return err
			}
			if f.names == nil {
				return in.v.maps.fill(f.object, l.Object(), len(f.values))
			}
			return f.properties(l.Object())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *fill) properties(values *engine.Object) error {
	for i, name := range f.names {
		value, err := values.Index(uint32(i))
		if err != nil {
			return err
		}
		if name == "__proto__" { // what a stranger calls so is no prototype
			err = f.object.Define(name, value, engine.Writable|engine.Configurable|engine.Enumerable)
		} else {
			err = f.object.Set(name, value)
		}
		if err != nil {
			return err
		}
		value.Object().Release()
	}
	if !f.class {
		return nil
	}
	initialize, err := f.object.Get("onInitialize")
	if err != nil || !initialize.Object().IsFunction() {
		return err
	}
	_, err = initialize.Object().Call(f.object.Value())
	return err
}

// charge counts what the engine will count, so that nothing is made of what it refuses.
func (in *arrival) charge(text int) error {
	if in.size += text + 16; in.size > in.limits.Value {
		return tooLarge(in.limits.Value)
	}
	return nil
}

func (in *arrival) value(a amf.Value, depth int) (engine.Data, error) {
	if depth > in.limits.Depth {
		return nil, tooDeep(in.limits.Depth)
	}
	text := 0
	if s, ok := a.(string); ok {
		text = len(s)
	}
	if err := in.charge(text); err != nil {
		return nil, err
	}
	if d, ok := in.v.simple(a); ok {
		return d, nil
	}
	switch a := a.(type) {
	case time.Time:
		if a == amf.NoDate {
			return engine.Date(math.NaN()), nil
		}
		return engine.Date(a.UnixMilli()), nil
	case amf.XML:
		return in.xml(string(a))
	case amf.XMLDocument:
		return in.xml(string(a))
	}
	if d, ok := in.seen[a]; ok {
		return d, nil
	}
	return in.object(a, depth)
}
