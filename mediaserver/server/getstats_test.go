package server

import (
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A script sees what a client that does not read is spared, and what waits for it, and of
// all clients together also when it has gone.
func TestStatsOfASlowClient(t *testing.T) {
	t.Parallel()
	folder := servertest.WriteFiles(t, t.TempDir(), "main.asc", `application.onConnect = function (c, who) { c.who = who; return true }
		Client.prototype.stats = function () {
			for (var i in application.clients) if (application.clients[i].who == "slow") return application.clients[i].getStats();
			return application.getStats()
		}`)
	s, _ := runWith(t, Config{WebAddress: anyAddress, ScriptFolder: folder}, "{application: app, instance: one, script: {configMap: {name: x}}, access: {publish: {mode: Anyone}}}")
	p := &visitor{t: t, nc: insideWeb(t, s, "app/one")}
	_, show := camera(t, p, "cam")
	stats := func() func(name string) float64 {
		t.Helper()
		got, err := p.nc.Call(t.Context(), "stats")
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		return func(name string) float64 {
			o, ok := got[0].(*amf.Object)
			if !ok {
				t.Fatalf("the client that is slow has gone: %v", got)
			}
			n, _ := o.Get(name)
			f, ok := n.(float64)
			if !ok {
				t.Fatalf("%s is %v", name, n)
			}
			return f
		}
	}
	hold := make(chan struct{})
	conn := servertest.DialNarrow(t, s.RTMPAddr())
	slow := servertest.NewClient(t, conn, func(m *rtmp.Message) string {
		if m.Type == rtmp.TypeVideo {
			<-hold
		}
		return servertest.Word(m)
	})
	t.Cleanup(func() { close(hold) })
	slow.Send("connect", 1, amf.NewObject("app", "app/one"), "slow")
	slow.Until("_result NetConnection.Connect.Success")
	slow.Send("createStream", 2, nil)
	slow.On(1, "play", "cam")
	joined(t, s, 1)
	large := strings.Repeat("picture", 20000)
	waited := 0.0
	servertest.Eventually(t, "something is left out", func() bool {
		for range 8 { // who takes nothing for the write timeout is ended: a machine that is busy has to be done by then
			show(large)
		}
		now := stats()
		waited = max(waited, now("video_queue_msgs"))
		return now("dropped_video_msgs") > 0
	})
	now := stats()
	if waited == 0 || now("msg_dropped") < now("dropped_video_msgs") || now("dropped_video_bytes") < now("dropped_video_msgs")*float64(len(large)) || now("dropped_audio_msgs") != 0 {
		t.Errorf("%v pictures waited at most; dropped are %v messages, %v pictures of %v bytes", waited, now("msg_dropped"), now("dropped_video_msgs"), now("dropped_video_bytes"))
	}
	conn.Close()
	servertest.Eventually(t, "it has gone", func() bool { return len(clientsOf(t, s, "app/one")) == 1 })
	if all := stats(); all("msg_dropped") < now("msg_dropped") {
		t.Errorf("%v are dropped in all", all("msg_dropped"))
	}
}
