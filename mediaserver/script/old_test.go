package script_test

import (
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script"
)

// TestOldScripts are scripts as people wrote them for Flash Communication Server.
func TestOldScripts(t *testing.T) {
	object := amf.NewObject
	runAll(t, []scenario{{
		name: "a chat room: names in an array that is a map, implicit globals, for each client",
		script: `
			application.onAppStart = function()
			{
				trace("*** chat start ***");
				application.users = new Array();
				application.history = [];
				nextId = 0
			}
			application.onConnect = function(newClient, userName)
			{
				if (userName == undefined || userName.length < 2) {
					err = new Object();
					err.message = "name too short";
					application.rejectConnection(newClient, err);
					return;
				}
				if (application.users[userName] != null) {
					this.rejectConnection(newClient, {message: "name taken", code: 7});
					return false;
				}
				newClient.id = ++nextId;
				newClient.userName = userName;
				application.users[userName] = newClient;
				this.acceptConnection(newClient);
				newClient.call("setHistory", null, application.history);
				for (i = 0; i < application.clients.length; i++)
					application.clients[i].call("joined", null, userName, newClient.id);
			}
			application.onDisconnect = function(client)
			{
				delete application.users[client.userName];
				for (var i in this.clients) this.clients[i].call("gone", null, client.userName);
			}
			Client.prototype.sendMessage = function(msg)
			{
				msg = msg.replace(/</g, "&lt;");
				application.history.push({from: this.userName, text: msg});
				while (application.history.length > 2) application.history.shift();
				application.broadcastMsg("message", this.userName, msg);
				return application.history.length;
			}
			Client.prototype.getUsers = function() { list = []; for (var u in application.users) list.push(u); return list.sort() }`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("1"), nil)
			h.Connect(newClient("2"), []amf.Value{"anna"})
			h.Connect(newClient("3"), []amf.Value{"anna"})
			h.Connect(newClient("4"), []amf.Value{"bert"})
			h.Sync()
			f.call(h, "2", "sendMessage", "<b>hi")
			f.call(h, "4", "getUsers")
			leave(h, "2")
			f.call(h, "4", "getUsers")
		},
		want: `*** chat start ***
			reject 1 {message:name too short}
			accept 2
			invoke 2 setHistory []
			invoke 2 joined anna 1
			reject 3 {message:name taken,code:7}
			accept 4
			invoke 4 setHistory []
			invoke 2 joined bert 2
			invoke 4 joined bert 2
			broadcast message anna &lt;b>hi
			result: 1
			result: [anna,bert]
			invoke 4 gone anna
			result: [bert]`,
	}, {
		name: "method objects, with a facade that knows its client",
		script: `
			function Room(client) { this.client = client; this.items = {} }
			Room.prototype.put = function(k, v) { this.items[k] = v; return this.size() }
			Room.prototype.size = function() { var n = 0; for (var k in this.items) n++; return n }
			Room.prototype.who = function() { return this.client.name + "@" + this.client.ip }
			Client.prototype.admin = { rooms: { list: function() { return ["lobby", "bar"] } } };
			application.onConnect = function(client, name) {
				client.name = name; client.room = new Room(client);
				client.__defineGetter__("upper", function() { return this.name.toUpperCase() });
				client.shout = function() { return this.upper + "!" };
				return true;
			}`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), []amf.Value{"anna"})
			h.Sync()
			f.call(h, "a", "room.put", "k", object("x", 1.0))
			f.call(h, "a", "room/put", "l", nil)
			f.call(h, "a", "room.who")
			f.call(h, "a", "admin.rooms.list")
			f.call(h, "a", "shout")
			f.call(h, "a", "upper")
			f.call(h, "a", "room.client.shout")
		},
		want: `accept a
			result: 1
			result: 2
			result: anna@192.0.2.1
			result: [lobby,bar]
			result: ANNA!
			missing: Method not found (upper).
			result: ANNA!`,
	}, {
		name: "classes both ways",
		script: `
			function Card(suit) { this.suit = suit || "none"; this.made = true }
			Card.prototype.show = function() { return this.suit + " " + this.rank }
			Card.prototype.onInitialize = function() { this.ready = true }
			application.registerClass("com.game.Card", Card);
			Client.prototype.deal = function(card, same) {
				if (!(card instanceof Card) || card !== same) return "no card";
				this.call("dealt", null, card.show(), card.ready);
				var answer = new Card("hearts"); answer.rank = 5;
				return answer;
			}`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), nil)
			h.Sync()
			card := &amf.Object{Class: "com.game.Card", Properties: []amf.Property{{Name: "suit", Value: "spades"}, {Name: "rank", Value: 1.0}}}
			f.call(h, "a", "deal", card, card)
			f.call(h, "a", "deal", object("suit", "clubs"), nil)
		},
		want: `accept a
			invoke a dealt spades 1 true
			result: com.game.Card{suit:hearts,made:true,rank:5}
			result: no card`,
	}, {
		name: "accepted by a timer that asks again, cyclic data on clients, a kick and a ban",
		script: `
			var waiting = [], banned = {};
			application.onConnect = function(c, name) {
				if (banned[name]) { application.rejectConnection(c, "banned"); return }
				c.name = name; c.data = {owner: name}; c.data.client = c; c.data.self = c.data;
				waiting[waiting.length] = c;
			}
			function Gate() { this.tries = 0 }
			Gate.prototype.check = function(limit) {
				if (++this.tries < limit) return;
				clearInterval(this.id);
				while (waiting.length) application.acceptConnection(waiting.shift());
			}
			gate = new Gate(); gate.id = setInterval(gate, "check", 10, 3);
			Client.prototype.whoami = function() { return this.data }
			Client.prototype.kick = function(who) {
				for (var i = application.clients.length - 1; i >= 0; i--) with (application.clients[i]) if (data.owner == who) {
					banned[who] = 1; application.disconnect(application.clients[i]); return true }
				return false
			}`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), []amf.Value{"anna"})
			h.Connect(newClient("b"), []amf.Value{"bert"})
			f.await(f.tb, "accept b")
			f.call(h, "a", "kick", "bert")
			f.call(h, "a", "kick", "nobody")
			leave(h, "b")
			h.Connect(newClient("c"), []amf.Value{"bert"})
		},
		want: `accept a
			accept b
			disconnect b
			result: true
			result: false
			reject c banned banned`,
	}, {
		name: "a server that overrides what application does",
		script: `
			application.$accept = application.acceptConnection;
			application.acceptConnection = function(c) { c.since = new Date(0); trace("wrapped"); return this.$accept(c) }
			application.onStatus = function(info) { if (info.code == "Application.Script.Error") trace("error in line " + info.lineno) }
			application.onConnect = function(c) {
				this.acceptConnection(c)
				try { undefined_function() } catch (e if e instanceof ReferenceError) { trace("caught " + e.lineNumber) }
				c.extra.much.too.deep = 1
			}
			application.onAppStop = function(info) { return info.code == "Application.GC" && this.clients.length > 0 ? false : true }`,
		events: func(h *script.Host, f *fake) {
			h.Connect(newClient("a"), nil)
			h.Stop(script.StopIdle, func(refused bool) { f.say("refused %v", refused) })
			leave(h, "a")
			h.Stop(script.StopIdle, func(refused bool) { f.say("refused %v", refused) })
		},
		want: `wrapped
			accept a
			caught 7
			failed main.asc:8 onConnect fatal=false: main.asc:8: TypeError: cannot read property 'much' of undefined
			error in line 8
			refused true
			refused false`,
	}})
}
