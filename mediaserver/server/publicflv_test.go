package server

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// viewer is somebody who watches by HTTP.
type viewer struct {
	t      *testing.T
	answer *http.Response
	tags   *flv.Reader
}

// watchFLV asks for a stream that there is.
func watchFLV(t *testing.T, s *Server, path string) *viewer {
	t.Helper()
	answer, err := http.Get("http://" + s.WebAddr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	tags, err := flv.NewReader(bufio.NewReader(answer.Body))
	if err != nil {
		t.Fatal(err)
	}
	return &viewer{t, answer, tags}
}

// sees reads up to a picture.
func (v *viewer) sees(what string) {
	v.t.Helper()
	late := time.AfterFunc(servertest.Patience, func() { v.answer.Body.Close() })
	defer late.Stop()
	for {
		tag, err := v.tags.Next()
		if err != nil {
			v.t.Fatalf("waiting for %q: %v", what, err)
		}
		if tag.Type == flv.TypeVideo && string(tag.Data[1:]) == what {
			return
		}
	}
}

// A viewer of FLV is a connection and a player as any other; it is told to go by the end
// of its answer, and its place is free then.
func TestFLV(t *testing.T) {
	t.Parallel()
	s, stop := runWith(t, Config{WebAddress: anyAddress}, open)
	p := &visitor{t: t, nc: insideWeb(t, s, "app/one")}
	_, show := camera(t, p, "cam")
	show("one")
	v := watchFLV(t, s, "/app/one/cam.flv")
	v.sees("one")
	show("two")
	v.sees("two")
	ws, _, err := websocket.Dial(t.Context(), "ws://"+s.WebAddr().String()+"/app/one/cam.flv", nil) //nolint:bodyclose // there is none
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	for want := range 2 { // the header of the file, and a tag
		if _, b, err := ws.Read(t.Context()); err != nil || want == 1 && !strings.Contains(string(b), "two") {
			t.Fatalf("%q %v", b, err)
		}
	}
	servertest.Eventually(t, "three connections are counted", func() bool { return s.open.Load() == 3 })
	if status, metrics := servertest.Ask(t, http.MethodGet, "http://"+s.HTTPAddr().String()+"/metrics"); status != http.StatusOK || !strings.Contains(metrics, `flashpod_players{application="app",instance="one"} 2`) {
		t.Errorf("%d: players are not counted: %s", status, metrics)
	}
	v.answer.Body.Close()
	servertest.Eventually(t, "the viewer's place is free", func() bool { return s.open.Load() == 2 })
	v = watchFLV(t, s, "/app/one/cam.flv")
	v.sees("two")
	stop()
	if _, err := io.Copy(io.Discard, v.answer.Body); err != nil {
		t.Errorf("the answer ends with %v", err)
	}
	if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the WebSocket ends with %v", err)
	}
	servertest.Eventually(t, "no connection is counted", func() bool { return s.open.Load() == 0 })
}

// What is recorded is found under the same names, and pages are let in as for all else.
func TestFLVOfAllKinds(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	film := append([]flv.Tag{{Type: flv.TypeAudio, Data: []byte{0xaf, 0, 0x12, 0x10}}}, servertest.Sound(2)...)
	servertest.WriteFLV(t, data+"/app/streams/one/film.flv", film...)
	s, _ := runWith(t, Config{Data: data, WebAddress: anyAddress, WebOrigins: []string{"https://example.org"}, ScriptFolder: gateFolder(t)}, open,
		"{application: gate, instance: one, script: {configMap: {name: x}}}")
	for path, want := range map[string]int{
		"/app/one/film.flv":         http.StatusOK,
		"/app/one/film.flv?start=1": http.StatusOK,
		"/app/one/none.flv":         http.StatusNotFound,
		"/none/one/film.flv":        http.StatusNotFound,
		"/gate/one/film.flv":        http.StatusForbidden,
		"/app.flv":                  http.StatusNotFound,
	} {
		status, header, said := page(t, s, path, "https://example.org")
		if status != want || header.Get("Access-Control-Allow-Origin") != "https://example.org" {
			t.Errorf("%s: %d %v: %.200s", path, status, header, said)
		}
		if want == http.StatusOK && !strings.HasPrefix(said, "FLV") {
			t.Errorf("%s: %.20q", path, said)
		}
	}
	// What a browser asks before a request with Range, and what it may not.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, "http://"+s.WebAddr().String()+"/app/one/film.flv", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://example.org")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if h := answer.Header; answer.StatusCode != http.StatusNoContent || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Range") {
		t.Errorf("%s %v", answer.Status, h)
	}
	p := &visitor{t: t, nc: insideWeb(t, s, "app/one")}
	_, show := camera(t, p, "cam")
	show("one")
	for origin, want := range map[string]int{"https://example.org": http.StatusSwitchingProtocols, "https://evil.example": http.StatusForbidden, "": http.StatusSwitchingProtocols} {
		h := http.Header{}
		if origin != "" {
			h.Set("Origin", origin)
		}
		c, answer, err := websocket.Dial(t.Context(), "ws://"+s.WebAddr().String()+"/app/one/cam.flv", &websocket.DialOptions{HTTPHeader: h}) //nolint:bodyclose // what is left of it is in memory
		if answer == nil || answer.StatusCode != want {
			t.Errorf("a WebSocket of %q: %v", origin, err)
		}
		if c != nil {
			_ = c.CloseNow()
		}
	}
}
