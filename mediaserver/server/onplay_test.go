package server

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A script decides about viewers by HTTP where it says so; where it does not, it keeps
// them out, as it was written for clients that it lets in itself.
func TestScriptDecidesWhoWatches(t *testing.T) {
	t.Parallel()
	const connects = "application.onConnect = function (c) { return true };"
	const asks = connects + `application.onPlay = function (r) { return r.query.pass == "word" || "say the word, " + r.name + " " + r.live }`
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("secret-of-the-house"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, mode, script, query string
		status                    int
		said                      string
	}{
		{"by default, with onPlay", "", asks, "?pass=word", http.StatusOK, ""},
		{"by default, refused", "", asks, "", http.StatusForbidden, "say the word, film false"},
		{"by default, without onPlay", "", connects, "", http.StatusForbidden, "it has no application.onPlay"},
		{"Script, with onPlay", "Script", asks, "?pass=word", http.StatusOK, ""},
		{"Script, without onPlay", "Script", connects, "", http.StatusForbidden, "it has no application.onPlay"},
		{"Script, without a script", "Script", "", "", http.StatusForbidden, "spec.access.play.mode is Script, and there is no script"},
		{"Key, without onPlay", "Key", connects, "?key=secret-of-the-house", http.StatusOK, ""},
		{"Key, without the key", "Key", asks, "?pass=word", http.StatusForbidden, "needs a key"},
		{"Key, and onPlay", "Key", asks, "?pass=word&key=secret-of-the-house", http.StatusOK, ""},
		{"Key, refused", "Key", asks, "?key=secret-of-the-house", http.StatusForbidden, "say the word"},
		{"Nobody", "Nobody", asks, "?pass=word", http.StatusForbidden, "Nobody"},
		{"a script that is broken", "", "this is none", "?pass=word", http.StatusServiceUnavailable, "not in order"},
		{"a script that throws", "", "application.onPlay = function (r) { return nothing.here }", "", http.StatusServiceUnavailable, "could not decide"},
		{"a script that loops", "", "application.onPlay = function (r) { for (;;); }", "", http.StatusServiceUnavailable, "could not decide"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			data, access := t.TempDir(), ""
			film(t, data, "app/streams/one/film")
			if c.mode != "" {
				access = ", access: {play: {mode: " + c.mode + "}}"
			}
			cfg, spec := Config{Data: data, WebAddress: anyAddress, PublishKeyFile: file, callTime: time.Second}, "{application: app, instance: one"+access
			if c.script != "" {
				cfg.ScriptFolder, spec = servertest.WriteFiles(t, t.TempDir(), "main.asc", c.script), spec+", script: {configMap: {name: x}}"
			}
			s, _ := runWith(t, cfg, spec+"}")
			for _, path := range []string{"/app/one/film.flv", "/app/one/film/index.m3u8"} {
				if status, _, said := page(t, s, path+c.query, ""); status != c.status || !strings.Contains(said, c.said) {
					t.Errorf("%s: %d %.200s, want %d %s", path, status, said, c.status, c.said)
				}
			}
			if c.script == "" { // nor do others play
				v := connect(t, s, "app/one").hello()
				v.on(1, "play", "film", 0)
				if word, said := answered(t, v); word != "onStatus NetStream.Play.Failed" || !strings.Contains(said, "there is no script") {
					t.Errorf("by RTMP: %s %s", word, said)
				}
			}
		})
	}
}

// A viewer that is let in stays: one of HLS is asked about once, and all go with the script
// that has let them in.
func TestScriptsViewers(t *testing.T) {
	t.Parallel()
	data, h := t.TempDir(), newHand()
	film(t, data, "app/streams/one/film")
	folder := servertest.WriteFiles(t, t.TempDir(), "main.asc", `asked = 0;
		application.onConnect = function (c) { c.asked = function () { return asked }; c.there = function () { return application.getStats().total_connects }; return true };
		application.onPlay = function (r) { asked++; setTimeout(function () { r.accept() }, 1) }`)
	s, _ := runWith(t, Config{Data: data, WebAddress: anyAddress, ScriptFolder: folder, clock: h.clock()},
		"{application: app, instance: one, script: {configMap: {name: x}}, access: {publish: {mode: Anyone}}}")
	p := &visitor{t: t, nc: insideWeb(t, s, "app/one")}
	_, show := camera(t, p, "cam")
	show("one")
	v := watchFLV(t, s, "/app/one/cam.flv")
	v.sees("one")
	ws, _, err := websocket.Dial(t.Context(), "ws://"+s.WebAddr().String()+"/app/one/cam.flv", nil) //nolint:bodyclose // there is none
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	for range 3 {
		if status, _, said := page(t, s, "/app/one/film/index.m3u8", ""); status != http.StatusOK {
			t.Fatalf("%d %s", status, said)
		}
	}
	for method, want := range map[string]float64{"asked": 3, "there": 1} {
		if got, err := p.nc.Call(t.Context(), method); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v %v, want %v", method, got, err, want)
		}
	}
	// An operator is not asked about.
	r, err := http.NewRequestWithContext(outlet.AsOperator(t.Context()), http.MethodGet, "/app/one/film", nil)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := house{s}.Recording(r, outlet.FLV, "app/one/film")
	if err != nil {
		t.Fatal(err)
	}
	rec.Close()
	if got, err := p.nc.Call(t.Context(), "asked"); err != nil || len(got) != 1 || got[0] != 3.0 {
		t.Errorf("%v %v", got, err)
	}

	servertest.WriteFiles(t, folder, "main.asc", `application.onPlay = function (r) { return "not any more" }`)
	h.tick()
	h.tick()
	if _, err := io.Copy(io.Discard, v.answer.Body); err != nil {
		t.Error(err)
	}
	for err = nil; err == nil; {
		_, _, err = ws.Read(t.Context())
	}
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the WebSocket ends with %v", err)
	}
	if status, _, said := page(t, s, "/app/one/film/index.m3u8", ""); status != http.StatusForbidden || !strings.Contains(said, "not any more") {
		t.Errorf("%d %s", status, said)
	}
}
