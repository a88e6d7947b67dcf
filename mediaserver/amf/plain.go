package amf

import (
	"fmt"
	"math"
	"time"
)

// Plain makes of a value what encoding/json takes. What holds itself is null where
// it is met again, numbers that JSON does not know are text, and bytes are base64.
func Plain(v Value) any { return plainer{}.value(v) }

// plainer has what it is within.
type plainer map[Value]bool

func (p plainer) value(v Value) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
		return v
	case bool, int32, string:
		return v
	case time.Time:
		if v == NoDate {
			return "Invalid Date"
		}
		return v.Format(time.RFC3339Nano)
	case XML:
		return string(v)
	case XMLDocument:
		return string(v)
	case *ByteArray:
		return v.Bytes
	case *Vector[int32]:
		return v.Items
	case *Vector[uint32]:
		return v.Items
	case *Vector[float64]:
		return p.items(v, asValues(v.Items))
	case *Array:
		return p.items(v, v.Items)
	case *ObjectVector:
		return p.items(v, v.Items)
	case *Object:
		return p.properties(v, v.Properties, nil)
	case *ECMAArray:
		return p.properties(v, v.Properties, v.Dense)
	case *Dictionary:
		return p.entries(v)
	}
	return nil
}

func asValues(items []float64) (all []Value) {
	for _, n := range items {
		all = append(all, n)
	}
	return all
}

// within runs f unless it is within the value already.
func (p plainer) within(v Value, f func() any) any {
	if p[v] {
		return nil
	}
	p[v] = true
	defer delete(p, v)
	return f()
}

func (p plainer) items(v Value, items []Value) any {
	return p.within(v, func() any {
		all := make([]any, len(items))
		for i, item := range items {
			all[i] = p.value(item)
		}
		return all
	})
}

func (p plainer) properties(v Value, list []Property, dense []Value) any {
	return p.within(v, func() any {
		all := map[string]any{}
		for i, item := range dense {
			all[fmt.Sprint(i)] = p.value(item)
		}
		for _, one := range list {
			all[one.Name] = p.value(one.Value)
		}
		return all
	})
}

func (p plainer) entries(d *Dictionary) any {
	return p.within(d, func() any {
		all := [][2]any{}
		for _, e := range d.Entries {
			all = append(all, [2]any{p.value(e.Key), p.value(e.Value)})
		}
		return all
	})
}
