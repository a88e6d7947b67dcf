package dialect_test

import (
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
)

// oldScript is in the style of the time.
const oldScript = `<!--
/* a chat room */
load("netservices.asc");
const MAX_USERS = 50;
application.onAppStart = function() {
	users = new Array(); // nobody declared it
	this.wall_so = SharedObject.get("public/wall", true);
	trace("started at " + new Date().getYear());
};
application.onConnect = function(client, name, room) {
	if (!/^(\w+)@(\w+)$/.test(name)) {
		application.rejectConnection(client, {message: "bad name", code: 010});
		return;
	}
	client.id = RegExp.$1;
	for (var i in users) {
		if (users[i].id == client.id) { function again() { return "again" } trace(again()); }
	}
	users[client.id] = client;
	try { this.acceptConnection(client); } catch (e if e instanceof TypeError) { trace(e.lineNumber) } catch (e) { trace("?") }
};
Client.prototype.app = {
	say: function(text) { for each (var c in application.clients) c.call("said", null, text.split(/\s+/).join(" ")) },
	list: function() application.clients.length
};
Client.prototype.__resolve = function(name) { return function() { trace(name + " with " + arguments.length) } };
//-->
`

// BenchmarkRewrite reads a script with forms that are rewritten, and one that
// has none.
func BenchmarkRewrite(b *testing.B) {
	for name, source := range map[string]string{
		"old":   strings.Repeat(oldScript, 100),
		"plain": strings.Repeat("function sum(list) {\n\tvar total = 0;\n\tfor (var i = 0; i < list.length; i++) {\n\t\ttotal += list[i].value * 2; // as it is\n\t}\n\treturn total;\n}\n", 500),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(source)))
			for b.Loop() {
				if _, err := dialect.Rewrite("main.asc", []byte(source)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPrelude makes a runtime, alone and with the prelude.
func BenchmarkPrelude(b *testing.B) {
	for _, prelude := range []string{"", dialect.Prelude} {
		name := "without"
		if prelude != "" {
			name = "with"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if prelude != "" {
					newVM(b).Close()
				} else {
					newRuntime(b).Close()
				}
			}
		})
	}
}

// BenchmarkEmulated compares what scripts do often with the engine alone: here
// those that go by RegExp's last match.
func BenchmarkEmulated(b *testing.B) {
	for name, source := range map[string]string{
		"test":    "RegExp.$1; var r = /(\\d+)-(\\d+)/; function f() { for (var i = 0; i < 1000; i++) r.test('ab 10-20') }",
		"replace": "RegExp.$1; function f() { for (var i = 0; i < 1000; i++) 'a-b-c'.replace(/-/g, '+') }",
		"split":   "RegExp.$1; function f() { for (var i = 0; i < 1000; i++) 'a b c d e f'.split(/ /) }",
		"sort":    "var a = []; for (var i = 0; i < 1000; i++) a.push(i * 7919 % 1000); function f() { a.slice().sort(function(x, y) { return x - y }) }",
		"missing": "var o = {}; function f() { for (var i = 0; i < 1000; i++) o.x }",
	} {
		for _, with := range []string{"alone", "here"} {
			b.Run(name+"/"+with, func(b *testing.B) {
				m := newRuntime(b)
				if with == "here" {
					m = newVM(b).Runtime
				}
				rewritten, err := dialect.Rewrite("bench.asc", []byte(source))
				if err != nil {
					b.Fatal(err)
				}
				text := source
				if with == "here" {
					text = rewritten.Text
				}
				if _, err := run(m, "bench.asc", text); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if _, err := run(m, "f.asc", "f()"); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
