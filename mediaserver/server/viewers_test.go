package server

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/web"
)

// clientsOf are the clients of an instance, as an operator sees them.
func clientsOf(t *testing.T, s *Server, instance string) []web.Client {
	t.Helper()
	return servertest.AskFor[web.ClientPage](t, "http://"+s.HTTPAddr().String()+"/instances/"+instance+"/clients").Clients
}

// waysOf are those who watch, in the list and in metrics, and all connections.
func waysOf(t *testing.T, s *Server, instance string) (ways []string) {
	t.Helper()
	for _, c := range clientsOf(t, s, instance) {
		if c.Watches != "" {
			ways = append(ways, fmt.Sprintf("%s %s %v", c.Way, c.Watches, c.Recorded))
		}
	}
	slices.Sort(ways)
	return ways
}

func metric(t *testing.T, s *Server, line string) bool {
	t.Helper()
	_, all := servertest.Ask(t, http.MethodGet, "http://"+s.HTTPAddr().String()+"/metrics")
	return strings.Contains(all, line+"\n")
}

// kick ends a client as an operator does.
func kick(t *testing.T, s *Server, instance, id string) {
	t.Helper()
	status, said := servertest.Ask(t, http.MethodDelete, "http://"+s.HTTPAddr().String()+"/instances/"+instance+"/clients/"+id, "Connection", web.LocalToken)
	if status != http.StatusNoContent {
		t.Fatalf("kick: %d %s", status, said)
	}
}

// Who watches by HTTP is in lists, metrics and the log as whoever plays by RTMP is, takes
// a place of the instance's, and is ended by an operator.
func TestViewersByHTTP(t *testing.T) {
	t.Parallel()
	data, log := t.TempDir(), &servertest.Log{}
	film(t, data, "app/streams/one/film")
	s, _ := runWith(t, Config{Data: data, WebAddress: anyAddress, Log: log.Logger(slog.LevelInfo)},
		"{application: app, instance: one, access: {publish: {mode: Anyone}}, limits: {maxConnections: 5}}")
	p := &visitor{t: t, nc: insideWeb(t, s, "app/one")}
	_, show := camera(t, p, "cam")
	show("one")
	rtmp := connect(t, s, "app/one").hello()
	rtmp.on(1, "play", "cam")
	joined(t, s, 1)
	v := watchFLV(t, s, "/app/one/cam.flv")
	v.sees("one")
	ws, _, err := websocket.Dial(t.Context(), "ws://"+s.WebAddr().String()+"/app/one/cam.flv", nil) //nolint:bodyclose // there is none
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	if status, _, said := page(t, s, "/app/one/film/index.m3u8", ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	if ways, want := waysOf(t, s, "app/one"), []string{"flv cam false", "hls film true", "ws-flv cam false"}; !slices.Equal(ways, want) {
		t.Errorf("the list has %q, want %q", ways, want)
	}
	for _, line := range []string{
		`flashpod_connections{application="app",instance="one"} 5`, `flashpod_connections_total{application="app",instance="one"} 5`,
		`flashpod_players{application="app",instance="one"} 3`, `flashpod_playbacks{application="app",instance="one"} 1`,
		`flashpod_viewers_total{application="app",instance="one"} 3`,
		`flashpod_viewers{application="app",instance="one",way="rtmp"} 1`, `flashpod_viewers{application="app",instance="one",way="flv"} 1`,
		`flashpod_viewers{application="app",instance="one",way="ws-flv"} 1`, `flashpod_viewers{application="app",instance="one",way="hls"} 1`,
	} {
		if !metric(t, s, line) {
			t.Errorf("metrics have no %s", line)
		}
	}
	// There is no place for one more; the one that HLS has is its own.
	for _, path := range []string{"/app/one/cam.flv", "/app/one/film.flv", "/app/one/cam/index.m3u8"} {
		if status, _, said := page(t, s, path, ""); status != http.StatusServiceUnavailable || !strings.Contains(said, "spec.limits.maxConnections") {
			t.Errorf("%s: one more is told %d %s", path, status, said)
		}
	}
	if !metric(t, s, `flashpod_refused_connections_total{reason="instance is full"} 3`) {
		t.Error("who found no place is not counted")
	}
	if status, _, said := page(t, s, "/app/one/film/index.m3u8", ""); status != http.StatusOK {
		t.Errorf("the same viewer is told %d %s", status, said)
	}
	before := s.instances["app"]["one"].Stats().Total.BytesOut
	show(strings.Repeat("picture", 1000))
	v.sees(strings.Repeat("picture", 1000))
	servertest.Eventually(t, "it is counted what was sent", func() bool { return s.instances["app"]["one"].Stats().Total.BytesOut >= before+7000 })
	for _, c := range clientsOf(t, s, "app/one") {
		switch c.Way {
		case "flv":
			if c.BytesOut < 7000 || c.Address == "" || !strings.HasPrefix(c.Agent, "Go-http-client") || time.Since(c.Since) > time.Hour {
				t.Errorf("the list says %+v", c)
			}
			kick(t, s, "app/one", c.ID)
		case "ws-flv", "hls":
			kick(t, s, "app/one", c.ID)
		}
	}
	if now := s.instances["app"]["one"].Stats().Total.BytesOut; now < before+7000 {
		t.Errorf("%d bytes are counted, and then %d", before, now)
	}
	if _, err := io.Copy(io.Discard, v.answer.Body); err != nil {
		t.Errorf("the answer ends with %v", err)
	}
	for err = nil; err == nil; {
		_, _, err = ws.Read(t.Context())
	}
	if websocket.CloseStatus(err) != websocket.StatusPolicyViolation || !strings.Contains(err.Error(), "operator") {
		t.Errorf("the WebSocket ends with %v", err)
	}
	if status, _, said := page(t, s, "/app/one/film/index.m3u8", ""); status != http.StatusForbidden || !strings.Contains(said, "operator") {
		t.Errorf("who was ended is told %d %s", status, said)
	}
	servertest.Eventually(t, "nobody watches by HTTP", func() bool { return len(waysOf(t, s, "app/one")) == 0 })
	if !metric(t, s, `flashpod_connections{application="app",instance="one"} 2`) || !metric(t, s, `flashpod_playbacks{application="app",instance="one"} 0`) {
		t.Error("who has gone is still counted")
	}
	for what, n := range map[string]int{"msg=watching ": 3, "msg=watched ": 3, `msg="watching refused"`: 4, "way=ws-flv": 2} {
		servertest.Eventually(t, fmt.Sprintf("%q stands in the log %d times:\n%s", what, n, log), func() bool { return log.Count(what) == n })
	}
}

var tokens = regexp.MustCompile(`viewer=([A-Z2-7]{16})`)

// A viewer of HLS is one, however many requests it makes, and another where another
// begins, though it says the same of itself. It has gone when it asks for nothing more.
func TestViewersOfHLS(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	film(t, data, "app/streams/one/film")
	s, _ := runWith(t, Config{Data: data, WebAddress: anyAddress, viewerIdle: time.Hour}, open)
	// begins is a viewer's first two requests, and what the second one lists.
	begins := func() (token, list string) {
		t.Helper()
		_, _, index := page(t, s, "/app/one/film/index.m3u8", "")
		found := tokens.FindStringSubmatch(index)
		if found == nil {
			t.Fatalf("the playlist carries no token:\n%s", index)
		}
		status, _, list := page(t, s, "/app/one/film/audio.m3u8?viewer="+found[1], "")
		if status != http.StatusOK || !strings.Contains(list, ".m4s?viewer="+found[1]) {
			t.Fatalf("%d, and the token is not carried on:\n%s", status, list)
		}
		return found[1], list
	}
	page(t, s, "/app/one/film/index.m3u8", "") // who looks twice before it begins is one
	one, list := begins()
	two, other := begins()
	if one == two || strings.ReplaceAll(list, one, "") != strings.ReplaceAll(other, two, "") {
		t.Errorf("two viewers are %s and %s, and their segments are not called the same:\n%s\n%s", one, two, list, other)
	}
	for range 3 {
		for line := range strings.Lines(list) {
			if line = strings.TrimSpace(line); strings.HasSuffix(line, one) && !strings.HasPrefix(line, "#") {
				if status, _, said := page(t, s, "/app/one/film/"+line, ""); status != http.StatusOK {
					t.Fatalf("%s: %d %s", line, status, said)
				}
			}
		}
	}
	if ways := waysOf(t, s, "app/one"); len(ways) != 2 {
		t.Errorf("they are %q", ways)
	}
	// A player that is given the playlist of a variant, and one that was away for long.
	for range 2 {
		if status, _, said := page(t, s, "/app/one/film/audio.m3u8", ""); status != http.StatusOK {
			t.Fatalf("%d %s", status, said)
		}
		if status, _, said := page(t, s, "/app/one/film/audio.m3u8?viewer=AWAY", ""); status != http.StatusOK || !strings.Contains(said, "viewer=AWAY") {
			t.Fatalf("%d %s", status, said)
		}
	}
	all := clientsOf(t, s, "app/one")
	if len(all) != 4 {
		t.Errorf("they are %+v", all)
	}
	for _, c := range all {
		if c.BytesOut == 0 {
			t.Errorf("nothing is counted of %+v", c)
		}
	}
	// What is not there is nobody's, nor is what only the head of was asked for.
	for range 3 {
		page(t, s, "/app/one/none/index.m3u8", "")
	}
	answer, err := http.Head("http://" + s.WebAddr().String() + "/app/one/film/index.m3u8?other")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if n := len(clientsOf(t, s, "app/one")); n != 4 || answer.StatusCode != http.StatusOK {
		t.Errorf("they are %d; %s", n, answer.Status)
	}

	s, _ = runWith(t, Config{Data: t.TempDir(), WebAddress: anyAddress, viewerIdle: time.Millisecond}, open)
	film(t, s.cfg.Data, "app/streams/one/film")
	if status, _, said := page(t, s, "/app/one/film/index.m3u8", ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	servertest.Eventually(t, "who asks for nothing more has gone", func() bool {
		return metric(t, s, `flashpod_connections{application="app",instance="one"} 0`) && metric(t, s, `flashpod_viewers_total{application="app",instance="one"} 1`)
	})
	servertest.Eventually(t, "no places are taken", func() bool { return s.cfg.Budgets.Viewers.Used() == 0 })
}

// An instance on demand is in use as long as somebody watches.
func TestViewersKeepAnInstance(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{WebAddress: anyAddress}, rooms+", idle: {unloadAfter: 1ms}}")
	p := connect(t, s, "app/two").hello()
	p.on(1, "publish", "cam", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	audio(t, p, 0)
	v := watchFLV(t, s, "/app/two/cam.flv")
	d := s.onDemand["app"]
	uses := func() (n int) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if in := d.rooms["two"]; in != nil {
			return in.users
		}
		return 0
	}
	if n := uses(); n != 2 {
		t.Errorf("it has %d users", n)
	}
	for _, c := range clientsOf(t, s, "app/two") {
		if c.Way == "flv" {
			kick(t, s, "app/two", c.ID)
		}
	}
	if _, err := io.Copy(io.Discard, v.answer.Body); err != nil {
		t.Error(err)
	}
	servertest.Eventually(t, "the viewer has gone", func() bool { return uses() == 1 })
	p.on(1, "closeStream")
	p.expect("onStatus NetStream.Unpublish.Success")
	p.conn.Close()
	servertest.Eventually(t, "it is unloaded", func() bool { return len(loaded(s)) == 0 })
}

// A viewer by HTTP starts an instance where there may be something to watch, as a client's
// connect does; nobody starts one by names that lead nowhere.
func TestViewersStartAnInstance(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for _, name := range []string{"app/streams/two/film", "app/streams/two/deep/film", "app/streams/a/b/film", "app/streams/_definst_/film", "dark/streams/room/film"} {
		film(t, data, name)
	}
	servertest.WriteFiles(t, data+"/app/streams/a/b", ".instance", "")
	s, _ := runWith(t, Config{Data: data, WebAddress: anyAddress, ScriptFolder: servertest.WriteFiles(t, t.TempDir(), "main.asc", "application.onPlay = function (r) { return r.name == 'film' }")},
		"{application: app, instance: one, onDemandInstances: true, limits: {maxInstances: 4}}",
		"{application: dark, instance: one, onDemandInstances: true, access: {play: {mode: Nobody}}}",
		"{application: tv, instance: one, onDemandInstances: true, script: {configMap: {name: x}}}")
	for _, c := range []struct {
		path   string
		status int
		starts string // the instance
	}{
		{"/app/none/film.flv", http.StatusNotFound, "_definst_"}, // a stream called none/film
		{"/app/one/film.flv", http.StatusNotFound, ""},
		{"/app/ONE/film.flv", http.StatusNotFound, ""},
		{"/app/two/deep/film.flv", http.StatusOK, "two"}, // a stream called deep/film
		{"/app/two/film.flv", http.StatusOK, ""},
		{"/app/two/none.flv", http.StatusNotFound, ""},
		{"/app/a/b/film/index.m3u8", http.StatusOK, "a/b"},
		{"/app/film.flv", http.StatusOK, ""},
		{"/dark/room/film.flv", http.StatusNotFound, ""},
		{"/tv/any/room/film.flv", http.StatusNotFound, "any/room"}, // its script is asked, and lets it in
		{"/tv/any/room/other.flv", http.StatusForbidden, ""},
		{"/none/any/film.flv", http.StatusNotFound, ""},
		{"/app" + strings.Repeat("/x", 3000) + ".flv", http.StatusNotFound, ""},
	} {
		before := loadedAll(s)
		status, _, said := page(t, s, c.path, "")
		if status != c.status {
			t.Errorf("%.60s: %d %.200s, want %d", c.path, status, said, c.status)
		}
		var fresh []string
		for _, name := range loadedAll(s) {
			if !slices.Contains(before, name) {
				fresh = append(fresh, name)
			}
		}
		if strings.Join(fresh, " ") != c.starts {
			t.Errorf("%.60s starts %q, want %q", c.path, fresh, c.starts)
		}
	}
}

// loadedAll are the instances on demand that are loaded, of all applications.
func loadedAll(s *Server) (names []string) {
	for _, d := range s.onDemand {
		for _, i := range d.loaded() {
			names = append(names, i.Name())
		}
	}
	return names
}

// Who makes up viewers of HLS takes a part of what the server remembers, and others find
// room.
func TestViewersMadeUp(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	film(t, data, "app/streams/one/film")
	budgets := budget.For(64<<20, 1000, nil)
	s, _ := runWith(t, Config{Data: data, WebAddress: anyAddress, Budgets: budgets, viewerIdle: time.Hour},
		"{application: app, instance: one, limits: {maxConnections: 0, maxConnectionsPerAddress: 100000, sharedAddresses: [127.0.0.2/32]}}")
	asks := func(from string, n int) (status int, said string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://%s/app/one/film/index.m3u8?%d", s.WebAddr(), n), nil)
		if err != nil {
			t.Fatal(err)
		}
		near, err := net.ResolveTCPAddr("tcp", from+":0")
		if err != nil {
			t.Fatal(err)
		}
		one := &http.Transport{DialContext: (&net.Dialer{LocalAddr: near}).DialContext, DisableKeepAlives: true}
		answer, err := one.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(b)
	}
	most := int(budgets.Viewers.Max())
	for n := range most/2 + 1 {
		status, said := asks("127.0.0.1", n)
		if want := n < most/2; (status == http.StatusOK) != want || !want && !strings.Contains(said, "spec.limits.sharedAddresses") {
			t.Fatalf("%d: %d %s", n, status, said)
		}
	}
	if status, said := asks("127.0.0.1", 0); status != http.StatusOK {
		t.Errorf("one that is there: %d %s", status, said)
	}
	for n := range most - most/2 + 1 {
		status, said := asks("127.0.0.2", n) // an address that stands for many
		if want := n < most-most/2; (status == http.StatusOK) != want || !want && !strings.Contains(said, "as many viewers as it can tell apart") {
			t.Fatalf("%d: %d %s", n, status, said)
		}
	}
	for _, c := range s.instances["app"]["one"].Stats().Viewers {
		if c != most {
			t.Errorf("%d are counted, want %d", c, most)
		}
	}
	s.instances["app"]["one"].Empty("the test is over")
	servertest.Eventually(t, "all have gone", func() bool { return budgets.Viewers.Used() == 0 })
	if status, said := asks("127.0.0.1", 1); status != http.StatusOK {
		t.Errorf("who begins anew: %d %s", status, said)
	}
}

// The log says of a viewer that is cut off since it takes nothing that this is why.
func TestStalledViewer(t *testing.T) {
	t.Parallel()
	var log servertest.Log
	s, _ := runWith(t, Config{WebAddress: anyAddress, Log: log.Logger(slog.LevelInfo)}, open)
	_, show := camera(t, &visitor{t: t, nc: insideWeb(t, s, "app/one")}, "cam")
	show("begin")
	nc, err := net.Dial("tcp", s.WebAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, "GET /app/one/cam.flv HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "the viewer is there", func() bool { return log.Count("msg=watching ") == 1 })
	for range 200 { // more than sockets hold
		show(strings.Repeat("picture", 10_000))
	}
	servertest.Eventually(t, "the viewer is cut off, and the log says why", func() bool {
		return log.Count(`because="the viewer takes too little of what it is sent"`) == 1
	})
}
