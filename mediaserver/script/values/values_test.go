package values

import (
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

func open(t testing.TB, limits engine.Limits) (*engine.Runtime, *Values) {
	t.Helper()
	if limits.Time == 0 {
		limits.Time = 2 * time.Minute // on a machine that is busy, with the race detector
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
		"new Date(NaN)":                    amf.NoDate,
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
	rt, v := open(t, engine.Limits{Time: 2 * time.Second, Value: 100 << 10})
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
	if took := time.Since(began); took > 2*time.Minute {
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
