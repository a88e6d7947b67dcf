package amf

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/values.json again, which the JavaScript SDK is tested with")

// shared is a value that this package and the JavaScript SDK must agree on.
type shared struct {
	Name  string `json:"name"`
	AMF0  string `json:"amf0,omitempty"` // hex; none: it goes out as AMF3
	AMF3  string `json:"amf3"`           // hex
	Value any    `json:"value"`          // see describe
	// What AMF0 makes of it, where that differs: what is met on both sides of the switch to AMF3 is two.
	Value0 any `json:"value0,omitempty"`
}

// TestSharedVectors sees that testdata/values.json says what the cases of this package say, and that what the SDK makes of
// each value (testdata/javascript.json, which its own tests see to) is that value here.
func TestSharedVectors(t *testing.T) {
	var all []shared
	for _, c := range cases {
		v := shared{Name: c.name, AMF0: c.amf0, AMF3: c.amf3, Value: describe(c.value, map[any]int{})}
		if v0 := throughAMF0(t, c.value); !reflect.DeepEqual(v0, v.Value) {
			v.Value0 = v0
		}
		all = append(all, v)
	}
	want, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("testdata/values.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("testdata/values.json"); err != nil || string(got) != string(want) {
		t.Errorf("testdata/values.json is out of date (%v): go test ./mediaserver/amf -run TestSharedVectors -update writes it", err)
	}

	var said map[string]struct{ AMF0, AMF3 string }
	b, err := os.ReadFile("testdata/javascript.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &said); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		s, ok := said[c.name]
		if !ok {
			t.Errorf("%s: the SDK has not been asked: hack/sdk/sdk.sh vectors does it", c.name)
			continue
		}
		for _, form := range []struct {
			hex    string
			decode func([]byte) (Value, []byte, error)
			want   any
		}{{s.AMF0, Decode, throughAMF0(t, c.value)}, {s.AMF3, Decode3, describe(c.value, map[any]int{})}} {
			b, err := hex.DecodeString(form.hex)
			if err != nil {
				t.Fatal(err)
			}
			v, rest, err := form.decode(b)
			if got := describe(v, map[any]int{}); err != nil || len(rest) != 0 || !reflect.DeepEqual(got, form.want) {
				t.Errorf("%s: the SDK's %s is %v (%v, %d bytes left), want %v", c.name, form.hex, got, err, len(rest), form.want)
			}
		}
	}
}

// throughAMF0 describes what comes back of a value that goes out as AMF0.
func throughAMF0(t *testing.T, v Value) any {
	t.Helper()
	b, err := Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	back, _, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return describe(back, map[any]int{})
}

// describe says in JSON what a value is: what can be met again has a kind, and what is met again is the number of the
// first time. All numbers are one type, as JavaScript has it.
func describe(v Value, met map[any]int) any {
	switch v := v.(type) {
	case nil, bool, string, float64:
		return v
	case int32:
		return float64(v)
	case Undefined:
		return map[string]any{"kind": "undefined"}
	case time.Time:
		return map[string]any{"kind": "date", "value": float64(v.UnixMilli())}
	case XML:
		return map[string]any{"kind": "xml", "value": string(v)}
	}
	if n, ok := met[v]; ok {
		return map[string]any{"kind": "again", "value": float64(n)}
	}
	met[v] = len(met)
	list := func(items []Value) []any {
		out := []any{}
		for _, item := range items {
			out = append(out, describe(item, met))
		}
		return out
	}
	pairs := func(props []Property) []any {
		out := []any{}
		for _, p := range props {
			out = append(out, []any{p.Name, describe(p.Value, met)})
		}
		return out
	}
	switch v := v.(type) {
	case *Array:
		return map[string]any{"kind": "array", "value": list(v.Items)}
	case *ECMAArray:
		return map[string]any{"kind": "named array", "value": pairs(v.Properties)}
	case *Object:
		return map[string]any{"kind": "object", "class": v.Class, "value": pairs(v.Properties)}
	case *ByteArray:
		return map[string]any{"kind": "bytes", "value": hex.EncodeToString(v.Bytes)}
	case *Vector[int32]:
		return numbersOf("int", v)
	case *Vector[uint32]:
		return numbersOf("uint", v)
	case *Vector[float64]:
		return numbersOf("double", v)
	case *ObjectVector:
		return map[string]any{"kind": "vector", "class": v.Class, "fixed": v.Fixed, "value": list(v.Items)}
	case *Dictionary:
		out := []any{}
		for _, e := range v.Entries {
			out = append(out, []any{describe(e.Key, met), describe(e.Value, met)})
		}
		return map[string]any{"kind": "dictionary", "weak": v.Weak, "value": out}
	}
	panic("describe: a value of a new kind")
}

func numbersOf[T int32 | uint32 | float64](kind string, v *Vector[T]) any {
	out := []any{}
	for _, n := range v.Items {
		out = append(out, float64(n))
	}
	return map[string]any{"kind": kind, "fixed": v.Fixed, "value": out}
}
