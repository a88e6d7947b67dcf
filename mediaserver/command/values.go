package command

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// text is a value as one line of JSON, which leaves nothing that a terminal would
// obey.
func text(v amf.Value) string {
	b, err := json.Marshal(amf.Plain(v))
	if err != nil {
		return fmt.Sprintf("(%v)", err)
	}
	return harmless(string(b))
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
