package values

import (
	"math"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// cases are values as they arrive, what a script sees of them as v, and what leaves
// when the script sends v on: the same, where nothing else is said.
var cases = []struct {
	name  string
	value amf.Value
	want  []string // expressions of v that are true
	out   amf.Value
}{
	{name: "null", value: nil, want: []string{"v === null"}},
	{name: "undefined", value: amf.Undefined{}, want: []string{"v === undefined"}},
	{name: "true", value: true, want: []string{"v === true"}},
	{name: "number", value: 3.5, want: []string{"v === 3.5"}},
	{name: "integer", value: int32(-7), want: []string{"v === -7"}, out: -7.0},
	{name: "negative zero", value: negativeZero, want: []string{"1 / v === -Infinity"}},
	{name: "string", value: "a\x00ä😀", want: []string{"v === 'a\\0ä😀' && v.length === 5"}},
	{name: "half of a pair", value: "x\xed\xa0\xbd", want: []string{"v === 'x\\ud83d'"}},
	{name: "long string", value: strings.Repeat("x", 70000), want: []string{"v.length === 70000"}},
	{name: "date", value: time.UnixMilli(1234567890123).UTC(), want: []string{"v instanceof Date && v.getTime() === 1234567890123"}},
	{name: "date that is none", value: amf.NoDate, want: []string{"v instanceof Date && isNaN(v.getTime())"}},
	{name: "date before 1970", value: time.UnixMilli(-1).UTC(), want: []string{"v.getTime() === -1"}},
	{name: "list", value: amf.NewArray(1.0, "a", nil, amf.Undefined{}, true), want: []string{
		"v instanceof Array && v.length === 5", "v[0] === 1 && v[1] === 'a' && v[2] === null && v[3] === undefined && 3 in v && v[4] === true",
	}},
	{name: "empty list", value: amf.NewArray(), want: []string{"v instanceof Array && v.length === 0"}},
	{name: "array with names", value: &amf.ECMAArray{Dense: []amf.Value{"x", "y"}, Properties: []amf.Property{{Name: "a", Value: 1.0}}}, want: []string{
		"v instanceof Array && v.length === 2 && v[1] === 'y' && v.a === 1",
	}},
	{name: "array of AMF0", value: amf.NewECMAArray("1", "b", "0", "a", "length", 2.0, "name", "n"), want: []string{
		"v instanceof Array && v.length === 2 && v[0] === 'a' && v[1] === 'b' && v.name === 'n'", "Object.keys(v).join() === '0,1,name'",
	}, out: &amf.ECMAArray{Dense: []amf.Value{"a", "b"}, Properties: []amf.Property{{Name: "name", Value: "n"}}}},
	{name: "array of AMF0 without names", value: amf.NewECMAArray("0", "a", "length", 1.0), want: []string{"v.length === 1 && v[0] === 'a'"}, out: amf.NewArray("a")},
	{name: "holes", value: &amf.ECMAArray{Dense: []amf.Value{"a"}, Properties: []amf.Property{{Name: "3", Value: "d"}, {Name: "length", Value: 6.0}}}, want: []string{
		"v.length === 6 && v[0] === 'a' && !(1 in v) && v[3] === 'd' && !(5 in v)",
	}},
	{name: "a length that is none", value: amf.NewECMAArray("length", "x", "0", 1.0), want: []string{"v.length === 1"}, out: amf.NewArray(1.0)},
	{name: "a length without end", value: amf.NewECMAArray("length", 4e9), want: []string{"v.length === 0"}, out: amf.NewArray()},
	{name: "a number twice", value: amf.NewECMAArray("0", "a", "0", "b"), want: []string{"v[0] === 'b' && v.length === 1"}, out: amf.NewArray("b")},
	{name: "no numbers", value: amf.NewECMAArray("01", 1.0, "-1", 2.0, "4294967295", 3.0), want: []string{"v.length === 0 && v['01'] === 1 && v[4294967295] === 3"}},
	{name: "object", value: amf.NewObject("b", 1.0, "a", nil, "u", amf.Undefined{}, "", "no name"), want: []string{
		"Object.keys(v).join() === 'b,a,u,' && v.a === null && 'u' in v && v.u === undefined && v[''] === 'no name'", "v.constructor === Object",
	}},
	{name: "object with __proto__", value: amf.NewObject("__proto__", amf.NewObject("x", 1.0)), want: []string{"v.x === undefined && Object.getPrototypeOf(v) === Object.prototype"}},
	{name: "typed object", value: &amf.Object{Class: "com.Foo", Properties: []amf.Property{{Name: "a", Value: 1.0}}}, want: []string{
		"v.a === 1 && v.constructor === Object && v instanceof Object && Object.prototype.toString.call(v) === '[object Object]'",
		"(function () { for (var n in v) if (n !== 'a') return false; return true })()",
	}},
	{name: "XML", value: amf.XML("<a b=\"1\"><c />x</a>"), want: []string{"v instanceof XML && v.firstChild.attributes.b === '1' && v.firstChild.lastChild.nodeValue === 'x'"}},
	{name: "XMLDocument", value: amf.XMLDocument("<a />"), want: []string{"v instanceof XML && v.firstChild.nodeName === 'a'"}, out: amf.XML("<a />")},
	{name: "ByteArray", value: &amf.ByteArray{Bytes: []byte{1, 2, 255}}, want: []string{"v instanceof ByteArray && v.length === 3 && v[2] === 255 && v.readByte() === 1"}},
	{name: "vector of int", value: &amf.Vector[int32]{Items: []int32{-1, 2}}, want: []string{"v instanceof Array && v.join() === '-1,2'"}, out: amf.NewArray(-1.0, 2.0)},
	{name: "vector of uint", value: &amf.Vector[uint32]{Items: []uint32{1 << 31}}, want: []string{"v[0] === 2147483648"}, out: amf.NewArray(float64(1 << 31))},
	{name: "vector of doubles", value: &amf.Vector[float64]{Items: []float64{0.5}}, want: []string{"v[0] === 0.5"}, out: amf.NewArray(0.5)},
	{name: "vector of objects", value: &amf.ObjectVector{Class: "C", Items: []amf.Value{amf.NewObject("a", 1.0)}}, want: []string{"v[0].a === 1"}, out: amf.NewArray(amf.NewObject("a", 1.0))},
	{name: "dictionary of strings", value: &amf.Dictionary{Entries: []amf.Entry{{Key: "k", Value: 1.0}, {Key: "l", Value: 2.0}}}, want: []string{"v.k === 1 && v.l === 2"}, out: amf.NewObject("k", 1.0, "l", 2.0)},
	{name: "dictionary of objects", value: itself(func(d *amf.Dictionary) {
		key := amf.NewObject("id", 1.0)
		d.Entries = []amf.Entry{{Key: key, Value: amf.NewArray(key)}, {Key: 7.0, Value: d}, {Key: "s", Value: &amf.Dictionary{Entries: []amf.Entry{{Key: key, Value: d}}}}}
	}), want: []string{
		"v instanceof Map && v.size === 3 && v.get(7) === v", "(function () { var k = Array.from(v.keys())[0]; return k.id === 1 && v.get(k)[0] === k && v.get('s').get(k) === v })()",
	}},
	{name: "list that holds itself", value: itself(func(a *amf.Array) { a.Items = []amf.Value{a, amf.NewObject("up", a)} }), want: []string{"v[0] === v && v[1].up === v"}},
	{name: "object that holds itself", value: itself(func(o *amf.Object) { o.Set("self", o) }), want: []string{"v.self === v"}},
	{name: "array with names that holds itself", value: itself(func(a *amf.ECMAArray) { a.Set("self", a) }), want: []string{"v.self === v"}},
	{name: "one object twice", value: func() amf.Value {
		o := amf.NewObject()
		return amf.NewObject("a", o, "b", amf.NewArray(o), "c", amf.NewObject())
	}(), want: []string{"v.a === v.b[0] && v.a !== v.c"}},
	{name: "one ByteArray twice", value: func() amf.Value { b := &amf.ByteArray{Bytes: []byte{1}}; return amf.NewArray(b, b) }(), want: []string{"v[0] === v[1]"}},
	{name: "a nil pointer", value: (*amf.Object)(nil), want: []string{"v === null"}, out: nilOut},
}

// nilOut stands for null as what leaves.
var nilOut = &amf.Object{Class: "null"}

var negativeZero = math.Copysign(0, -1)

func itself[T any](fill func(*T)) *T {
	v := new(T)
	fill(v)
	return v
}
