package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
	"flashpod.dev/flashpod/mediaserver/web"
)

// shelf is the recorded streams of an instance.
type shelf struct {
	t                     *testing.T
	application, instance string
	dir                   string
	store                 *recording.Store
}

func newShelf(t *testing.T, application, instance string) *shelf {
	t.Helper()
	dir := t.TempDir()
	store, err := recording.Open(dir, nil, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &shelf{t, application, instance, dir, store}
}

// open is the shelf where anyone may publish, and delete on this machine.
func (s *shelf) open() catalogue.Shelf {
	return catalogue.Shelf{Application: s.application, Instance: s.instance, Store: s.store}
}

// keyed is the shelf where that needs a key.
func (s *shelf) keyed(key string) catalogue.Shelf {
	r := s.open()
	r.Authorize = func(k string) *session.Refusal {
		switch k {
		case key:
			return nil
		case "":
			return &session.Refusal{Code: session.RefusedNoKeyGiven}
		}
		return &session.Refusal{Code: session.RefusedWrongKey}
	}
	return r
}

// put makes a recording of some seconds of sound.
func (s *shelf) put(name string, seconds int) {
	s.t.Helper()
	servertest.WriteFLV(s.t, filepath.Join(s.dir, filepath.FromSlash(name)+".flv"), servertest.Sound(seconds)...)
}

func listed(t *testing.T, base, path string) (names []string, page web.RecordingPage) {
	t.Helper()
	page = servertest.AskFor[web.RecordingPage](t, base+path)
	for _, r := range page.Recordings {
		names = append(names, r.Application+"/"+r.Instance+" "+r.Name)
	}
	return names, page
}

func TestRecordingsAreListed(t *testing.T) {
	t.Parallel()
	one, locked, def := newShelf(t, "app", "one"), newShelf(t, "app", "locked/up"), newShelf(t, "a", apppath.DefaultInstance)
	base := serve(t, &source{recordings: []catalogue.Shelf{one.open(), locked.open(), def.open()}})
	for _, name := range []string{"b", "a b", "folder/ä?#%"} {
		one.put(name, 3)
	}
	locked.put("film", 5)
	def.put("first", 1)
	want := []string{"a/_definst_ first", "app/locked/up film", "app/one a b", "app/one b", "app/one folder/ä?#%"}
	got, page := listed(t, base, "/recordings")
	if !slices.Equal(got, want) || page.Next != "" {
		t.Errorf("%q, next %q; want %q", got, page.Next, want)
	}
	film := page.Recordings[1]
	if film.Bytes < 32<<10 || film.Seconds == nil || *film.Seconds != 5 || film.Recording || time.Since(film.Modified) > time.Hour {
		t.Errorf("%+v", film)
	}
	for limit := range 5 {
		var paged []string
		for path := "/recordings?limit=" + string(rune('1'+limit)); path != ""; path = page.Next {
			got, page = listed(t, base, path)
			paged = append(paged, got...)
		}
		if !slices.Equal(paged, want) {
			t.Errorf("by %d: %q", limit+1, paged)
		}
	}
	if got, _ = listed(t, base, "/recordings?instance=a"); !slices.Equal(got, want[:1]) {
		t.Errorf("of a: %q", got)
	}
	if got, _ = listed(t, base, "/recordings?instance=app/one&limit=2&after=app/one/a%2520b"); !slices.Equal(got, want[3:]) {
		t.Errorf("of app/one: %q", got)
	}
	for path, want := range map[string]int{
		"/recordings/app/locked%2Fup/film":           200,
		"/recordings/app/one/folder/%C3%A4%3F%23%25": 200,
		"/recordings/app/one/nothing":                404,
		"/recordings/app/two/b":                      404,
		"/recordings/app/one/%2e%2e%2fone%2fb":       400,
		"/recordings/app/one/folder%2f..%2fb":        400,
		"/recordings/app/one/.lock":                  400,
		"/recordings?limit=0":                        400,
		"/recordings?limit=1001":                     400,
		"/recordings?after=b":                        400,
		"/recordings?instance=app/two":               404,
	} {
		code, body := ask(t, base, "GET", path)
		if code != want || code != 200 && !strings.HasPrefix(body, `{"error":"`) {
			t.Errorf("%s: %d %s; want %d", path, code, body, want)
		}
	}
}

func TestWhoMayDelete(t *testing.T) {
	t.Parallel()
	one, locked := newShelf(t, "app", "one"), newShelf(t, "app", "locked/up")
	const key = "TheKey"
	var log servertest.Log
	base := serve(t, &source{recordings: []catalogue.Shelf{one.open(), locked.keyed(key)}, log: log.Logger(slog.LevelInfo)})
	one.put("x", 1)
	locked.put("x", 1)
	const anyone, withKey = "/recordings/app/one/x", "/recordings/app/locked%2Fup/x"
	for _, c := range []struct {
		path   string
		header []string
		want   int
	}{
		{anyone, nil, 403}, // a page's form, or curl through a proxy that adds nothing
		{anyone, []string{"Connection", "close"}, 403},
		{anyone, []string{"Connection", web.LocalToken}, 204},
		{anyone, []string{"Connection", "keep-alive, Flashpod-Local", "Host", "localhost:8080"}, 204},
		{withKey, nil, 401},
		{withKey, []string{"Authorization", "Bearer wrong"}, 401},
		{withKey, []string{"Authorization", "Bearer " + key + "x"}, 401},
		{withKey, []string{"Authorization", "Bearer "}, 401},
		{withKey, []string{"Authorization", "Basic " + key}, 401},
		{withKey + "?key=" + key, nil, 401}, // it would be in logs
		{withKey, []string{"Authorization", "bearer " + key, "X-Forwarded-For", "192.0.2.1"}, 204},
		{"/recordings/app/one/y", []string{"Connection", web.LocalToken}, 404},
		{"/recordings/app/one/..%2f..%2f.lock", []string{"Connection", web.LocalToken}, 400},
		{"/recordings", nil, 405},
	} {
		code, body := ask(t, base, "DELETE", c.path, c.header...)
		if code != c.want {
			t.Errorf("%s %q: %d %s; want %d", c.path, c.header, code, body, c.want)
		}
		got, _ := listed(t, base, "/recordings")
		if want := 2; c.want == 204 && len(got) != want-1 || c.want != 204 && len(got) != want {
			t.Errorf("%s %q: %q are left", c.path, c.header, got)
		}
		if c.want == 204 {
			map[string]*shelf{anyone: one, withKey: locked}[c.path].put("x", 1)
		}
	}
	if said := log.String(); strings.Contains(said, key) || strings.Count(said, "recording deleted") != 3 || strings.Count(said, "deleting a recording refused") != 8 {
		t.Errorf("the log says\n%s", said)
	}
}

// Each way in which a key is none is told apart; where the key should lie is not
// said.
func TestWhyAKeyDeletesNothing(t *testing.T) {
	t.Parallel()
	shelf := newShelf(t, "app", "one")
	shelf.put("x", 1)
	for _, c := range []struct {
		why    session.Refusal
		status int
		says   string
	}{
		{session.Refusal{Code: session.RefusedNoKeyGiven}, 401, "deleting needs the publish key of app/one, and none was given: send it as Authorization: Bearer KEY"},
		{session.Refusal{Code: session.RefusedWrongKey}, 401, "this is not the publish key of app/one"},
		{session.Refusal{Code: session.RefusedKeyReplaced}, 401, "this publish key of app/one was replaced and is no longer valid: send the new one"},
		{session.Refusal{Code: session.RefusedNoKey, Cause: errors.New("open /secret/key")}, 503, "recordings of app/one are deleted with its publish key: server has no key (see the server's log)"},
		{session.Refusal{Code: session.RefusedStopping}, 503, "recordings of app/one are deleted with its publish key: instance is stopping (see the server's log)"},
	} {
		r := shelf.open()
		r.Authorize = func(string) *session.Refusal { return &c.why }
		code, body := ask(t, serve(t, &source{recordings: []catalogue.Shelf{r}}), "DELETE", "/recordings/app/one/x", "Authorization", "Bearer k")
		var said struct{ Error string }
		if err := json.Unmarshal([]byte(body), &said); err != nil || code != c.status || said.Error != c.says {
			t.Errorf("%s: %d %s; want %d %q", c.why.Code, code, body, c.status, c.says)
		}
	}
	if _, err := shelf.store.Find("x"); err != nil {
		t.Error(err)
	}
}

// What is being recorded stays, and a store that is closed says so.
func TestStoreThatIsNotReady(t *testing.T) {
	t.Parallel()
	shelf := newShelf(t, "app", "one")
	base := serve(t, &source{recordings: []catalogue.Shelf{shelf.open()}})
	fanout := stream.NewFanout(1)
	defer fanout.Close()
	live := stream.New("cam", fanout, stream.Options{})
	p, err := live.Publish()
	if err != nil {
		t.Fatal(err)
	}
	recorder, err := shelf.store.Record("cam", recording.ModeRecord, live.NewReader(), func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	for page := (web.RecordingPage{}); len(page.Recordings) == 0; { // it is named when something is in it
		if err := p.Write(&rtmp.Message{Type: rtmp.TypeAudio, Payload: []byte{0xaf, 1, 0}}); err != nil {
			t.Fatal(err)
		}
		if _, page = listed(t, base, "/recordings"); len(page.Recordings) > 0 && !page.Recordings[0].Recording {
			t.Errorf("%+v", page.Recordings[0])
		}
	}
	if code, body := ask(t, base, "DELETE", "/recordings/app/one/cam", "Connection", web.LocalToken); code != 409 || !strings.Contains(body, "being recorded") {
		t.Errorf("while it is recorded: %d %s", code, body)
	}
	p.Close()
	if err := recorder.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, body := ask(t, base, "GET", "/recordings/app/one/cam"); code != 200 || strings.Contains(body, `"recording":true`) {
		t.Errorf("behind its end: %d %s", code, body)
	}
	if err := shelf.store.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, body := ask(t, base, "DELETE", "/recordings/app/one/cam", "Connection", web.LocalToken); code != 503 {
		t.Errorf("of a closed store: %d %s", code, body)
	}
}

// What a proxy, a browser or a page says of itself keeps a request from deleting
// where anyone may publish, although it has the token.
func TestDeletingByProxies(t *testing.T) {
	t.Parallel()
	one := newShelf(t, "app", "one")
	base := serve(t, &source{recordings: []catalogue.Shelf{one.open()}})
	one.put("x", 1)
	for _, header := range []string{
		"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Server", "X-Real-IP", "X-Client-IP",
		"X-Cluster-Client-IP", "X-Original-Host", "X-Original-URL", "X-Envoy-External-Address", "X-Request-Id", "X-Scheme",
		"CF-Connecting-IP", "CF-Ray", "True-Client-IP", "Fastly-Client-IP", "Fly-Client-IP", "X-Azure-ClientIP", "X-Amzn-Trace-Id", "Traceparent",
		"Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Referer", "Cookie", "X-Made-Up",
	} {
		code, body := ask(t, base, "DELETE", "/recordings/app/one/x", "Connection", web.LocalToken, header, "x")
		if code != 403 {
			t.Errorf("%s: %d %s", header, code, body)
		}
	}
	for _, host := range []string{"media.example.com", "192.0.2.1", "[2001:db8::1]:8080"} {
		if code, body := ask(t, base, "DELETE", "/recordings/app/one/x", "Connection", web.LocalToken, "Host", host); code != 403 {
			t.Errorf("at %s: %d %s", host, code, body)
		}
	}
	// What browsers ask before a page's request with a header of its own.
	if code, _ := ask(t, base, "OPTIONS", "/recordings/app/one/x", "Access-Control-Request-Method", "DELETE"); code != 405 {
		t.Errorf("OPTIONS: %d", code)
	}
	if code, body := ask(t, base, "DELETE", "/recordings/app/one/x", "Connection", web.LocalToken); code != 204 {
		t.Errorf("without any: %d %s", code, body)
	}
}

// A proxy that passes on whatever it is sent, as proxies do: the client that it
// speaks for is refused, even when it knows the token.
func TestDeletingByABareProxy(t *testing.T) {
	t.Parallel()
	one := newShelf(t, "app", "one")
	base := serve(t, &source{recordings: []catalogue.Shelf{one.open()}})
	one.put("x", 1)
	to, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }})
	defer proxy.Close()
	if code, body := ask(t, proxy.URL, "DELETE", "/recordings/app/one/x", "Connection", web.LocalToken); code != 403 {
		t.Errorf("%d %s", code, body)
	}
}

// A request from another machine, which a test on one cannot send.
func TestDeletingFromElsewhere(t *testing.T) {
	t.Parallel()
	one := newShelf(t, "app", "one")
	one.put("x", 1)
	h := (&source{recordings: []catalogue.Shelf{one.open()}}).handler()
	for _, c := range []struct {
		from, host string
		want       int
	}{
		{"192.0.2.1:4000", "127.0.0.1:8080", 403},
		{"[2001:db8::1]:4000", "localhost", 403},
		{"[::1]:4000", "[2001:db8::2]:8080", 403},
		{"[::1]:4000", "[::1]:8080", 204},
	} {
		r := httptest.NewRequest("DELETE", "/recordings/app/one/x", nil)
		r.Header.Set("Connection", web.LocalToken)
		r.RemoteAddr, r.Host = c.from, c.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("from %s to %s: %d %s; want %d", c.from, c.host, w.Code, w.Body, c.want)
		}
	}
}
