package session_test

import (
	"fmt"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// librarian is a script that shares an object with its clients.
const librarian = `
var so = SharedObject.get("rooms/chat"), gate = SharedObject.get("kept", true);
so.onSync = function(list) {
	for (var i in list) application.broadcastMsg("synced", list[i].code, list[i].name, String(list[i].oldValue), String(so.getProperty(list[i].name)));
};
so.shout = function(text, o) { this.send("shouted", text + o.mark); };
application.onConnect = function(client) { return true; };
application.onDisconnect = function() { SharedObject.get("rooms/chat").close(); gate.close(); };
Client.prototype.batch = function() {
	so.lock(); so.setProperty("a", {list: [1, "x"]}); so.setProperty("b", 2); so.setProperty("b", 3); so.unlock();
	return so.getPropertyNames().sort().join() + so.getProperty("a").list[1] + so.getProperty("b") + so.size();
};
Client.prototype.remove = function(name) { return so.setProperty(name, null); };
Client.prototype.empty = function() { return so.clear(); };
Client.prototype.forget = function() { so.close(); return so.size(); };
Client.prototype.gone = function() { application.clearSharedObjects("rooms/*"); return SharedObject.get("rooms/chat").size(); };
`

// objectEvents is a word for a shared object's message: all its events.
func objectEvents(m *rtmp.Message) string {
	if m.Type != rtmp.TypeSharedObject {
		return servertest.Word(m)
	}
	got, err := sharedobject.Parse(m.Payload, 1<<16)
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, e := range got.Events {
		word := fmt.Sprintf("%d", e.Type)
		if e.Name != "" {
			word += " " + e.Name
		}
		if values, err := amf.DecodeAll(e.Value.Raw); err == nil && len(values) > 0 {
			for i, v := range values {
				if o, ok := v.(*amf.Object); ok {
					values[i] = fmt.Sprint("an object of ", len(o.Properties))
				}
			}
			word += fmt.Sprintf(" %v", values)
		}
		all = append(all, word)
	}
	return "object " + strings.Join(all, ", ")
}

func (c *client) asks(events ...sharedobject.Event) {
	c.t.Helper()
	m := sharedobject.Message{Name: "rooms/chat", Events: events}
	if err := c.conn.Send(&rtmp.Message{Type: rtmp.TypeSharedObject, Payload: m.Encode(false)[1:]}); err != nil {
		c.t.Fatal(err)
	}
}

// Script and clients change one object: each hears what the others do, and the script
// nothing of what it does itself.
func TestScriptSharesObjects(t *testing.T) { everyWay(t, testScriptSharesObjects) }

func testScriptSharesObjects(t *testing.T, w way) {
	h, _ := run(t, w, open.running(librarian))
	var all []*client
	for range 2 {
		c := hear(t, servertest.Dial(t, h.RTMPAddr()), objectEvents)
		c.Connect("app/one")
		c.expect("event 0", success, "onBWDone []")
		c.asks(sharedobject.Event{Type: sharedobject.Use})
		c.expect("object 11, 8")
		all = append(all, c)
	}
	ann, bob := all[0], all[1]
	value := func(all ...amf.Value) sharedobject.Value {
		v, err := sharedobject.NewValue(all...)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	ann.asks(sharedobject.Event{Type: sharedobject.RequestChange, Name: "topic", Value: value("cats")})
	ann.expectAll("object 5 topic", "synced [change topic undefined cats]")
	bob.expectAll("object 4 topic [cats]", "synced [change topic undefined cats]")
	bob.asks(sharedobject.Event{Type: sharedobject.RequestChange, Name: "topic", Value: value("dogs")})
	bob.expectAll("object 5 topic", "synced [change topic cats dogs]")
	ann.expectAll("object 4 topic [dogs]", "synced [change topic cats dogs]")
	ann.asks(sharedobject.Event{Type: sharedobject.SendMessage, Value: value("shout", "hey", amf.NewObject("mark", "!"))})
	for _, c := range all {
		c.expectTold("object 6 [shout hey an object of 1], 6 [shouted hey!]")
	}
	ann.send("remove", 3, nil, "topic")
	ann.expectAll("object 9 topic", "_result [true]")
	bob.expect("object 9 topic")
	ann.send("batch", 4, nil)
	const batch = "object 4 a [an object of 1], 4 b [2], 4 b [3]"
	bob.expect(batch)
	ann.expectAll(batch, "_result [a,bx32]")
	bob.asks(sharedobject.Event{Type: sharedobject.RequestRemove, Name: "b"})
	for _, c := range all {
		c.expectAll("object 9 b", "synced [delete b 3 undefined]")
	}
	ann.send("empty", 5, nil)
	ann.expectAll("object 8", "_result [true]")
	bob.expect("object 8")
	ann.send("forget", 6, nil)
	ann.expect("_result [0]")
	bob.asks(sharedobject.Event{Type: sharedobject.RequestChange, Name: "alone", Value: value(1.0)})
	bob.expect("object 5 alone")
	ann.expect("object 4 alone [1]")
	bob.send("gone", 7, nil)
	bob.expectAll("object 8", "_result [0]")
	ann.expect("object 8")
}

// expectTold reads messages about the object until they have said all of want: what
// happens while others are told goes out together with what came before.
func (c *client) expectTold(want string) {
	c.t.Helper()
	for got := "object "; got != want; got += ", " {
		word, _ := c.next()
		if got += strings.TrimPrefix(word, "object "); got == want {
			return
		}
		if !strings.HasPrefix(want, got+", ") {
			c.t.Fatalf("heard %q, want %q", got, want)
		}
	}
}

// expectAll expects words in any order.
func (c *client) expectAll(want ...string) {
	c.t.Helper()
	left := map[string]int{}
	for _, word := range want {
		left[word]++
	}
	for range want {
		word, _ := c.next()
		if left[word]--; left[word] < 0 {
			c.t.Fatalf("heard %q, want %q in any order", word, want)
		}
	}
}
