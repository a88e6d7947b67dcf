package script_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/script/outgoing"
)

// outsideCase is a script that asks a backend, URL, and traces done in the end.
type outsideCase struct{ name, script, want string }

// runOutside runs scripts behind a line of their own that has common in it.
func runOutside(t *testing.T, common string, all []outsideCase) {
	t.Helper()
	url := backend(t).URL
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			f := newFake()
			limits := outgoing.Limits{Answer: 100000}
			if strings.Contains(s.name, "hangs") {
				limits.Whole = 300 * time.Millisecond
			}
			source := fmt.Sprintf("var URL = %q; %s\n%s", url, strings.ReplaceAll(common, "\n", " "), s.script)
			start(t, f, script.Config{Files: files("main.asc", source), Network: network(t, limits, "127.0.0.1")})
			f.await(t, "done")
			got := strings.Join(f.all(), "\n")
			got = strings.NewReplacer(strings.TrimPrefix(url, "http://"), "HOST", " \n", "\n").Replace(got)
			if want := lines(s.want); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestLoadVars(t *testing.T) {
	t.Parallel()
	runOutside(t, `function show(lv, name) {
		lv.onHTTPStatus = function (n) { trace("status " + n) };
		lv.onLoad = function (ok) { trace(name + " " + ok + " " + this.loaded + " " + this); trace("done") };
		return lv;
	}`, []outsideCase{
		{"load", `var lv = show(new LoadVars(), "load"); trace(lv.getBytesLoaded() + " " + lv.load(URL + "/login") + lv.loaded);`, `
			undefined truefalse
			status 200
			load true true ok=1&name=J%C3%B6rg%20B%20&x=&%25zz=%254&a=2
			done`},
		{"a handler of its own", `var lv = new LoadVars(); lv.onData = function (s) { trace(s.length + " " + this.getBytesLoaded() + "/" + this.getBytesTotal()); trace("done") };
			lv.load(URL + "/login")`, `
			44 44/44
			done`},
		{"Latin-1", `var lv = show(new LoadVars(), "load"); lv.load(URL + "/latin1")`, `
			status 200
			load true true name=J%C3%B6rg&other=%C3%B6
			done`},
		{"sendAndLoad", `var to = show(new LoadVars(), "to"), lv = new LoadVars(); lv.a = "1 & 2"; lv.b = 3; lv.f = function () {}; lv.addRequestHeader("X-Mine", "yes");
			lv.addRequestHeader(["Content-Length", "0", "Host", "evil"]);
			trace(lv.sendAndLoad(URL + "/echo", to))`, `
			true
			status 200
			to true true method=POST&query=&type=application%2Fx-www-form-urlencoded&mine=yes&body=a%3D1%2520%2526%25202%26b%3D3
			done`},
		{"sendAndLoad by GET", `var lv = show(new LoadVars(), "lv"); lv.a = 1; lv.sendAndLoad(URL + "/echo?x=1", lv, "get")`, `
			status 200
			lv true true a=1&method=GET&query=x%3D1%26a%3D1&type=&mine=&body=
			done`},
		{"a type of its own", `var to = show(new LoadVars(), "to"), lv = new LoadVars(); lv.contentType = "text/plain"; lv.sendAndLoad(URL + "/echo", to)`, `
			status 200
			to true true method=POST&query=&type=text%2Fplain&mine=&body=
			done`},
		{"a class of the script's", `function Mine() {} Mine.prototype = new LoadVars(); Mine.prototype.onLoad = function (ok) { trace(ok + this.ok); trace("done") };
			new Mine().load(URL + "/login")`, `
			true1
			done`},
		{"a plain object", `var o = {onLoad: function (ok) { trace(ok + this.ok); trace("done") }}; new LoadVars().sendAndLoad(URL + "/login", o)`, `
			true1
			done`},
		{"names that are special", `var lv = show(new LoadVars(), "x"); lv.onLoad = function () { trace(this.loaded); trace(Object.prototype.hasOwnProperty.call(this, "__proto__")); trace(this instanceof LoadVars); trace("done") };
			lv.load(URL + "/proto")`, `
			status 200
			true
			false
			true
			done`},
		{"decode", `var lv = new LoadVars(); lv.decode("a=1&b=%41+"); trace(lv.a + lv.b + "|" + lv); trace("done")`, `
			1A |a=1&b=A%20
			done`},
		{"a host that is not allowed", `var lv = show(new LoadVars(), "x"); trace(lv.load("http://backend/x?secret"))`, `
			true
			failed  fatal=false: LoadVars.load at main.asc:2: host backend:80 is not in spec.script.allowedHosts
			x false false
			done`},
		{"metadata", `show(new LoadVars(), "x").load("http://169.254.169.254/latest")`, `
			failed  fatal=false: LoadVars.load at main.asc:2: host 169.254.169.254:80 is not in spec.script.allowedHosts
			x false false
			done`},
		{"a redirect to what is not", `show(new LoadVars(), "x").load(URL + "/redirect")`, `
			failed  fatal=false: LoadVars.load at main.asc:2: host localhost:1 is not in spec.script.allowedHosts
			x false false
			done`},
		{"an error of the host's", `show(new LoadVars(), "x").load(URL + "/error")`, `
			failed  fatal=false: LoadVars.load at main.asc:2: the answer is 500 Internal Server Error
			status 500
			x false false
			done`},
		{"without end", `show(new LoadVars(), "x").load(URL + "/stream")`, `
			failed  fatal=false: LoadVars.load at main.asc:2: host HOST: its answer is larger than 100000 bytes
			status 0
			x false false
			done`},
		{"a host that hangs", `show(new LoadVars(), "x").load(URL + "/hang")`, `
			failed  fatal=false: LoadVars.load at main.asc:2: host HOST: no whole answer within 300ms
			status 0
			x false false
			done`},
		{"too many variables", `show(new LoadVars(), "x").load(URL + "/many")`, `
			status 200
			failed onData fatal=false: RangeError: LoadVars.decode: more than 10000 variables
			x false false
			done`},
		{"what is no URL", `trace(new LoadVars().load("")); trace(new LoadVars().load()); show(new LoadVars(), "x").load("page.php")`, `
			false
			false
			failed  fatal=false: LoadVars.load at main.asc:2: URL: its scheme must be http or https, as in http://example.com/login, and is ""
			x false false
			done`},
		{"a method that is none", `try { new LoadVars().send(URL + "/echo", null, "DELETE") } catch (e) { trace(e) } trace("done")`, `
			TypeError: LoadVars.send: the method must be GET or POST, and is "DELETE"
			done`},
	})
}

// TestRequestsAreBounded: a script that asks without end is told so, and the host goes on.
func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	url := backend(t).URL
	f := newFake()
	start(t, f, script.Config{Files: files("main.asc", fmt.Sprintf(`var n = 0;
		function failed(ok) { if (!ok && ++refused == 871) trace("the rest") }
		for (var i = 0, refused = 0; i < 1200; i++) { var lv = new LoadVars(); lv.onLoad = failed; if (lv.load(%q)) n++ }
		trace("begun " + n)`, url+"/hang")), Network: network(t, outgoing.Limits{Waiting: 1, PerHost: 64}, "127.0.0.1")})
	f.await(t, "begun 1000")
	f.await(t, "failed load fatal=false: LoadVars.load at main.asc:3: 1000 requests are under way")
	f.await(t, "the rest") // but for 64 under way, and 65 that wait
}

// TestEndsWhileAsked: a script that ends while a host hangs leaves nothing.
func TestEndsWhileAsked(t *testing.T) {
	t.Parallel()
	url := backend(t).URL
	f := newFake()
	start(t, f, script.Config{Files: files("main.asc", fmt.Sprintf(`new LoadVars().load(%q); trace("asked")`, url+"/hang")), Network: network(t, outgoing.Limits{}, "127.0.0.1")})
	f.await(t, "asked")
}

// TestClientsCallNothingOfTheServers: what hangs on a client with methods of ours is not for clients.
func TestClientsCallNothingOfTheServers(t *testing.T) {
	runAll(t, []scenario{{
		name: "a LoadVars on a client", script: `application.onConnect = function (c) { c.lv = new LoadVars(); c.lv.mine = function () { return "mine" }; return true };`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), nil)
			f.call(h, "a", "lv/load", "http://backend/")
			f.call(h, "a", "lv.decode", "a=1")
			f.call(h, "a", "lv.mine")
		},
		want: `accept a
			missing: Method not found (lv/load).
			missing: Method not found (lv.decode).
			result: mine`,
	}})
}
