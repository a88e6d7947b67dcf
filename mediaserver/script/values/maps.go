package values

import (
	"errors"
	"fmt"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// maps is the language's own Map, as it was before any script.
type maps struct {
	constructor, set, forEach *engine.Object
}

var errNoMap = errors.New("the engine has no Map")

func (m *maps) find(global *engine.Object) error {
	constructor, err := global.Get("Map")
	if err != nil {
		return err
	}
	if constructor.Object() == nil {
		return errNoMap
	}
	prototype, err := constructor.Object().Get("prototype")
	if err != nil {
		return err
	}
	m.constructor = constructor.Object().Keep()
	for name, to := range map[string]**engine.Object{"set": &m.set, "forEach": &m.forEach} {
		f, err := prototype.Object().Get(name)
		if err != nil {
			return err
		}
		*to = f.Object().Keep()
	}
	return nil
}

// fill puts keys and values, in turn, into a Map.
func (m *maps) fill(to, list *engine.Object, n int) error {
	for i := 0; i+1 < n; i += 2 {
		key, err := list.Index(uint32(i))
		if err != nil {
			return err
		}
		value, err := list.Index(uint32(i + 1))
		if err != nil {
			return err
		}
		self, err := m.set.Call(to.Value(), key, value)
		if err != nil {
			return err
		}
		for _, v := range []engine.Value{key, value, self} {
			v.Object().Release()
		}
	}
	return nil
}

// entries is an array of a Map's keys and values, in turn.
func (m *maps) entries(rt *engine.Runtime, of *engine.Object) (*engine.Object, error) {
	list, err := rt.NewArray()
	if err != nil {
		return nil, err
	}
	n := uint32(0)
	add, err := rt.NewFunction("", 2, func(c *engine.Call) (engine.Value, error) {
		for _, v := range []engine.Value{c.Arg(1), c.Arg(0)} {
			if err := list.SetIndex(n, v); err != nil {
				return engine.Undefined, err
			}
			n++
		}
		return engine.Undefined, nil
	})
	if err != nil {
		return nil, err
	}
	_, err = m.forEach.Call(of.Value(), add.Value())
	return list, err
}

// dictionary takes over a Dictionary: an object where all keys are strings, else a Map.
func (in *arrival) dictionary(a *amf.Dictionary, depth int) (engine.Data, error) {
	for _, e := range a.Entries {
		if _, ok := e.Key.(string); !ok {
			return in.mapOf(a, depth)
		}
	}
	r := &engine.Record{}
	in.seen[a] = r
	for _, e := range a.Entries {
		name := e.Key.(string)
		d, err := in.property(amf.Property{Name: name, Value: e.Value}, depth)
		if err != nil {
			return nil, err
		}
		r.Fields = append(r.Fields, engine.Field{Name: name, Value: d})
	}
	return r, nil
}

func (in *arrival) mapOf(a *amf.Dictionary, depth int) (engine.Data, error) {
	made, err := in.v.maps.constructor.New()
	if err != nil {
		return nil, err
	}
	o := made.Object()
	in.seen[a] = o
	f := fill{object: o}
	for _, e := range a.Entries {
		for _, v := range []amf.Value{e.Key, e.Value} {
			d, err := in.value(v, depth+1)
			if err != nil {
				return nil, err
			}
			f.values = append(f.values, d)
		}
	}
	in.fills = append(in.fills, f)
	return o, nil
}

// mapFound is a Map among what is exported, and what it holds.
type mapFound struct {
	object  *engine.Object
	list    *engine.Object // of its keys and values
	entries *engine.List
}

func (d *departure) mapOf(o *engine.Object) *mapFound {
	if len(d.maps) == 0 || o.Class() != "Map" {
		return nil
	}
	for _, m := range d.maps {
		if m.object.Same(o) {
			return m
		}
	}
	return nil
}

// export copies values out, and with them what Maps hold. The engine does not look into
// a Map, and what is one object in it and outside is to stay one: so what it holds is
// copied out together with what holds it, once it has been found.
func (d *departure) export(all []engine.Value) ([]engine.Data, error) {
	for range maxDepth {
		root, err := d.v.rt.NewArray(all...)
		if err != nil {
			return nil, err
		}
		for i, m := range d.maps {
			if err := root.SetIndex(uint32(len(all)+i), m.list.Value()); err != nil {
				return nil, err
			}
		}
		known := len(d.maps)
		data, err := d.v.rt.Export(root.Value(), engine.Options{Keep: d.keep})
		if err != nil {
			return nil, err
		}
		list, ok := data.(*engine.List)
		if !ok || len(list.Items) != len(all)+known {
			return nil, fmt.Errorf("%w: it changed while it was looked at", engine.ErrValue)
		}
		if len(d.maps) == known {
			return d.exported(list, len(all)), nil
		}
		for _, m := range d.maps[known:] {
			if m.list, err = d.v.maps.entries(d.v.rt, m.object); err != nil {
				return nil, err
			}
		}
	}
	return nil, tooDeep(maxDepth)
}

func (d *departure) exported(list *engine.List, n int) []engine.Data {
	out := make([]engine.Data, n)
	for i := range out {
		out[i] = list.Items[i].Value
	}
	for i, m := range d.maps {
		m.entries = &engine.List{}
		if l, ok := list.Items[n+i].Value.(*engine.List); ok {
			m.entries = l
		}
	}
	return out
}

// release lets go of what was kept beyond what the engine releases.
func (d *departure) release() {
	for _, m := range d.maps {
		m.object.Release()
	}
}

// found keeps a Map that is not known yet.
func (d *departure) found(o *engine.Object) {
	if d.mapOf(o) == nil {
		d.maps = append(d.maps, &mapFound{object: o.Keep()})
	}
}

// named says whether all keys are strings: such a Dictionary arrives as an object, and
// so does what leaves.
func (m *mapFound) named() bool {
	for i := 0; i < len(m.entries.Items); i += 2 {
		if key, ok := m.entries.Items[i].Value.(engine.Value); !ok || key.Kind() != engine.KindString {
			return false
		}
	}
	return true
}

func (m *mapFound) fields() []engine.Field {
	var all []engine.Field
	for i := 0; i+1 < len(m.entries.Items); i += 2 {
		key, _ := m.entries.Items[i].Value.(engine.Value)
		all = append(all, engine.Field{Name: key.Text(), Value: m.entries.Items[i+1].Value})
	}
	return all
}

// dictionary is what a Map leaves as.
func (d *departure) dictionary(o *engine.Object, m *mapFound, depth int) (amf.Value, error) {
	if m.named() {
		a := &amf.Object{}
		d.seen[o] = a
		return a, d.fields(&a.Properties, m.fields(), depth)
	}
	a := &amf.Dictionary{}
	d.seen[o] = a
	for i := 0; i+1 < len(m.entries.Items); i += 2 {
		key, err := d.value(m.entries.Items[i].Value, depth+1)
		if err != nil {
			return nil, err
		}
		value, err := d.value(m.entries.Items[i+1].Value, depth+1)
		if err != nil {
			return nil, err
		}
		a.Entries = append(a.Entries, amf.Entry{Key: key, Value: value})
	}
	return a, nil
}
