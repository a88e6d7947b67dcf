package script_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

func TestConnect(t *testing.T) {
	runAll(t, []scenario{{
		name:   "no script: nobody comes in",
		config: script.Config{Files: files("readme.txt", "")},
		events: func(h *script.Host, _ *fake) { h.Connect(newClient("a"), nil) },
		want: `failed load fatal=true: the application's folder has no main.asc, nor any other file that a script begins with
			reject a the application's script is not in order: the application's folder has no main.asc, nor any other file that a script begins with`,
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
				leave(h, string(rune('a'+id)))
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
				leave(h, "a")
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
			leave(h, "b")
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

// TestDisconnectAll: the loops by which scripts end all connections end, and leave nobody
// out; onDisconnect comes once, when a client has gone.
func TestDisconnectAll(t *testing.T) {
	var all []scenario
	for name, loop := range map[string]string{
		"while there are any": `while (application.clients.length) application.disconnect(application.clients[0])`,
		"from the last on":    `while (application.clients.length > 0) application.disconnect(application.clients[application.clients.length - 1])`,
		"counting up":         `for (var i = 0; i < application.clients.length; i++) application.disconnect(application.clients[i])`,
		"counting down":       `for (var i = application.clients.length; i--;) application.disconnect(application.clients[i])`,
		"each of them":        `for (var i in application.clients) application.disconnect(application.clients[i])`,
	} {
		all = append(all, scenario{
			name: name,
			script: `application.onDisconnect = function(c) { trace("left " + c.id) };
				Client.prototype.end = function() { ` + loop + `; return "over" }`,
			events: func(h *script.Host, f *fake) {
				for _, id := range []string{"a", "b", "c", "d"} {
					h.Connect(newClient(id), nil)
				}
				f.call(h, "a", "end")
				h.Sync()
				told := slices.DeleteFunc(f.all(), func(s string) bool { return !strings.HasPrefix(s, "disconnect ") })
				slices.Sort(told)
				if want := []string{"disconnect a", "disconnect b", "disconnect c", "disconnect d"}; !slices.Equal(told, want) {
					f.say("told %q", told)
				}
				f.forget("disconnect ")
				for _, id := range []string{"a", "b", "c", "d"} {
					leave(h, id)
				}
			},
			want: `accept a
				accept b
				accept c
				accept d
				result: over
				left a
				left b
				left c
				left d`,
		})
	}
	runAll(t, all)
}

func TestPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		h := start(t, f, script.Config{Pending: 2, PendingTime: time.Minute, Files: files("main.asc", `
			application.onConnect = function(c, ok) { trace("asked " + c.id); return ok }
			application.onConnectReject = function(c) { trace("rejected " + c.id) }
			application.onDisconnect = function(c) { trace("left " + c.id) }`)})
		h.Sync()
		for _, id := range []string{"a", "b"} {
			h.Connect(newClient(id), nil)
			h.Sync()
		}
		<-time.After(30 * time.Second)
		h.Connect(newClient("c"), nil)
		h.Sync()
		leave(h, "b")
		h.Sync()
		h.Connect(newClient("d"), nil)
		h.Sync()
		<-time.After(31 * time.Second)
		leave(h, "a")
		h.Connect(newClient("e"), []amf.Value{true})
		h.Sync()
		<-time.After(time.Hour)
		h.Sync()
		want := lines(`asked a
			asked b
			reject c too many clients wait for the application's script to decide about them: try again in a moment
			left b
			asked d
			reject a the application's script did not decide in time
			rejected a
			asked e
			accept e
			reject d the application's script did not decide in time
			rejected d`)
		if got := strings.Join(f.all(), "\n"); got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
		h.Close()
		<-h.Done()
	})
}

// TestQueue is clients that come, go, call and publish while the script is busy: there is
// a limit to each, and a connect is forgotten with its client.
func TestQueue(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.block = make(chan struct{})
	h := start(t, f, script.Config{Pending: 3, Calls: 1500, Files: files("main.asc", `
		application.onConnect = function(c) { if (c.id == "blocks") c.call("block"); trace("in " + c.id); return true }
		application.onPublish = function(c) { c.call("publish b") }
		Client.prototype.x = function() {}`), Limits: engine.Limits{Time: time.Minute}})
	h.Sync()
	h.Connect(newClient("a"), nil)
	h.Connect(newClient("b"), nil)
	h.Sync()
	h.Connect(newClient("blocks"), nil)
	f.await(t, "invoke blocks")
	for _, id := range []string{"1", "2", "3", "4"} {
		h.Connect(newClient(id), nil)
	}
	f.await(t, "reject 4 too many clients wait")
	h.Leave("2")
	for range 1200 {
		f.call(h, "a", "x")
		f.call(h, "b", "x")
	}
	for range 1200 {
		h.Publish("b", script.StreamInfo{Name: "s"})
	}
	if n := len(errorsOf(f)); n != 900 {
		t.Errorf("%d of 2400 calls were refused at once", n)
	}
	close(f.block)
	h.Sync()
	all := strings.Join(f.all(), "\n")
	for line, want := range map[string]int{"accept": 5, "in 2": 0, "in 3": 1, "result": 1500, "publish b": 250} {
		if n := strings.Count(all, line); n != want {
			t.Errorf("%d times %s, want %d", n, line, want)
		}
	}
}
