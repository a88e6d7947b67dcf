package script

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// converter brings values from the wire into a script and back.
type converter interface {
	In(a amf.Value) (engine.Value, error)
	InAll(all []amf.Value) ([]engine.Value, error)
	Out(e engine.Value) (amf.Value, error)
	OutAll(all []engine.Value) ([]amf.Value, error)
	Register(alias string, constructor *engine.Object) error
}

// plain converts trees of plain values.
type plain struct{ rt *engine.Runtime }

func newConverter(rt *engine.Runtime) (converter, error) { return plain{rt}, nil }

func (p plain) InAll(all []amf.Value) ([]engine.Value, error) {
	var out []engine.Value
	for _, a := range all {
		v, err := p.In(a)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (p plain) In(a amf.Value) (engine.Value, error) {
	d, err := p.data(a)
	if err != nil {
		return engine.Undefined, err
	}
	return p.rt.Import(d)
}

func (p plain) data(a amf.Value) (engine.Data, error) {
	switch v := a.(type) {
	case nil:
		return engine.Null, nil
	case amf.Undefined:
		return engine.Undefined, nil
	case bool:
		return engine.Bool(v), nil
	case float64:
		return engine.Number(v), nil
	case int:
		return engine.Number(float64(v)), nil
	case string:
		return engine.String(v), nil
	case *amf.Array:
		l := &engine.List{Length: uint32(len(v.Items))}
		for i, item := range v.Items {
			d, err := p.data(item)
			if err != nil {
				return nil, err
			}
			l.Items = append(l.Items, engine.Item{Index: uint32(i), Value: d})
		}
		return l, nil
	case *amf.Object:
		r := &engine.Record{}
		for _, f := range v.Properties {
			d, err := p.data(f.Value)
			if err != nil {
				return nil, err
			}
			r.Fields = append(r.Fields, engine.Field{Name: f.Name, Value: d})
		}
		return r, nil
	}
	return nil, fmt.Errorf("%w: %T", engine.ErrValue, a)
}

func (p plain) OutAll(all []engine.Value) ([]amf.Value, error) {
	var out []amf.Value
	for _, e := range all {
		v, err := p.Out(e)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (p plain) Out(e engine.Value) (amf.Value, error) {
	d, err := p.rt.Export(e, engine.Options{})
	if err != nil {
		return nil, err
	}
	return p.amf(d), nil
}

func (p plain) amf(d engine.Data) amf.Value {
	switch v := d.(type) {
	case engine.Value:
		switch v.Kind() {
		case engine.KindBool:
			return v.Bool()
		case engine.KindNumber:
			return v.Number()
		case engine.KindString:
			return v.Text()
		case engine.KindNull:
			return nil
		}
	case *engine.List:
		a := amf.NewArray()
		for _, item := range v.Items {
			a.Items = append(a.Items, p.amf(item.Value))
		}
		return a
	case *engine.Record:
		o := amf.NewObject()
		for _, f := range v.Fields {
			o.Set(f.Name, p.amf(f.Value))
		}
		return o
	case *engine.Object:
		return amf.NewObject()
	}
	return amf.Undefined{}
}

func (p plain) Register(string, *engine.Object) error { return nil }
