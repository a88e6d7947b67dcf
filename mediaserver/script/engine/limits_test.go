package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// ends runs a source that must end in one way and in time, in a runtime of its own that goes on. want is nil for any way.
func ends(t *testing.T, l engine.Limits, source string, want error) {
	t.Helper()
	short := source[:min(len(source), 80)]
	r, err := engine.New(l)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	begin := time.Now()
	_, err = r.Load(engine.Source{Name: "main.asc", Text: source})
	took := time.Since(begin)
	if want != nil && !errors.Is(err, want) || errors.Is(err, engine.ErrDead) {
		t.Errorf("%s: %v, not %v, after %v", short, err, want, took)
		return
	}
	if most := r.Limits().Time + 2*r.Limits().Grace + time.Minute; took > most {
		t.Errorf("%s: took %v", short, took)
	}
	v, err := r.Load(engine.Source{Name: "next.asc", Text: "delete hold; [1, 2].join()"})
	if err != nil || v.Text() != "1,2" {
		t.Errorf("%s: and then %v, %v", short, v, err)
	}
}

// TestDepthHolds goes through the kinds of nesting that we know of. Without the limit each ends the process: a goroutine's stack that is
// used up cannot be recovered.
func TestDepthHolds(t *testing.T) {
	t.Parallel()
	nest := func(open, middle, end string) string {
		return strings.Repeat(open, 20000) + middle + strings.Repeat(end, 20000)
	}
	l := engine.Limits{Time: 2 * time.Minute, Memory: 128 << 20}
	for _, source := range []string{
		nest("(", "1", ")"), nest("[", "", "]"), nest("!", "1", ""), nest("- ", "1", ""), nest("typeof ", "1", ""), "x=" + nest("a?", "1", ":1"),
		nest("1?1:", "1", ""), nest("{", "", "}"), "x=" + nest("{a:", "1", "}"), nest("x=>", "1", ""), nest("(x=>", "1", ")"), nest("if(1)", "1", ""),
		nest("while(0)", ";", ""), nest("for(;0;)", ";", ""), nest("`${", "1", "}`"), nest("new ", "Object", ""), nest("a=", "1", ""),
		nest("2**", "1", ""), nest("try{", "", "}catch(e){}"), nest("switch(1){case 1:", "", "}"), nest("with({})", "1", ""), nest("do ", "1", " while(0)"),
		"(function(){" + nest("(function(){", "", "})") + "})", "eval(" + nest("'+eval(", "1", ")+'") + ")", "/" + strings.Repeat("(?:", 4000) + strings.Repeat(")", 4000) + "/", "/" + strings.Repeat("(?=", 4000) + strings.Repeat(")", 4000) + "/",
		"eval('('.repeat(300000))", "new RegExp('(?:'.repeat(4000) + ')'.repeat(4000))", "JSON.parse('['.repeat(300000))",
		"JSON.parse('{\"a\":'.repeat(100000))", "function f(){f()} f()", "function f(){return f.apply(this, arguments)} f()", "function f(){return f.call()} f()",
		"function f(){[1].map(f)} f()", "function f(){[2, 1].sort(f)} f()", "function f(){'a'.replace(/a/, f)} f()", "function f(){new f} f()", "function f(){eval('f()')} f()",
		"function f(){new Function('f()')()} f()", "var o = {get a(){return o.a}}; o.a", "var o = {set a(v){o.a = v}}; o.a = 1",
		"var o = {toString: function(){return '' + o}}; '' + o", "var o = {valueOf: function(){return +o}}; +o", "var o = {toJSON: function(){return JSON.stringify(o)}}; JSON.stringify(o)",
		"var a = []; for (var i = 0; i < 20000; i++) a = [a]; hold = a; String(a)", "var a = []; for (var i = 0; i < 20000; i++) a = [a]; JSON.stringify(a)",
		"var a = []; for (var i = 0; i < 20000; i++) a = [a]; a.flat(Infinity)", "var p = {}; for (var i = 0; i < 20000; i++) p = new Proxy(p, {}); p.x",
		"var p = {}; for (var i = 0; i < 20000; i++) p = new Proxy(p, {}); 'x' in p", "var p = []; for (var i = 0; i < 20000; i++) p = new Proxy(p, {}); Array.isArray(p)",
		"var p = function(){}; for (var i = 0; i < 20000; i++) p = new Proxy(p, {}); p()", "var p = {}; for (var i = 0; i < 20000; i++) p = new Proxy(p, {}); Object.keys(p)",
		"var p = {}; for (var i = 0; i < 20000; i++) p = new Proxy(p, {}); for (var x in p);", "function* g(n){ if (n) yield* g(n - 1); yield 1 } g(100000).next()",
		"async function f(){await f()} f()", "class A {y = new A()} new A", "function f(a = f()){} f()",
	} {
		ends(t, l, source, engine.ErrDepth)
	}
}

// TestVariablesOfCalls are memory outside of the arena: many in a call that calls itself would be a gigabyte.
func TestVariablesOfCalls(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	e := fails(t, r, "var n = 0, s = 'function f('; for (var i = 0; i < 60000; i++) s += 'v' + i + ','; eval(s + 'z){ n++; return f()} f()')")
	if deep := load(t, r, "n").Number(); !errors.Is(e, engine.ErrDepth) || deep > 20 {
		t.Errorf("%v calls deep: %v", deep, e)
	}
}

// TestWhatIsNotCounted is recursion that the engine does not count, as deep as memory allows: it is refused before.
func TestWhatIsNotCounted(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	if e := fails(t, r, "var f = Array; for (var i = 0; i < 2000; i++) {f = f.bind(); delete f.name}"); e.Message != "a function that was bound 1000 times" {
		t.Error(e)
	}
	const iterator = "Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()))"
	for _, name := range []string{"map", "filter", "take", "drop", "flatMap"} {
		if got := text(t, r, "typeof "+iterator+"."+name); got != "undefined" {
			t.Errorf("an iterator's %s is %s", name, got)
		}
	}
}

// TestMemoryHolds fills it with whatever scripts can make. Without the limit each takes all that the machine has.
func TestMemoryHolds(t *testing.T) {
	t.Parallel()
	l := engine.Limits{Time: 2 * time.Minute, Memory: 8 << 20}
	for _, source := range []string{
		"hold = []; for (;;) hold.push('x'.repeat(1000) + hold.length)", "hold = []; for (;;) hold.push({})", "hold = []; for (;;) hold.push([])",
		"hold = []; for (;;) hold.push(function(){})", "hold = {}; for (var i = 0;; i++) hold['k' + i] = i", "hold = new Map; for (var i = 0;; i++) hold.set(i, i)",
		"hold = []; for (;;) hold.push(new Date)", "hold = []; for (;;) hold.push(Symbol())", "hold = []; for (;;) hold = [hold, hold]", "hold = []; for (;;) hold.push(/a/g)",
		"hold = []; for (;;) hold.push(new Error('x'))", "hold = null; for (;;) hold = Object.create(hold)", "hold = []; for (;;) hold.push(Promise.resolve())",
		"hold = []; for (;;) { (function(){ var x = 1; hold.push(function(){return x}) })() }", "new Array(3e6).fill(0)", "'x'.repeat(1e8)", "'x'.padStart(1e8)", "'x'.padEnd(1e8, 'abc')",
		"var s = 'x'; for (;;) { s += s; s.charAt(0) }", "JSON.stringify(new Array(4e6))", "Array.from({length: 4e6})", "[...new Array(4e9)]",
		"'ab'.repeat(1e6).split('')", "var s = 'x'.repeat(1e6); s.replace(/x/g, s)", "eval('1' + '+1'.repeat(1e6))", "escape('\\u20ac'.repeat(2e6))",
		"try { hold = []; for (;;) hold.push({}) } catch (e) { for (;;) hold.push({}) }",
	} {
		ends(t, l, source, engine.ErrMemory)
	}
	// What nobody holds is found again, near the limit, too.
	r := open(t, engine.Limits{Memory: 8 << 20})
	load(t, r, "var hold = []; for (var i = 0; i < 45000; i++) hold.push({n: i}); 0")
	if used := r.Memory().Used; used < 5<<20 || used > 7<<20 {
		t.Fatalf("%d bytes are no good to test with", used)
	}
	load(t, r, "for (var i = 0; i < 100000; i++) { var a = {}; a.a = a; a.b = [a, 'x' + i] } 0")
}

// TestLongLengths asks the language's own functions to go through lengths that would take minutes. Without the guard, none of these
// comes back in time, and the runtime dies of it.
func TestLongLengths(t *testing.T) {
	t.Parallel()
	l := engine.Limits{Time: 200 * time.Millisecond, Grace: 5 * time.Second}
	for _, call := range []string{
		"indexOf(1)", "lastIndexOf(1)", "includes(1)", "join('')", "toString()", "toLocaleString()", "sort()", "reverse()", "slice(0)", "splice(0, 1)", "shift()",
		"unshift(1)", "concat([1])", "fill(1)", "copyWithin(0, 1)", "every(Boolean)", "some(Boolean)", "map(Boolean)", "filter(Boolean)", "forEach(Boolean)",
		"reduce(Boolean)", "reduceRight(Boolean)", "find(Boolean)", "findIndex(Boolean)", "findLast(Boolean)", "findLastIndex(Boolean)", "flat()", "flatMap(Boolean)", "toReversed()",
		"toSorted()", "with(0, 1)", "toSpliced(0, 1)",
	} {
		ends(t, l, "var a = []; a.length = 4294967295; a."+call, nil)
		ends(t, l, "var a = []; a[4294967290] = 1; a."+call, nil)
		name, args, _ := strings.Cut(call, "(")
		ends(t, l, "Array.prototype."+name+".call({length: 9007199254740991, join: [].join}, "+args, nil)
	}
	for _, source := range []string{
		"[].concat(new Array(4e9))", "Function.apply(null, {length: 4e9})", "Reflect.apply(Math.max, null, {length: 4e9})", "JSON.stringify(new Array(4e9))", "String(new Array(4e9))",
		"Array.from(new Array(4e9))", "new Set(new Array(4e9))", "Promise.all(new Array(4e9))", "for (var x of new Array(4e9));",
		"'a'.repeat(3e5).indexOf('a'.repeat(1e5) + 'b')", "'a'.repeat(3e5).lastIndexOf('a'.repeat(1e5) + 'b')", "'a'.repeat(3e5).split('a'.repeat(1e5) + 'b')",
		"'a'.repeat(3e5).replace('a'.repeat(1e5) + 'b', '')", "new RegExp('a|'.repeat(100000))", "/" + strings.Repeat("a|", 100000) + "/", "/(a+)+$/.test('a'.repeat(50) + 'b')",
		"/^(([a-z])+.)+[A-Z]([a-z])+$/.test('a'.repeat(100))", "/(?:a*)*b/.test('a'.repeat(100000))",
		// many that are long, each of them not too long
		"var a = []; for (var i = 0; i < 100000; i++) a[i] = i; for (;;) a.indexOf(-1)", "var a = []; for (var i = 0; i < 100000; i++) a[i] = i; for (;;) a.join('')",
		"var a = new Array(2e5); for (;;) a.indexOf(1)", "var s = 'ab'.repeat(1e5); for (;;) s.split('b')", "var s = 'ab'.repeat(1e5); for (;;) s.indexOf('c')",
		"var o = {}; for (var i = 0; i < 10000; i++) o['x' + i] = 1; for (;;) Object.assign({}, o)", "for (;;) Promise.resolve().then(function(){})",
		"function f(){return Promise.resolve().then(f)} f(); 0",
	} {
		ends(t, l, source, nil)
	}
}

// TestWhatHasNoLimitButTheWatch is what the engine cannot be asked to stop: it takes the memory away, and the runtime dies, in time.
func TestWhatHasNoLimitButTheWatch(t *testing.T) {
	t.Parallel()
	// The source is read in that time, too, on a machine that is busy.
	l := engine.Limits{Time: 500 * time.Millisecond, Grace: 50 * time.Millisecond}
	for source, native := range map[string]string{
		"var n = 0;\n[].indexOf.call({get length(){return n++ ? 4294967295 : 1}}, 1)": "array_indexOf",
		"\n(10n ** 300000n).toString()":                                               "bigint_",
	} {
		r := open(t, l)
		e := fails(t, r, source)
		if !errors.Is(e, engine.ErrDead) || e.File != "main.asc" || e.Line != 2 || !strings.Contains(e.Error(), native) {
			t.Errorf("%s: %v", source, e)
		}
		select {
		case <-r.Dead():
		default:
			t.Errorf("%s: the runtime is not dead", source)
		}
		if err := r.Err(); !errors.Is(err, engine.ErrDead) {
			t.Errorf("%s: %v", source, err)
		}
		if _, err := r.Load(engine.Source{Text: "1"}); !errors.Is(err, engine.ErrDead) {
			t.Errorf("%s: and then %v", source, err)
		}
	}
}

func TestSourceHolds(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{Source: 1000})
	if e := fails(t, r, strings.Repeat(" ", 1001)); !errors.Is(e, engine.ErrSyntax) || e.File != "main.asc" {
		t.Error(e)
	}
	load(t, r, strings.Repeat(" ", 1000))
}

func TestHandlesHold(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{Handles: 10})
	for i := range 11 {
		_, err := r.NewObject()
		if held := i < 10; held != (err == nil) || !held && !errors.Is(err, engine.ErrHandles) {
			t.Fatalf("object %d: %v", i, err)
		}
	}
}

// TestNothingDangerous is what a script must not find, by whatever way.
func TestNothingDangerous(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	for _, name := range []string{
		"std", "os", "bjson", "Worker", "SharedArrayBuffer", "Atomics", "ArrayBuffer", "Uint8Array", "DataView", "WeakRef", "FinalizationRegistry", "BigInt",
		"require", "process", "module", "exports", "scriptArgs", "print", "console", "load", "gc", "WebAssembly", "Iterator", "performance", "setTimeout",
		"navigator", "fetch", "structuredClone", "queueMicrotask",
	} {
		if got := text(t, r, "typeof "+name); got != "undefined" {
			t.Errorf("%s is %s", name, got)
		}
		if got := text(t, r, "typeof Function('return this')()['"+name+"']"); got != "undefined" {
			t.Errorf("the global object's %s is %s", name, got)
		}
	}
	for _, source := range []string{"import('std')", "import('./main.asc')", "eval('import(\"os\")')"} {
		if e := fails(t, r, source); !strings.Contains(e.Message, "could not load module") {
			t.Errorf("%s: %v", source, e)
		}
	}
	for _, source := range []string{"import * as std from 'std'", "import.meta", "export var x"} {
		if e := fails(t, r, source); !errors.Is(e, engine.ErrSyntax) {
			t.Errorf("%s: %v", source, e)
		}
	}
}

func TestLimitsThatCannotBeHeld(t *testing.T) {
	t.Parallel()
	for _, l := range []engine.Limits{{Memory: 1}, {Memory: 1 << 40}, {Depth: 1}, {Depth: 1 << 20}, {Time: -1}, {Handles: -1}} {
		if r, err := engine.New(l); err == nil {
			r.Close()
			t.Errorf("%+v was taken", l)
		}
	}
}

// TestManyAtOnce is about what runtimes share: nothing. Each has its own limits while others run.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := open(t, engine.Limits{Time: 2 * time.Minute, Memory: 4 << 20})
			load(t, r, "var n = 0; function add(k) { n += k; return [n, {n: n}].length + n }")
			add, err := mustGlobal(t, r).Get("add")
			if err != nil {
				t.Fatal(err)
			}
			for range 2000 {
				if _, err := add.Object().Call(engine.Undefined, engine.Number(float64(i))); err != nil {
					t.Fatal(err)
				}
			}
			if got := load(t, r, "n").Number(); got != float64(2000*i) {
				t.Errorf("%v", got)
			}
			if i%2 == 0 {
				if e := fails(t, r, "hold = []; for (;;) hold.push({})"); !errors.Is(e, engine.ErrMemory) {
					t.Error(e)
				}
			}
		})
	}
}

// TestWithin is a call that may take longer than others.
func TestWithin(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{Time: time.Millisecond})
	const work = "for (var i = 0; i < 3e6; i++);" // however much of its time a busy machine takes from it
	if err := r.Within(time.Minute, func() error {
		_, err := r.Load(engine.Source{Name: "main.asc", Text: work})
		return err
	}); err != nil {
		t.Error(err)
	}
	if _, err := r.Load(engine.Source{Name: "main.asc", Text: work}); !errors.Is(err, engine.ErrTime) {
		t.Error(err)
	}
}
