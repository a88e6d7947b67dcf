package values

import (
	"fmt"
	"math"
	"slices"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// object takes over what has identity.
func (in *arrival) object(a amf.Value, depth int) (engine.Data, error) {
	switch a := a.(type) {
	case *amf.Array:
		l := &engine.List{}
		in.seen[a] = l
		return l, in.items(l, a.Items, depth)
	case *amf.ECMAArray:
		l := &engine.List{}
		in.seen[a] = l
		return l, in.named(l, a, depth)
	case *amf.Object:
		return in.record(a, depth)
	case *amf.Dictionary:
		return in.dictionary(a, depth)
	case *amf.ByteArray:
		o, err := in.v.bytes.arrived(a.Bytes)
		if err == nil {
			in.seen[a] = o
		}
		return o, err
	case *amf.ObjectVector:
		l := &engine.List{}
		in.seen[a] = l
		return l, in.items(l, a.Items, depth)
	case *amf.Vector[int32]:
		return vector(in, a, a.Items)
	case *amf.Vector[uint32]:
		return vector(in, a, a.Items)
	case *amf.Vector[float64]:
		return vector(in, a, a.Items)
	}
	return nil, fmt.Errorf("%w: %T is no AMF value", engine.ErrValue, a)
}

func (in *arrival) list(items []amf.Value, depth int) (*engine.List, error) {
	l := &engine.List{}
	return l, in.items(l, items, depth)
}

func (in *arrival) items(l *engine.List, items []amf.Value, depth int) error {
	l.Length = uint32(len(items))
	for i, item := range items {
		d, err := in.value(item, depth+1)
		if err != nil {
			return err
		}
		l.Items = append(l.Items, engine.Item{Index: uint32(i), Value: d})
	}
	return nil
}

func vector[T int32 | uint32 | float64](in *arrival, a *amf.Vector[T], items []T) (engine.Data, error) {
	l := &engine.List{Length: uint32(len(items))}
	in.seen[a] = l
	for i, n := range items {
		if err := in.charge(0); err != nil {
			return nil, err
		}
		l.Items = append(l.Items, engine.Item{Index: uint32(i), Value: engine.Number(float64(n))})
	}
	return l, nil
}

// maxLength bounds the length that a stranger says of an array that is shorter: to go
// through one without end takes a script's time.
const maxLength = 1 << 20

// named takes over an array with names. Its elements are what AMF3 calls dense, and
// names that are numbers.
func (in *arrival) named(l *engine.List, a *amf.ECMAArray, depth int) error {
	if err := in.items(l, a.Dense, depth); err != nil {
		return err
	}
	ordered := true
	for _, p := range a.Properties {
		d, err := in.value(p.Value, depth+1)
		if err == nil {
			err = in.charge(len(p.Name))
		}
		if err != nil {
			return err
		}
		i, isIndex := engine.Index(p.Name)
		switch {
		case isIndex:
			ordered = ordered && i >= l.Length
			l.Items = append(l.Items, engine.Item{Index: i, Value: d})
			l.Length = max(l.Length, i+1)
		case p.Name != "length":
			l.Fields = append(l.Fields, engine.Field{Name: p.Name, Value: d})
		default:
			if n, ok := p.Value.(float64); ok && n <= maxLength && n == math.Trunc(n) && n > float64(l.Length) {
				l.Length = uint32(n)
			}
		}
	}
	if !ordered {
		slices.SortStableFunc(l.Items, func(a, b engine.Item) int { return int(int64(a.Index) - int64(b.Index)) })
	}
	return nil
}

// record takes over an object. What its class's constructor makes, or a prototype that
// remembers a class that has none, is there before what the object holds, which may be
// the object itself.
func (in *arrival) record(a *amf.Object, depth int) (engine.Data, error) {
	if r, ok := in.v.classes[a.Class]; ok {
		return in.classObject(a, r.constructor, depth)
	}
	r := &engine.Record{}
	if a.Class != "" {
		proto, err := in.alias(a.Class)
		if err != nil {
			return nil, err
		}
		r.Proto = proto
	}
	in.seen[a] = r
	for _, p := range a.Properties {
		d, err := in.property(p, depth)
		if err != nil {
			return nil, err
		}
		r.Fields = append(r.Fields, engine.Field{Name: p.Name, Value: d})
	}
	return r, nil
}

func (in *arrival) property(p amf.Property, depth int) (engine.Data, error) {
	if err := in.charge(len(p.Name)); err != nil {
		return nil, err
	}
	return in.value(p.Value, depth+1)
}

// classObject has the constructor make the object.
func (in *arrival) classObject(a *amf.Object, constructor *engine.Object, depth int) (engine.Data, error) {
	made, err := constructor.New()
	if err != nil {
		return nil, fmt.Errorf("class %s: %w", a.Class, err)
	}
	o := made.Object()
	in.seen[a] = o
	f := fill{object: o, names: []string{}, class: true}
	for _, p := range a.Properties {
		d, err := in.property(p, depth)
		if err != nil {
			return nil, err
		}
		f.names, f.values = append(f.names, p.Name), append(f.values, d)
	}
	in.fills = append(in.fills, f)
	return o, nil
}

// alias is the prototype of objects of a class that has no constructor: it has nothing,
// and belongs to the class's name.
func (in *arrival) alias(class string) (*engine.Object, error) {
	if proto := in.aliases[class]; proto != nil {
		return proto, nil
	}
	if err := in.charge(len(class)); err != nil {
		return nil, err
	}
	proto, err := in.v.aliases.New(alias(class))
	if err == nil {
		err = proto.SetPrototype(in.v.plain)
	}
	if err != nil {
		return nil, err
	}
	if in.aliases == nil {
		in.aliases = map[string]*engine.Object{}
	}
	in.aliases[class] = proto
	return proto, nil
}

// alias is the name of a class, which a prototype belongs to.
type alias string
