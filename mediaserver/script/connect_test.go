package script_test

import (
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script"
)

func TestConnect(t *testing.T) {
	runAll(t, []scenario{{
		name:   "no script: everybody comes in",
		config: script.Config{Files: files("readme.txt", "")},
		events: func(h *script.Host, _ *fake) { h.Connect(newClient("a"), nil) },
		want:   `accept a`,
	}, {
		name:   "no onConnect",
		script: `application.onAppStart = function() { trace("start " + application.name) }`,
		events: func(h *script.Host, _ *fake) { h.Connect(newClient("a"), nil) },
		want: `start app/room
			accept a`,
	}, {
		name: "true, false, and what is neither",
		script: `application.onConnect = function(client, how) { return how }
			application.onDisconnect = function(client) { trace("left " + client.id) }`,
		events: func(h *script.Host, _ *fake) {
			for id, how := range []amf.Value{true, false, 1.0, 0.0, nil, "true"} {
				h.Connect(newClient(string(rune('a'+id))), []amf.Value{how})
			}
			for id := range 6 {
				h.Leave(string(rune('a' + id)))
			}
		},
		want: `accept a
			reject b
			left a
			left c
			left d
			left e
			left f`,
	}, {
		name: "accept and reject within",
		script: `application.onConnect = function(client, name) {
				if (name == "bad") { application.rejectConnection(client, {message: "no " + name}); return true }
				application.acceptConnection(client);
				client.call("hello", null, name);
				return false;
			}`,
		events: func(h *script.Host, _ *fake) {
			h.Connect(newClient("a"), []amf.Value{"bad"})
			h.Connect(newClient("b"), []amf.Value{"good"})
		},
		want: `reject a {message:no bad}
			accept b
			invoke b hello good`,
	}, {
		name: "a text, a description and an object, and a redirect",
		script: `application.onConnect = function(client, n) {
				if (n == 1) application.rejectConnection(client, "text");
				if (n == 2) application.rejectConnection(client, "text", {code: 7});
				if (n == 3) application.redirectConnection(client, "rtmp://other/app", "moved", {code: 8});
				if (n == 4) application.redirectConnection(client, "rtmp://other/app");
			}`,
		events: func(h *script.Host, _ *fake) {
			for n := 1.0; n <= 4; n++ {
				h.Connect(newClient("a"), []amf.Value{n})
				h.Leave("a")
			}
		},
		want: `reject a text text
			reject a text {code:7}
			reject a moved {code:8} to rtmp://other/app
			reject a to rtmp://other/app`,
	}, {
		name: "later, when something else has answered",
		script: `var waiting = [];
			application.onConnect = function(client) { waiting.push(client) }
			application.onDisconnect = function(client) { trace("left " + client.id) }
			Client.prototype.decide = function() { for (var i in waiting) trace(application.acceptConnection(waiting[i])) }
			application.onConnect(null); waiting = [];
			application.onConnect = function(client, boss) { if (boss) return true; waiting.push(client) }`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), nil)
			h.Connect(newClient("b"), nil)
			h.Leave("b")
			h.Connect(newClient("boss"), []amf.Value{true})
			f.call(h, "a", "decide")
			f.call(h, "boss", "decide")
		},
		want: `left b
			accept boss
			error: the client is not connected
			accept a
			true
			false
			result: undefined`,
	}, {
		name: "a handler that throws",
		script: `application.onStatus = function(info) {
				trace([info.code, info.level, info.filename, info.lineno, info.linebuf, info.description].join("|")) }
			application.onConnect = function(client) {
				nothing.at.all }`,
		events: func(h *script.Host, f *fake) { h.Connect(newClient("a"), nil) },
		want: `failed main.asc:4 onConnect fatal=false: main.asc:4:5: ReferenceError: 'nothing' is not defined
			 reject a 'nothing' is not defined
			Application.Script.Error|error|main.asc|4|				nothing.at.all }|main.asc:4:5: ReferenceError: 'nothing' is not defined`,
	}, {
		name: "onConnectAccept and onConnectReject",
		script: `application.onConnect = function(client, ok) { trace("connect"); return ok }
			application.onConnectAccept = function(client, ok) { trace("accepted " + client.id + ok) }
			application.onConnectReject = function(client, ok) { trace("rejected " + client.id + ok) }`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), []amf.Value{true})
			h.Connect(newClient("b"), []amf.Value{false})
		},
		want: `connect
			accept a
			accepted atrue
			connect
			reject b
			rejected bfalse`,
	}})
}
