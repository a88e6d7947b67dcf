package engine_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// global makes a property of the global object.
func global(t testing.TB, r *engine.Runtime, name string, v engine.Value) {
	t.Helper()
	if err := mustGlobal(t, r).Set(name, v); err != nil {
		t.Fatal(err)
	}
}

func goFunction(t testing.TB, r *engine.Runtime, name string, f engine.Func) {
	t.Helper()
	o, err := r.NewFunction(name, 0, f)
	if err != nil {
		t.Fatal(err)
	}
	global(t, r, name, o.Value())
	o.Release()
}

type client struct {
	id    string
	calls []string
}

// clients is a class as those of scripts are: methods, a property that is computed, one that can be assigned, and a static function.
func clients(t testing.TB, r *engine.Runtime) *engine.Type {
	t.Helper()
	of := func(c *engine.Call) *client { return c.Self.(*client) }
	class, err := r.Define(engine.Class{
		Name: "Client", Length: 1,
		New: func(c *engine.Call) (any, error) {
			if c.Arg(0).Kind() != engine.KindString {
				return nil, engine.TypeError("a client needs a name")
			}
			return &client{id: c.Arg(0).Text()}, nil
		},
		Methods: []engine.Method{{Name: "call", Length: 2, Func: func(c *engine.Call) (engine.Value, error) {
			of(c).calls = append(of(c).calls, c.Arg(0).Text())
			return engine.Number(float64(len(of(c).calls))), nil
		}}},
		Statics: []engine.Method{{Name: "get", Func: func(c *engine.Call) (engine.Value, error) { return c.Arg(0), nil }}},
		Properties: []engine.Property{
			{Name: "ip", Get: func(*engine.Call) (engine.Value, error) { return engine.String("127.0.0.1"), nil }},
			{
				Name: "id", Get: func(c *engine.Call) (engine.Value, error) { return engine.String(of(c).id), nil },
				Set: func(c *engine.Call) error { of(c).id = c.Arg(0).Text(); return nil },
			},
			{Name: "secret", Hidden: true, Get: func(*engine.Call) (engine.Value, error) { return engine.Number(1), nil }},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	global(t, r, "Client", class.Constructor().Value())
	return class
}

func TestClasses(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	class := clients(t, r)
	bob := &client{id: "bob"}
	o, err := class.New(bob)
	if err != nil {
		t.Fatal(err)
	}
	global(t, r, "bob", o.Value())
	for _, row := range []struct{ source, want string }{
		{"bob instanceof Client", "true"}, {"bob.constructor === Client", "true"}, {"Object.prototype.toString.call(bob)", "[object Client]"},
		{"typeof Client + Client.name + Client.length", "functionClient1"}, {"bob.id", "bob"}, {"bob.id = 'Bob'; bob.id", "Bob"}, {"bob.ip = 'x'; bob.ip", "127.0.0.1"},
		{"bob.call('a') + bob.call('b')", "3"}, {"Client.get(7)", "7"}, {"var names = []; for (var n in bob) names.push(n); names.sort().join()", "id,ip"},
		{"Client.prototype.greet = function () { return 'hi ' + this.id }; bob.greet()", "hi Bob"}, {"bob.mine = {a: 1}; bob.mine.a", "1"},
		{"var eve = new Client('eve'); eve.id + (eve instanceof Client) + eve.greet()", "evetruehi eve"},
		{"new Client(1)", "main.asc:1:11: TypeError: a client needs a name"}, {"Client('x')", "main.asc:1:7: TypeError: Client must be called with new"},
		{"Client.prototype.call.call({}, 'x')", "main.asc:1:27: TypeError: Client.call was called on what is no Client"},
		{"Client.prototype.ip === undefined", "true"}, {"Client.prototype.ip = 'proto'; Client.prototype.ip", "proto"},
		{"function Sub() {} Sub.prototype = new Client('base'); var s = new Sub(); (s instanceof Client) + s.greet()", "truehi undefined"},
		{"class Kid extends Client { constructor() { super('kid') } }; var k = new Kid(); k.id + (k instanceof Kid)", "kidtrue"},
		{"var d = Object.keys(bob).join()", "undefined"},
	} {
		if got := text(t, r, row.source); got != row.want {
			t.Errorf("%s gave %s, want %s", row.source, got, row.want)
		}
	}
	if bob.id != "Bob" || !slices.Equal(bob.calls, []string{"a", "b"}) {
		t.Errorf("%+v", bob)
	}
	eve := load(t, r, "eve").Object()
	if c, ok := eve.Host().(*client); !ok || c.id != "eve" || !class.Is(eve) || eve.Class() != "Client" {
		t.Errorf("%v", eve.Host())
	}
	if is, err := eve.InstanceOf(class.Constructor()); err != nil || !is {
		t.Error(is, err)
	}
	if other := load(t, r, "({})").Object(); class.Is(other) || other.Host() != nil {
		t.Error("{} is a client")
	}
}

// TestGone: Go hears of objects that the script lost, once no call is under way.
func TestGone(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	var gone []any
	class, err := r.Define(engine.Class{Name: "C", Gone: func(host any) { gone = append(gone, host) }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		o, err := class.New(i)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			global(t, r, "kept", o.Value())
		}
		o.Release()
	}
	if !slices.Equal(gone, []any{0, 2}) {
		t.Errorf("gone: %v", gone)
	}
	load(t, r, "kept.self = kept; kept = null")
	if err := r.Collect(); err != nil || !slices.Equal(gone, []any{0, 2, 1}) {
		t.Errorf("gone: %v, %v", gone, err)
	}
}

// TestFreed: Go can count what objects have of it while the script goes on.
func TestFreed(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	live, most := 0, 0
	class, err := r.Define(engine.Class{
		Name: "C",
		New: func(*engine.Call) (any, error) {
			live++
			most = max(most, live)
			return 1, nil
		},
		Freed: func(any) { live-- },
	})
	if err != nil {
		t.Fatal(err)
	}
	global(t, r, "C", class.Constructor().Value())
	load(t, r, "var kept = new C(); for (var i = 0; i < 100; i++) new C(); null")
	if live != 1 || most > 3 {
		t.Errorf("%d objects are there, %d were at once", live, most)
	}
}

func TestDynamicProperties(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	slots := map[string]engine.Value{"a": engine.Number(1)}
	class, err := r.Define(engine.Class{Name: "Slots", Methods: []engine.Method{{
		Name: "size", Func: func(*engine.Call) (engine.Value, error) { return engine.Number(float64(len(slots))), nil },
	}}, Dynamic: &engine.Dynamic{
		Get: func(_ any, name string) (engine.Value, bool, error) {
			if name == "bad" {
				return engine.Undefined, false, errors.New("bad to ask for")
			}
			v, ok := slots[name]
			return v, ok, nil
		},
		Set: func(_ any, name string, v engine.Value) (bool, error) {
			if strings.HasPrefix(name, "_") {
				return false, nil
			}
			slots[name] = v
			return true, nil
		},
		Delete: func(_ any, name string) (bool, error) { delete(slots, name); return true, nil },
		Names: func(any) (names []string) {
			for name := range slots {
				names = append(names, name)
			}
			slices.Sort(names)
			return names
		},
		Missing: func(o *engine.Object, name string) (engine.Value, bool, error) {
			if name == "__none" {
				return engine.Undefined, false, nil
			}
			return engine.String("no " + name), true, nil
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	o, err := class.New(1)
	if err != nil {
		t.Fatal(err)
	}
	global(t, r, "o", o.Value())
	for _, row := range []struct{ source, want string }{
		{"o.a", "1"}, {"o.b = 2; o.b", "2"}, {"o.size()", "2"}, {"Object.keys(o).join()", "a,b"}, {"var s = ''; for (var k in o) s += k; s", "ab"},
		{"'a' in o", "true"}, {"'zz' in o", "false"}, {"o.hasOwnProperty('b')", "true"}, {"delete o.b; o.size()", "1"}, {"o.b", "no b"},
		{"o._own = 5; o._own + o.size()", "6"}, {"o.toString === Object.prototype.toString", "true"}, {"o.anything", "no anything"}, {"String(o.__none)", "undefined"},
		{"o.bad", "main.asc:1:2: Error: bad to ask for"}, {"try { o.bad } catch (e) { e.message }", "bad to ask for"}, {"JSON.stringify(o)", `{"_own":5,"a":1}`},
		{"Slots = o.constructor; o instanceof Slots", "true"}, {"o[Symbol.iterator] === undefined", "true"},
		{"Slots.prototype.__defineSetter__('_p', function (v) { this._q = v }); o._p = 9; o._q", "9"},
		{"var kid = Object.create(o); kid.own = 1; kid.own + kid.a", "2"},
	} {
		if got := text(t, r, row.source); got != row.want {
			t.Errorf("%s gave %s, want %s", row.source, got, row.want)
		}
	}
}

func TestFunctionsInGo(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	goFunction(t, r, "sum", func(c *engine.Call) (engine.Value, error) {
		var s float64
		for _, v := range c.Args {
			s += v.Number()
		}
		return engine.Number(s), nil
	})
	goFunction(t, r, "fail", func(*engine.Call) (engine.Value, error) { return engine.Undefined, errors.New("it failed") })
	goFunction(t, r, "type", func(*engine.Call) (engine.Value, error) { return engine.Undefined, engine.TypeError("no %s", "type") })
	goFunction(t, r, "toss", func(c *engine.Call) (engine.Value, error) { return engine.Undefined, engine.Throw(c.Arg(0)) })
	goFunction(t, r, "through", func(c *engine.Call) (engine.Value, error) { return c.Arg(0).Object().Call(c.This, c.Args[1:]...) })
	goFunction(t, r, "self", func(c *engine.Call) (engine.Value, error) { return c.This, nil })
	goFunction(t, r, "where", func(c *engine.Call) (engine.Value, error) {
		p := c.Runtime.Here()
		return engine.String(fmt.Sprint(p[0], " ", p[0].Function, " ", len(p))), nil
	})
	for _, row := range []struct{ source, want string }{
		{"sum(1, 2, 3.5)", "6.5"}, {"sum.name + sum.length + typeof sum + (sum instanceof Function)", "sum0functiontrue"},
		{"try { fail() } catch (e) { e instanceof Error && e.message }", "it failed"}, {"fail()", "main.asc:1:5: Error: it failed"},
		{"try { type() } catch (e) { e instanceof TypeError && e.message }", "no type"}, {"var o = {}; try { toss(o) } catch (e) { e === o }", "true"},
		{"try { toss('text') } catch (e) { e }", "text"}, {"through(function (a) { return a + 1 }, 2)", "3"},
		{"var o = {}; try { through(function () { throw o }) } catch (e) { e === o }", "true"}, {"try { through(function () { throw 5 }) } catch (e) { e }", "5"},
		{"try { through(function () { none() }) } catch (e) { e instanceof ReferenceError }", "true"}, {"var o = {self: self}; o.self() === o", "true"},
		{"\nfunction f() {\n  return where() }\nf()", "main.asc:3:3 f 2"}, {"sum.apply(null, [1, 2])", "3"}, {"[1, 2].map(sum)[1]", "3"},
		{"String(sum)", "function sum() {\n    [native code]\n}"},
	} {
		if got := text(t, r, row.source); got != row.want {
			t.Errorf("%s gave %s, want %s", row.source, got, row.want)
		}
	}
	if kept, _ := r.Handles(); kept > 20 {
		t.Errorf("%d values are kept", kept)
	}
}

// TestFunctionsAreForgotten: what the script holds no more, Go does not hold either.
func TestFunctionsAreForgotten(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{Memory: 2 << 20})
	goFunction(t, r, "make", func(c *engine.Call) (engine.Value, error) {
		o, err := c.Runtime.NewFunction("made", 0, func(*engine.Call) (engine.Value, error) { return engine.Undefined, nil })
		return o.Value(), err
	})
	load(t, r, "for (var i = 0; i < 30000; i++) make()")
	if kept, _ := r.Handles(); kept > 2 {
		t.Errorf("%d values are kept", kept)
	}
}

func TestAPanicInGo(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	goFunction(t, r, "broken", func(*engine.Call) (engine.Value, error) { panic("oh no") })
	e := fails(t, r, "try { broken() } catch (e) { 'caught' } finally { 'x' }")
	if !errors.Is(e, engine.ErrPanic) || !strings.Contains(e.Error(), "oh no") || !strings.Contains(e.Error(), "class_test.go") {
		t.Error(e)
	}
	if got := text(t, r, "1 + 1"); got != "2" {
		t.Errorf("and then %s", got)
	}
}

// TestAGoroutineThatEnds inside of a call leaves a dead runtime, and nothing that waits for it.
func TestAGoroutineThatEnds(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{})
	goFunction(t, r, "exit", func(*engine.Call) (engine.Value, error) { runtime.Goexit(); return engine.Undefined, nil })
	ended := make(chan bool)
	go func() {
		defer close(ended)
		_, err := r.Load(engine.Source{Name: "main.asc", Text: "exit()"})
		t.Error("came back with", err)
	}()
	<-ended
	<-r.Dead()
	if err := r.Err(); !errors.Is(err, engine.ErrDead) || !strings.Contains(err.Error(), "exit") {
		t.Error(err)
	}
}

// TestAFunctionInGoThatWaits: those who wait for the owner hear that it does not come back and from where; when it does, the script goes
// no further.
func TestAFunctionInGoThatWaits(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{Time: 20 * time.Millisecond, Grace: 20 * time.Millisecond})
	enough, went := make(chan bool), false
	goFunction(t, r, "wait", func(*engine.Call) (engine.Value, error) { <-enough; return engine.Undefined, nil })
	goFunction(t, r, "on", func(*engine.Call) (engine.Value, error) { went = true; return engine.Undefined, nil })
	failed := make(chan error)
	go func() {
		_, err := r.Load(engine.Source{Name: "main.asc", Text: "wait(); on()"})
		failed <- err
	}()
	<-r.Dead()
	if err := r.Err(); !errors.Is(err, engine.ErrDead) || !strings.Contains(err.Error(), "the server's function wait") {
		t.Error(err)
	}
	close(enough)
	if err := <-failed; !errors.Is(err, engine.ErrDead) || went {
		t.Error(err, went)
	}
}

// TestTimeInGo: a script that calls Go without end is ended, too, and what Go calls back has no time of its own.
func TestTimeInGo(t *testing.T) {
	t.Parallel()
	r := open(t, engine.Limits{Time: 50 * time.Millisecond, Grace: 5 * time.Second})
	goFunction(t, r, "swallow", func(c *engine.Call) (engine.Value, error) {
		_, _ = c.Arg(0).Object().Call(engine.Undefined) // as a careless function would
		return engine.Undefined, nil
	})
	for _, source := range []string{
		"for (;;) swallow(function () { for (;;); })", "for (;;) swallow(function () {})", "for (;;) try { swallow(function () { for (;;); }) } catch (e) {}",
	} {
		begin := time.Now()
		if e := fails(t, r, source); !errors.Is(e, engine.ErrTime) || time.Since(begin) > 2*time.Minute { // on a machine that is very busy
			t.Errorf("%s: %v after %v", source, e, time.Since(begin))
		}
	}
}
