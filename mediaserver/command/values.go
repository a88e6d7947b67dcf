package command

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// text is a value as one line of JSON, which leaves nothing that a terminal would
// obey.
func text(v amf.Value) string {
	b, err := json.Marshal(plain(v))
	if err != nil {
		return fmt.Sprintf("(%v)", err)
	}
	return harmless(string(b))
}

// plain makes of a value what encoding/json takes. What holds itself is null where
// it is met again, numbers that JSON does not know are text, and bytes are base64.
func plain(v amf.Value) any { return plainer{}.value(v) }

// plainer has what it is within.
type plainer map[amf.Value]bool

func (p plainer) value(v amf.Value) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
		return v
	case bool, int32, string:
		return v
	case time.Time:
		if v == amf.NoDate {
			return "Invalid Date"
		}
		return v.Format(time.RFC3339Nano)
	case amf.XML:
		return string(v)
	case amf.XMLDocument:
		return string(v)
	case *amf.ByteArray:
		return v.Bytes
	case *amf.Vector[int32]:
		return v.Items
	case *amf.Vector[uint32]:
		return v.Items
	case *amf.Vector[float64]:
		return p.items(v, numbers(v.Items))
	case *amf.Array:
		return p.items(v, v.Items)
	case *amf.ObjectVector:
		return p.items(v, v.Items)
	case *amf.Object:
		return p.properties(v, v.Properties, nil)
	case *amf.ECMAArray:
		return p.properties(v, v.Properties, v.Dense)
	case *amf.Dictionary:
		return p.entries(v)
	}
	return nil
}

func numbers(items []float64) (all []amf.Value) {
	for _, n := range items {
		all = append(all, n)
	}
	return all
}

// within runs f unless it is within the value already.
func (p plainer) within(v amf.Value, f func() any) any {
	if p[v] {
		return nil
	}
	p[v] = true
	defer delete(p, v)
	return f()
}

func (p plainer) items(v amf.Value, items []amf.Value) any {
	return p.within(v, func() any {
		all := make([]any, len(items))
		for i, item := range items {
			all[i] = p.value(item)
		}
		return all
	})
}

func (p plainer) properties(v amf.Value, list []amf.Property, dense []amf.Value) any {
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

func (p plainer) entries(d *amf.Dictionary) any {
	return p.within(d, func() any {
		all := [][2]any{}
		for _, e := range d.Entries {
			all = append(all, [2]any{p.value(e.Key), p.value(e.Value)})
		}
		return all
	})
}

// parseValue makes a value of JSON.
func parseValue(text string) (amf.Value, error) {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return nil, usage(fmt.Errorf("value %q is no JSON (%w): text is in quotes, '\"text\"'", text, err))
	}
	return fromJSON(v), nil
}

func fromJSON(v any) amf.Value {
	switch v := v.(type) {
	case []any:
		a := &amf.Array{}
		for _, item := range v {
			a.Items = append(a.Items, fromJSON(item))
		}
		return a
	case map[string]any:
		o := &amf.Object{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			o.Set(name, fromJSON(v[name]))
		}
		return o
	}
	return v
}
