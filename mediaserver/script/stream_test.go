package script_test

import (
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

func TestStreams(t *testing.T) {
	runAll(t, []scenario{
		{
			name: "one object for a name",
			script: `
				var s = Stream.get("tv");
				s.mine = 5;
				trace(Stream.get("/tv?key=x") === s, Stream.get("tv").mine, Stream.get("mp4:tv") === s, s instanceof Stream, s.name);
				trace(Stream.get(""), Stream.get(), Stream.get("a\u0000b"));
				trace(s.bufferTime); s.setBufferTime(5); s.bufferTime = 9; trace(s.bufferTime, s.syncWrite, s.flush());
				Stream.prototype.hello = function () { trace("hello " + this.name); };
				s.hello();`,
			want: `
				true 5 false true tv
				null null null
				2
				5 false true
				hello tv`,
		},
		{
			name: "a scheduled channel",
			script: `
				application.onAppStart = function () {
					this.tv = Stream.get("tv");
					this.tv.onStatus = function (info) { trace(this.name, info.code, info.level, info.details); };
					trace(this.tv.play("first", 0, -1, true), this.tv.play("mp4:second.mp4", 10, 20.5, false), this.tv.play("cam", -1, 0, 0));
					trace(this.tv.play("any"), this.tv.play("log", 0, -1, 2), this.tv.play("log", -5, -3, 3), this.tv.play(false));
					trace(this.tv.play(), this.tv.play(null), this.tv.play(""));
				};`,
			want: `
				play tv: first from=2 start=0s length=0s picture=false data=false reset=true
				play tv: mp4:second.mp4 from=2 start=10s length=20.5s picture=false data=false reset=false
				play tv: cam from=1 start=0s length=0s picture=true data=false reset=false
				true true true
				play tv: any from=0 start=0s length=0s picture=false data=false reset=true
				play tv: log from=2 start=0s length=0s picture=false data=true reset=false
				play tv: log from=0 start=0s length=0s picture=false data=true reset=true
				stop tv
				true true true true
				false false false
				tv NetStream.Play.Start status first
				tv NetStream.Play.Start status mp4:second.mp4
				tv NetStream.Play.Start status cam
				tv NetStream.Play.Start status any
				tv NetStream.Play.Start status log
				tv NetStream.Play.Start status log`,
		},
		{
			name: "statuses without a handler are the application's",
			script: `
				application.onStatus = function (info) { trace("application", info.code, info.details); };
				Stream.get("tv").play("film");
				Stream.get("tv").play("film", -2, -1, true, new Object());`,
			want: `
				play tv: film from=0 start=0s length=0s picture=false data=false reset=true
				application NetStream.Play.Start film
				application NetStream.Play.Failed film`,
		},
		{
			name: "recording",
			script: `
				application.onPublish = function (client, stream) {
					trace(client.id, stream.name, stream.publishQueryString, stream.type, stream === Stream.get("cam"));
					trace(stream.record(), stream.record("append"), stream.record("appendWithGap", 60, 10), stream.record("record", -1, 0), stream.record(false), stream.record("backwards"));
				};
				application.onUnpublish = function (client, stream) { stream.record(false); };
				application.onConnect = function (client) { return true; };`,
			events: func(h *script.Host, _ *fake) {
				h.Connect(newClient("A"), nil)
				h.Publish("A", script.StreamInfo{Name: "cam", Query: "key=1", Mode: "live"})
				h.Unpublish("A", script.StreamInfo{Name: "cam", Query: "key=1", Mode: "live"})
			},
			want: `
				accept A
				A cam key=1 live true
				record cam record 0s 0
				record cam append 0s 0
				record cam appendWithGap 1m0s 10240
				record cam record 0s 0
				recorded cam
				true true true true true false
				recorded cam`,
		},
		{
			name: "sending",
			script: `
				var s = Stream.get("tv");
				trace(s.send("onChat", "hello", 5, {a: [1, null]}), s.send("@setDataFrame", "onMetaData", {width: 320}), s.send(), s.send(""));`,
			want: `
				send tv onChat hello 5 {a:[1,null]} <nil>
				send tv @setDataFrame onMetaData {width:320} <nil>
				true true false false`,
		},
		{
			name: "recordings",
			script: `
				application.onStatus = function (info) { trace(info.code, info.level, info.details); };
				trace(Stream.length("film"), Stream.length("mp4:film"), Stream.length("none"), Stream.length(), Stream.size("film"), Stream.size("none"));
				trace(Stream.getOnMetaData("film").width, Stream.getOnMetaData("none"), Stream.get("any").getOnMetaData("film").width, Stream.get("film").length());
				trace(Stream.get("film").clear(), Stream.get("none").clear(), application.clearStreams("/re*"), application.clearStreams(""));`,
			want: `
				2.5 2.5 0 0 4096 0
				320 null 320 2.5
				delete film
				delete none
				clear /re*
				true false true false
				NetStream.Clear.Success status film
				NetStream.Clear.Failed error none
				NetStream.Clear.Success status /re*`,
		},
		{
			name:   "a disk that hangs costs no more than the time of a call",
			script: `trace(Stream.length("hangs")); trace(Stream.length("film"));`,
			config: script.Config{Limits: engine.Limits{Time: 400 * time.Millisecond, Grace: 10 * time.Second}},
			want: `
				0
				2.5`,
		},
		{
			name: "what is destroyed",
			script: `
				var s = Stream.get("tv");
				s.play("film");
				trace(Stream.destroy(s), Stream.destroy({}), Stream.destroy(), Stream.get("tv") === s, s.name);
				trace(s.setVirtualPath("/a", "/b", ""), Stream.get("tv").setVirtualPath("/a", "/b", ""));`,
			want: `
				play tv: film from=0 start=0s length=0s picture=false data=false reset=true
				stop tv
				recorded tv
				true false false false tv
				false false`,
		},
		{
			name: "any number of names",
			script: `
				for (var i = 0; i < 3000; i++) Stream.get("s" + i);
				var kept = Stream.get("kept"); kept.onStatus = function () {};
				var busy = Stream.get("busy"); busy.record();
				for (var i = 0; i < 3000; i++) Stream.get("t" + i);
				trace(Stream.get("kept") === kept, Stream.get("busy") === busy);
				try { for (var i = 0; i < 3000; i++) Stream.get("u" + i).mine = i; } catch (e) { trace(e.name, i); }
				trace(Stream.get("kept") === kept);`,
			want: `
				record busy record 0s 0
				true true
				RangeError 998
				true`,
		},
	})
}
