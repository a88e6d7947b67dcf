package server

import (
	"os"
	"testing"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A server ends, by a drain or killed, while an event is published. The viewers
// are back at the next one before the publisher is, and wait for it: the volume
// knows that it was not done.
func TestViewersAreBackBeforeTheirPublisherAfterARestart(t *testing.T) {
	t.Parallel()
	const all = "{application: app, instance: one, recording: {mode: All}, access: {publish: {mode: Anyone}}}"
	drained, killed := t.TempDir(), t.TempDir()
	s, stop := runWith(t, Config{Data: drained}, all)
	p := connect(t, s, "app/one").hello()
	p.on(1, "publish", "main", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	p.on(1, "publish", false)
	p.expect("onStatus NetStream.Unpublish.Success")
	p.on(1, "publish", "done", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	audio(t, p, 0)
	p.on(1, "publish", false)
	p.expect("onStatus NetStream.Unpublish.Success")
	p.on(1, "publish", "main", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	audio(t, p, 0)
	audio(t, p, 500)
	servertest.Eventually(t, "the recording has its name", func() bool { return len(recordingsOf(t, s)) == 2 })
	if err := os.CopyFS(killed, os.DirFS(drained)); err != nil { // what a killed server leaves
		t.Fatal(err)
	}
	go func() {
		p.expect("onStatus NetConnection.Connect.AppShutdown", "end")
		p.conn.Close()
	}()
	stop()

	for how, data := range map[string]string{"drained": drained, "killed": killed} {
		t.Run(how, func(t *testing.T) {
			s, _ := runWith(t, Config{Data: data}, all)
			v, other, p := connect(t, s, "app/one").hello(), connect(t, s, "app/one").hello(), connect(t, s, "app/one").hello()
			v.on(1, "play", "main")
			v.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
			joined(t, s, 1)
			other.on(1, "play", "done") // its publisher was
			other.expect("event 4")
			p.on(1, "publish", "main", "live")
			p.expect("event 0", "onStatus NetStream.Publish.Start")
			v.expect("onStatus NetStream.Play.PublishNotify")
			audio(t, p, 7000)
			v.expect("audio 7000")
		})
	}
}

// recordingsOf are the files of the first instance that have a recording's name.
func recordingsOf(t *testing.T, s *Server) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(s.Served()[0].Streams)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() && len(e.Name()) > 4 && e.Name()[len(e.Name())-4:] == ".flv" {
			names = append(names, e.Name())
		}
	}
	return names
}
