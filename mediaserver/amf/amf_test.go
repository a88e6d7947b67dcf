package amf

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// cases are values with their bytes, which both directions must agree on and
// the fuzzers start from.
var cases = []struct {
	name  string
	value Value
	amf0  string // hex; empty: goes out as AMF3
	amf3  string
}{
	{"null", nil, "05", "01"},
	{"undefined", Undefined{}, "06", "00"},
	{"true", true, "0101", "03"},
	{"false", false, "0100", "02"},
	{"number", 3.5, "00400c000000000000", "05400c000000000000"},
	{"string", "foo", "020003666f6f", "0607666f6f"},
	{"empty string", "", "020000", "0601"},
	{"xml", XML("<a/>"), "0f000000043c612f3e", "0b093c612f3e"},
	{"date", time.UnixMilli(1000).UTC(), "0b408f4000000000000000", "0801408f400000000000"},
	{"list", []Value{1.0, "a"}, "0a00000002003ff0000000000000020001" + "61", "09050105" + "3ff0000000000000" + "060361"},
	{"object", NewObject("a", true, "b", nil), "03000161010100016205000009", "0a0b010361030362" + "0101"},
	{"typed object", &Object{Class: "C", Properties: []Property{{"a", true}}}, "1000014300016101" + "01000009", "0a0b0343" + "03610301"},
	{"array with names", NewECMAArray("v", "1"), "0800000001000176020001" + "31000009", "0901037606033101"},
	{"integer", int32(-1), "", "04ffffffff"},
	{"big integer", int32(300), "", "04822c"},
	{"bytes", []byte{1, 2}, "", "0c050102"},
	{"vector of int", []int32{-1}, "", "0d0300ffffffff"},
	{"vector of uint", []uint32{7}, "", "0e030000000007"},
	{"vector of double", []float64{1}, "", "0f03003ff0000000000000"},
	{"vector of objects", &ObjectVector{Class: "C", Fixed: true, Items: []Value{"x"}}, "", "100301034306" + "0378"},
}

func TestValuesRoundTrip(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, isInt := c.value.(int32); c.amf0 != "" || !isInt {
				want := c.amf0
				if want == "" {
					want = "11" + c.amf3
				}
				b, err := Append(nil, c.value)
				if err != nil || hex.EncodeToString(b) != want {
					t.Errorf("Append: %x, %v; want %s", b, err, want)
				}
				v, rest, err := Decode(append(b, 0xaa))
				if err != nil || len(rest) != 1 || !reflect.DeepEqual(v, c.value) {
					t.Errorf("Decode: %#v, %d bytes left, %v", v, len(rest), err)
				}
			}
			b, err := Append3([]byte{9}, c.value)
			if err != nil || hex.EncodeToString(b[1:]) != c.amf3 {
				t.Errorf("Append3: %x, %v; want %s", b[1:], err, c.amf3)
			}
			v, rest, err := Decode3(b[1:])
			if err != nil || len(rest) != 0 || !reflect.DeepEqual(v, c.value) {
				t.Errorf("Decode3: %#v, %d bytes left, %v", v, len(rest), err)
			}
		})
	}
}

func TestEveryPrefixIsTruncated(t *testing.T) {
	for _, c := range cases {
		b, err := Append(nil, c.value)
		if err != nil {
			t.Fatal(err)
		}
		for n := range b {
			if _, _, err := Decode(b[:n]); !errors.Is(err, ErrTruncated) {
				t.Errorf("%s, first %d bytes: %v, want ErrTruncated", c.name, n, err)
			}
		}
	}
}

func TestNumbersOfGo(t *testing.T) {
	for _, n := range []any{5, int8(5), int16(5), int32(5), int64(5), uint(5), uint8(5), uint16(5), uint32(5), uint64(5), float32(5)} {
		b, err := Append(nil, n)
		if err != nil {
			t.Fatalf("%T: %v", n, err)
		}
		if v, _, _ := Decode(b); v != 5.0 {
			t.Errorf("%T came back as %v", n, v)
		}
	}
	long := strings.Repeat("x", 70000)
	b, err := Append(nil, long)
	if err != nil {
		t.Fatal(err)
	}
	if v, _, err := Decode(b); v != long || err != nil {
		t.Errorf("long string: %v", err)
	}
}

func TestReferences(t *testing.T) {
	// AMF0: a strict array of an object and a reference to it (the array is 0).
	b, _ := hex.DecodeString("0a00000002" + "030001610101000009" + "070001")
	v, _, err := Decode(b)
	list, ok := v.([]Value)
	if err != nil || !ok || list[0] != list[1] {
		t.Errorf("AMF0: %#v, %v", v, err)
	}
	// AMF3: strings, traits and objects by reference.
	b, _ = hex.DecodeString("090701" + "0a1303430361" + "03" + "0a01" + "02" + "0a02")
	v, rest, err := Decode3(b)
	list, ok = v.([]Value)
	if err != nil || !ok || len(rest) != 0 {
		t.Fatalf("AMF3: %#v, %v", v, err)
	}
	second, _ := list[1].(*Object)
	if a, _ := second.Get("a"); second.Class != "C" || a != false || list[2] != list[0] {
		t.Errorf("AMF3: %#v %#v %#v", list[0], list[1], list[2])
	}
}

// badCases are bytes that no value has, in hex, and why.
var badCases = []struct {
	name, hex string
	want      error
}{
	{"nested too deep", strings.Repeat("0a00000001", maxDepth+2) + "05", ErrTooDeep},
	{"AMF3 nested too deep", "11" + strings.Repeat("090301", maxDepth+2) + "01", ErrTooDeep},
	{"too many values", "0a00080000" + strings.Repeat("05", 1<<19), ErrTooMany},
	{"count without elements", "0affffffff", ErrTruncated},
	{"string longer than the input", "0cffffffff41", ErrTruncated},
	{"reference to nothing", "070000", ErrInvalid},
	{"unknown marker", "42", ErrInvalid},
	{"AMF3 reference to nothing", "110a04", ErrInvalid},
	{"AMF3 string reference to nothing", "110604", ErrInvalid},
	{"AMF3 unknown marker", "1142", ErrInvalid},
	{"AMF3 externalizable", "110a070341", ErrInvalid},
	{"AMF3 vector count", "110dffffffff00", ErrTruncated},
	{"AMF3 dictionary", "1111ffffffff00", ErrTruncated},
}

func TestBadInput(t *testing.T) {
	for _, c := range badCases {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		if _, rest, err := Decode(b); !errors.Is(err, c.want) || len(rest) != len(b) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	all, err := DecodeAll([]byte{markNull, 0x42})
	if len(all) != 1 || !errors.Is(err, ErrInvalid) {
		t.Errorf("DecodeAll: %v, %v", all, err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	cycle := NewObject()
	cycle.Set("self", cycle)
	bomb := []Value{nil}
	for range 50 {
		bomb = []Value{bomb, bomb}
	}
	for name, v := range map[string]Value{
		"a cycle": cycle, "a tree of references": bomb, "a channel": make(chan int),
		"a long name": NewObject(strings.Repeat("x", 70000), 1),
	} {
		for _, encode := range []func([]byte, Value) ([]byte, error){Append, Append3} {
			b, err := encode([]byte{1}, v)
			if err == nil && !strings.Contains(name, "name") {
				t.Errorf("%s: no error", name)
			}
			if err != nil && len(b) != 1 {
				t.Errorf("%s: dst changed", name)
			}
		}
	}
}

func TestObjectGetAndSet(t *testing.T) {
	o := NewObject("a", 1)
	o.Set("a", 2)
	o.Set("b", 3)
	if a, _ := o.Get("a"); a != 2 || len(o.Properties) != 2 {
		t.Errorf("object %v", o)
	}
	if _, ok := (*Object)(nil).Get("a"); ok {
		t.Error("a nil object has properties")
	}
	if _, ok := (*ECMAArray)(nil).Get("a"); ok {
		t.Error("a nil array has properties")
	}
}

func BenchmarkDecodeConnect(b *testing.B) {
	in, err := Append(nil, NewObject("app", "live", "type", "nonprivate", "flashVer", "FMLE/3.0",
		"tcUrl", "rtmp://127.0.0.1/live", "objectEncoding", 0))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, _, err := Decode(in); err != nil {
			b.Fatal(err)
		}
	}
}
