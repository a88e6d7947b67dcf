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
// the fuzzers start from. A value that comes back as itself has the same bytes
// again, and what is met twice in it is one.
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
	{"date", aDate, "0b408f4000000000000000", "0801408f400000000000"},
	{"list", NewArray(1.0, "a"), "0a00000002003ff0000000000000020001" + "61", "09050105" + "3ff0000000000000" + "060361"},
	{"object", NewObject("a", true, "b", nil), "03000161010100016205000009", "0a0b010361030362" + "0101"},
	{"typed object", &Object{Class: "C", Properties: []Property{{"a", true}}}, "1000014300016101" + "01000009", "0a0b0343" + "03610301"},
	{"array with names", NewECMAArray("v", "1"), "0800000001000176020001" + "31000009", "0901037606033101"},
	{"integer", int32(-1), "", "04ffffffff"},
	{"big integer", int32(300), "", "04822c"},
	{"bytes", &ByteArray{[]byte{1, 2}}, "", "0c050102"},
	{"vector of int", &Vector[int32]{Items: []int32{-1}}, "", "0d0300ffffffff"},
	{"vector of uint", &Vector[uint32]{Items: []uint32{7}}, "", "0e030000000007"},
	{"fixed vector of double", &Vector[float64]{Fixed: true, Items: []float64{1}}, "", "0f03013ff0000000000000"},
	{"vector of objects", &ObjectVector{Class: "C", Fixed: true, Items: []Value{"x"}}, "", "100301034306" + "0378"},
	{"dictionary", &Dictionary{Entries: []Entry{{NewObject(), "x"}, {1.0, nil}}}, "", "110500" + "0a0b0101" + "060378" + "053ff0000000000000" + "01"},

	{"list that holds itself", itself(func(a *Array) { a.Items = []Value{a} }), "0a00000001070000", "0903010900"},
	{"object that holds itself", itself(func(o *Object) { o.Set("a", o) }), "03000161070000000009", "0a0b0103610a0001"},
	{"array with names that holds itself", itself(func(a *ECMAArray) { a.Set("a", a) }), "0800000001000161070000000009", "09010361090001"},
	{"dictionary of itself, weak", itself(func(d *Dictionary) { d.Weak, d.Entries = true, []Entry{{d, d}} }), "", "1103011100" + "1100"},
	{"vector that holds itself", itself(func(v *ObjectVector) { v.Items = []Value{v} }), "", "100300011000"},
	{"a list twice", twice(NewArray()), "0a000000020a00000000070001", "0905010901010902"},
	{"an object twice", twice(NewObject()), "0a0000000203000009070001", "0905010a0b01010a02"},
	{"bytes twice", twice(&ByteArray{[]byte{1}}), "0a00000002110c0301" + "110c00", "0905010c03010c02"},
	{"a vector twice", twice(&Vector[int32]{Items: []int32{}}), "0a00000002110d0100" + "110d00", "0905010d01000d02"},
	{"a dictionary twice", twice(&Dictionary{}), "0a0000000211110100" + "111100", "0905011101001102"},
	// Dates and XML documents are counted, and written out.
	{"a list twice behind a date and XML", func() Value { a := NewArray(); return NewArray(aDate, XML("x"), a, a) }(),
		"0a000000040b408f40000000000000000f00000001780a00000000070003", "0909010801408f4000000000000b03780901010906"},
	// The list within is met on both sides of the switch.
	{"a list within a dictionary too", func() Value { a := NewArray(); return NewArray(a, &Dictionary{Entries: []Entry{{a, a}}}, a) }(),
		"0a000000030a00000000" + "11110300" + "090101" + "0902" + "070001", "0907010901011103000902090209" + "02"},
}

var aDate = time.UnixMilli(1000).UTC()

func itself[T any](fill func(*T)) *T {
	v := new(T)
	fill(v)
	return v
}

func twice(v Value) *Array { return NewArray(v, v) }

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
				if b, err := Append(nil, v); err != nil || hex.EncodeToString(b) != want {
					t.Errorf("Append of what came back: %x, %v; want %s", b, err, want)
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
			if b, err := Append3(nil, v); err != nil || hex.EncodeToString(b) != c.amf3 {
				t.Errorf("Append3 of what came back: %x, %v; want %s", b, err, c.amf3)
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

// read is one that must be well-formed.
func read(t *testing.T, in string, decode func([]byte) (Value, []byte, error)) Value {
	t.Helper()
	b, err := hex.DecodeString(in)
	if err != nil {
		t.Fatal(err)
	}
	v, rest, err := decode(b)
	if err != nil || len(rest) != 0 {
		t.Fatalf("%s: %#v, %d bytes left, %v", in, v, len(rest), err)
	}
	return v
}

func TestReferences(t *testing.T) {
	// AMF0: a strict array of an object and a reference to it (the array is 0).
	list, _ := read(t, "0a00000002"+"030001610101000009"+"070001", Decode).(*Array)
	if list == nil || list.Items[0] != list.Items[1] {
		t.Errorf("AMF0: %#v", list)
	}
	// What Flash Player sends of an object that has an XML document twice:
	// ruffle-rs/rust-flash-lso#124.
	list, _ = read(t, "0a0000000103"+"00056e5f786d6c"+"0f000000043c612f3e"+"00096e5f786d6c5f726566"+"070002"+"000009", Decode).(*Array)
	both, _ := list.Items[0].(*Object)
	if again, _ := both.Get("n_xml_ref"); again != XML("<a/>") {
		t.Errorf("an XML document twice: %#v", both)
	}
	// AMF3: strings, traits and objects by reference.
	list, _ = read(t, "090701"+"0a1303430361"+"03"+"0a01"+"02"+"0a02", Decode3).(*Array)
	second, _ := list.Items[1].(*Object)
	if a, _ := second.Get("a"); second.Class != "C" || a != false || list.Items[2] != list.Items[0] {
		t.Errorf("AMF3: %#v", list.Items)
	}
	// A key of a dictionary is the object that is elsewhere in it.
	list, _ = read(t, "090501"+"0a0b0101"+"1103000a02"+"03", Decode3).(*Array)
	if dict, _ := list.Items[1].(*Dictionary); dict == nil || dict.Entries[0] != (Entry{list.Items[0], true}) {
		t.Errorf("dictionary: %#v", list.Items[1])
	}
}

// The tables are a message's: a value refers to what one before it has.
func TestReferencesAcrossAMessage(t *testing.T) {
	o, d := NewObject("a", 1.0), &Dictionary{Entries: []Entry{{"k", "v"}}}
	b, err := AppendAll(nil, "method", o, d, NewArray(o), d)
	const want = "0200066d6574686f64" + "030001" + "61003ff0000000000000000009" + "11110300" + "06036b" + "060376" +
		"0a00000001070000" + "111100"
	if err != nil || hex.EncodeToString(b) != want {
		t.Errorf("%x, %v; want %s", b, err, want)
	}
	all, err := DecodeAll(b)
	if err != nil || len(all) != 5 {
		t.Fatalf("%#v, %v", all, err)
	}
	if all[3].(*Array).Items[0] != all[1] || all[4] != all[2] {
		t.Errorf("what came back are others: %#v", all)
	}
	// Text of one AMF3 value is referred to by the next.
	all, err = DecodeAll([]byte("\x11\x06\x03a\x11\x06\x00"))
	if err != nil || !reflect.DeepEqual(all, []Value{"a", "a"}) {
		t.Errorf("text: %#v, %v", all, err)
	}
}

// AMF0 refers to 65536 values. What is behind them is written out again.
func TestReferencesEnd(t *testing.T) {
	many := &Array{}
	for range 65535 {
		many.Items = append(many.Items, NewArray())
	}
	last, _ := many.Items[65534].(*Array)
	far := NewArray("far")
	many.Items = append(many.Items, far, far, last)
	b, err := Append(nil, many)
	if err != nil {
		t.Fatal(err)
	}
	const want = "\x0a\x00\x00\x00\x01\x02\x00\x03far"
	if tail := b[len(b)-2*len(want)-3:]; string(tail) != want+want+"\x07\xff\xff" {
		t.Errorf("the end is %q", tail)
	}
	far.Items = []Value{far}
	if _, err := Append(nil, many); !errors.Is(err, ErrTooDeep) {
		t.Errorf("a cycle that nothing can refer to: %v", err)
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
	deep := NewArray()
	for range maxDepth + 1 {
		deep = NewArray(deep)
	}
	for _, c := range []struct {
		name       string
		v          Value
		amf0, amf3 error
	}{
		{"too deep", deep, ErrTooDeep, ErrTooDeep},
		{"a channel", make(chan int), ErrInvalid, ErrInvalid},
		{"a slice, which has no identity", []Value{1}, ErrInvalid, ErrInvalid},
		{"a long name", NewObject(strings.Repeat("x", 70000), 1), ErrInvalid, nil},
		{"a name that would end an object", NewObject("", 1), nil, ErrInvalid},
		{"too much", &ByteArray{make([]byte, maxEncoded)}, ErrInvalid, ErrInvalid},
	} {
		for i, encode := range []func([]byte, Value) ([]byte, error){Append, Append3} {
			want := []error{c.amf0, c.amf3}[i]
			b, err := encode([]byte{1}, c.v)
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", c.name, err, want)
			}
			if err != nil && (len(b) != 1 || b[0] != 1) {
				t.Errorf("%s: dst changed", c.name)
			}
		}
	}
}

// What holds the one before twice, fifty times, is small.
func TestSharedValuesStaySmall(t *testing.T) {
	v := NewArray()
	for range 50 {
		v = twice(v)
	}
	for _, encode := range []func([]byte, Value) ([]byte, error){Append, Append3} {
		if b, err := encode(nil, v); err != nil || len(b) > 500 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	}
}

func TestNilPointersAreNull(t *testing.T) {
	for _, v := range []Value{(*Array)(nil), (*ECMAArray)(nil), (*Object)(nil), (*Dictionary)(nil), (*ByteArray)(nil),
		(*Vector[int32])(nil), (*Vector[uint32])(nil), (*Vector[float64])(nil), (*ObjectVector)(nil)} {
		b, err := AppendAll(nil, v, v)
		if err != nil || string(b) != "\x05\x05" {
			t.Errorf("%T: %x, %v", v, b, err)
		}
		if b, err := Append3(nil, v); err != nil || string(b) != "\x01" {
			t.Errorf("%T: %x, %v", v, b, err)
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

// AMF3 has two kinds of XML documents, which AMF0 has in one.
func TestXMLDocument(t *testing.T) {
	old, _ := hex.DecodeString("07093c612f3e")
	v, _, err := Decode3(old)
	if err != nil || v != XMLDocument("<a/>") {
		t.Fatalf("Decode3: %#v, %v", v, err)
	}
	if b, err := Append3(nil, v); err != nil || string(b) != string(old) {
		t.Errorf("Append3: %x, %v", b, err)
	}
	if b, err := Append(nil, v); err != nil || hex.EncodeToString(b) != "0f000000043c612f3e" {
		t.Errorf("Append: %x, %v", b, err)
	}
	twice := NewArray(v, NewArray(), NewArray())
	twice.Items[2] = twice.Items[1]
	if b, err := Append3(nil, twice); err != nil || hex.EncodeToString(b) != "09070107093c612f3e0901010904" {
		t.Errorf("Append3 of a list that is met again behind one: %x, %v", b, err)
	}
}
