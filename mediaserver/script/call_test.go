package script_test

import (
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script"
)

// called has client a in, and calls methods one after another.
func called(methods ...string) func(h *script.Host, f *fake) {
	return func(h *script.Host, f *fake) {
		h.Connect(newClient("a"), nil)
		for _, m := range methods {
			f.call(h, "a", m, "x", 1.0)
		}
	}
}

func TestMethods(t *testing.T) {
	runAll(t, []scenario{{
		name: "of the prototype, of the client, and of objects on them",
		script: `Client.prototype.foo = function(a, b) { return "foo " + a + b + this.id }
			Client.prototype.app = {name: "app", createStream: function(a) { return this.name + " " + a }, deep: {er: function() { return "deeper" }}}
			application.onConnect = function(client) {
				client.own = function() { return "own" }
				client["with.dot"] = function() { return "dot" }
				client.n = 5; client.s = "text"; client.nothing = null;
				client.self = client;
				return true
			}`,
		events: called("foo", "app.createStream", "app/createStream", "app/deep.er", "/own", "own/", "self.self.own", "with.dot",
			"own.own", "n", "n.toFixed", "s.length", "nothing.x", "app", "app.nothing", "", ".", "/", "bar"),
		want: `accept a
			result: foo x1a
			result: app x
			result: app x
			result: deeper
			result: own
			result: own
			result: own
			result: dot
			missing: Method not found (own.own).
			missing: Method not found (n).
			missing: Method not found (n.toFixed).
			missing: Method not found (s.length).
			missing: Method not found (nothing.x).
			missing: Method not found (app).
			missing: Method not found (app.nothing).
			missing: Method not found ().
			missing: Method not found (.).
			missing: Method not found (/).
			missing: Method not found (bar).`,
	}, {
		name: "what is no method of the script's",
		script: `"a".toSource(); ({}).watch("x", function() {}); var e = {}; e.__resolve = function() { return function() {} };
			Object.prototype.helper = function() { return "helper" }
			function Box() { trace("made") } Box.prototype.open = function() { return "open" }
			Client.prototype.list = [1]; Client.prototype.app = application; Client.prototype.box = new Box(); Client.prototype.math = Math;
			Client.prototype.f = function() { return "f" }; Client.prototype.Box = Box; Client.prototype.everything = this;
			Client.prototype.borrowed = Array.prototype.push; Client.prototype.made = new Function("return 'made'");
			Client.prototype.doc = new XML("<a/>"); Client.prototype.vars = new LoadVars(); Client.prototype.nc = new NetConnection(); Client.prototype.bytes = new ByteArray();
			Client.prototype.evaluated = eval("(function() { return 'evaluated' })");`,
		events: called("constructor", "toString", "__defineGetter__", "watch", "unwatch", "toSource", "hasOwnProperty", "__resolve", "call", "ping",
			"getStats", "setBandwidthLimit", "checkBandwidth", "list.push", "list.sort", "app.shutdown", "app.disconnect", "box.constructor", "f.call", "f.apply",
			"f.prototype.constructor", "Box.prototype.open", "__proto__.f", "math.toSource", "math.max", "everything.trace",
			"everything.eval", "everything.__dialect.eval", "everything.Function", "everything.setInterval", "borrowed",
			"doc.appendChild", "doc.constructor",
			"vars.load", "nc.connect", "nc.call", "bytes.writeByte", "box.open", "helper", "f", "made", "evaluated"),
		want: `made
			accept a
			missing: Method not found (constructor).
			missing: Method not found (toString).
			missing: Method not found (__defineGetter__).
			missing: Method not found (watch).
			missing: Method not found (unwatch).
			missing: Method not found (toSource).
			missing: Method not found (hasOwnProperty).
			missing: Method not found (__resolve).
			missing: Method not found (call).
			missing: Method not found (ping).
			missing: Method not found (getStats).
			missing: Method not found (setBandwidthLimit).
			missing: Method not found (checkBandwidth).
			missing: Method not found (list.push).
			missing: Method not found (list.sort).
			missing: Method not found (app.shutdown).
			missing: Method not found (app.disconnect).
			missing: Method not found (box.constructor).
			missing: Method not found (f.call).
			missing: Method not found (f.apply).
			missing: Method not found (f.prototype.constructor).
			missing: Method not found (Box.prototype.open).
			missing: Method not found (__proto__.f).
			missing: Method not found (math.toSource).
			missing: Method not found (math.max).
			missing: Method not found (everything.trace).
			missing: Method not found (everything.eval).
			missing: Method not found (everything.__dialect.eval).
			missing: Method not found (everything.Function).
			missing: Method not found (everything.setInterval).
			missing: Method not found (borrowed).
			missing: Method not found (doc.appendChild).
			missing: Method not found (doc.constructor).
			missing: Method not found (vars.load).
			missing: Method not found (nc.connect).
			missing: Method not found (nc.call).
			missing: Method not found (bytes.writeByte).
			result: open
			result: helper
			result: f
			result: made
			result: evaluated`,
	}, {
		name: "what the server calls, and other clients",
		script: `application.onConnect = function(client) { if (this.first) client.friend = this.first; else this.first = client; client.me = client; return true }
			application.onDisconnect = application.onOwn = function() { trace("never") }
			application.one = function() { return "one of the application's" }; application.once = function() { return "once" }
			application.room = {onEnter: function() { return "entered" }};
			Client.prototype.app = application; Client.prototype.world = {app: application};
			function on(o) { for (var i = 1; i < arguments.length; i++) o[arguments[i]] = function() { return "never" }; return o }
			var c = Client.prototype;
			c.so = on(SharedObject.get("x"), "onSync", "say"); c.stream = on(Stream.get("x"), "onStatus", "say"); c.sos = on(SharedObject.prototype, "all");
			c.nc = on(new NetConnection(), "onStatus", "setUsers"); c.ns = on(new NetStream(c.nc), "onStatus"); c.vars = on(new LoadVars(), "onLoad"); c.vars.own = function() { return "a vars'" };
			c.doc = on(new XML("<a/>"), "onLoad"); c.socket = on(new XMLSocket(), "onData"); c.log = on(new Log(), "onSay"); c.file = on(new File("a"), "onSay");
			function Mine() {} Mine.prototype = new LoadVars(); c.mine = on(new Mine(), "onLoad");
			c.onShout = function() { return "shouted by " + this.id };
			c.rooms = {onEnter: function() { return "plain" }, list: [on({}, "say")]}; c.rooms.list[0].say = function() { return "of a list" };`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("b"), nil)
			called("app.onConnect", "app.onDisconnect", "app.onOwn", "world.app.onConnect", "app.one", "world/app/once", "app.room.onEnter", "app.clients.0.onShout",
				"friend.onShout", "me.onShout", "me.me.onShout", "onShout", "so.say", "so.onSync", "stream.onStatus", "stream.say", "sos.all", "nc.onStatus", "nc.setUsers", "ns.onStatus",
				"vars.onLoad", "vars.own", "doc.onLoad", "socket.onData", "log.onSay", "file.onSay", "mine.onLoad", "rooms.onEnter", "rooms.list.0.say")(h, f)
		},
		want: `open x false
			accept b
			accept a
			missing: Method not found (app.onConnect).
			missing: Method not found (app.onDisconnect).
			missing: Method not found (app.onOwn).
			missing: Method not found (world.app.onConnect).
			result: one of the application's
			result: once
			result: entered
			missing: Method not found (app.clients.0.onShout).
			missing: Method not found (friend.onShout).
			result: shouted by a
			result: shouted by a
			result: shouted by a
			missing: Method not found (so.say).
			missing: Method not found (so.onSync).
			missing: Method not found (stream.onStatus).
			missing: Method not found (stream.say).
			missing: Method not found (sos.all).
			missing: Method not found (nc.onStatus).
			missing: Method not found (nc.setUsers).
			missing: Method not found (ns.onStatus).
			missing: Method not found (vars.onLoad).
			result: a vars'
			missing: Method not found (doc.onLoad).
			missing: Method not found (socket.onData).
			missing: Method not found (log.onSay).
			missing: Method not found (file.onSay).
			missing: Method not found (mine.onLoad).
			result: plain
			result: of a list`,
	}, {
		name: "__resolve is asked by clients' calls alone",
		script: `Client.prototype.__resolve = function(name) { trace("resolve " + name); if (name == "no") return null;
				if (name == "box") return {open: function() { return "opened" }};
				return function(a) { return name + " of " + this.id + a } }
			application.__resolve = function(name) { trace("application " + name); return function() { return false } }
			Client.prototype.known = function() { return "known" }`,
		events: func(h *script.Host, f *fake) {
			called("known", "unknown", "box.open", "no", "ping")(h, f)
			h.Publish("a", script.StreamInfo{Name: "cam"})
			leave(h, "a")
			h.Stop(script.StopIdle, func(refused bool) { f.say("refused %v", refused) })
		},
		want: `accept a
			result: known
			resolve unknown
			result: unknown of ax
			resolve box
			result: opened
			resolve no
			missing: Method not found (no).
			missing: Method not found (ping).
			refused false`,
	}, {
		name: "exceptions are answers",
		script: `Client.prototype.bad = function() {
				throw new Error("not today") }
			Client.prototype.text = function() { throw "only text" }
						Client.prototype.slow = function() { for (;;); }
			Client.prototype.after = function() { return "goes on" }`,
		events: called("bad", "text", "slow", "after"),
		config: script.Config{Limits: short},
		want: `accept a
			failed main.asc:2 bad fatal=false: main.asc:2:20: Error: not today
			error: not today
			failed main.asc:3 text fatal=false: main.asc:3: only text
			error: only text
			failed main.asc:4 slow fatal=false: main.asc:4:28: the script took too long
			error: the script took too long
			result: goes on`,
	}, {
		name:   "calls without end",
		script: `Client.prototype.deep = function() { return this.deep() }`,
		events: called("deep"),
		want: `accept a
			failed main.asc:1 deep fatal=false: main.asc:1:41: the script went too deep
			error: the script went too deep`,
	}, {
		name: "calls of clients, and what they answer",
		script: `var r = {onResult: function(v) { trace("result " + v + (this === r)) }, onStatus: function(i) { trace("status " + i.code) }};
			Client.prototype.go = function() {
				trace(this.call("sum", r, 1, "two", [3], {four: 4}));
				trace(this.call("fail", r));
				trace(this.call("gone", r));
				trace(this.call("obj/silent"));
				trace(this.call("text", "no object", 5));
				trace(this.call("sum", {}, 5));
				this.call("sum", {onResult: function() { nothing.here }});
				application.broadcastMsg("news", 1, "x");
				return "done" }`,
		events: func(h *script.Host, f *fake) {
			f.answers["sum"] = script.Answer{Value: 6.0}
			f.answers["fail"] = script.Answer{Value: amf.NewObject("code", "Some.Error"), Error: true}
			f.answers["gone"] = script.Answer{Error: true}
			called("go")(h, f)
		},
		want: `accept a
			invoke a sum 1 two [3] {four:4}
			true
			invoke a fail
			true
			invoke a gone
			true
			invoke a obj/silent
			true
			invoke a text 5
			true
			invoke a sum 5
			true
			invoke a sum
			broadcast news 1 x
			result: done
			result 6true
			status Some.Error
			status NetConnection.Call.Failed
			failed main.asc:9 onResult fatal=false: main.asc:9:46: ReferenceError: 'nothing' is not defined`,
	}, {
		name: "a proxy",
		script: `var nc = {call: function(method, result, a) { trace("there " + method + a);
				if (a == "x") result.onResult("from there"); else result.onStatus({description: "no"}); }};
			application.registerProxy("far", nc); application.registerProxy("farther", nc, "near");
			Client.prototype.far = function() { return "here" }
			Client.prototype.back = function() { application.registerProxy("far", null) }`,
		events: func(h *script.Host, f *fake) {
			called("far", "farther", "back", "far")(h, f)
			f.call(h, "a", "farther", "y")
		},
		want: `accept a
			there farx
			result: from there
			there nearx
			result: from there
			result: undefined
			result: here
			there neary
			error: no`,
	}})
}
