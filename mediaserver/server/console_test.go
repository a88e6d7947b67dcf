package server

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/web/console"
)

// operator is somebody at the console: what a browser sends along, it sends.
type operator struct {
	t      *testing.T
	s      *Server
	token  string
	cookie string
}

// operatorOf logs in.
func operatorOf(t *testing.T, s *Server, role console.Role) *operator {
	t.Helper()
	o := &operator{t: t, s: s, token: tokenOf(t, s, role)}
	answer := o.ask(t.Context(), http.MethodPost, "api/session", "Authorization", "Bearer "+o.token)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || len(answer.Cookies()) != 1 {
		t.Fatalf("login: %s, cookies %v", answer.Status, answer.Cookies())
	}
	c := answer.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != console.Path || c.MaxAge <= 0 || len(c.Value) < 20 {
		t.Errorf("cookie %v", c)
	}
	o.cookie = c.Name + "=" + c.Value
	return o
}

func tokenOf(t *testing.T, s *Server, role console.Role) string {
	t.Helper()
	b, err := os.ReadFile(s.ConsoleToken(role))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// ask sends a request as the console's own page does; header "-" leaves one out.
func (o *operator) ask(ctx context.Context, method, path string, header ...string) *http.Response {
	o.t.Helper()
	origin := "http://" + o.s.HTTPAddr().String()
	r, err := http.NewRequestWithContext(ctx, method, origin+console.Path+path, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	if o.cookie != "" {
		r.Header.Set("Cookie", o.cookie)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method != http.MethodGet {
		r.Header.Set("Origin", origin)
		r.Header.Set("X-Flashpod-Console", "1")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i+1] == "-" {
			r.Header.Del(header[i])
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	return answer
}

// does asks, and returns the status and what was said.
func (o *operator) does(method, path string, header ...string) (int, string) {
	o.t.Helper()
	answer := o.ask(o.t.Context(), method, path, header...)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// events are those that an operator is sent.
type events struct {
	t    *testing.T
	body io.Closer
	came chan [2]string // name, data
}

func (o *operator) listen(query string) *events {
	o.t.Helper()
	answer := o.ask(o.t.Context(), http.MethodGet, "api/events"+query)
	o.t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		o.t.Fatalf("events%s: %s %s", query, answer.Status, answer.Header)
	}
	e := &events{o.t, answer.Body, make(chan [2]string, 10000)}
	go func() {
		defer close(e.came)
		lines := bufio.NewScanner(answer.Body)
		lines.Buffer(nil, 8<<20)
		name := ""
		for lines.Scan() {
			if n, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = n
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				e.came <- [2]string{name, data}
			}
		}
	}()
	return e
}

// until waits for an event of a name of which is says that it is the one.
func until[T any](e *events, name string, is func(T) bool) T {
	e.t.Helper()
	late := time.After(servertest.Patience)
	last := ""
	for {
		select {
		case one, ok := <-e.came:
			if !ok {
				e.t.Fatalf("events end before %s: last %s", name, last)
			}
			if one[0] != name {
				continue
			}
			var v T
			if err := json.Unmarshal([]byte(one[1]), &v); err != nil {
				e.t.Fatalf("%s: %v: %s", name, err, one[1])
			}
			if last = one[1]; is(v) {
				return v
			}
		case <-late:
			e.t.Fatalf("%s does not come: last %s", name, last)
		}
	}
}

// ends waits for the end of the answer.
func (e *events) ends() {
	e.t.Helper()
	late := time.After(servertest.Patience)
	for {
		select {
		case _, ok := <-e.came:
			if !ok {
				return
			}
		case <-late:
			e.t.Fatal("events do not end")
		}
	}
}

// Who shows a token is let in as what it stands for; who shows none, or one that was
// replaced, is not. No token and no cookie is in the log.
func TestConsoleSessions(t *testing.T) {
	t.Parallel()
	var log servertest.Log
	tokens := t.TempDir()
	servertest.WriteFiles(t, tokens, "admin", " TheAdmin\n", "viewer", "TheViewer")
	s, _ := runWith(t, Config{ConsoleTokens: tokens, Log: log.Logger(-8)}, open)
	nobody := &operator{t: t, s: s}
	for _, path := range []string{"api/session", "api/events", "api/recordings", "media/app/one/x.flv"} {
		if code, said := nobody.does(http.MethodGet, path); code != http.StatusUnauthorized || !strings.Contains(said, `{"error":"`) {
			t.Errorf("%s without a session: %d %s", path, code, said)
		}
	}
	for _, header := range [][]string{{}, {"Authorization", "Bearer "}, {"Authorization", "Basic TheAdmin"}, {"Authorization", "Bearer Wrong1"}} {
		if code, said := nobody.does(http.MethodPost, "api/session", header...); code != http.StatusUnauthorized {
			t.Errorf("%q: %d %s", header, code, said)
		}
	}
	admin, viewer := operatorOf(t, s, console.Admin), operatorOf(t, s, console.Viewer)
	for o, role := range map[*operator]string{admin: "admin", viewer: "viewer"} {
		if code, said := o.does(http.MethodGet, "api/session"); code != http.StatusOK || !strings.Contains(said, `"role":"`+role+`"`) {
			t.Errorf("%s: %d %s", role, code, said)
		}
	}
	for _, change := range [][2]string{{"POST", "api/drain"}, {"POST", "api/instances/app/one/unload"}, {"DELETE", "api/instances/app/one/clients/x"}, {"DELETE", "api/recordings/app/one/x"}} {
		if code, said := viewer.does(change[0], change[1]); code != http.StatusForbidden || !strings.Contains(said, "admin") {
			t.Errorf("%s by a viewer: %d %s", change, code, said)
		}
	}
	seen := viewer.listen("")
	if code, _ := viewer.does(http.MethodDelete, "api/session"); code != http.StatusNoContent {
		t.Errorf("logging out: %d", code)
	}
	seen.ends()
	if code, _ := viewer.does(http.MethodGet, "api/session"); code != http.StatusUnauthorized {
		t.Errorf("a session that was ended: %d", code)
	}
	seen = admin.listen("")
	servertest.WriteFiles(t, tokens, "admin", "AnotherAdmin")
	seen.ends()
	servertest.Eventually(t, "sessions of a token that was replaced end", func() bool {
		code, _ := admin.does(http.MethodGet, "api/session")
		return code == http.StatusUnauthorized
	})
	if code, _ := nobody.does(http.MethodPost, "api/session", "Authorization", "Bearer TheAdmin"); code != http.StatusUnauthorized {
		t.Errorf("a token that was replaced: %d", code)
	}
	again := operatorOf(t, s, console.Admin)
	for _, secret := range []string{"TheAdmin", "TheViewer", "AnotherAdmin", "Wrong1", admin.cookie[20:], again.cookie[20:]} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
	servertest.Eventually(t, "the log has what has happened", func() bool {
		return log.Count("a wrong token") == 2 && log.Count("a session begins") == 3
	})
}

// Tokens are made once, for this user alone, and stay.
func TestConsoleTokensAreMade(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s, stop := runWith(t, Config{Data: data}, open)
	admin, viewer := tokenOf(t, s, console.Admin), tokenOf(t, s, console.Viewer)
	if len(admin) < 20 || admin == viewer || s.ConsoleToken(console.Admin) != filepath.Join(data, "console", "admin") {
		t.Errorf("tokens %d and %d long at %s", len(admin), len(viewer), s.ConsoleToken(console.Admin))
	}
	if info, err := os.Stat(s.ConsoleToken(console.Admin)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	stop()
	s, _ = runWith(t, Config{Data: data}, open)
	if tokenOf(t, s, console.Admin) != admin {
		t.Error("another token is made at the next start")
	}
	// Beside applications none of them is called so.
	data = t.TempDir()
	s, _ = runWith(t, Config{Applications: data, Data: data})
	if len(tokenOf(t, s, console.Admin)) < 20 || filepath.Base(filepath.Dir(s.ConsoleToken(console.Admin))) != ".console" {
		t.Errorf("tokens are at %s", s.ConsoleToken(console.Admin))
	}
	empty := t.TempDir()
	s, _ = runWith(t, Config{ConsoleTokens: empty}, open)
	if code, said := (&operator{t: t, s: s}).does(http.MethodPost, "api/session", "Authorization", "Bearer x"); code != http.StatusServiceUnavailable || !strings.Contains(said, "--console-tokens") {
		t.Errorf("without tokens: %d %s", code, said)
	}
	if found, _ := os.ReadDir(empty); len(found) != 0 {
		t.Errorf("tokens are made in a folder that was given: %v", found)
	}
}

// Wrong tokens are answered the later, the more there are of them, as wrong keys are.
func TestConsoleGuesses(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	nobody := &operator{t: t, s: s}
	try := func() time.Duration {
		started := time.Now()
		if code, said := nobody.does(http.MethodPost, "api/session", "Authorization", "Bearer guess"); code != http.StatusUnauthorized {
			t.Errorf("%d %s", code, said)
		}
		return time.Since(started)
	}
	for range 3 {
		try()
	}
	if took := try(); took < 250*time.Millisecond {
		t.Errorf("a wrong token too many was answered after %v", took)
	}
	operatorOf(t, s, console.Admin) // who has the token waits for nothing
}

// Other web pages get nothing, though the browser sends the cookie along: neither what a
// form can send nor what a script can.
func TestConsoleFromAnotherSite(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	o := operatorOf(t, s, console.Admin)
	own := "http://" + s.HTTPAddr().String()
	for _, c := range []struct {
		method, path string
		header       []string
		want         int
	}{
		{"POST", "api/instances/app/one/unload", nil, 204},
		{"POST", "api/instances/app/one/unload", []string{"Sec-Fetch-Site", "-"}, 204},
		{"POST", "api/instances/app/one/unload", []string{"Origin", "-"}, 204},
		{"POST", "api/instances/app/one/unload", []string{"Origin", "https" + own[4:], "Sec-Fetch-Site", "-"}, 204}, // behind TLS that another speaks
		{"POST", "api/instances/app/one/unload", []string{"Origin", "-", "Sec-Fetch-Site", "-"}, 403},
		{"POST", "api/instances/app/one/unload", []string{"X-Flashpod-Console", "-"}, 403},
		{"POST", "api/instances/app/one/unload", []string{"Origin", "http://evil.example"}, 403},
		{"POST", "api/instances/app/one/unload", []string{"Origin", "null"}, 403},
		{"POST", "api/instances/app/one/unload", []string{"Origin", own + ".evil.example"}, 403},
		{"POST", "api/instances/app/one/unload", []string{"Origin", "http://localhost:1"}, 403},
		{"POST", "api/instances/app/one/unload", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"POST", "api/instances/app/one/unload", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", "api/instances/app/one/unload", []string{"Sec-Fetch-Site", "none"}, 403},
		{"POST", "api/session", []string{"Origin", "http://evil.example", "Authorization", "Bearer " + o.token}, 403},
		{"GET", "api/session", nil, 200},
		{"GET", "api/session", []string{"Sec-Fetch-Site", "none"}, 200},
		{"GET", "api/session", []string{"Sec-Fetch-Site", "-"}, 200},
		{"GET", "api/session", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"GET", "api/session", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"GET", "api/events", []string{"Origin", "http://evil.example"}, 403},
		{"GET", "media/app/one/x.flv", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		{"GET", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"GET", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"GET", "", []string{"Host", "evil.example", "Cookie", "-"}, 200},
	} {
		if code, said := o.does(c.method, c.path, c.header...); code != c.want {
			t.Errorf("%s %s %q: %d %s, want %d", c.method, c.path, c.header, code, said, c.want)
		}
	}
	if code, said := ask(t, s, http.MethodGet, console.Path+"api/session", "Host", "evil.example", "Cookie", o.cookie); code != http.StatusMisdirectedRequest || !strings.HasPrefix(said, `{"error"`) {
		t.Errorf("by a name that leads here: %d %s", code, said)
	}
	tls := (&operator{t: t, s: s}).ask(t.Context(), http.MethodPost, "api/session", "Authorization", "Bearer "+o.token, "Origin", "https"+own[4:])
	defer tls.Body.Close()
	if c := tls.Cookies(); len(c) != 1 || !c[0].Secure {
		t.Errorf("a session by TLS has the cookies %v", c)
	}
	answer := (&operator{t: t, s: s}).ask(t.Context(), http.MethodGet, "")
	defer answer.Body.Close()
	policy := answer.Header.Get("Content-Security-Policy")
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("the page: %s, policy %q", answer.Status, policy)
	}
}

// Pictures of 160 by 90, and sound.
var (
	avcHeader, _ = hex.DecodeString("17000000000142c00bffe100186742c00bda0a37e4c044000003000400000300c83c50aa8001000468ce0fc8")
	avcKey, _    = hex.DecodeString("17010000000000000465888400")
	avcInter, _  = hex.DecodeString("270100000000000003419a20")
	aacHeader, _ = hex.DecodeString("af001210")
)

// shoot publishes pictures, five a second, with a keyframe each second, until the test
// ends, or until hold, from when on the stream stands still; an hour of them by their own
// clock, if it lasts so long.
func shoot(t *testing.T, c *client, name string) (hold func()) {
	t.Helper()
	c.on(1, "publish", name, "live")
	c.expect("event 0", "onStatus NetStream.Publish.Start")
	send := func(kind rtmp.MessageType, at int, payload []byte) error {
		return c.conn.Send(&rtmp.Message{Type: kind, StreamID: 1, Timestamp: media.Timestamp(at), Payload: payload})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = send(rtmp.TypeVideo, 0, avcHeader)
		_ = send(rtmp.TypeAudio, 0, aacHeader)
		beat := time.NewTicker(50 * time.Millisecond)
		defer beat.Stop()
		for n := range 18000 {
			picture := avcInter
			if n%5 == 0 {
				picture = avcKey
			}
			if send(rtmp.TypeVideo, n*200, picture) != nil || send(rtmp.TypeAudio, n*200, []byte{0xaf, 1, 0}) != nil {
				return
			}
			select {
			case <-beat.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	hold = func() { cancel(); <-done }
	t.Cleanup(hold)
	return hold
}

const chatty = `application.onConnect = function (c) { trace("hello " + c.id); application.acceptConnection(c); };
Client.prototype.fail = function () { nothing.here(); };`

// Who looks sees the server, what its streams are, who does what, what shared objects
// become and what scripts say, as it happens.
func TestConsoleEvents(t *testing.T) {
	t.Parallel()
	folder := servertest.WriteFiles(t, t.TempDir(), "main.asc", chatty)
	s, _ := runWith(t, Config{ScriptFolder: folder}, "{application: chat, instance: room/a, recording: {mode: All}, access: {publish: {mode: Anyone}}, script: {configMap: {name: x}}}")
	pub := connect(t, s, "chat/room/a").hello()
	shoot(t, pub, "cam")
	e := operatorOf(t, s, console.Viewer).listen("?instance=" + url.QueryEscape("chat/room/a") + "&object=p:score")

	type history struct {
		Step   int   `json:"step"`
		Points []any `json:"points"`
	}
	if h := until(e, "history", func(history) bool { return true }); h.Step != 10 || h.Points == nil {
		t.Errorf("history %v", h)
	}
	line := until(e, "log", func(l console.Line) bool { return l.Level == console.Trace })
	if !strings.HasPrefix(line.Text, "hello ") || line.Application != "chat" || line.Instance != "room/a" || line.Time == 0 {
		t.Errorf("line %+v", line)
	}
	is := until(e, "state", func(is struct {
		Server    console.Server     `json:"server"`
		Instances []console.Instance `json:"instances"`
	}) bool {
		return len(is.Instances) == 1 && is.Instances[0].In > 0 && is.Server.Connections > 0
	})
	if one := is.Instances[0]; one.Instance != "room/a" || one.Streams != 1 || one.Clients != 1 || !one.Scripted || !is.Server.Ready || is.Server.Memory == 0 {
		t.Errorf("state %+v", is)
	}
	d := until(e, "detail", func(d console.Detail) bool {
		return len(d.Streams) == 1 && d.Streams[0].Video != nil && d.Streams[0].Audio != nil && d.Streams[0].Video.FPS > 0 && d.Streams[0].Keyframes > 0 && d.Streams[0].Recording
	})
	cam := d.Streams[0]
	if cam.Name != "cam" || cam.Video.Codec != "avc1.42c00b" || cam.Video.Width != 160 || cam.Video.Height != 90 || cam.Video.FPS != 5 ||
		cam.Audio.Codec != "mp4a.40.2" || cam.Audio.Rate != 44100 || cam.Audio.Channels != 2 || cam.Keyframes != 1 || cam.Bitrate == 0 || cam.Since == 0 {
		t.Errorf("stream %+v %+v %+v", cam, cam.Video, cam.Audio)
	}
	if len(d.Clients) != 1 || d.Clients[0].ID != cam.Publisher || d.Clients[0].Does != "publishes cam" || d.Clients[0].In == 0 {
		t.Errorf("clients %+v", d.Clients)
	}
	until(e, "detail", func(d console.Detail) bool { return len(d.Clients) == 1 && d.Clients[0].Ping > 0 })
	player := connect(t, s, "chat/room/a").hello()
	player.on(1, "play", "cam")
	until(e, "detail", func(d console.Detail) bool {
		return len(d.Clients) == 2 && d.Streams[0].Viewers == 1 && (d.Clients[0].Does == "plays cam" || d.Clients[1].Does == "plays cam")
	})

	nc, err := rtmp.Connect(t.Context(), "rtmp://"+s.RTMPAddr().String()+"/chat/room/a/-", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	o := nc.SharedObject("score", true)
	if err := o.Use(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{7.0, "x"} {
		if err := o.Set(t.Context(), "anna", value); err != nil {
			t.Fatal(err)
		}
		want, _ := json.Marshal(value)
		got := until(e, "object", func(o console.Object) bool { return string(o.Slots["anna"]) == string(want) })
		if got.Key != "p:score" || got.Name != "score" || got.Version == 0 || got.More != 0 {
			t.Errorf("object %+v", got)
		}
	}
	until(e, "detail", func(d console.Detail) bool {
		return len(d.Objects) == 1 && d.Objects[0].Key == "p:score" && d.Objects[0].Persistent && d.Objects[0].Users == 1 && d.Objects[0].Slots == 1
	})
	pub.send("fail", 0, nil)
	line = until(e, "log", func(l console.Line) bool { return l.Level == console.Fault })
	if !strings.Contains(line.Text, "nothing") || line.Where != "main.asc:2" {
		t.Errorf("line %+v", line)
	}
	until(e, "point", func(p struct {
		T       int64 `json:"t"`
		Clients int   `json:"clients"`
		In      int64 `json:"in"`
	}) bool {
		return p.T > 0 && p.Clients == 3 && p.In > 0
	})
}

// What is chosen and not there is said to be gone; what makes no sense is refused.
func TestConsoleChoices(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	o := operatorOf(t, s, console.Viewer)
	type gone struct {
		Application string `json:"application"`
		Gone        bool   `json:"gone"`
	}
	if g := until(o.listen("?instance=app/none"), "detail", func(gone) bool { return true }); !g.Gone || g.Application != "app" {
		t.Errorf("%+v", g)
	}
	if g := until(o.listen("?instance=app/one&object=p:none"), "object", func(gone) bool { return true }); !g.Gone {
		t.Errorf("%+v", g)
	}
	for _, query := range []string{"?object=p:x", "?instance=/", "?instance=app/one&object=x", "?instance=app/one&object=p:", "?instance=app/" + strings.Repeat("x", 2000)} {
		if code, said := o.does(http.MethodGet, "api/events"+query); code != http.StatusBadRequest || !strings.HasPrefix(said, `{"error":"`) {
			t.Errorf("%.40s: %d %s", query, code, said)
		}
	}
	for _, path := range []string{"api/", "api/none", "api/instances"} {
		if code, said := o.does(http.MethodGet, path); code != http.StatusNotFound || !strings.HasPrefix(said, `{"error":"`) {
			t.Errorf("%s: %d %s", path, code, said)
		}
	}
}

// Pages have their number, and so have sessions: the oldest makes room.
func TestConsoleIsBounded(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	first := operatorOf(t, s, console.Viewer)
	var all []*events
	for range 8 {
		all = append(all, first.listen(""))
	}
	if code, said := first.does(http.MethodGet, "api/events"); code != http.StatusServiceUnavailable || !strings.Contains(said, "8 times") {
		t.Errorf("the ninth page of a session: %d %s", code, said)
	}
	all[0].body.Close()
	servertest.Eventually(t, "a page that has gone makes room", func() bool {
		answer := first.ask(t.Context(), http.MethodGet, "api/events")
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	var last *operator
	for n := range 64 {
		last = operatorOf(t, s, console.Viewer)
		if code, _ := first.does(http.MethodGet, "api/session"); (code == http.StatusOK) != (n < 63) {
			t.Fatalf("the first session, with %d after it: %d", n+1, code)
		}
	}
	for _, e := range all[1:] {
		e.ends()
	}
	last.listen("")
}

// A page that does not read is sent no more, and nobody else is held up.
func TestConsoleSlowListener(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	o := operatorOf(t, s, console.Viewer)
	nc := askHTTP(t, s, "GET "+console.Path+"api/events HTTP/1.1\r\nHost: localhost\r\nCookie: "+o.cookie+"\r\n\r\n")
	if err := nc.SetDeadline(time.Now().Add(2 * servertest.Patience)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	flood := make(chan struct{})
	go func() { // far more than sockets take
		defer close(flood)
		for n := 0; ctx.Err() == nil; n++ {
			s.lines.Add(console.Line{Application: "app", Instance: "one", Level: console.Trace, Text: fmt.Sprint(n, strings.Repeat(" and on", 140))})
			if n%100 == 0 {
				select {
				case <-ctx.Done():
				case <-time.After(time.Millisecond):
				}
			}
		}
	}()
	seen := 0
	servertest.Eventually(t, "a page that does not read is ended", func() bool {
		_, err := nc.Write([]byte("x")) // to a connection that is closed it fails, soon
		return err != nil
	})
	until(o.listen(""), "log", func(console.Line) bool { seen++; return seen > 200 })
	cancel()
	<-flood
}

// An admin ends a client, unloads an instance, deletes a recording and has the server
// drain, and is told where there is none.
func TestConsoleActions(t *testing.T) {
	t.Parallel()
	var log servertest.Log
	data := t.TempDir()
	cfg := Config{Data: data, Log: log.Logger(0), DrainTimeout: 5 * time.Second, RTMPAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0"}
	s, err := New(cfg, docs(t, open, "{application: app, instance: deep/er}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- s.Run(context.Background()) }()
	put(t, s, 1, "a/film", 1)
	o := operatorOf(t, s, console.Admin)

	c := connect(t, s, "app/one").hello()
	clients, _ := s.instances["app"]["one"].Clients("", 1)
	if code, said := o.does(http.MethodDelete, "api/instances/app/one/clients/"+clients[0].ID); code != http.StatusNoContent {
		t.Errorf("kick: %d %s", code, said)
	}
	c.Until("end")
	servertest.Eventually(t, "who has gone cannot be ended", func() bool {
		code, said := o.does(http.MethodDelete, "api/instances/app/one/clients/"+clients[0].ID)
		return code == http.StatusNotFound && strings.Contains(said, "not connected")
	})
	c = connect(t, s, "app/one").hello()
	if code, said := o.does(http.MethodPost, "api/instances/app/one/unload"); code != http.StatusNoContent {
		t.Errorf("unload: %d %s", code, said)
	}
	c.Until("end")
	if code, said := o.does(http.MethodPost, "api/instances/app/none/unload"); code != http.StatusNotFound {
		t.Errorf("unload of nothing: %d %s", code, said)
	}

	if code, said := o.does(http.MethodGet, "api/recordings?instance=app/deep/er"); code != http.StatusOK || !strings.Contains(said, `"name":"a/film"`) {
		t.Errorf("recordings: %d %s", code, said)
	}
	if code, said := o.does(http.MethodGet, "api/recordings?limit=0"); code != http.StatusBadRequest || !strings.HasPrefix(said, `{"error"`) {
		t.Errorf("recordings: %d %s", code, said)
	}
	// It needs no publish key: the token is more.
	if code, said := o.does(http.MethodDelete, "api/recordings/app/deep%2Fer/a/film"); code != http.StatusNoContent {
		t.Errorf("delete: %d %s", code, said)
	}
	if _, err := os.Stat(filepath.Join(s.Served()[1].Streams, "a", "film.flv")); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	if code, _ := o.does(http.MethodDelete, "api/recordings/app/deep%2Fer/a/film"); code != http.StatusNotFound {
		t.Errorf("delete of nothing: %d", code)
	}

	e := o.listen("")
	c = connect(t, s, "app/one").hello()
	if code, said := o.does(http.MethodPost, "api/drain"); code != http.StatusNoContent {
		t.Errorf("drain: %d %s", code, said)
	}
	until(e, "state", func(is struct {
		Server console.Server `json:"server"`
	}) bool {
		return is.Server.Draining && !is.Server.Ready && is.Server.Reason != ""
	})
	c.Until("end")
	c.conn.Close()
	e.ends()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	for _, what := range []string{"a client's connection is ended", "an instance is unloaded", "a recording is deleted", "the server is drained"} {
		if !strings.Contains(log.String(), what) {
			t.Errorf("the log does not say that %s", what)
		}
	}
}

// Who has a session sees what nobody else may, live and recorded, without a public port.
func TestConsoleMedia(t *testing.T) {
	t.Parallel()
	s, _ := run(t, "{application: app, instance: one, access: {publish: {mode: Anyone}, play: {mode: Nobody}}}")
	put(t, s, 0, "film", 3)
	shoot(t, connect(t, s, "app/one").hello(), "cam")
	o, nobody := operatorOf(t, s, console.Viewer), &operator{t: t, s: s}
	for _, path := range []string{"media/app/one/cam.flv", "media/app/one/cam/index.m3u8", "media/app/one/film.flv", "media/app/one/film/index.m3u8"} {
		if code, said := nobody.does(http.MethodGet, path); code != http.StatusUnauthorized {
			t.Errorf("%s without a session: %d %.100s", path, code, said)
		}
	}
	live := o.ask(t.Context(), http.MethodGet, "media/app/one/cam.flv")
	begin := make([]byte, 200)
	if _, err := io.ReadFull(live.Body, begin); err != nil || live.StatusCode != http.StatusOK || string(begin[:3]) != "FLV" {
		t.Errorf("live: %s %v %q", live.Status, err, begin)
	}
	live.Body.Close()
	other := operatorOf(t, s, console.Viewer)
	live = other.ask(t.Context(), http.MethodGet, "media/app/one/cam.flv")
	defer live.Body.Close()
	if _, err := io.ReadFull(live.Body, begin); err != nil {
		t.Error(err)
	}
	if code, _ := other.does(http.MethodDelete, "api/session"); code != http.StatusNoContent {
		t.Errorf("logging out: %d", code)
	}
	late := time.AfterFunc(servertest.Patience, func() { live.Body.Close(); t.Error("what a session plays goes on behind its end") })
	_, _ = io.Copy(io.Discard, live.Body) // to its end
	late.Stop()
	if code, said := o.does(http.MethodGet, "media/app/one/cam/index.m3u8"); code != http.StatusOK || !strings.HasPrefix(said, "#EXTM3U") {
		t.Errorf("HLS: %d %s", code, said)
	}
	if code, said := o.does(http.MethodGet, "media/app/one/film.flv"); code != http.StatusOK || !strings.HasPrefix(said, "FLV") {
		t.Errorf("a recording: %d %.40q", code, said)
	}
	part := o.ask(t.Context(), http.MethodGet, "media/app/one/film.flv?download=1", "Range", "bytes=0-2")
	defer part.Body.Close()
	b, _ := io.ReadAll(part.Body)
	if part.StatusCode != http.StatusPartialContent || string(b) != "FLV" || part.Header.Get("Content-Disposition") != "attachment; filename=film.flv" {
		t.Errorf("a part: %s %q %v", part.Status, b, part.Header)
	}
	if code, _ := o.does(http.MethodGet, "media/app/one/none.flv"); code != http.StatusNotFound {
		t.Errorf("no stream: %d", code)
	}
}

// Of a shared object as much is shown as a page can have, the newest first, whatever a
// client puts into it.
func TestConsoleObjectIsBounded(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	nc, err := rtmp.Connect(t.Context(), "rtmp://"+s.RTMPAddr().String()+"/app/one/-", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	o := nc.SharedObject("wall", false)
	if err := o.Use(t.Context()); err != nil {
		t.Fatal(err)
	}
	set := func(slot string, v amf.Value) {
		t.Helper()
		if err := o.Set(t.Context(), slot, v); err != nil {
			t.Fatal(err)
		}
	}
	set("oldest", 1.0)
	set("large", strings.Repeat("x", 20<<10))
	// Lists that hold the one before twice would be endless as JSON.
	doubled := amf.NewArray("x")
	for range 12 {
		doubled = amf.NewArray(doubled, doubled)
	}
	set("doubled", doubled)
	for n := range 300 {
		set(fmt.Sprint("slot ", n), float64(n))
	}
	e := operatorOf(t, s, console.Viewer).listen("?instance=app/one&object=t:wall")
	got := until(e, "object", func(console.Object) bool { return true })
	if len(got.Slots) != maxShownSlots || got.More != 303-maxShownSlots || string(got.Slots["slot 299"]) != "299" || got.Slots["oldest"] != nil {
		t.Errorf("%d slots are shown, %d more there", len(got.Slots), got.More)
	}
	for n := range 300 {
		if err := o.Delete(t.Context(), fmt.Sprint("slot ", n)); err != nil {
			t.Fatal(err)
		}
	}
	set("newest", "new")
	got = until(e, "object", func(o console.Object) bool { return o.Slots["newest"] != nil })
	if string(got.Slots["newest"]) != `"new"` || string(got.Slots["oldest"]) != "1" || len(got.Slots) != 2 || got.More != 2 || got.Slots["large"] != nil || got.Slots["doubled"] != nil {
		t.Errorf("%d slots are shown, %d more there: %.60s", len(got.Slots), got.More, got.Slots["doubled"])
	}
}
