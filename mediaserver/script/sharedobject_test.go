package script_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

func decoded(v sharedobject.Value) ([]amf.Value, error) { return amf.DecodeAll(v.Raw) }

func encoded(values ...amf.Value) sharedobject.Value {
	v, err := sharedobject.NewValue(values...)
	if err != nil {
		panic(err)
	}
	return v
}

var chat = script.ObjectKey{Name: "chat"}

func sent(handler string, args ...amf.Value) script.ObjectNews {
	return script.ObjectNews{Kind: script.ObjectSent, Call: encoded(append([]amf.Value{handler}, args...)...)}
}

func TestSharedObject(t *testing.T) {
	news := func(all ...script.ObjectNews) func(*script.Host, *fake) {
		return func(h *script.Host, f *fake) {
			h.Sync()
			f.tell(chat, all...)
		}
	}
	runAll(t, []scenario{
		{
			name: "slots",
			script: `
				var so = SharedObject.get("rooms/chat", true);
				trace(so.name + " " + so.size() + " " + so.version + " " + so.isDirty + " " + so.autoCommit + " " + so.resyncDepth);
				trace(so.setProperty("a", {list: [1, 2], n: 5}));
				so.setProperty("b", "text");
				trace(so.getProperty("a").list.length + " " + so.getProperty("a").n + " " + so.getProperty("b") + " " + so.getProperty("c"));
				trace(so.getPropertyNames().join() + " " + so.size() + " " + so.version);
				so.setProperty("b", null);
				so.setProperty("a");
				trace(so.size() + " " + so.getProperty("a") + " " + so.getPropertyNames().length);
				so.setProperty("x", 1); trace(so.clear() + " " + so.size());
				trace(so.flush() + " " + SharedObject.commit() + " " + SharedObject.get("t").flush());
			`,
			want: `
				open rooms/chat true
				rooms/chat 0 1 true true Infinity
				true
				2 5 text undefined
				a,b 2 3
				0 undefined 0
				true 0
				open t false
				true true false
			`,
		},
		{
			name: "the same object for the same name",
			script: `
				var a = SharedObject.get("x"), b = SharedObject.get("x"), c = SharedObject.get("x", true);
				trace((a === b) + " " + (a === c) + " " + (a instanceof SharedObject));
				a.close(); a.close();
				trace(a.setProperty("q", 1) + " " + a.getProperty("q") + " " + a.size() + " " + a.lock() + " " + a.send("x") + " " + a.name);
				trace(SharedObject.get("x") === a);
			`,
			want: `
				open x false
				open x true
				true false true
				close x
				false undefined 0 0 false x
				open x false
				false
			`,
		},
		{
			name: "names that are none, and objects that there are not",
			script: `
				trace(SharedObject.get("a b")); trace(SharedObject.get("refused/1"));
				try { SharedObject.get("a", false, {}) } catch (e) { trace(e.message) }
				try { new SharedObject() } catch (e) { trace(e.name) }
			`,
			want: `
				failed load fatal=false: bad name of a shared object: "a b" has a character that is not for names: ~ % & \ ; : " ' , < > ? # or a space
				null
				open refused/1 false
				null
				SharedObject.get("a"): the third argument is to be a NetConnection that was told to connect to an application by rtmp or rtmps
				TypeError
				failed  fatal=false: SharedObject.get("refused/1"): no room for refused/1
			`,
		},
		{
			name: "locks, messages and the rest",
			script: `
				var so = SharedObject.get("chat");
				trace([so.lock(), so.lock(), so.unlock(), so.unlock(), so.unlock()].join());
				trace(so.send("hello", 1, {a: "x"}) + " " + so.mark("done"));
				so.resyncDepth = 10; trace(so.resyncDepth); so.resyncDepth = -1; trace(so.resyncDepth);
				so.purge(3); so.purge("x");
				so.autoCommit = false; trace(so.autoCommit);
				so.onStatus = function (info) { trace(info.code + " " + info.level + " " + info.description) };
				so.setProperty("big", Array(2000).join("x"));
			`,
			want: `
				open chat false
				1,2,1,0,0
				chat sends hello 1 {a:x}
				chat sends done
				true true
				resync 10
				10
				resync 0
				Infinity
				purge 3
				false
				failed  fatal=false: slot big is too large
				SharedObject.Failed error slot big is too large
			`,
		},
		{
			name: "what clients do",
			script: `
				var so = SharedObject.get("chat");
				so.onSync = function (list) {
					var s = [];
					for (var i in list) s.push(list[i].code + "/" + list[i].name + "/" + list[i].oldValue);
					trace(s.join(" "));
				};
				so.say = function (text, o) { trace((this === so) + " " + text + " " + o.x) };
				SharedObject.prototype.all = function () { trace("all " + arguments.length) };
				so.bad = function () { throw "bad" };
			`,
			events: news(
				script.ObjectNews{Name: "a"},
				script.ObjectNews{Name: "a", Old: encoded(5.0)},
				script.ObjectNews{Kind: script.ObjectDeleted, Name: "b", Old: encoded("old")},
				sent("say", "hi", amf.NewObject("x", 1.0)),
				sent("all"), sent("bad"), sent("none"), sent("close"), sent("onSync", amf.NewArray()), sent("onStatus"), sent("constructor"), sent("toString"),
				sent("__defineGetter__", "x"), sent(""),
				script.ObjectNews{Name: "a", Old: encoded(6.0)},
				script.ObjectNews{Kind: script.ObjectCleared},
				script.ObjectNews{Name: "a"},
			),
			want: `
				open chat false
				change/a/undefined delete/b/old
				true hi 1
				all 0
				failed main.asc:10 bad of shared object chat fatal=false: main.asc:10: bad
				clear/undefined/undefined change/a/undefined
			`,
		},
		{
			name: "clearSharedObjects",
			script: `
				var names = ["a", "/rooms/a?", "rooms/*", "rooms/[x]", "*/a1", "rooms/", "", "/"];
				for (var i in names) trace(names[i] + ": " + application.clearSharedObjects(names[i]));
				trace(application.clearSharedObjects());
			`,
			want: `
				clear a
				a: true
				clear rooms/a1
				clear rooms/a2
				/rooms/a?: true
				clear rooms/a1
				clear rooms/a2
				clear rooms/b
				clear rooms/[x]
				rooms/*: true
				clear rooms/[x]
				rooms/[x]: true
				*/a1: false
				rooms/: false
				: false
				clear a
				clear rooms/a1
				clear rooms/a2
				clear rooms/b
				clear rooms/deep/a1
				clear rooms/[x]
				/: true
				false
			`,
		},
		{
			name:   "nobody listens",
			script: `var so = SharedObject.get("chat"); so.onSync = 5;`,
			events: news(script.ObjectNews{Name: "a"}, sent("say")),
			want:   `open chat false`,
		},
	})
}

// TestSharedObjectFlood: clients that do more than the script keeps up with cost only
// so much, and slots are told of once.
func TestSharedObjectFlood(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := start(t, f, script.Config{Files: files("main.asc", `
		var so = SharedObject.get("chat"), told = 0, lists = 0, heard = 0, begun = false;
		so.onSync = function (list) { told += list.length; lists++ };
		so.say = function () { heard++ };
		application.onConnect = function () { trace(told + " changes in " + lists + " lists, " + (heard > 1000 && heard < 30000)); return true };
	`)})
	h.Sync()
	// All of it comes within one event of the host's: nothing is told before it is over.
	h.Hold(func() {
		for i := range 100000 {
			f.tell(chat, script.ObjectNews{Name: fmt.Sprint("slot", i%1000), Old: encoded("x")})
		}
		say := sent("say", strings.Repeat("x", 500))
		for range 30000 {
			f.tell(chat, say)
		}
	})
	for range 1000 { // as often as there may be events of it
		h.Sync()
	}
	h.Connect(newClient("a"), nil)
	f.await(t, "1000 changes in 16 lists, true")
}

// TestSharedObjectOfSlowInstance: a script does not wait for ever.
func TestSharedObjectOfSlowInstance(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.slow = true
	h := start(t, f, script.Config{Limits: engine.Limits{Time: 200 * time.Millisecond}, Files: files("main.asc", `
		var so = SharedObject.get("chat");
		so.setProperty("a", 1);
		try { so.getProperty("a") } catch (e) { trace(e.message) }
		application.onConnect = function () { trace(so.getProperty("a") + " " + so.size()); return true };
	`)})
	f.await(t, "shared object chat: the instance did not answer in time")
	f.resume()
	h.Sync()
	h.Connect(newClient("a"), nil)
	f.await(t, "1 1")
}
