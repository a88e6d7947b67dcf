package values

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// What AMF can carry, as package amf writes it.
const (
	maxDepth = 64
	maxName  = math.MaxUint16
)

// Out copies a value out of the script, with all that it holds; what comes of it has
// nothing to do with the script any more. Errors wrap engine.ErrValue where it is too
// large, too deep or of a kind that does not leave, or are what a getter of the script's
// has thrown.
func (v *Values) Out(e engine.Value) (amf.Value, error) {
	all, err := v.OutAll([]engine.Value{e})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// OutAll is Out for the values of one message: what is one object in two of them stays
// one.
func (v *Values) OutAll(all []engine.Value) ([]amf.Value, error) {
	out := make([]amf.Value, len(all))
	objects := false
	for i, e := range all {
		objects = objects || e.Kind() == engine.KindObject
		out[i] = plain(e)
	}
	if !objects {
		return out, nil
	}
	_, err := v.within(func() (engine.Value, error) {
		d := departure{v: v, seen: map[engine.Data]amf.Value{}}
		defer d.release()
		return engine.Undefined, d.all(all, out)
	})
	if err != nil {
		return nil, fmt.Errorf("values of the script: %w", err)
	}
	return out, nil
}

// plain is what is no object.
func plain(e engine.Value) amf.Value {
	switch e.Kind() {
	case engine.KindNull:
		return nil
	case engine.KindBool:
		return e.Bool()
	case engine.KindNumber:
		return e.Number()
	case engine.KindString:
		return e.Text()
	}
	return amf.Undefined{}
}

// departure takes values out of a script.
type departure struct {
	v       *Values
	seen    map[engine.Data]amf.Value
	classes []class     // those registered, once one is wanted
	maps    []*mapFound // of what is exported
}

// class is a registered class, and what its constructor's objects inherit from.
type class struct {
	alias string
	proto *engine.Object
	order int // the last one that was registered counts
}

func (d *departure) all(all []engine.Value, out []amf.Value) error {
	list, err := d.export(all)
	if err != nil {
		return err
	}
	for i, item := range list {
		if out[i], err = d.value(item, 0); err != nil {
			return err
		}
	}
	return nil
}

// keep says of which objects more is to be asked than their properties.
func (d *departure) keep(o *engine.Object) (bool, error) {
	if o.Class() == "Map" {
		d.found(o)
		return true, nil
	}
	return d.v.XML.Is(o)
}

func (d *departure) value(data engine.Data, depth int) (amf.Value, error) {
	if depth > maxDepth {
		return nil, tooDeep(maxDepth)
	}
	switch data := data.(type) {
	case engine.Value:
		return plain(data), nil
	case engine.Date:
		if math.IsNaN(float64(data)) {
			return amf.NoDate, nil
		}
		return time.UnixMilli(int64(data)).UTC(), nil
	}
	if a, ok := d.seen[data]; ok {
		return a, nil
	}
	switch data := data.(type) {
	case *engine.List:
		return d.list(data, depth)
	case *engine.Record:
		return d.record(data, depth)
	case *engine.Object:
		return d.object(data, depth)
	}
	return nil, fmt.Errorf("%w: %T", engine.ErrValue, data)
}

func (d *departure) list(l *engine.List, depth int) (amf.Value, error) {
	if len(l.Fields) > 0 || len(l.Items) != int(l.Length) {
		return d.named(l, depth)
	}
	a := &amf.Array{}
	d.seen[l] = a
	return a, d.items(&a.Items, l.Items, depth)
}

func (d *departure) items(to *[]amf.Value, items []engine.Item, depth int) error {
	for _, item := range items {
		a, err := d.value(item.Value, depth+1)
		if err != nil {
			return err
		}
		*to = append(*to, a)
	}
	return nil
}

// named is an array that has names or holes. What comes behind the first hole is named
// by its number, and a length that no element shows is named as well.
func (d *departure) named(l *engine.List, depth int) (amf.Value, error) {
	a := &amf.ECMAArray{}
	d.seen[l] = a
	dense := 0
	for dense < len(l.Items) && l.Items[dense].Index == uint32(dense) {
		dense++
	}
	if err := d.fields(&a.Properties, l.Fields, depth); err != nil {
		return nil, err
	}
	end := uint32(dense)
	for _, item := range l.Items[dense:] {
		v, err := d.value(item.Value, depth+1)
		if err != nil {
			return nil, err
		}
		end = item.Index + 1
		a.Properties = append(a.Properties, amf.Property{Name: strconv.FormatUint(uint64(item.Index), 10), Value: v})
	}
	if end != l.Length {
		a.Properties = append(a.Properties, amf.Property{Name: "length", Value: float64(l.Length)})
	}
	return a, d.items(&a.Dense, l.Items[:dense], depth)
}

func (d *departure) fields(to *[]amf.Property, fields []engine.Field, depth int) error {
	for _, f := range fields {
		if len(f.Name) > maxName {
			return fmt.Errorf("%w: a property's name of %d bytes: at most %d", engine.ErrValue, len(f.Name), maxName)
		}
		v, err := d.value(f.Value, depth+1)
		if err != nil {
			return err
		}
		*to = append(*to, amf.Property{Name: f.Name, Value: v})
	}
	return nil
}

func (d *departure) record(r *engine.Record, depth int) (amf.Value, error) {
	o := &amf.Object{}
	d.seen[r] = o
	var err error
	if r.Proto != nil {
		if o.Class, err = d.class(r.Proto); err != nil {
			return nil, err
		}
	}
	return o, d.fields(&o.Properties, r.Fields, depth)
}

// class is the class of what inherits from proto; "": none that anybody knows.
func (d *departure) class(proto *engine.Object) (string, error) {
	if a, ok := proto.Host().(alias); ok {
		return string(a), nil
	}
	if d.classes == nil {
		d.classes = []class{}
		for alias, r := range d.v.classes {
			p, err := r.constructor.Get("prototype")
			if err != nil {
				return "", err
			}
			d.classes = append(d.classes, class{alias, p.Object(), r.order})
		}
		slices.SortFunc(d.classes, func(a, b class) int { return b.order - a.order })
	}
	for _, c := range d.classes {
		if c.proto.Same(proto) {
			return c.alias, nil
		}
	}
	return "", nil
}

// object is what was not copied out.
func (d *departure) object(o *engine.Object, depth int) (amf.Value, error) {
	if m := d.mapOf(o); m != nil {
		return d.dictionary(o, m, depth)
	}
	if b, ok := o.Host().(*byteArray); ok {
		a := &amf.ByteArray{Bytes: b.copy()}
		d.seen[o] = a
		return a, nil
	}
	if is, err := d.v.XML.Is(o); err != nil {
		return nil, err
	} else if is {
		return d.xml(o)
	}
	a := &amf.Object{}
	d.seen[o] = a
	return a, nil
}
