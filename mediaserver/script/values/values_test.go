package values

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
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

func open(t testing.TB, limits engine.Limits) (*engine.Runtime, *Values) {
	t.Helper()
	if limits.Time == 0 {
		limits.Time = 20 * time.Second
	}
	rt, err := engine.New(limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rt.Close)
	v, err := New(rt)
	if err != nil {
		t.Fatal(err)
	}
	return rt, v
}

func load(t testing.TB, rt *engine.Runtime, source string) engine.Value {
	t.Helper()
	v, err := rt.Load(engine.Source{Name: "main.asc", Text: source})
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return v
}

func set(t testing.TB, rt *engine.Runtime, name string, v engine.Value) {
	t.Helper()
	global, err := rt.Global()
	if err != nil {
		t.Fatal(err)
	}
	defer global.Release()
	if err := global.Set(name, v); err != nil {
		t.Fatal(err)
	}
}

func TestCases(t *testing.T) {
	rt, v := open(t, engine.Limits{})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := rt.Scope(func() error {
				e, err := v.In(c.value)
				if err != nil {
					return fmt.Errorf("In: %w", err)
				}
				set(t, rt, "v", e)
				out, err := v.Out(e)
				if err != nil {
					return fmt.Errorf("Out: %w", err)
				}
				want := c.out
				if want == nil {
					want = c.value
				} else if want == amf.Value(nilOut) {
					want = nil
				}
				if !reflect.DeepEqual(out, want) {
					t.Errorf("left as %#v, want %#v", out, want)
				}
				for _, source := range c.want {
					if got := load(t, rt, source); got != engine.Bool(true) {
						t.Errorf("%s is %+v", source, got)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if kept, _ := rt.Handles(); kept > 20 {
				t.Errorf("%d values are kept", kept)
			}
		})
	}
}

// TestCasesByWire: what arrives in bytes leaves in bytes that say the same.
func TestCasesByWire(t *testing.T) {
	rt, v := open(t, engine.Limits{})
	for _, c := range cases {
		if c.out != nil {
			continue
		}
		for name, w := range map[string]struct {
			encode func([]byte, amf.Value) ([]byte, error)
			decode func([]byte) (amf.Value, []byte, error)
		}{"AMF0": {amf.Append, amf.Decode}, "AMF3": {amf.Append3, amf.Decode3}} {
			b, err := w.encode(nil, c.value)
			if err != nil {
				continue // a name that it cannot carry
			}
			a, _, err := w.decode(b)
			if err != nil {
				t.Fatal(c.name, err)
			}
			err = rt.Scope(func() error {
				e, err := v.In(a)
				if err != nil {
					return err
				}
				out, err := v.Out(e)
				if err != nil {
					return err
				}
				again, err := w.encode(nil, out)
				if err != nil {
					return err
				}
				back, _, err := w.decode(again)
				if err != nil {
					return err
				}
				if len(again) != len(b) || !reflect.DeepEqual(back, a) && name == "AMF3" {
					t.Errorf("%s: arrived as %s, left as %s", c.name, hex.EncodeToString(b), hex.EncodeToString(again))
				}
				return nil
			})
			if err != nil {
				t.Errorf("%s in %s: %v", c.name, name, err)
			}
		}
	}
}

// TestOut: what scripts make, as it leaves.
func TestOut(t *testing.T) {
	rt, v := open(t, engine.Limits{})
	client, err := rt.Define(engine.Class{Name: "Client", New: func(*engine.Call) (any, error) { return 1, nil }})
	if err != nil {
		t.Fatal(err)
	}
	set(t, rt, "Client", client.Constructor().Value())
	for source, want := range map[string]amf.Value{
		"({a: 1, f: function () {}})":                  amf.NewObject("a", 1.0, "f", amf.NewObject()),
		"var f = function () {}; f":                    amf.NewObject(),
		"var c = new Client(); c.x = 1; ({client: c})": amf.NewObject("client", amf.NewObject()),
		"[1, , 3]":                         &amf.ECMAArray{Dense: []amf.Value{1.0}, Properties: []amf.Property{{Name: "2", Value: 3.0}}},
		"new Array(3)":                     amf.NewECMAArray("length", 3.0),
		"[1, undefined]":                   amf.NewArray(1.0, amf.Undefined{}),
		"var a = []; a.x = 1; a[2] = 2; a": amf.NewECMAArray("x", 1.0, "2", 2.0),
		"new Date(NaN)":                    nil,
		"new Number(4)":                    4.0,
		"new String('s')":                  "s",
		"new Boolean(false)":               false,
		"/x/":                              amf.NewObject(),
		"Object.create(null)":              amf.NewObject(),
		"function F() { this.x = 1 } F.prototype.y = 2; new F()":               amf.NewObject("x", 1.0),
		"new XML('<a>&lt;b</a>').firstChild":                                   amf.XML("<a>&lt;b</a>"),
		"new XMLNode(3, '<')":                                                  amf.XML("&lt;"),
		"var b = new ByteArray(); b.writeShort(258); b":                        &amf.ByteArray{Bytes: []byte{1, 2}},
		"new Map([['a', 2]])":                                                  amf.NewObject("a", 2.0),
		"new Map([[1, 2]])":                                                    &amf.Dictionary{Entries: []amf.Entry{{Key: 1.0, Value: 2.0}}},
		"new Map()":                                                            amf.NewObject(),
		"(function () { return arguments })(1, 'x')":                           amf.NewObject("0", 1.0, "1", "x"),
		"var o = {get x() { return 7 }}; Object.defineProperty(o, 'y', {}); o": amf.NewObject("x", 7.0),
	} {
		err := rt.Scope(func() error {
			out, err := v.Out(load(t, rt, source))
			if err == nil && !reflect.DeepEqual(out, want) {
				t.Errorf("%s left as %#v, want %#v", source, out, want)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// TestArguments: what is one object in two arguments stays one, both ways.
func TestArguments(t *testing.T) {
	rt, v := open(t, engine.Limits{})
	o := amf.NewObject("a", 1.0)
	all, err := v.InAll([]amf.Value{"x", o, amf.NewArray(o), nil})
	if err != nil {
		t.Fatal(err)
	}
	item, err := all[2].Object().Index(0)
	if err != nil || !item.Object().Same(all[1].Object()) || all[0].Text() != "x" || all[3] != engine.Null {
		t.Errorf("%+v, %v", all, err)
	}
	out, err := v.OutAll(all)
	if err != nil {
		t.Fatal(err)
	}
	if list, ok := out[2].(*amf.Array); !ok || list.Items[0] != out[1] || out[0] != "x" || out[3] != nil {
		t.Errorf("%#v", out)
	}
	for _, e := range append(all, item) {
		e.Object().Release()
	}
	if kept, _ := rt.Handles(); kept > 20 {
		t.Errorf("%d values are kept", kept)
	}
	if out, err := v.OutAll(nil); err != nil || len(out) != 0 {
		t.Error(out, err)
	}
}

func TestRegister(t *testing.T) {
	rt, v := open(t, engine.Limits{})
	load(t, rt, `
		var log = [];
		function Player() { log.push("new " + arguments.length); this.hp = 5; this.name = "nobody" }
		Player.prototype.onInitialize = function () { log.push("init " + this.name + " " + (this.friend ? this.friend.name : "-")) };
		Player.prototype.hello = function () { return "hi " + this.name };
		Player.prototype.__defineSetter__("shout", function (v) { this.heard = v });
	`)
	player := load(t, rt, "Player")
	if err := v.Register("com.Player", player.Object()); err != nil {
		t.Fatal(err)
	}
	player.Object().Release() // Values has its own
	ann := &amf.Object{Class: "com.Player"}
	bob := &amf.Object{Class: "com.Player", Properties: []amf.Property{{Name: "name", Value: "bob"}, {Name: "friend", Value: ann}}}
	ann.Properties = []amf.Property{{Name: "name", Value: "ann"}, {Name: "friend", Value: bob}, {Name: "shout", Value: "x"}, {Name: "__proto__", Value: nil}}
	e, err := v.In(amf.NewArray(bob, ann))
	if err != nil {
		t.Fatal(err)
	}
	set(t, rt, "v", e)
	for _, source := range []string{
		"v[0] instanceof Player && v[1] instanceof Player && v[0].hello() === 'hi bob' && v[0].hp === 5",
		"v[0].friend === v[1] && v[1].friend === v[0] && v[1].heard === 'x' && v[0].heard === undefined",
		"log.join() === 'new 0,new 0,init ann nobody,init bob ann'",
		"Object.getPrototypeOf(v[1]) === Player.prototype",
	} {
		if got := load(t, rt, source); got != engine.Bool(true) {
			t.Errorf("%s is %+v; %s", source, got, load(t, rt, "log.join()").Text())
		}
	}
	out, err := v.Out(load(t, rt, "[new Player(), v[0]]"))
	if err != nil {
		t.Fatal(err)
	}
	items := out.(*amf.Array).Items
	if o := items[0].(*amf.Object); o.Class != "com.Player" || len(o.Properties) != 2 {
		t.Errorf("%#v", o)
	}
	back, _ := items[1].(*amf.Object).Get("friend")
	if f, _ := back.(*amf.Object).Get("friend"); f != items[1] {
		t.Errorf("%#v", f)
	}
	if err := v.Register("com.Player", nil); err != nil {
		t.Fatal(err)
	}
	if out, err := v.Out(load(t, rt, "new Player()")); err != nil || out.(*amf.Object).Class != "" {
		t.Errorf("%#v, %v", out, err)
	}
	if e, err := v.In(ann); err != nil {
		t.Error(err)
	} else if proto, _ := e.Object().Get("hello"); proto != engine.Undefined {
		t.Error("a class that was taken back makes objects")
	}
	if err := v.Register("x", load(t, rt, "({})").Object()); err == nil {
		t.Error("an object makes objects of a class")
	}
}

// TestBadValues: what is refused, and that all goes on.
func TestBadValues(t *testing.T) {
	rt, v := open(t, engine.Limits{Time: 300 * time.Millisecond, Value: 100 << 10})
	load(t, rt, `
		function Bad() { throw new Error("no " + 1) }
		function Endless() { for (;;); }
		function deep(n) { var o = {}; while (n--) o = {o: o}; return o }
	`)
	for class, name := range map[string]string{"bad": "Bad", "endless": "Endless"} {
		if err := v.Register(class, load(t, rt, name).Object()); err != nil {
			t.Fatal(err)
		}
	}
	nested := amf.Value(nil)
	for range 2000 {
		nested = amf.NewArray(nested)
	}
	many := amf.NewArray()
	for range 10 {
		many.Items = append(many.Items, &amf.Object{Class: "endless"})
	}
	began := time.Now()
	for name, c := range map[string]struct {
		value amf.Value
		is    error
		text  string
	}{
		"constructor that throws": {&amf.Object{Class: "bad"}, nil, "no 1"},
		"constructor without end": {many, engine.ErrTime, ""},
		"too deep":                {nested, engine.ErrValue, "levels"},
		"too large":               {amf.NewArray(make([]amf.Value, 7000)...), engine.ErrValue, "bytes"},
		"too long a string":       {strings.Repeat("x", 100<<10+1), engine.ErrValue, "bytes"},
		"too many numbers":        {&amf.Vector[int32]{Items: make([]int32, 7000)}, engine.ErrValue, "bytes"},
		"a type of Go's":          {amf.NewArray(struct{}{}), engine.ErrValue, "struct"},
	} {
		e, err := v.In(c.value)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %.100v, %.100v", name, e, err)
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("ten constructors without end took %v together", took)
	}
	for source, text := range map[string]string{
		"deep(100)":                      "levels",
		"new Array(7000).fill(1)":        "bytes",
		"({get x() { throw 'thrown' }})": "thrown",
		"var n = {}; n[new Array(65536 + 1).join('x')] = 1; n": "name",
	} {
		if out, err := v.Out(load(t, rt, source)); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %#v, %v", source, out, err)
		}
	}
	if _, err := v.Out(load(t, rt, "({get x() { for (;;); }})")); !errors.Is(err, engine.ErrTime) {
		t.Errorf("a getter without end: %v", err)
	}
	if out, err := v.Out(load(t, rt, "deep(60)")); err != nil {
		t.Errorf("%#v, %v", out, err)
	}
}
