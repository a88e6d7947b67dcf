package server

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/web/console"
)

// withHLS is an open instance with some spec.web.hls.
func withHLS(name, hls string) string {
	return "{application: app, instance: " + name + ", access: {publish: {mode: Anyone}}, web: {hls: {" + hls + "}}}"
}

// What a manifest says of HLS holds for the live streams of its instance, and for no other.
func TestRulesOfHLS(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{WebAddress: anyAddress},
		withHLS("one", "segmentDuration: 3s, partDuration: 1s, window: 30s"), withHLS("plain", "mode: Standard"), open2)
	for _, name := range []string{"one", "plain", "two"} {
		shoot(t, connect(t, s, "app/"+name).hello(), "cam")
	}
	lists := func(instance string) string {
		t.Helper()
		status, _, text := page(t, s, "/app/"+instance+"/cam/v0.m3u8", "")
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", instance, status, text)
		}
		return text
	}
	durations := regexp.MustCompile(`#EXTINF:([0-9.]+)`)
	servertest.Eventually(t, "a playlist goes back thirty seconds", func() bool {
		length := time.Duration(0)
		for _, m := range durations.FindAllStringSubmatch(lists("one"), -1) {
			d, err := time.ParseDuration(m[1] + "s")
			if err != nil || d < 2900*time.Millisecond {
				t.Fatalf("a segment of %s", m[1])
			}
			length += d
		}
		return length >= 30*time.Second
	})
	if text := lists("one"); !strings.Contains(text, "PART-TARGET=1.000") || !strings.Contains(text, "TARGETDURATION:3") {
		t.Errorf("it is not as its manifest says:\n%s", text)
	}
	// These pictures are too far apart for parts of half a second; of a second there are some.
	if text := lists("plain"); strings.Contains(text, "PART") || !strings.Contains(text, "TARGETDURATION:2") || !s.running("app", "plain").HLS().Plain {
		t.Errorf("it has parts:\n%s", text)
	}
	if text := lists("two"); !strings.Contains(text, "TARGETDURATION:2") || s.running("app", "two").HLS() != (instance.HLSRules{}) {
		t.Errorf("one without rules is not as ever:\n%s", text)
	}
}

const open2 = "{application: app, instance: two, access: {publish: {mode: Anyone}}}"

// Where a manifest has no HLS, viewers are told so, live and recorded, and have the other
// ways; who runs the server sees it in the console.
func TestNoHLS(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{WebAddress: anyAddress}, withHLS("one", "mode: None, start: Always"))
	put(t, s, 0, "film", 3)
	shoot(t, connect(t, s, "app/one").hello(), "cam")
	for _, name := range []string{"cam", "film"} {
		if status, _, said := page(t, s, "/app/one/"+name+"/index.m3u8", ""); status != http.StatusForbidden || !strings.Contains(said, "spec.web.hls.mode is None") {
			t.Errorf("%s: %d %s", name, status, said)
		}
	}
	if n := s.public.hls.Streams(); n != 0 {
		t.Errorf("%d streams are cut", n)
	}
	watchFLV(t, s, "/app/one/cam.flv")
	if code, said := operatorOf(t, s, console.Viewer).does(http.MethodGet, "media/app/one/cam/index.m3u8"); code != http.StatusOK {
		t.Errorf("in the console: %d %s", code, said)
	}
}

// A stream that is cut always is cut before anybody watches, once more when it is published
// again, and by a script as by a client.
func TestHLSAlways(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{WebAddress: anyAddress}, withHLS("one", "start: Always"))
	for range 2 {
		c := connect(t, s, "app/one").hello()
		shoot(t, c, "cam")
		servertest.Eventually(t, "it is cut", func() bool { return s.public.hls.Streams() == 1 && s.cfg.Budgets.Windows.Used() > 0 })
		c.conn.Close()
		servertest.Eventually(t, "it is over", func() bool { return s.running("app", "one").Live("cam") == nil })
	}
	for _, b := range s.cfg.Budgets.All() {
		if b.Name() == "windows of live streams" {
			return
		}
	}
	t.Error("metrics do not have the budget")
}
