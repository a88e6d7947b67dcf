package script_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/script"
)

func TestLoad(t *testing.T) {
	folder := files(
		"scripts/main.asc", `trace("main"); load("lib/a.asc"); load("top.asc"); trace(fromA + fromB + fromTop);
			Client.prototype.more = function() { load("lib/b.asc"); return again };
			Client.prototype.bad = function(what) { load(what) };`,
		"scripts/lib/a.asc", `var fromA = "a"; load("b.asc"); load("b.asc");`,
		"scripts/lib/b.asc", `var fromB = "b"; var again = again ? again + 1 : 1;`,
		"scripts/round.asc", `load("round.asc")`,
		"top.asc", `var fromTop = "top"; load("framework.asc")`,
		"main.asc", `trace("the wrong one")`,
	)
	runAll(t, []scenario{{
		name:   "beside the file, the folder's top, the library",
		config: script.Config{Files: folder, Library: files("framework.asc", `trace("library")`, "main.asc", `trace("no")`)},
		events: called("more"),
		want: `main
			library
			abtop
			accept a
			result: 3`,
	}, {
		name:   "what is not there, or not in the folder",
		config: script.Config{Files: folder, Library: files("framework.asc", "")},
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), nil)
			for _, name := range []string{"no.asc", "../main.asc", "lib/../../x", `..\x.asc`, "c:/x.asc", "", "round.asc"} {
				f.call(h, "a", "bad", name)
			}
		},
		want: `main
			abtop
			accept a
			failed scripts/main.asc:3 bad fatal=false: scripts/main.asc:3:48: Error: load no.asc: there is no such file, neither in the application's folder nor in the library: file does not exist
			error: load no.asc: there is no such file, neither in the application's folder nor in the library: file does not exist
			failed scripts/main.asc:3 bad fatal=false: scripts/main.asc:3:48: Error: load ../main.asc: a path that leaves the folder: name a file below it, with neither .. nor a colon
			error: load ../main.asc: a path that leaves the folder: name a file below it, with neither .. nor a colon
			failed scripts/main.asc:3 bad fatal=false: scripts/main.asc:3:48: Error: load lib/../../x: a path that leaves the folder: name a file below it, with neither .. nor a colon
			error: load lib/../../x: a path that leaves the folder: name a file below it, with neither .. nor a colon
			failed scripts/main.asc:3 bad fatal=false: scripts/main.asc:3:48: Error: load ..\x.asc: a path that leaves the folder: name a file below it, with neither .. nor a colon
			error: load ..\x.asc: a path that leaves the folder: name a file below it, with neither .. nor a colon
			failed scripts/main.asc:3 bad fatal=false: scripts/main.asc:3:48: Error: load c:/x.asc: a path that leaves the folder: name a file below it, with neither .. nor a colon
			error: load c:/x.asc: a path that leaves the folder: name a file below it, with neither .. nor a colon
			failed scripts/main.asc:3 bad fatal=false: scripts/main.asc:3:48: Error: load : a path that leaves the folder: name a file below it, with neither .. nor a colon
			error: load : a path that leaves the folder: name a file below it, with neither .. nor a colon
			failed scripts/round.asc:1 bad fatal=false: scripts/round.asc:1:5: Error: load round.asc: 32 files load one another
			error: load round.asc: 32 files load one another`,
	}, {
		name:   "a script that is not in order",
		script: "var a = 1;\nfunction f() {\n  if (a {\n}",
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), nil)
			f.call(h, "a", "f")
			h.Stop(script.StopIdle, func(refused bool) { f.say("refused %v", refused) })
		},
		want: `failed main.asc:3 load fatal=true: main.asc:3:9: ) is missing behind the condition of if: here stands {
			reject a the application's script is not in order: main.asc:3:9: ) is missing behind the condition of if: here stands {
			error: the client is not connected
			refused false`,
	}, {
		name:   "a script that throws when it is loaded",
		config: script.Config{Files: files("main.asc", `application.onConnect = function() { return true }; load("x.asc")`, "x.asc", "\nx.y()")},
		events: func(h *script.Host, f *fake) { h.Connect(newClient("a"), nil) },
		want: `failed x.asc:2 load fatal=true: x.asc:2:1: ReferenceError: 'x' is not defined
			reject a the application's script is not in order: x.asc:2:1: ReferenceError: 'x' is not defined`,
	}, {
		name:   "a file of the application's name",
		config: script.Config{Application: "chat", Files: files("chat.js", `trace("js")`, "scripts/chat.asc", `trace("asc")`)},
		want:   `asc`,
	}, {
		name: "an archive",
		config: script.Config{Files: files("main.far", archive("main.asc", `trace("packed"); load("lib.asc"); load("beside.asc")`, "lib.asc", `trace("packed too")`),
			"main.asc", `trace("no")`, "lib.asc", `trace("no")`, "beside.asc", `trace("beside")`)},
		want: `packed
			packed too
			beside`,
	}, {
		name:   "an archive that is none",
		config: script.Config{Files: files("app.far", "PK nothing", "app.asc", "")},
		events: func(h *script.Host, f *fake) { h.Connect(newClient("a"), nil) },
		want: `failed load fatal=true: open app.far: zip: not a valid zip file
			reject a the application's script is not in order: open app.far: zip: not a valid zip file`,
	}})
}

// archive is a zip of files.
func archive(pairs ...string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		w, err := z.Create(pairs[i])
		if err == nil {
			_, err = w.Write([]byte(pairs[i+1]))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// TestLoadMuch is a script of many functions, which is nearly as large as one may be,
// and files that are loaded again and again.
func TestLoadMuch(t *testing.T) {
	var large strings.Builder
	for i := 0; large.Len() < 1<<20; i++ {
		fmt.Fprintf(&large, "function f%d(a, b) { var x = a + b; for (var i in this) { x += i } return x }\n", i)
	}
	runAll(t, []scenario{{
		name:   "large",
		config: script.Config{Files: files("main.asc", large.String()+`trace("loaded")`)},
		want:   `loaded`,
	}, {
		name: "again and again",
		config: script.Config{Files: files("settings.asc", "var n = n ? n + 1 : 1; //"+strings.Repeat("x", 2<<20),
			"main.asc", `for (var i = 0; i < 18; i++) load("settings.asc"); trace(n)`)},
		want: `18`,
	}, {
		name:   "more than is kept",
		config: script.Config{Files: more{}},
		want:   `failed main.asc:1 load fatal=true: main.asc:1:35: Error: load 10.asc: 11 files of 31457339 bytes were loaded already: at most 10000 of 33554432, until the script is loaded anew`,
	}})
}

// more is a folder with a file of three megabytes for each number.
type more struct{}

func (more) Open(name string) (fs.File, error) {
	if name == "main.asc" {
		return files(name, `for (var i = 0; ; i++) load(i + ".asc")`).Open(name)
	}
	if !strings.HasSuffix(name, ".asc") || strings.Contains(name, "/") {
		return nil, fs.ErrNotExist
	}
	return files(name, "//"+strings.Repeat("x", 3<<20)).Open(name)
}

func TestGlobals(t *testing.T) {
	runAll(t, []scenario{{
		name: "trace",
		script: `trace("a", 1, null, undefined, {}); trace("two\nlines"); trace();
			var lots = ""; for (var i = 0; i < 30; i++) lots += i + "\n"; trace(lots);`,
		want: "a 1 null undefined [object Object]\ntwo\nlines\n" + numbers(20),
	}, {
		name: "getGlobal, protectObject and setAttributes",
		script: `var x = 1; trace(getGlobal().x === 1 && getGlobal() === this);
			var o = {secret: 5, get: function(a) { return this.secret + a }}, p = protectObject(o);
			p.secret = 6; p.get = null; trace([p.secret, p.get(1), o.get(1)].join());
			var q = {a: 1, b: 2, c: 3}; setAttributes(q, "a", false, true, true); q.a = 9; delete q.a;
			var s = ""; for (var k in q) s += k; trace(s + q.a);`,
		want: `true
			,6,6
			bc1`,
	}, {
		name: "application",
		script: `trace([application.name, application.hostname, application.allowDebug, typeof application.config].join());
			application.allowDebug = true; application.name = "no"; application.mine = {x: 1}; application.clients = null;
			trace([application.name, application.allowDebug, application.mine.x, application.clients.length].join());
			var s = application.getStats(); trace(s.bytes_in + s.total_connects);
			application.gc(); application.registerClass("com.X", function() {}); application.registerClass("com.X", null); application.shutdown();`,
		want: `app/room,localhost,false,object
			app/room,true,1,0
			10
			shutdown`,
	}, {
		name: "application.clients",
		script: `var clients = application.clients;
			application.onConnect = function(c) { application.acceptConnection(c); c.id = "user" + clients.length; c.mine = {me: c}; show("in") }
			application.onDisconnect = function(c) { show("out " + c.id) }
			function show(s) { s += " " + clients.length; for (var i in clients) s += " " + i + clients[i].id; trace(s + (clients === application.clients)) }
			Client.prototype.same = function() { return this === clients[0] && this.mine.me === this }
			Client.prototype.kick = function() { trace(application.disconnect(clients[1])); trace(application.disconnect({})); }`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), nil)
			h.Connect(newClient("b"), nil)
			h.Connect(newClient("b"), nil) // who is in already
			f.call(h, "a", "same")
			f.call(h, "a", "kick")
			leave(h, "b")
			leave(h, "b")
			leave(h, "a")
		},
		want: `accept a
			in 1 0user1true
			accept b
			in 2 0user1 1user2true
			result: true
			disconnect b
			true
			false
			result: undefined
			out user2 1 0user1true
			out user1 0true`,
	}, {
		name: "Client",
		script: `Client.prototype.foo = "foo"; var kept;
			application.onConnect = function(c) { kept = c;
				trace([c.agent, c.ip, c.protocol, c.secure, c.uri, c.referrer, c.pageUrl, c.id, c.foo, c.readAccess + c.writeAccess + c.audioSampleAccess].join());
				c.ip = "1.2.3.4"; trace(typeof c.virtualKey + c.virtualKey.length); c.virtualKey = "k"; trace(c.ip + c.virtualKey + (c instanceof Client));
				c.readAccess = "a;b"; c.writeAccess = ""; c.videoSampleAccess = "/"; c.audioSampleAccess = null;
				c.setBandwidthLimit(1000, 2000); c.setBandwidthLimit(0, 3000); trace(c.getBandwidthLimit(0) + " " + c.getBandwidthLimit(1));
				trace(c.ping()); application.acceptConnection(c); trace(c.ping()); trace(c.getStats().ping_rtt); c.checkBandwidth(); trace(c.getStreamLength("x"));
				var s = ""; for (var k in c) s += k + " "; trace(s);
				try { new Client() } catch (e) { trace(e) } }
			application.onDisconnect = function(c) { c.readAccess = "gone"; trace(c.call("x")); trace(c.ping() + c.readAccess); }
			application.onAppStop = function(info) { trace(info.code + kept.id + kept.ip); return false }`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), nil)
			leave(h, "a")
			h.Stop(script.StopIdle, func(refused bool) { f.say("refused %v", refused) })
		},
		want: `WIN 9,0,45,0,192.0.2.1,rtmp,false,rtmp://host/app/room,http://host/a.swf,http://host/a.html,a,foo,//
			string0
			192.0.2.1ktrue
			access a read=a;b write=/ audio= video=
			access a read=a;b write= audio= video=
			access a read=a;b write= audio= video=/
			access a read=a;b write= audio= video=/
			bandwidth a 1000 2000
			bandwidth a 1000 3000
			3000 1000
			false
			accept a
			ping a
			true
			5
			check a
			12.5
			id foo
			TypeError: Client cannot be made by a script
			false
			falsegone
			Application.GCa192.0.2.1
			refused true`,
	}, {
		name: "streams of clients",
		script: `application.onPublish = function(c, s) { trace("publish " + c.id + s.name + s.publishQueryString) }
			application.onUnpublish = function(c, s) { trace("unpublish " + c.id + s.name) }`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), nil)
			h.Publish("a", script.StreamInfo{Name: "cam", Query: "k=1", Mode: "live"})
			h.Unpublish("a", script.StreamInfo{Name: "cam"})
			h.Publish("nobody", script.StreamInfo{Name: "cam"})
		},
		want: `accept a
			publish acamk=1
			unpublish acam`,
	}})
}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(string(rune('0'+i/10)) + string(rune('0'+i%10)) + "\n")
	}
	s := b.String()
	for i := range 10 {
		d := string(rune('0' + i))
		s = strings.Replace(s, "0"+d+"\n", d+"\n", 1)
	}
	return s
}

func TestTraceWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		h := start(t, f, script.Config{Files: files("main.asc", `for (var i = 0; i < 1000; i++) trace(i)
			setTimeout(function() { for (; i < 2000; i++) trace(i) }, 1000)`)})
		h.Sync()
		if n := len(f.all()); n != 100 {
			t.Errorf("%d lines at once", n)
		}
		<-time.After(1500 * time.Millisecond)
		h.Sync()
		if n := len(f.all()); n != 120 {
			t.Errorf("%d lines a second later", n)
		}
		h.Close()
		<-h.Done()
	})
}

func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		h := start(t, f, script.Config{Timers: 5, Files: files("main.asc", `
			var n = 0, o = {name: "o", tick: function(a) { trace("method " + this.name + a) }};
			var i = setInterval(function(a, b) { trace("interval " + a + b); if (++n == 3) clearInterval(i) }, 100, "x", 1);
			var m = setInterval(o, "tick", 160, "!");
			setTimeout(function() { trace("once"); clearInterval(m) }, 400);
			var w = setInterval(o.tick, 1000); clearInterval(w);
			var e = setInterval(function() { clearInterval(e); throw "stop" }, 340);
			clearInterval(12345); clearInterval(null); clearInterval("x");
			try { setInterval(null, 5) } catch (x) { trace(x) }
			for (var k = 0; k < 3; k++) try { setInterval(o, "none", 5000) } catch (x) { trace(x) }`)})
		<-time.After(1500 * time.Millisecond)
		h.Sync()
		want := lines(`TypeError: setInterval needs a function, or an object and the name of its method
			RangeError: setInterval: there are 5 timers already, which is the most: clear some
			RangeError: setInterval: there are 5 timers already, which is the most: clear some
			interval x1
			method o!
			interval x1
			interval x1
			method o!
			failed main.asc:7 setInterval fatal=false: main.asc:7: stop
			once`)
		if got := lines(strings.Join(f.all(), "\n")); got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
		h.Close()
		<-h.Done()
	})
}
