package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// doorman is a script that lets in who says "in", or waits for another to ask for it.
const doorman = `
var waiting = [];
application.onConnect = function(client, word, name) {
	client.name = name;
	client.call("first", null, name);
	if (word == "in") return true;
	if (word == "wait") { waiting.push(client); return; }
	if (word == "elsewhere") { application.redirectConnection(client, "rtmp://other/app"); return; }
	var why = new Object();
	why.message = "Not you, " + name;
	application.rejectConnection(client, why);
};
application.onDisconnect = function(client) { application.broadcastMsg("gone", client.name); };
Client.prototype.admit = function() {
	for (var i = 0; i < waiting.length; i++) application.acceptConnection(waiting[i]);
	return waiting.length;
};
Client.prototype.add = function(a, b) { return a + b; };
Client.prototype.twice = function(n) {
	var client = this, result = new Object();
	result.onResult = function(v) { client.call("told", null, v); };
	result.onStatus = function(info) { client.call("told", null, info.code); };
	this.call("double", result, n);
	return "asked";
};
Client.prototype.throwing = function() { nothing.there(); };
Client.prototype.about = function() { return [this.uri, this.referrer, this.pageUrl, this.protocol, this.agent].join(" "); };
Client.prototype.kick = function() { this.call("bye"); application.disconnect(this); };
Client.prototype.closeApp = function() { application.shutdown(); };
application.onPublish = function(client, stream) { application.broadcastMsg("published", client.name, stream.name); };
application.onUnpublish = function(client, stream) { application.broadcastMsg("unpublished", client.name, stream.name); };
Client.prototype.allow = function(read, write) { this.readAccess = read; this.writeAccess = write; };
`

// enter connects with arguments.
func enter(t *testing.T, h *house, args ...amf.Value) *client {
	t.Helper()
	c := hear(t, servertest.Dial(t, h.RTMPAddr()), wordOfObjects)
	m, err := rtmp.NewCommand(0, "connect", 1, amf.NewObject(
		"app", "app/one", "tcUrl", "rtmp://h/app/one", "swfUrl", "http://h/a.swf", "pageUrl", "http://h/", "flashVer", "WIN 9,0,45,0"), args...)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.conn.Send(m); err != nil {
		t.Fatal(err)
	}
	return c
}

// in is a client that was let in.
func in(t *testing.T, h *house, name string) *client {
	t.Helper()
	c := enter(t, h, "in", name)
	c.expect("event 0", success, "onBWDone []", fmt.Sprintf("first [%s]", name))
	return c
}

func TestScriptLetsClientsIn(t *testing.T) { everyWay(t, testScriptLetsClientsIn) }

func testScriptLetsClientsIn(t *testing.T, w way) {
	h, _ := run(t, w, open.running(doorman))
	ann := in(t, h, "ann")
	info := enter(t, h, "out", "bob").expect("_error NetConnection.Connect.Rejected")
	why, _ := info.Get("application")
	if said, _ := why.(*amf.Object).Get("message"); said != "Not you, bob" {
		t.Errorf("rejected with %v", why)
	}
	info = enter(t, h, "elsewhere", "eve").expect("_error NetConnection.Connect.Rejected")
	ex, _ := info.Get("ex")
	if to, _ := ex.(*amf.Object).Get("redirect"); to != "rtmp://other/app" {
		t.Errorf("redirected with %v", ex)
	}
	cid := enter(t, h, "wait", "cid")
	cid.send("add", 7, nil, 1.0, 2.0)
	dan := enter(t, h, "wait", "dan")
	eventually(t, "they wait", func() bool { return h.Stats()[0].Connections == 3 })
	dan.conn.Close()
	ann.expect("gone [dan]")
	ann.send("admit", 5, nil)
	ann.expect("_result [2]")
	cid.expect("event 0", success, "onBWDone []", "first [cid]", "_result [3]")
	cid.conn.Close()
	ann.expect("gone [cid]")
}

func TestScriptAnswersCalls(t *testing.T) { everyWay(t, testScriptAnswersCalls) }

func testScriptAnswersCalls(t *testing.T, w way) {
	h, _ := run(t, w, open.running(doorman))
	c := in(t, h, "ann")
	for n, call := range []struct {
		method string
		args   []amf.Value
		want   string
	}{
		{"add", []amf.Value{"a", "b"}, "_result [ab]"},
		{"throwing", nil, "_error NetConnection.Call.Failed"},
		{"nothing", nil, "_error NetConnection.Call.Failed"},
		{"toString", nil, "_error NetConnection.Call.Failed"},
		{"about", nil, "_result [rtmp://h/app/one http://h/a.swf http://h/ rtmp WIN 9,0,45,0]"},
	} {
		c.send(call.method, float64(n+10), nil, call.args...)
		c.expect(call.want)
	}
	c.send("FCSubscribe", 20, nil, "cam") // nothing of the script's
	c.expect("onFCSubscribe NetStream.Play.Start", "_result [{}]")
	c.send("getStreamLength", 21, nil, "nothing")
	c.expect("_result [0]")
	c.send("twice", 30, nil, 4.0)
	c.expect("double [4]", "_result [asked]")
	c.send("_result", 1, nil, 8.0)
	c.expect("told [8]")
	c.send("twice", 31, nil, 5.0)
	c.expect("double [5]", "_result [asked]")
	c.send("_error", 2, nil, amf.NewObject("code", "Not.Today", "level", "error"))
	c.expect("told [Not.Today]")
	c.send("kick", 0, nil)
	c.expect("bye []", "end")
}

func TestScriptHearsOfPublishers(t *testing.T) { everyWay(t, testScriptHearsOfPublishers) }

func testScriptHearsOfPublishers(t *testing.T, w way) {
	h, _ := run(t, w, open.running(doorman))
	ann, bob := in(t, h, "ann"), in(t, h, "bob")
	bob.on(1, "publish", "cam?token=1", "live")
	ann.expect("published [bob cam]")
	bob.on(1, "closeStream")
	ann.expect("unpublished [bob cam]")
	bob.on(1, "publish", "cam", "record")
	ann.expect("published [bob cam]")
	bob.conn.Close()
	ann.expect("unpublished [bob cam]", "gone [bob]")
}

func TestScriptSaysWhatAClientMayUse(t *testing.T) { everyWay(t, testScriptSaysWhatAClientMayUse) }

func testScriptSaysWhatAClientMayUse(t *testing.T, w way) {
	h, _ := run(t, w, open.running(doorman+"application.onPublish = null;"))
	c := in(t, h, "ann")
	c.send("allow", 5, nil, "public;/films", "own")
	c.expect("_result [{}]")
	c.on(1, "publish", "public/cam", "live")
	info := c.expect("onStatus NetStream.Publish.BadName")
	if d, _ := info.Get("description"); !strings.Contains(fmt.Sprint(d), "no write access") {
		t.Errorf("description %v", d)
	}
	c.on(1, "publish", "own/cam", "live")
	c.expect("event 0", "onStatus NetStream.Publish.Start")
	c.on(2, "play", "own/cam")
	info = c.expect("onStatus NetStream.Play.Failed")
	if d, _ := info.Get("description"); !strings.Contains(fmt.Sprint(d), "no read access") {
		t.Errorf("description %v", d)
	}
	c.on(2, "play", "public/cam", -1000.0)
	c.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	for name, want := range map[string]string{
		"own/list":    sharedobject.CodeNoReadAccess,
		"public/list": sharedobject.CodeNoWriteAccess, // it is not there
	} {
		m := sharedobject.Message{Name: name, Events: []sharedobject.Event{{Type: sharedobject.Use}}}
		if err := c.conn.Send(&rtmp.Message{Type: rtmp.TypeSharedObject, Payload: m.Encode(false)[1:]}); err != nil {
			t.Fatal(err)
		}
		c.expect("object " + want)
	}
}

// wordOfObjects is a word that says of a shared object's status which it is.
func wordOfObjects(m *rtmp.Message) string {
	if m.Type == rtmp.TypeSharedObject {
		if got, err := sharedobject.Parse(m.Payload, 1<<16); err == nil && len(got.Events) == 1 {
			return "object " + got.Events[0].Name
		}
	}
	return servertest.Word(m)
}

// A script that shuts its application down has its clients go, and begins anew.
func TestScriptShutsDown(t *testing.T) { everyWay(t, testScriptShutsDown) }

func testScriptShutsDown(t *testing.T, w way) {
	h, _ := run(t, w, open.running(doorman+`
		var born = 0; born++;
		application.onAppStop = function() { application.broadcastMsg("stops", born); return false; };`))
	ann, bob := in(t, h, "ann"), in(t, h, "bob")
	bob.send("closeApp", 0, nil)
	for _, c := range []*client{ann, bob} {
		c.expect("stops [1]", "onStatus NetConnection.Connect.AppShutdown", "end")
		c.conn.Close()
	}
	eventually(t, "they have left", func() bool { return h.Stats()[0].Connections == 0 })
	in(t, h, "cid")
}

// Both ends are Go: values of every kind arrive at the script and come back.
func TestScriptKeepsValues(t *testing.T) { everyWay(t, testScriptKeepsValues) }

func testScriptKeepsValues(t *testing.T, w way) {
	h, _ := run(t, w, open.running(`
		application.onConnect = function(client) { return true };
		Client.prototype.echo = function(v) { return v; };`))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	nc, _ := netConnection(ctx, t, h, 0)
	for _, v := range []amf.Value{nil, true, 1.5, "word", strings.Repeat("long", 20000)} {
		got, err := nc.Call(ctx, "echo", v)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0] != v {
			t.Errorf("%v came back as %v", v, got)
		}
	}
	var failed *rtmp.StatusError
	if _, err := nc.Call(ctx, "nothing"); !errors.As(err, &failed) || failed.Code != "NetConnection.Call.Failed" {
		t.Errorf("%v", err)
	}
}

// A script makes its client slow: what it is sent takes its time, media as well, and
// nothing of it is lost.
func TestScriptLimitsBandwidth(t *testing.T) { everyWay(t, testScriptLimitsBandwidth) }

func testScriptLimitsBandwidth(t *testing.T, w way) {
	h, _ := run(t, w, open.running(`
		application.onConnect = function(client) { return true };
		Client.prototype.slow = function(down, up) { this.setBandwidthLimit(down, up); return this.getBandwidthLimit(1) };
		Client.prototype.echo = function(v) { return v };
		Client.prototype.trip = function() { this.ping(); return this.getStats().ping_rtt };`))
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience) // it is slow by intention
	defer cancel()
	nc, streams := netConnection(ctx, t, h, 2)
	if got, err := nc.Call(ctx, "slow", 64<<10, 0); err != nil || got[0] != 65536.0 {
		t.Fatal(got, err)
	}
	began := time.Now()
	words := strings.Repeat("x", 128<<10)
	if got, err := nc.Call(ctx, "echo", words); err != nil || got[0] != words {
		t.Fatal(len(got), err)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("128 KiB at 64 KiB/s took %v", took)
	}
	got := picturesOn(streams)
	if err := streams[0].Publish(ctx, "cam", "live"); err != nil {
		t.Fatal(err)
	}
	if err := streams[1].Play(ctx, "cam", rtmp.PlayLive); err != nil {
		t.Fatal(err)
	}
	joined(t, h, 1)
	began = time.Now()
	film := []packet{video(0, "\x17\x01\x00\x00\x00"+words), video(40, "\x27\x01\x00\x00\x00then")}
	for _, p := range film {
		if err := streams[0].Send(ctx, &rtmp.Message{Type: p.kind, Timestamp: p.time, Payload: []byte(p.payload)}); err != nil {
			t.Fatal(err)
		}
	}
	gets(t, "slowly", got[1], film...)
	if took := time.Since(began); took < time.Second {
		t.Errorf("128 KiB at 64 KiB/s took %v", took)
	}
	eventually(t, "a ping is measured", func() bool {
		got, err := nc.Call(ctx, "trip")
		if err != nil {
			t.Fatal(err)
		}
		trip, _ := got[0].(float64)
		return trip > 0
	})
}

// What a script is told of the messages that its client was sent counts media, too, each
// message once, also where the socket takes some in part.
func TestScriptCountsMessages(t *testing.T) { everyWay(t, testScriptCountsMessages) }

func testScriptCountsMessages(t *testing.T, w way) {
	h, _ := run(t, w, open.running(`
		application.onConnect = function(client) { return true };
		Client.prototype.out = function() { return [this.getStats().msg_out, application.getStats().msg_out] };`))
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	nc, streams := netConnection(ctx, t, h, 2)
	got := picturesOn(streams)
	if err := streams[0].Publish(ctx, "cam", "live"); err != nil {
		t.Fatal(err)
	}
	if err := streams[1].Play(ctx, "cam", rtmp.PlayLive); err != nil {
		t.Fatal(err)
	}
	joined(t, h, 1)
	send := func(film ...packet) {
		t.Helper()
		for _, p := range film {
			if err := streams[0].Send(ctx, &rtmp.Message{Type: p.kind, Timestamp: p.time, Payload: []byte(p.payload)}); err != nil {
				t.Fatal(err)
			}
		}
		gets(t, "all", got[1], film...)
	}
	out := func() (client, all float64) {
		t.Helper()
		v, err := nc.Call(ctx, "out")
		if err != nil {
			t.Fatal(err)
		}
		both, ok := v[0].(*amf.Array)
		if !ok || len(both.Items) != 2 {
			t.Fatalf("%v", v)
		}
		client, _ = both.Items[0].(float64)
		all, _ = both.Items[1].(float64)
		return client, all
	}
	send(video(0, "\x17\x01\x00\x00\x00first"))
	var before, allBefore float64
	eventually(t, "something is counted", func() bool {
		before, allBefore = out()
		return before >= 5 && allBefore >= before
	})
	const many = 60
	var film []packet
	for n := range many {
		film = append(film, video(media.Timestamp(40*(n+1)), fmt.Sprintf("\x27\x01\x00\x00\x00%d%s", n, strings.Repeat("x", 20_000))))
	}
	send(film...)
	// Beside media there are the answers to the questions before, and a few about the line.
	// What was written last may be counted a moment after it has come.
	answers := 0.0
	eventually(t, "all are counted", func() bool {
		answers++
		client, all := out()
		for _, n := range []float64{client - before, all - allBefore} {
			if n > many+answers+20 {
				t.Fatalf("%v messages with %d of media and %v answers", n, many, answers)
			}
			if least := many + answers; n < least && (w != overLink || n < many) { // an edge says each second what it was
				return false
			}
		}
		return true
	})
}
