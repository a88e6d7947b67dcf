package engine_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

func export(t testing.TB, r *engine.Runtime, source string) engine.Data {
	t.Helper()
	d, err := r.Export(load(t, r, source), engine.Options{})
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return d
}

func num(f float64) engine.Value { return engine.Number(f) }

// dataTable is what goes out as Data and in again.
var dataTable = map[string]engine.Data{
	"undefined": engine.Undefined,
	"null":      engine.Null,
	"'a'":       engine.String("a"),
	"({})":      &engine.Record{},
	"({b: 1, a: 'x', 7: true, c: undefined})": &engine.Record{Fields: []engine.Field{
		{"7", engine.Bool(true)}, {"b", num(1)}, {"a", engine.String("x")}, {"c", engine.Undefined},
	}},
	"[1, , 3]": &engine.List{Length: 3, Items: []engine.Item{{0, num(1)}, {2, num(3)}}},
	"var a = [1]; a[4294967294] = 2; a": &engine.List{
		Length: 4294967295, Items: []engine.Item{{0, num(1)}, {4294967294, num(2)}},
	},
	"var m = []; m['key'] = 1; m['01'] = 2; m[1] = 3; m": &engine.List{
		Length: 2, Items: []engine.Item{{1, num(3)}}, Fields: []engine.Field{{"key", num(1)}, {"01", num(2)}},
	},
	"var e = []; e.length = 5; e":    &engine.List{Length: 5},
	"new Date(1234567890123)":        engine.Date(1234567890123),
	"[new Date(-1.5)]":               &engine.List{Length: 1, Items: []engine.Item{{0, engine.Date(-1)}}},
	"({'\\ud800': '\\udc00'})":       &engine.Record{Fields: []engine.Field{{"\xed\xa0\x80", engine.String("\xed\xb0\x80")}}},
	"({'': [[]], __proto__x: null})": &engine.Record{Fields: []engine.Field{{"", &engine.List{Length: 1, Items: []engine.Item{{0, &engine.List{}}}}}, {"__proto__x", engine.Null}}},
}

func TestDataGoesOutAndIn(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	for source, want := range dataTable {
		got := export(t, r, source)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s gave %#v", source, got)
		}
		v, err := r.Import(want)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		again, err := r.Export(v, engine.Options{})
		if err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("%s went in and came out as %#v, %v", source, again, err)
		}
	}
	// What has no other way in.
	for source, want := range map[string]engine.Data{
		"new Number(5)": num(5), "new String('s')": engine.String("s"), "new Boolean(false)": engine.Bool(false), "Symbol('x')": engine.Undefined,
		"(function () { return arguments })(1).length":                      num(1),
		"({get a() { return 1 }})":                                          &engine.Record{Fields: []engine.Field{{"a", num(1)}}},
		"var h = {a: 1}; Object.defineProperty(h, 'hidden', {value: 2}); h": &engine.Record{Fields: []engine.Field{{"a", num(1)}}},
		"Object.create(null)":                                               &engine.Record{},
	} {
		if got := export(t, r, source); !reflect.DeepEqual(got, want) {
			t.Errorf("%s gave %#v", source, got)
		}
	}
	if d, ok := export(t, r, "new Date(NaN)").(engine.Date); !ok || !math.IsNaN(float64(d)) {
		t.Error("an invalid date")
	}
}

func TestReferencesAndCycles(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	rec := export(t, r, "var o = {list: []}; o.self = o; o.list[0] = o; o.list[1] = o.list; o").(*engine.Record)
	list := rec.Fields[0].Value.(*engine.List)
	if rec.Fields[1].Value != engine.Data(rec) || list.Items[0].Value != engine.Data(rec) || list.Items[1].Value != engine.Data(list) {
		t.Errorf("%+v", rec)
	}
	v, err := r.Import(rec)
	if err != nil {
		t.Fatal(err)
	}
	global(t, r, "back", v)
	if got := text(t, r, "back !== o && back.self === back && back.list[0] === back && back.list[1] === back.list"); got != "true" {
		t.Error(got)
	}
}

// TestWhatIsNotCopied: functions and objects of Go's stay what they are, and so does what Keep wants.
func TestWhatIsNotCopied(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	class := clients(t, r)
	load(t, r, "function My(n) { this.n = n } My.prototype.twice = function () { return 2 * this.n }")
	v := load(t, r, "var my = new My(1), c = new Client('bob'), f = function () { return 7 }; ({f: f, c: c, my: my, again: my, re: /x/})")
	before, _ := r.Handles()
	d, err := r.Export(v, engine.Options{Keep: func(o *engine.Object) (bool, error) { return o.Class() == "RegExp", nil }})
	if err != nil {
		t.Fatal(err)
	}
	fields := d.(*engine.Record).Fields
	if got, err := fields[0].Value.(*engine.Object).Call(engine.Undefined); err != nil || got.Number() != 7 {
		t.Error(got, err)
	}
	if !class.Is(fields[1].Value.(*engine.Object)) {
		t.Error("a client is no client any more")
	}
	my := fields[2].Value.(*engine.Record)
	proto := load(t, r, "My.prototype").Object()
	if my.Proto == nil || !my.Proto.Same(proto) || fields[3].Value != engine.Data(my) {
		t.Errorf("%+v", my)
	}
	if re := fields[4].Value.(*engine.Object); re.Class() != "RegExp" {
		t.Error(re.Class())
	}
	back, err := r.Import(d)
	if err != nil {
		t.Fatal(err)
	}
	global(t, r, "back", back)
	if got := text(t, r, "back.f === f && back.c === c && back.my instanceof My && back.my.twice() === 2"); got != "true" {
		t.Error(got)
	}
	if after, _ := r.Handles(); after-before > 8 {
		t.Errorf("%d values are kept, %d before", after, before)
	}
	// When it fails half way, nothing is kept of it.
	before, _ = r.Handles()
	bad := load(t, r, "({a: function () {}, b: new My(1), get c() { throw new Error('not this') }})")
	if _, err := r.Export(bad, engine.Options{}); err == nil || !strings.Contains(err.Error(), "not this") {
		t.Error(err)
	}
	if after, _ := r.Handles(); after != before+1 {
		t.Errorf("%d values are kept, %d before", after, before)
	}
}

func TestDataHasLimits(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{Value: 10000, Time: 2 * time.Second, Grace: 5 * time.Second})
	for source, want := range map[string]error{
		"'x'.repeat(10001)": engine.ErrValue, "['x'.repeat(5000), 'y'.repeat(5000)]": engine.ErrValue, "new Array(1000).fill(1)": engine.ErrValue,
		"var o = {}; for (var i = 0; i < 400; i++) o['name' + i] = 1; o": engine.ErrValue, "[10n]": engine.ErrValue,
		"({get a() { return 1 }, get d() { for (;;); }})":                 engine.ErrTime,
		"var p = {get p() { return {__proto__: p} }}; p":                  nil,
		"var f = function () { return {get x() { return f() }} }; f()":    engine.ErrValue,
		"new Proxy({}, {ownKeys: function () { throw new Error('no') }})": nil,
	} {
		v, err := r.Load(engine.Source{Text: source})
		if err == nil {
			_, err = r.Export(v, engine.Options{})
		}
		if want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v, not %v", source, err, want)
		}
		v.Object().Release()
	}
	deep := engine.Data(engine.Null)
	for range 2000 {
		deep = &engine.List{Length: 1, Items: []engine.Item{{0, deep}}}
	}
	long := open(t, engine.Limits{})
	for _, d := range []engine.Data{deep, 5, "text", engine.String(strings.Repeat("x", 2<<20)), &engine.Record{Fields: []engine.Field{{"a", 7}}}} {
		if _, err := long.Import(d); !errors.Is(err, engine.ErrValue) {
			t.Errorf("%T went in: %v", d, err)
		}
	}
	other := load(t, open(t, engine.Limits{}), "({})").Object()
	if _, err := long.Import(&engine.Record{Proto: other}); !errors.Is(err, engine.ErrValue) {
		t.Errorf("an object of another runtime went in: %v", err)
	}
}

// FuzzData makes data of bytes, as they come, and sends it in and out.
func FuzzData(f *testing.F) {
	f.Add([]byte("\x07\x02\x05a\x04\x03\x06\x01\x08\x02\x01\x09"))
	f.Add([]byte("\x08\x05\x04\x01\x06\x03\xed\xa0\x80\x0a\x01"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := open(t, engine.Limits{Value: 1 << 16, Depth: 100})
		m := maker{in: in}
		d := m.data(0)
		v, err := r.Import(d)
		if err != nil {
			if !errors.Is(err, engine.ErrValue) {
				t.Fatal(err)
			}
			return
		}
		got, err := r.Export(v, engine.Options{})
		if err != nil {
			if !errors.Is(err, engine.ErrValue) {
				t.Fatal(err)
			}
			return
		}
		if a, b := show(d, map[engine.Data]int{}), show(got, map[engine.Data]int{}); a != b {
			t.Fatalf("went in as\n%s\nand came out as\n%s", a, b)
		}
	})
}

// maker makes data of bytes. Names are made so that they come in the order that the language has.
type maker struct {
	in   []byte
	made []engine.Data
}

func (m *maker) byte() byte {
	if len(m.in) == 0 {
		return 0
	}
	b := m.in[0]
	m.in = m.in[1:]
	return b
}

func (m *maker) text() string {
	n := min(int(m.byte()), len(m.in))
	s := string(m.in[:n])
	m.in = m.in[n:]
	return s
}

func (m *maker) data(depth int) engine.Data {
	switch m.byte() % 10 {
	case 1:
		return engine.Null
	case 2:
		return engine.Bool(m.byte()&1 != 0)
	case 3:
		return num(float64(int8(m.byte())))
	case 4:
		b := [8]byte{}
		for i := range b {
			b[i] = m.byte()
		}
		return num(math.Float64frombits(binary.LittleEndian.Uint64(b[:])))
	case 5:
		return engine.String(m.text())
	case 6:
		return engine.Date(float64(int8(m.byte())) * 1e9)
	case 7:
		if depth > 50 {
			return nil
		}
		rec := &engine.Record{}
		m.made = append(m.made, rec)
		for i := range int(m.byte() % 8) {
			rec.Fields = append(rec.Fields, engine.Field{Name: fmt.Sprintf("n%d%s", i, m.text()), Value: m.data(depth + 1)})
		}
		return rec
	case 8:
		if depth > 50 {
			return nil
		}
		l := &engine.List{}
		m.made = append(m.made, l)
		for range int(m.byte() % 8) {
			l.Length += uint32(m.byte() % 4)
			l.Items = append(l.Items, engine.Item{Index: l.Length, Value: m.data(depth + 1)})
			l.Length++
		}
		l.Length += uint32(m.byte() % 4)
		return l
	case 9:
		if len(m.made) > 0 {
			return m.made[int(m.byte())%len(m.made)]
		}
	}
	return engine.Undefined
}

// show writes data so that what is the same reads the same, cycles included.
func show(d engine.Data, seen map[engine.Data]int) string {
	switch d := d.(type) {
	case nil:
		return show(engine.Undefined, seen)
	case engine.Value:
		if d.Kind() == engine.KindNumber {
			return fmt.Sprint("number ", d.Number())
		}
		return fmt.Sprintf("%v %v %q", d.Kind(), d.Bool(), strings.Join(strings.Split(clean(d.Text()), ""), "|"))
	case engine.Date:
		return fmt.Sprint("date ", float64(d))
	case *engine.Record, *engine.List:
		if n, ok := seen[d]; ok {
			return fmt.Sprint("again ", n)
		}
		seen[d] = len(seen)
	}
	var b strings.Builder
	switch d := d.(type) {
	case *engine.Record:
		b.WriteString("{")
		for _, f := range d.Fields {
			fmt.Fprintf(&b, "%q: %s, ", clean(f.Name), show(f.Value, seen))
		}
	case *engine.List:
		fmt.Fprintf(&b, "[%d ", d.Length)
		for _, i := range d.Items {
			fmt.Fprintf(&b, "%d: %s, ", i.Index, show(i.Value, seen))
		}
	}
	return b.String() + "}"
}

// clean is what a string is after it was in: bytes that are no UTF-8 and no half of a pair are U+FFFD, one for each, and two halves that
// have come together are one character.
func clean(s string) string {
	var b strings.Builder
	var high rune
	flush := func() {
		if high != 0 {
			b.WriteString(half(high))
			high = 0
		}
	}
	for i := 0; i < len(s); {
		if i+3 <= len(s) && s[i] == 0xED && s[i+1] >= 0xA0 && s[i+1] <= 0xBF && s[i+2]&0xC0 == 0x80 {
			c := 0xD000 | rune(s[i+1]&0x3F)<<6 | rune(s[i+2]&0x3F)
			i += 3
			switch {
			case c < 0xDC00:
				flush()
				high = c
			case high != 0:
				b.WriteRune(0x10000 + (high-0xD800)<<10 + (c - 0xDC00))
				high = 0
			default:
				b.WriteString(half(c))
			}
			continue
		}
		flush()
		r := []rune(s[i:min(i+4, len(s))])[0]
		n := len(string(r))
		if r == '\uFFFD' && !strings.HasPrefix(s[i:], "\uFFFD") {
			n = 1
		}
		b.WriteRune(r)
		i += n
	}
	flush()
	return b.String()
}

func half(c rune) string {
	return string([]byte{0xE0 | byte(c>>12), 0x80 | byte(c>>6&0x3F), 0x80 | byte(c&0x3F)})
}

// FuzzLoad runs whatever comes: it may end in any way but one that ends the process, or takes longer than it may.
func FuzzLoad(f *testing.F) {
	for _, source := range []string{
		"var a = [1, 2]; a.sort(function (x, y) { return x > y }).join()", "for (var i in {a: 1}) with ({}) i", "({get a() { return /(a)/.exec('a')[1] }}).a",
		"try { throw new Error('x') } catch (e) { e.stack }", "function* g() { yield* [1] } [...g()]", "class A extends Array { m() { return super.concat([1]) } } new A().m()",
		"new Proxy({}, {get: function (t, k) { return k }}).x", "JSON.parse(JSON.stringify({a: [1, {b: null}]}))", "async function f() { await null } f()", "`${1 + 1}` + 'x'.padStart(5)",
		"var {a, ...b} = {a: 1, c: 2}; b", "label: for (;;) { break label }", "eval('1+1'); Function('return this')()", "new Date(0).toUTCString()", "<!-- old\n1", "010 + 0x10",
	} {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		r := open(t, engine.Limits{Time: 50 * time.Millisecond, Grace: 2 * time.Second, Memory: 4 << 20, Depth: 200, Source: 1 << 16})
		begin := time.Now()
		v, err := r.Load(engine.Source{Name: "fuzz.asc", Text: source})
		if took := time.Since(begin); took > 2*time.Minute { // on a machine that is very busy
			t.Fatalf("took %v", took)
		}
		if err == nil {
			_, _ = r.Export(v, engine.Options{})
		}
		if err := r.Err(); err != nil && strings.Contains(err.Error(), "failed") {
			t.Fatal(err)
		}
		v.Object().Release()
	})
}
