package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

func TestPublishAndPlayInTheOrderOfFMS(t *testing.T) { everyWay(t, testPublishAndPlayInTheOrderOfFMS) }

func testPublishAndPlayInTheOrderOfFMS(t *testing.T, w way) {
	s, _ := run(t, w, open)
	p := connect(t, s, "app/one").hello()
	p.send("releaseStream", 3, nil, "cam")
	p.expect("_result [{}]")
	p.send("FCPublish", 4, nil, "cam")
	p.expect("onFCPublish NetStream.Publish.Start", "_result [{}]")
	p.on(1, "publish", "cam", "record")
	info := p.expect("event 0", "onStatus NetStream.Publish.Start")
	if d, _ := info.Get("details"); d != "cam" {
		t.Errorf("details %v", d)
	}
	p.expect("onStatus NetStream.Record.Start")

	v := connect(t, s, "app/one").hello()
	v.on(1, "play", "cam")
	v.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	joined(t, s, 1)
	audio(t, p, 10)
	v.expect("audio 10")
	v.on(1, "pause", true, 10.0)
	v.expect("onStatus NetStream.Pause.Notify", "event 1")
	v.on(1, "pause", false, 10.0)
	v.expect("event 0", "onStatus NetStream.Unpause.Notify")
	v.settled()
	audio(t, p, 30)
	v.expect("audio 30")
	v.on(1, "seek", 5.0)
	v.expect("onStatus NetStream.Seek.Failed")

	p.on(1, "closeStream")
	p.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")
	v.expect("onStatus NetStream.Play.UnpublishNotify")
	v.on(1, "play", false)
	v.expect("onStatus NetStream.Play.Stop")
	v.send("getStreamLength", 5, nil, "cam")
	v.expect("_result [0.02]")

	v.on(1, "play", "cam", 0.0, -1.0, true)
	v.expect("event 4", "event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess", "data onStatus",
		"data onMetaData", "audio 0", "audio 20", "data onPlayStatus", "onStatus NetStream.Play.Stop", "event 1")
}

func TestPlaylistGoesOn(t *testing.T) { everyWay(t, testPlaylistGoesOn) }

func testPlaylistGoesOn(t *testing.T, w way) {
	s, _ := run(t, w, open)
	p := connect(t, s, "app/one").hello()
	for _, name := range []string{"a", "b"} {
		p.on(1, "publish", name, "record")
		p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
		audio(t, p, 0)
		audio(t, p, 2500) // longer than what is sent ahead
		p.on(1, "publish", false)
		p.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")
	}
	v := connect(t, s, "app/one").hello()
	v.on(1, "play", "a", 0.0, -1.0, true)
	v.on(1, "play", "b", 0.0, -1.0, false)
	v.expect("event 4", "event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess", "data onStatus",
		"data onMetaData", "audio 0", "audio 2500", "data onPlayStatus",
		"event 4", "event 0", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess", "data onStatus",
		"data onMetaData", "audio 2500", "audio 5000", "data onPlayStatus", "onStatus NetStream.Play.Stop", "event 1")
}

// oneKey is a key that publishing needs.
type oneKey string

// Check implements instance.Keys.
func (k oneKey) Check(key string) *session.Refusal {
	switch key {
	case string(k):
		return nil
	case "":
		return &session.Refusal{Code: session.RefusedNoKeyGiven}
	}
	return &session.Refusal{Code: session.RefusedWrongKey}
}

// Knows implements instance.Keys.
func (k oneKey) Knows(key string) bool { return key == string(k) }

func TestWhoIsRefused(t *testing.T) { everyWay(t, testWhoIsRefused) }

func testWhoIsRefused(t *testing.T, w way) {
	s, _ := run(t, w, open, open.named("full", apppath.DefaultInstance).with(func(r *instance.Rules) {
		r.MaxConnections, r.MaxStreams, r.Keys = 1, 1, oneKey("secret")
	}))
	for app, want := range map[string]string{
		"":         "_error NetConnection.Connect.InvalidApp",
		"other":    "_error NetConnection.Connect.InvalidApp",
		"app":      "_error NetConnection.Connect.Rejected",
		"app/two":  "_error NetConnection.Connect.Rejected",
		"../../..": "_error NetConnection.Connect.InvalidApp",
	} {
		connect(t, s, app).expect(want, "close []", "end")
	}
	first := connect(t, s, "full/").hello()
	info := connect(t, s, "full").expect("_error NetConnection.Connect.Failed")
	if d, _ := info.Get("description"); !strings.Contains(fmt.Sprint(d), "spec.limits.maxConnections is 1") {
		t.Errorf("description %v", d)
	}
	first.on(1, "play", "a")
	first.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	first.send("createStream", 3, nil)
	first.expect("_result [2]")
	first.on(2, "play", "b") // nobody publishes either: that takes no publisher's place
	first.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	first.on(1, "publish", "a", "live")
	info = first.expect("onStatus NetStream.Publish.BadName")
	if d, _ := info.Get("description"); !strings.Contains(fmt.Sprint(d), "?key=KEY") {
		t.Errorf("description %v does not say how to give a key", d)
	}
	first.on(1, "publish", "a?key=secret", "live")
	first.expect("event 0", "onStatus NetStream.Publish.Start")
}

func TestUnknownCallsFailAndNothingElseHappens(t *testing.T) {
	everyWay(t, testUnknownCallsFailAndNothingElseHappens)
}

func testUnknownCallsFailAndNothingElseHappens(t *testing.T, w way) {
	s, _ := run(t, w, open)
	c := connect(t, s, "app/one").hello()
	c.send("myMethod", 9, nil, "x")
	info := c.expect("_error NetConnection.Call.Failed")
	if d, _ := info.Get("description"); d != "Method not found (myMethod)." {
		t.Errorf("description %v", d)
	}
	c.send("connect", 11, amf.NewObject("app", "app/one"))
	c.expect("_error NetConnection.Call.Failed")
	c.send("deleteStream", 0, nil, 1)
	c.expect("event 1")
	c.send("createStream", 13, nil)
	c.expect("_result [1]") // the id is free again
}

func TestCommandBeforeConnectEndsTheConnection(t *testing.T) {
	everyWay(t, testCommandBeforeConnectEndsTheConnection)
}

func testCommandBeforeConnectEndsTheConnection(t *testing.T, w way) {
	s, _ := run(t, w, open)
	conn, _, err := rtmp.Dial(context.Background(), "rtmp://"+s.RTMPAddr().String()+"/x", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SendCommand(0, "createStream", 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := conn.Serve(func(*rtmp.Message) error { return nil }); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the end", err)
	}
}
