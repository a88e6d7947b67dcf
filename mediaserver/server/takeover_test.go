package server

import (
	"strings"
	"testing"
	"time"
)

// A publisher that is silent is taken over by who has its key, and by nobody else;
// where another instance has another key, that is none here.
func TestOnlyWhoMayPublishTakesOver(t *testing.T) {
	t.Parallel()
	key := &secret{t: t, dir: t.TempDir()}
	key.write("TheKeyOfAllPublishers")
	s, _ := runWith(t, Config{PublishKeyFile: key.file(), PublisherTimeout: time.Nanosecond}, "{application: app, instance: one}")
	const right = "cam?key=TheKeyOfAllPublishers"
	old, viewer := connect(t, s, "app/one").hello(), connect(t, s, "app/one").hello()
	viewer.on(1, "play", "cam")
	joined(t, s, 1)
	old.on(1, "publish", right, "live")
	old.expect("event 0", "onStatus NetStream.Publish.Start")
	viewer.Until("onStatus NetStream.Play.PublishNotify")
	for n, name := range []string{"cam", "cam?key=", "cam?key=TheKeyOfAllPublisher", "cam?KEY=TheKeyOfAllPublishers", "/cam/?key=x"} {
		stranger := connect(t, s, "app/one").hello()
		stranger.on(1, "publish", name, "live")
		stranger.expect("onStatus NetStream.Publish.BadName")
		audio(t, old, 20)
		if n == 0 {
			viewer.expect("audio 20")
			continue
		}
		viewer.Until("audio 20")
	}
	p := connect(t, s, "app/one").hello()
	p.on(1, "publish", right, "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	audio(t, old, 40)
	old.expect("onStatus NetStream.Publish.BadName", "end")
	audio(t, p, 0)
	if w, _ := viewer.next(); !strings.HasPrefix(w, "audio ") {
		t.Errorf("viewers hear %q of the new one", w)
	}
}
