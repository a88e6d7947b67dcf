package session_test

import (
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// station is an application with a channel, and one that records what clients publish.
const station = `
application.onAppStart = function() {
	application.log = [];
	this.tv = Stream.get("tv");
	this.tv.onStatus = function(info) {
		application.log.push(info.code.split("NetStream.").join("") + " " + info.details);
		if (info.code == "NetStream.Play.Stop") application.broadcastMsg("over");
	};
	application.onStatus = function(info) { application.log.push("application " + info.code + " " + info.details); };
};
application.onConnect = function(client) { return true; };
application.onPublish = function(client, stream) {
	stream.record();
	client.call("published", null, stream.name, stream.publishQueryString, stream.type);
};
application.onUnpublish = function(client, stream) {
	stream.record(false);
	client.call("unpublished", null, stream.name);
};
Client.prototype.begin = function() {
	application.tv.record();
	application.tv.play("one", 0, -1, true);
	application.tv.play("two", 0, 0.55, false);
	application.tv.play("none", 0, -1, false);
};
Client.prototype.chat = function(words) { return Stream.get("tv").send("onChat", words); };
Client.prototype.finish = function() { application.tv.record(false); };
Client.prototype.told = function() { return application.log.join(", "); };
Client.prototype.lengthOf = function(name) { return Stream.length(name) > 0 && Stream.size(name) > 0; };
Client.prototype.wipe = function(path) { return application.clearStreams(path); };
`

// A script's channel over the wire: joined, chatted on, recorded, told of, played back
// and deleted.
func TestScriptMakesAChannel(t *testing.T) { everyWay(t, testScriptMakesAChannel) }

func testScriptMakesAChannel(t *testing.T, w way) {
	h, _ := run(t, w, open.running(station))
	tune(t, h, "one", 8)
	tune(t, h, "two", 50)
	first, viewer := connectStreams(t, h, 1), connectStreams(t, h, 1)
	viewer.plays(1, "tv")
	joined(t, h, 1)
	first.call("begin", 3, nil)
	viewer.expect("1 Play.PublishNotify", "1 audio 0")
	first.call("chat", 4, nil, "hello")
	heard := viewer.sounds("1 [onChat hello]")
	heard = append(heard, viewer.sounds("0 over []")...)
	first.call("finish", 5, nil)
	heard = append(heard, viewer.sounds("1 Play.UnpublishNotify")...) // a link brings calls by another way than sound
	want := []int{100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100, 1200, 1300}
	if !slices.Equal(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
	back := connectStreams(t, h, 1)
	ask := func(method string, args ...any) string {
		back.call(method, 7, nil, args...)
		for {
			if w := back.next(); strings.HasPrefix(w, "0 _result") {
				return strings.TrimPrefix(w, "0 _result ")
			}
		}
	}
	eventually(t, "the recording has ended", func() bool { return strings.Contains(ask("told"), "Record.Stop tv") })
	for _, part := range []string{"Record.Start tv", "Play.Reset one", "Publish.Start tv", "Play.Start one", "Play.Switch two", "Play.Start two", "Play.StreamNotFound none"} {
		if got := ask("told"); !strings.Contains(got, part) {
			t.Errorf("the script was told %s, without %q", got, part)
		}
	}
	if got := ask("lengthOf", "tv"); got != "[true]" {
		t.Errorf("the recording: %s", got)
	}
	back.on(1, "play", "tv", 0.0)
	if got := back.sounds("1 Play.Stop"); !slices.Equal(got, append([]int{0}, want...)) {
		t.Errorf("the recording has %v", got)
	}
	if got := ask("wipe", "/t?"); got != "[true]" {
		t.Errorf("clearStreams: %s", got)
	}
	if got := ask("lengthOf", "tv"); got != "[false]" {
		t.Errorf("the recording that is cleared: %s", got)
	}
}

// A script records what a client publishes live: DVR.
func TestScriptRecordsAClient(t *testing.T) { everyWay(t, testScriptRecordsAClient) }

func testScriptRecordsAClient(t *testing.T, w way) {
	h, _ := run(t, w, open.running(station))
	p := connectStreams(t, h, 1)
	p.on(1, "publish", "cam?key=5", "live")
	p.expectAll("1 Publish.Start", "0 published [cam key=5 live]")
	eventually(t, "it is recorded", func() bool { return h.Stats()[0].Recordings == 1 })
	for at := range 10 {
		p.audio(1, media.Timestamp(5000+100*at))
	}
	p.on(1, "closeStream")
	p.expectAll("1 Unpublish.Success", "0 unpublished [cam]")
	eventually(t, "the recording has ended", func() bool { return h.Stats()[0].Recordings == 0 })
	v := connectStreams(t, h, 1)
	v.on(1, "play", "cam", 0.0)
	if got := v.sounds("1 Play.Stop"); len(got) == 0 || got[0] != 0 || len(got) > 10 {
		t.Errorf("the recording has %v", got)
	}
}
