package server

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/public"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

const anyAddress = "127.0.0.1:0"

// dialWeb opens a WebSocket, as a page of an origin if there is one, or returns what it
// is refused with.
func dialWeb(t *testing.T, s *Server, origin string) (c *websocket.Conn, status int, said string) {
	t.Helper()
	h := http.Header{}
	if origin != "" {
		h.Set("Origin", origin)
	}
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	url := "ws://" + s.WebAddr().String() + public.RTMPPath
	c, answer, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPHeader: h}) //nolint:bodyclose // what is left of it is in memory
	if answer == nil {
		t.Fatal(err)
	}
	if err != nil {
		b, _ := io.ReadAll(answer.Body)
		said = string(b)
	}
	return c, answer.StatusCode, said
}

// insideWeb connects to an application by RTMP in a WebSocket.
func insideWeb(t *testing.T, s *Server, app string) *rtmp.NetConnection {
	t.Helper()
	nc, err := insideWebOf(t, s, app, "")
	if err != nil {
		t.Fatal(err)
	}
	return nc
}

// insideWebOf is insideWeb as a page of an origin, and returns what refuses it.
func insideWebOf(t *testing.T, s *Server, app, origin string) (*rtmp.NetConnection, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	c, _, said := dialWeb(t, s, origin)
	if c == nil {
		t.Fatalf("%q: %s", origin, said)
	}
	u, err := rtmp.ParseURL("rtmp://" + s.WebAddr().String() + "/" + app + "/-")
	if err != nil {
		t.Fatal(err)
	}
	conn := rtmp.NewClientConn(websocket.NetConn(t.Context(), c, websocket.MessageBinary), rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	nc := rtmp.NewNetConnection(conn)
	t.Cleanup(nc.Close)
	_, err = nc.Connect(ctx, u.ConnectObject())
	return nc, err
}

// A client inside a WebSocket publishes, and another plays; both are told when the
// server ends.
func TestRTMPInAWebSocket(t *testing.T) {
	t.Parallel()
	s, stop := runWith(t, Config{WebAddress: anyAddress}, open)
	p, v := &visitor{t: t, nc: insideWeb(t, s, "app/one")}, &visitor{t: t, nc: insideWeb(t, s, "app/one")}
	_, show := camera(t, p, "cam")
	show("one")
	came := spectate(t, v, "cam", -1000)
	awaitWord(t, came, "one")
	large := strings.Repeat("x", 200<<10)
	show(large)
	awaitWord(t, came, large)
	servertest.Eventually(t, "two connections are counted", func() bool { return s.open.Load() == 2 })
	stop()
	<-v.nc.Ended()
	servertest.Eventually(t, "no connection is counted at the end", func() bool { return s.open.Load() == 0 })
}

// page asks the public port for something, as a page of an origin if there is one.
func page(t *testing.T, s *Server, path, origin string) (status int, header http.Header, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.WebAddr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(b)
}

// What is not there is answered with where things are, or with what there is not.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{WebAddress: anyAddress}, open)
	for at, want := range map[string]string{
		"/live":                    "/APPLICATION/INSTANCE/NAME",
		"/live/film":               "/APPLICATION/INSTANCE/NAME",
		"/-/sdk/":                  "flashpod.js",
		"/none/one/cam/index.m3u8": `application "none" is not defined`,
		"/none/one/cam.flv":        `application "none" is not defined`,
		"/app/none/cam/index.m3u8": "no such stream",
	} {
		status, header, said := page(t, s, at, "")
		if code := header.Get("Flashpod-Refused"); (code == "no-application") != strings.Contains(said, "is not defined") {
			t.Errorf("%s: Flashpod-Refused %q, and %s", at, code, said)
		}
		if status != http.StatusNotFound || !strings.Contains(said, want) {
			t.Errorf("%s: %d %s, want %s", at, status, said, want)
		}
	}
}

// Pages of other origins are let in by name.
func TestOrigins(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{WebAddress: anyAddress, WebOrigins: []string{"https://example.org"}}, open)
	own := "http://" + s.WebAddr().String()
	for origin, ok := range map[string]bool{"": true, "https://example.org": true, own: true, "https://evil.example": false, "null": false, "https://example.org.evil.example": false} {
		c, status, said := dialWeb(t, s, origin)
		switch {
		case ok && status == http.StatusSwitchingProtocols:
			_ = c.CloseNow()
		case ok, status != http.StatusForbidden, !strings.Contains(said, "--web-origin"):
			t.Errorf("origin %q: %d: %s", origin, status, said)
		}
		status, header, _ := page(t, s, "/app/one/none/index.m3u8", origin)
		if got := header.Get("Access-Control-Allow-Origin"); status != http.StatusNotFound || got != map[bool]string{true: origin}[ok] {
			t.Errorf("origin %q: %d, %q may read it", origin, status, got)
		}
	}
	cfg := Config{Data: t.TempDir(), RTMPAddress: anyAddress, HTTPAddress: anyAddress, WebAddress: anyAddress, WebOrigins: []string{"example.org"}}
	bad, err := New(cfg, docs(t, open))
	if err != nil {
		t.Fatal(err)
	}
	defer bad.close(t.Context())
	if err := bad.Listen(); err == nil || !strings.Contains(err.Error(), "https://example.org") {
		t.Errorf("%v", err)
	}
}

// What is no RTMP in binary frames ends its connection, and keeps nobody out.
func TestWebSocketThatSaysSomethingElse(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{WebAddress: anyAddress}, open)
	for name, say := range map[string]func(c *websocket.Conn) error{
		"text": func(c *websocket.Conn) error { return c.Write(t.Context(), websocket.MessageText, []byte("hello")) },
		"garbage": func(c *websocket.Conn) error {
			return c.Write(t.Context(), websocket.MessageBinary, make([]byte, 2000))
		},
		"a closing": func(c *websocket.Conn) error { return c.Close(websocket.StatusNormalClosure, "") },
	} {
		c, _, _ := dialWeb(t, s, "")
		c.SetReadLimit(1 << 20)
		if err := say(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for err := error(nil); err == nil; {
			_, _, err = c.Read(t.Context())
		}
		_ = c.CloseNow()
	}
	servertest.Eventually(t, "nobody is there", func() bool { return s.open.Load() == 0 })
	insideWeb(t, s, "app/one")
	if status, _, said := page(t, s, public.RTMPPath, ""); status != http.StatusUpgradeRequired {
		t.Errorf("%d: %s", status, said)
	}
}

// gateFolder has a script that lets everybody in.
func gateFolder(t *testing.T) string {
	t.Helper()
	return servertest.WriteFiles(t, t.TempDir(), "main.asc", "application.onConnect = function (c) { return true }")
}

// Streams are found under the longest name of an instance, live and recorded. A script
// keeps its streams for whom it lets in.
func TestStreamsOnTheWeb(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for _, name := range []string{"app/streams/one", "app/streams/one/deep", "app/streams/_definst_", "many/streams/room"} {
		film := append([]flv.Tag{{Type: flv.TypeAudio, Data: []byte{0xaf, 0, 0x12, 0x10}}}, servertest.Sound(2)...)
		servertest.WriteFLV(t, filepath.Join(data, name, "film.flv"), film...)
	}
	s, _ := runWith(t, Config{Data: data, WebAddress: anyAddress, ScriptFolder: gateFolder(t)}, open,
		"{application: app, instance: one/deep}", "{application: app, instance: _definst_}",
		"{application: gate, instance: one, script: {configMap: {name: x}}}",
		"{application: many, instance: one, onDemandInstances: true}")
	for path, want := range map[string]int{
		"/app/one/film/index.m3u8":      http.StatusOK,
		"/app/one/deep/film/index.m3u8": http.StatusOK,
		"/app/film/index.m3u8":          http.StatusOK,
		"/app/one/other/index.m3u8":     http.StatusNotFound,
		"/none/one/film/index.m3u8":     http.StatusNotFound,
		"/app/index.m3u8":               http.StatusNotFound,
		"/app/one/../film/index.m3u8":   http.StatusTemporaryRedirect,
		"/gate/one/film/index.m3u8":     http.StatusForbidden,
		"/-/other":                      http.StatusNotFound,
		"/-/sdk/flashpod.js":            http.StatusOK,
		"/-/sdk/other.js":               http.StatusNotFound,
		"/":                             http.StatusOK,
	} {
		status, _, said := page(t, s, path, "")
		if status != want {
			t.Errorf("%s: %d: %s", path, status, said)
		}
		if strings.HasSuffix(path, ".m3u8") && want == http.StatusOK && !strings.HasPrefix(said, "#EXTM3U") {
			t.Errorf("%s: %s", path, said)
		}
	}
	if status, _, _ := page(t, s, "/many"+strings.Repeat("/x", 3000), ""); status != http.StatusNotFound {
		t.Errorf("a path of 3000 parts: %d", status)
	}
}
