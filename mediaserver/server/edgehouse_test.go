package server

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/web"
	"flashpod.dev/flashpod/mediaserver/web/console"
)

// runHouses serves specs at an origin with such data, and edges of it, all of them with
// ports for the web.
func runHouses(t *testing.T, edges int, data string, specs ...string) (of *Server, all []*Server) {
	t.Helper()
	key := filepath.Join(t.TempDir(), "link.key")
	of, _ = runWith(t, Config{Data: data, LinkKeyFile: key, WebAddress: anyAddress}, specs...)
	for range edges {
		all = append(all, edgeOf(t, of, key))
	}
	return of, all
}

func edgeOf(t *testing.T, of *Server, key string) *Server {
	t.Helper()
	e, _ := runWith(t, Config{EdgeOf: of.RTMPAddr().String(), LinkKeyFile: key, WebAddress: anyAddress})
	return e
}

// fetched is what a server says at a path, until ok says that it is all right.
func fetched(t *testing.T, s *Server, at string, ok func(status int, said string) bool) string {
	t.Helper()
	body := ""
	servertest.Eventually(t, "there is "+at, func() bool {
		status, _, said := page(t, s, at, "")
		body = said
		return ok(status, said)
	})
	return body
}

var (
	hlsName = regexp.MustCompile(`(?m)^[^#\s][^?\s]*`)
	hlsInit = regexp.MustCompile(`#EXT-X-MAP:URI="([^?"]*)`)
)

// hlsFiles are the segments that a playlist lists, and how they begin, with their bytes.
func hlsFiles(t *testing.T, s *Server, dir, playlist, list string) map[string]string {
	t.Helper()
	query := ""
	if token := tokens.FindStringSubmatch(list); token != nil {
		query = "?viewer=" + token[1]
	}
	names := hlsName.FindAllString(list, -1)
	for _, m := range hlsInit.FindAllStringSubmatch(list, -1) {
		names = append(names, m[1])
	}
	all := map[string]string{}
	for _, name := range names {
		status, _, said := page(t, s, path.Join(dir, name)+query, "")
		switch {
		case status == http.StatusOK:
			all[name] = said
		case status != http.StatusNotFound: // it has been read too late
			t.Errorf("%s of %s: %d %s", name, playlist, status, said)
		}
	}
	return all
}

// sameEnd waits until all playlists end with the same segment.
func sameEnd(t *testing.T, lists []func() string) {
	t.Helper()
	servertest.Eventually(t, "all servers have come to the same segment", func() bool {
		last := map[string]bool{}
		for _, list := range lists {
			names := hlsName.FindAllString(list(), -1)
			last[names[len(names)-1]] = true
		}
		return len(last) == 1
	})
}

// Published at one edge, a stream has the same segments at the origin and at every edge,
// by name and by byte, whenever the first viewer comes there.
func TestEdgeSegments(t *testing.T) {
	t.Parallel()
	of, edges := runHouses(t, 3, "", withHLS("one", "window: 5m")) // while a machine that is busy asks one server after another
	p := connect(t, edges[0], "app/one").hello()
	shoot(t, p, "cam")
	live := func(s *Server, from int) (list string, files map[string]string) {
		t.Helper()
		status, _, said := page(t, s, "/app/one/cam/index.m3u8", "")
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, said)
		}
		media := hlsName.FindString(said)
		if from > 0 { // so many segments
			list = fetched(t, s, "/app/one/cam/"+media, func(status int, said string) bool {
				return status == http.StatusOK && strings.Count(said, "#EXTINF") >= from
			})
		}
		return list, hlsFiles(t, s, "/app/one/cam", media, list)
	}
	var all []map[string]string
	for n, s := range []*Server{of, edges[0], edges[1]} {
		list, files := live(s, 3)
		if len(files) < 3 {
			t.Errorf("server %d has %d files: %s", n, len(files), list)
		}
		all = append(all, files)
	}
	// Another edge, at which the first one comes late; and what is there by now of the
	// others.
	for _, s := range []*Server{edges[2], of, edges[0], edges[1]} {
		_, files := live(s, 3)
		all = append(all, files)
	}
	bytesOf := map[string]string{}
	times := map[string]int{}
	compare := func() (same int) {
		for n, files := range all {
			for name, b := range files {
				times[name]++
				if was, ok := bytesOf[name]; ok && was != b {
					t.Errorf("%s of server %d has %d bytes, which are others than the %d of another", name, n, len(b), len(was))
				}
				bytesOf[name] = b
			}
		}
		for name, n := range times {
			if n > 2 && strings.HasSuffix(name, ".m4s") {
				same++
			}
		}
		return same
	}
	compare()
	// A server whose viewer is away for a while begins anew: they are asked side by side.
	servertest.Eventually(t, "three segments are at more than two servers", func() bool {
		clear(times)
		all = make([]map[string]string, len(edges)+1)
		var asked sync.WaitGroup
		for n, s := range append([]*Server{of}, edges...) {
			asked.Go(func() { _, all[n] = live(s, 3) })
		}
		asked.Wait()
		return compare() >= 3
	})
}

// What is recorded is the same at an edge, in every way; so is who may not have it.
func TestEdgeRecordings(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	film(t, data, "app/streams/one/film")
	film(t, data, "keyed/streams/one/film")
	of, edges := runHouses(t, 2, data, open, "{application: keyed, instance: one, access: {play: {mode: Key}}}", "{application: shut, access: {play: {mode: Nobody}}}")
	for _, at := range []string{"/app/one/film.flv", "/app/one/film.mp4", "/app/one/film/index.m3u8", "/app/one/none.flv", "/app/one/none/index.m3u8", "/app/one/none.mp4",
		"/none/one/film.flv", "/keyed/one/film.flv", "/keyed/one/film.flv?key=wrong", "/keyed/one/film/index.m3u8", "/shut/one/x.flv", "/app/one/film/index.txt"} {
		status, head, said := page(t, of, at, "")
		said = tokens.ReplaceAllString(said, "")
		for n, s := range edges {
			there, its, says := page(t, s, at, "")
			if says = tokens.ReplaceAllString(says, ""); there != status || says != said || its.Get("Content-Type") != head.Get("Content-Type") || its.Get("Etag") != head.Get("Etag") {
				t.Errorf("%s: edge %d says %d, %d bytes, %v; the origin %d, %d bytes, %v: %.100s", at, n, there, len(says), its, status, len(said), head, says)
			}
		}
	}
	list := fetched(t, of, "/app/one/film/index.m3u8", func(status int, _ string) bool { return status == http.StatusOK })
	media := hlsName.FindString(list)
	_, _, list = page(t, of, "/app/one/film/"+media, "")
	want := hlsFiles(t, of, "/app/one/film", media, list)
	for _, s := range edges {
		_, _, list := page(t, s, "/app/one/film/"+media, "")
		got := hlsFiles(t, s, "/app/one/film", media, list)
		if len(got) < 2 || len(got) != len(want) {
			t.Errorf("%d files, want %d: %s", len(got), len(want), list)
		}
		for name, b := range want {
			if got[name] != b {
				t.Errorf("%s has %d bytes, which are others than %d", name, len(got[name]), len(b))
			}
		}
	}
	part := func(s *Server) string {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.WebAddr().String()+"/app/one/film.mp4", nil)
		r.Header.Set("Range", "bytes=10-99")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, _ := io.ReadAll(answer.Body)
		return fmt.Sprint(answer.StatusCode, answer.Header.Get("Content-Range"), b)
	}
	if a, b := part(of), part(edges[0]); a != b || !strings.HasPrefix(a, "206") {
		t.Errorf("a part is %s at the origin, and %s at an edge", a, b)
	}
	b, err := os.ReadFile(of.Served()[1].KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(string(b))
	if status, _, said := page(t, edges[0], "/keyed/one/film.flv?key="+key, ""); status != http.StatusOK || !strings.HasPrefix(said, "FLV") {
		t.Errorf("with the key: %d %.100s", status, said)
	}
}

// Viewers of an edge are the origin's: they are listed, limited and ended there; the last
// one of a stream ends its feed.
func TestEdgeViewers(t *testing.T) {
	t.Parallel()
	of, edges := runHouses(t, 2, "", "{application: app, instance: one, access: {publish: {mode: Anyone}}, limits: {maxConnections: 5}}")
	p := &visitor{t: t, nc: insideWeb(t, edges[0], "app/one")}
	_, show := camera(t, p, "cam")
	show("one")
	e := edges[1]
	v := watchFLV(t, e, "/app/one/cam.flv")
	v.sees("one")
	other := watchFLV(t, e, "/app/one/cam.flv")
	ws, _, err := websocket.Dial(t.Context(), "ws://"+e.WebAddr().String()+"/app/one/cam.flv", nil) //nolint:bodyclose // there is none
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	rtmp := connect(t, e, "app/one").hello()
	rtmp.on(1, "play", "cam")
	show("two")
	v.sees("two")
	for want := range 2 { // the header of the file, and a tag
		if _, b, err := ws.Read(t.Context()); err != nil || want == 1 && len(b) == 0 {
			t.Fatalf("%q %v", b, err)
		}
	}
	if ways, want := waysOf(t, of, "app/one"), []string{"flv cam false", "flv cam false", "ws-flv cam false"}; !slices.Equal(ways, want) {
		t.Errorf("the list has %q, want %q", ways, want)
	}
	servertest.Eventually(t, "all are counted", func() bool {
		return metric(t, of, `flashpod_players{application="app",instance="one"} 4`) && metric(t, of, `flashpod_viewers{application="app",instance="one",way="flv"} 2`) &&
			metric(t, of, `flashpod_viewers{application="app",instance="one",way="rtmp"} 1`)
	})
	if n := e.edge.Feeds(); n != 1 {
		t.Errorf("the stream is fed %d times", n)
	}
	servertest.Eventually(t, "there is no place", func() bool {
		status, head, said := page(t, e, "/app/one/cam.flv", "")
		return status == http.StatusServiceUnavailable && strings.Contains(said, "spec.limits.maxConnections") && head.Get("Retry-After") != ""
	})
	servertest.Eventually(t, "what they were sent is known", func() bool {
		return slices.ContainsFunc(clientsOf(t, of, "app/one"), func(c web.Client) bool { return c.Way == "flv" && c.BytesOut > 10 })
	})
	for _, c := range clientsOf(t, of, "app/one") {
		if c.Way == "flv" || c.Way == "ws-flv" {
			kick(t, of, "app/one", c.ID)
		}
	}
	for _, one := range []*viewer{v, other} {
		if _, err := io.Copy(io.Discard, one.answer.Body); err != nil {
			t.Errorf("the answer ends with %v", err)
		}
	}
	for err = nil; err == nil; {
		_, _, err = ws.Read(t.Context())
	}
	if websocket.CloseStatus(err) != websocket.StatusPolicyViolation || !strings.Contains(err.Error(), "operator") {
		t.Errorf("the WebSocket ends with %v", err)
	}
	rtmp.conn.Close()
	servertest.Eventually(t, "nobody plays by FLV", func() bool {
		return metric(t, of, `flashpod_players{application="app",instance="one"} 1`) || metric(t, of, `flashpod_players{application="app",instance="one"} 0`)
	})
	last := watchFLV(t, edges[0], "/app/one/cam.flv")
	if n := edges[0].edge.Feeds(); n != 1 {
		t.Errorf("the stream is fed %d times", n)
	}
	last.answer.Body.Close()
	servertest.Eventually(t, "the last one ends the feed", func() bool { return edges[0].edge.Feeds() == 0 })
}

// A stream that is published anew is the new one for who watches at an edge, and who has
// watched the one before.
func TestEdgeSeesTheNextPublication(t *testing.T) {
	t.Parallel()
	of, edges := runHouses(t, 1, "", open)
	for _, what := range []string{"first", "second"} {
		p := &visitor{t: t, nc: insideWeb(t, of, "app/one")}
		_, show := camera(t, p, "cam")
		show(what)
		v := watchFLV(t, edges[0], "/app/one/cam.flv")
		v.sees(what)
		held := watchFLV(t, edges[0], "/app/one/cam.flv")
		p.nc.Close()
		if _, err := io.Copy(io.Discard, held.answer.Body); err != nil {
			t.Errorf("who watched is told %v", err)
		}
		if b, err := io.ReadAll(v.answer.Body); err != nil || bytes.Contains(b, []byte("other")) {
			t.Errorf("%v", err)
		}
		servertest.Eventually(t, "it is over", func() bool {
			status, _, _ := page(t, edges[0], "/app/one/cam.flv", "")
			return status == http.StatusNotFound
		})
	}
}

// Who publishes by WebRTC at one edge is the origin's publisher, and is watched by WebRTC
// at another.
func TestEdgeWebRTC(t *testing.T) {
	t.Parallel()
	of, edges := runHouses(t, 2, "", "{application: app, instance: one}")
	if _, status, said := watchRTC(t, edges[1], "/-/whep/app/one/cam"); status != http.StatusNotFound || !strings.Contains(said, "nobody publishes") {
		t.Errorf("before the publisher: %d %s", status, said)
	}
	for key, want := range map[string]string{"": "needs a key", "wrong": "wrong publish key"} {
		if _, status, said := publishRTC(t, edges[0], "/-/whip/app/one/cam", key); status != http.StatusUnauthorized || !strings.Contains(said, want) {
			t.Errorf("with the key %q: %d %s", key, status, said)
		}
	}
	key, err := os.ReadFile(of.Served()[0].KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	p, status, said := publishRTC(t, edges[0], "/-/whip/app/one/cam", strings.TrimSpace(string(key)))
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	p.connected()
	live := of.running("app", "one").Live("cam")
	p.showUntil("the stream has a picture", func() bool { return live.Newest() > 0 })
	v, status, said := watchRTC(t, edges[1], "/-/whep/app/one/cam")
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	v.connected()
	last := p.showUntil("the viewer has a picture", func() bool { return len(v.pictures) > 0 })
	p.show(true, last)
	v.sees(true, last)
	if ways, want := waysOf(t, of, "app/one"), []string{"webrtc cam false"}; !slices.Equal(ways, want) {
		t.Errorf("the list has %q, want %q", ways, want)
	}
	if status := v.end(edges[1]); status != http.StatusOK {
		t.Errorf("DELETE of the viewer: %d", status)
	}
	servertest.Eventually(t, "the last one ends the feed", func() bool { return edges[1].edge.Feeds() == 0 && len(waysOf(t, of, "app/one")) == 0 })
	if status := p.end(edges[0]); status != http.StatusOK {
		t.Errorf("DELETE of the publisher: %d", status)
	}
	servertest.Eventually(t, "the stream is over", func() bool { return !live.Live() })
}

// The pages of an edge name what its origin would, and the pages of others may use what its
// origin lets them.
func TestEdgePages(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	film(t, data, "app/streams/one/film")
	of, edges := runHouses(t, 1, data, open, "{application: app, instance: one/deep, access: {publish: {mode: Anyone}}, web: {allowedOrigins: ['https://a.example']}}",
		"{application: app, access: {publish: {mode: Anyone}}}")
	for _, at := range []string{"/-/watch/app/one/cam", "/-/watch/app/one/deep/cam", "/-/studio/app/cam?x=y", "/-/studio/none/one/cam", "/-/sdk/flashpod.js", "/crossdomain.xml", "/-/watch/app", "/"} {
		status, _, said := page(t, of, at, "")
		there, _, says := page(t, edges[0], at, "")
		if status != there || said != says {
			t.Errorf("%s: %d %s at the edge, %d %s at its origin", at, there, says, status, said)
		}
	}
	for at, want := range map[string]string{"/app/one/film/index.m3u8": "", "/app/one/deep/cam/index.m3u8": "https://a.example", "/app/one/deep/cam.flv": "https://a.example"} {
		for _, s := range []*Server{of, edges[0]} {
			_, head, _ := page(t, s, at, "https://a.example")
			if got := head.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s at %s lets %q in, want %q", at, s.WebAddr(), got, want)
			}
		}
	}
	for app, want := range map[string]bool{"app/one": false, "app/one/deep": true} {
		for _, s := range []*Server{of, edges[0]} {
			nc, err := insideWebOf(t, s, app, "https://a.example")
			if (err == nil) != want {
				t.Errorf("a page of a.example at %s: %v", app, err)
			}
			if nc != nil {
				nc.Close()
			}
		}
	}
}

// An edge says what it takes of its origin and what it serves: in metrics, and at its
// console, where whoever it serves may be ended.
func TestEdgeIsLookedAt(t *testing.T) {
	t.Parallel()
	of, edges := runHouses(t, 1, "", open)
	e := edges[0]
	p := connect(t, of, "app/one").hello()
	shoot(t, p, "cam")
	f := watchFLV(t, e, "/app/one/cam.flv")
	player := connect(t, e, "app/one").hello()
	player.on(1, "play", "cam")
	if status, _, said := page(t, e, "/app/one/cam/index.m3u8", ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	for _, line := range []string{
		`flashpod_edge_links{state="linked"} 1`, `flashpod_edge_feeds 1`, `flashpod_edge_viewers_total 2`,
		`flashpod_edge_viewers{way="rtmp"} 1`, `flashpod_edge_viewers{way="flv"} 1`, `flashpod_edge_viewers{way="hls"} 1`,
	} {
		servertest.Eventually(t, "metrics have "+line, func() bool { return metric(t, e, line) })
	}
	_, all := servertest.Ask(t, http.MethodGet, "http://"+e.HTTPAddr().String()+"/metrics")
	for _, purpose := range []string{"control", "feed"} {
		if !regexp.MustCompile(`flashpod_edge_origin_received_bytes_total{purpose="` + purpose + `"} [1-9]`).MatchString(all) {
			t.Errorf("nothing is counted for %s", purpose)
		}
	}
	if metric(t, of, `flashpod_edge_connections 0`) || metric(t, of, `flashpod_edge_links{state="linked"} 0`) {
		t.Error("an origin says that it is an edge")
	}
	o := operatorOf(t, e, console.Admin)
	events := o.listen("?instance=" + url.QueryEscape("app/one"))
	is := until(events, "state", func(is struct {
		Instances []console.Instance `json:"instances"`
	}) bool {
		return len(is.Instances) == 1 && is.Instances[0].Clients == 3
	})
	if one := is.Instances[0]; one.Streams != 1 || one.Players != 3 {
		t.Errorf("state %+v", one)
	}
	d := until(events, "detail", func(d console.Detail) bool {
		return len(d.Streams) == 1 && d.Streams[0].Video != nil && len(d.Clients) == 3
	})
	if d.Streams[0].Viewers != 3 || d.Streams[0].Video.Width != 160 {
		t.Errorf("stream %+v", d.Streams[0])
	}
	for _, c := range d.Clients {
		if c.Does == "watches cam by flv" {
			if code, said := o.does(http.MethodDelete, "api/instances/app/one/clients/"+c.ID); code != http.StatusNoContent {
				t.Errorf("%d %s", code, said)
			}
		}
	}
	if _, err := io.Copy(io.Discard, f.answer.Body); err != nil {
		t.Errorf("the answer ends with %v", err)
	}
	if code, said := o.does(http.MethodPost, "api/instances/app/one/unload"); code != http.StatusConflict || !strings.Contains(said, "origin") {
		t.Errorf("unload: %d %s", code, said)
	}
	if code, said := o.does(http.MethodGet, "media/app/one/cam/index.m3u8"); code != http.StatusOK || !strings.HasPrefix(said, "#EXTM3U") {
		t.Errorf("the console's own look: %d %s", code, said)
	}
}

// Where the origin is away, viewers are told so, and who has a recording goes on with it.
func TestEdgeWithoutItsOrigin(t *testing.T) {
	t.Parallel()
	data, key := t.TempDir(), filepath.Join(t.TempDir(), "link.key")
	film(t, data, "app/streams/one/film")
	of, stop := runWith(t, Config{Data: data, LinkKeyFile: key, WebAddress: anyAddress}, open)
	e := edgeOf(t, of, key)
	shoot(t, connect(t, of, "app/one").hello(), "cam")
	v := watchFLV(t, e, "/app/one/cam.flv")
	if status, _, said := page(t, e, "/app/one/film/index.m3u8", ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	stop()
	if _, err := io.Copy(io.Discard, v.answer.Body); err != nil {
		t.Errorf("the answer ends with %v", err)
	}
	for _, at := range []string{"/app/one/cam.flv", "/app/one/cam/index.m3u8", "/app/one/film.mp4", "/app/one/film/index.m3u8?another=1"} {
		servertest.Eventually(t, "who comes for "+at+" is told", func() bool {
			status, head, said := page(t, e, at, "")
			return status == http.StatusServiceUnavailable && strings.Contains(said, "origin") && head.Get("Retry-After") != ""
		})
	}
	servertest.Eventually(t, "who has the film goes on with it", func() bool {
		status, _, _ := page(t, e, "/app/one/film/index.m3u8", "")
		return status == http.StatusOK
	})
	if status, _, said := page(t, e, "/-/watch/app/one/cam", ""); status != http.StatusOK || !strings.Contains(said, "app") {
		t.Errorf("the page: %d %s", status, said)
	}
}

// The script is asked about viewers of an edge, who are refused in its words. One of many
// requests is asked about once, and the same at every server; who is ended stays out.
func TestEdgeAsksTheScript(t *testing.T) {
	t.Parallel()
	data, key := t.TempDir(), filepath.Join(t.TempDir(), "link.key")
	film(t, data, "app/streams/one/film")
	folder := servertest.WriteFiles(t, t.TempDir(), "main.asc", `var asked = 0;
		application.onConnect = function (c) { c.asked = function () { return asked }; return true };
		application.onPlay = function (r) { asked++; return r.query.pass == "word" || "say the word, " + r.name + " " + r.way + " " + r.live }`)
	of, _ := runWith(t, Config{Data: data, LinkKeyFile: key, WebAddress: anyAddress, ScriptFolder: folder}, "{application: app, instance: one, access: {publish: {mode: Anyone}}, script: {configMap: {name: x}}}")
	edges := []*Server{edgeOf(t, of, key), edgeOf(t, of, key)}
	for way, at := range map[string]string{"flv": "/app/one/film.flv", "mp4": "/app/one/film.mp4", "hls": "/app/one/film/index.m3u8"} {
		if status, _, said := page(t, edges[0], at, ""); status != http.StatusForbidden || !strings.Contains(said, "say the word, film "+way+" false") {
			t.Errorf("%s: %d %s", at, status, said)
		}
	}
	nc := insideWeb(t, of, "app/one")
	asked := func() string {
		got, err := nc.Call(t.Context(), "asked")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(got)
	}
	before := asked()
	status, _, list := page(t, edges[0], "/app/one/film/index.m3u8?pass=word", "")
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, list)
	}
	token := tokens.FindStringSubmatch(list)
	if token == nil {
		t.Fatalf("no token in %s", list)
	}
	after := asked()
	if before == after {
		t.Errorf("the script was not asked: %s and then %s", before, after)
	}
	media := "/app/one/film/" + hlsName.FindString(list) + "?pass=word&viewer=" + token[1]
	for _, s := range []*Server{edges[0], edges[1], of, edges[1]} {
		if status, _, said := page(t, s, media, ""); status != http.StatusOK {
			t.Errorf("%d %s", status, said)
		}
	}
	if again := asked(); again != after {
		t.Errorf("the script was asked again: %s, and then %s", after, again)
	}
	if ways, want := waysOf(t, of, "app/one"), []string{"hls film true"}; !slices.Equal(ways, want) {
		t.Errorf("the list has %q, want %q", ways, want)
	}
	for _, c := range clientsOf(t, of, "app/one") {
		if c.Way == "hls" {
			kick(t, of, "app/one", c.ID)
		}
	}
	for _, s := range append(edges, of) {
		servertest.Eventually(t, "who was ended is kept out", func() bool {
			status, _, said := page(t, s, media, "")
			return status == http.StatusForbidden && strings.Contains(said, "operator")
		})
	}
}

// Many who come at once for what an edge does not have yet are fed once.
func TestEdgeFeedsMany(t *testing.T) {
	t.Parallel()
	of, edges := runHouses(t, 1, "", open)
	shoot(t, connect(t, of, "app/one").hello(), "cam")
	const many = 40
	var came sync.WaitGroup
	for range many {
		came.Go(func() {
			answer, err := http.Get("http://" + edges[0].WebAddr().String() + "/app/one/cam.flv")
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { answer.Body.Close() })
			if _, err := io.ReadFull(answer.Body, make([]byte, 200)); err != nil || answer.StatusCode != http.StatusOK {
				t.Errorf("%s %v", answer.Status, err)
			}
		})
	}
	came.Wait()
	// One for what is asked of the instance, one for where streams are, and the feed.
	if feeds, links := edges[0].edge.Feeds(), of.origin.Links(); feeds != 1 || links != 3 {
		t.Errorf("%d feeds over %d links", feeds, links)
	}
	servertest.Eventually(t, "all are counted", func() bool { return of.Stats()[0].Players == many })
}

// At an edge of an edge segments are the origin's, too, though times are others at the one
// between them, where somebody has stayed for the next publication.
func TestEdgeOfAnEdgeHasTheSegments(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "link.key")
	of, _ := runWith(t, Config{LinkKeyFile: key, WebAddress: anyAddress}, open)
	middle, _ := runWith(t, Config{EdgeOf: of.RTMPAddr().String(), LinkKeyFile: key, LinkAddress: "127.0.0.1:0", WebAddress: anyAddress})
	leaf, _ := runWith(t, Config{EdgeOf: middle.LinkAddr().String(), LinkKeyFile: key, WebAddress: anyAddress})
	stays := connect(t, middle, "app/one").hello()
	stays.on(1, "play", "cam")
	servertest.Eventually(t, "it plays", func() bool { return middle.edge.Players() == 1 })
	first := connect(t, of, "app/one").hello()
	first.on(1, "publish", "cam", "live")
	audio(t, first, 7000000)
	stays.Until("audio 7000000")
	first.on(1, "closeStream")
	stays.Until("onStatus NetStream.Play.UnpublishNotify")
	hold := shoot(t, connect(t, of, "app/one").hello(), "cam")
	servers := []*Server{of, middle, leaf}
	media := make([]string, len(servers))
	var lists []func() string
	for n, s := range servers {
		status, _, said := page(t, s, "/app/one/cam/index.m3u8", "")
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, said)
		}
		media[n] = hlsName.FindString(said)
		lists = append(lists, func() string {
			return fetched(t, s, "/app/one/cam/"+media[n], func(status int, said string) bool {
				return status == http.StatusOK && strings.Count(said, "#EXTINF") >= 4
			})
		})
		lists[n]()
	}
	hold()
	sameEnd(t, lists)
	files := map[string]string{}
	for n, s := range servers {
		list, same := lists[n](), 0
		for name, b := range hlsFiles(t, s, "/app/one/cam", media[n], list) {
			if was, ok := files[name]; ok && was != b {
				t.Errorf("%s has %d bytes, which are others than %d", name, len(b), len(was))
			} else if ok {
				same++
			}
			files[name] = b
		}
		if s != of && same == 0 {
			t.Errorf("nothing is the same in\n%s", list)
		}
	}
	if ways := waysOf(t, of, "app/one"); !slices.Contains(ways, "hls cam false") {
		t.Errorf("the list has %q", ways)
	}
}

// What the origin's manifest says of HLS holds at its edges.
func TestEdgeHasTheRulesOfHLS(t *testing.T) {
	t.Parallel()
	of, all := runHouses(t, 1, "", withHLS("one", "partDuration: 1s, window: 30s"), withHLS("plain", "mode: Standard"), withHLS("none", "mode: None"))
	for _, name := range []string{"one", "plain", "none"} {
		shoot(t, connect(t, of, "app/"+name).hello(), "cam")
	}
	s := all[len(all)-1]
	if s == of {
		t.Fatal("there is no edge")
	}
	for name, want := range map[string]string{"one": "PART-TARGET=1.000", "plain": "#EXTINF"} {
		text := fetched(t, s, "/app/"+name+"/cam/v0.m3u8", func(status int, said string) bool { return status == http.StatusOK && strings.Contains(said, want) })
		if name == "plain" && strings.Contains(text, "PART") {
			t.Errorf("it has parts:\n%s", text)
		}
	}
	if status, _, said := page(t, s, "/app/none/cam/index.m3u8", ""); status != http.StatusForbidden || !strings.Contains(said, "spec.web.hls.mode is None") {
		t.Errorf("none: %d %s", status, said)
	}
}
