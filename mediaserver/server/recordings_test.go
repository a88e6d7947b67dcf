package server

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/web"
)

const locked = "{application: app, instance: locked/up}"

// put makes a recording of some seconds of sound in an instance's folder.
func put(t *testing.T, s *Server, instance int, name string, seconds int) {
	t.Helper()
	path := filepath.Join(s.Served()[instance].Streams, filepath.FromSlash(name)+".flv")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := flv.Create(f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range seconds + 1 {
		if err := w.Write(flv.Tag{Type: flv.TypeAudio, Timestamp: media.Timestamp(i * 1000), Data: []byte{0xaf, 1, 0}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
}

// ask sends one request; its path goes out as it is written.
func ask(t *testing.T, s *Server, method, path string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+s.HTTPAddr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func listed(t *testing.T, s *Server, path string) (names []string, page web.RecordingPage) {
	t.Helper()
	code, body := ask(t, s, "GET", path)
	if err := json.Unmarshal([]byte(body), &page); err != nil || code != 200 {
		t.Fatalf("%s: %d %s", path, code, body)
	}
	for _, r := range page.Recordings {
		names = append(names, r.Application+"/"+r.Instance+" "+r.Name)
	}
	return names, page
}

func TestRecordingsAreListed(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open, locked, "{application: a, instance: _definst_}")
	for _, name := range []string{"b", "a b", "folder/ä?#%"} {
		put(t, s, 0, name, 3)
	}
	put(t, s, 1, "film", 5)
	put(t, s, 2, "first", 1)
	want := []string{"a/_definst_ first", "app/locked/up film", "app/one a b", "app/one b", "app/one folder/ä?#%"}
	got, page := listed(t, s, "/recordings")
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
			got, page = listed(t, s, path)
			paged = append(paged, got...)
		}
		if !slices.Equal(paged, want) {
			t.Errorf("by %d: %q", limit+1, paged)
		}
	}
	if got, _ = listed(t, s, "/recordings?instance=a"); !slices.Equal(got, want[:1]) {
		t.Errorf("of a: %q", got)
	}
	if got, _ = listed(t, s, "/recordings?instance=app/one&limit=2&after=app/one/a%2520b"); !slices.Equal(got, want[3:]) {
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
		code, body := ask(t, s, "GET", path)
		if code != want || code != 200 && !strings.HasPrefix(body, `{"error":"`) {
			t.Errorf("%s: %d %s; want %d", path, code, body, want)
		}
	}
}

func TestWhoMayDelete(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open, locked)
	b, err := os.ReadFile(s.Served()[1].KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(string(b))
	const anyone, withKey = "/recordings/app/one/x", "/recordings/app/locked%2Fup/x"
	for _, c := range []struct {
		path   string
		header []string
		want   int
	}{
		{anyone, []string{"X-Forwarded-For", "192.0.2.1"}, 403},
		{anyone, []string{"Host", "media.example.com"}, 403},
		{anyone, nil, 204},
		{anyone, []string{"Host", "localhost:8080"}, 204},
		{withKey, nil, 401},
		{withKey, []string{"Authorization", "Bearer wrong"}, 401},
		{withKey, []string{"Authorization", "Bearer " + key + "x"}, 401},
		{withKey, []string{"Authorization", "Bearer "}, 401},
		{withKey, []string{"Authorization", "Basic " + key}, 401},
		{withKey + "?key=" + key, nil, 401}, // it would be in logs
		{withKey, []string{"Authorization", "bearer " + key, "X-Forwarded-For", "192.0.2.1"}, 204},
		{"/recordings/app/one/y", nil, 404},
		{"/recordings/app/one/..%2f..%2f.lock", nil, 400},
		{"/recordings", nil, 405},
	} {
		put(t, s, 0, "x", 1)
		put(t, s, 1, "x", 1)
		code, body := ask(t, s, "DELETE", c.path, c.header...)
		if code != c.want {
			t.Errorf("%s %q: %d %s; want %d", c.path, c.header, code, body, c.want)
		}
		got, _ := listed(t, s, "/recordings")
		if want := 2; c.want == 204 && len(got) != want-1 || c.want != 204 && len(got) != want {
			t.Errorf("%s %q: %q are left", c.path, c.header, got)
		}
	}
}

// A request from another machine, which a test on one cannot send.
func TestDeletingFromElsewhere(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	put(t, s, 0, "x", 1)
	h := web.RecordingsHandler(s.Recordings, slog.New(slog.DiscardHandler))
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
		r.RemoteAddr, r.Host = c.from, c.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("from %s to %s: %d %s; want %d", c.from, c.host, w.Code, w.Body, c.want)
		}
	}
}

func TestDeletingWhatIsInUse(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	p := connect(t, s, "app/one").hello()
	p.on(1, "publish", "cam", "record")
	p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	for i := range media.Timestamp(100) {
		audio(t, p, i*20)
	}
	for page := (web.RecordingPage{}); len(page.Recordings) == 0; { // it is named when something is in it
		_, page = listed(t, s, "/recordings")
		if len(page.Recordings) > 0 && !page.Recordings[0].Recording {
			t.Errorf("%+v", page.Recordings[0])
		}
	}
	if code, body := ask(t, s, "DELETE", "/recordings/app/one/cam"); code != 409 || !strings.Contains(body, "being recorded") {
		t.Errorf("while it is recorded: %d %s", code, body)
	}
	p.on(1, "closeStream")
	p.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")

	v := connect(t, s, "app/one").hello()
	v.on(1, "play", "cam", 0.0, -1.0, true)
	v.expect("event 4", "event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start")
	if code, body := ask(t, s, "DELETE", "/recordings/app/one/cam"); code != 204 {
		t.Errorf("while it is played: %d %s", code, body)
	}
	last := ""
	for word := ""; word != "onStatus NetStream.Play.Stop"; {
		if word, _ = v.next(); strings.HasPrefix(word, "audio") {
			last = word
		}
	}
	if last != "audio 1980" {
		t.Errorf("the player's last was %q", last)
	}
	v.on(1, "play", "cam", 0.0, -1.0, true)
	for word := ""; word != "onStatus NetStream.Play.StreamNotFound"; {
		if word, _ = v.next(); word == "onStatus NetStream.Play.Start" || word == "end" {
			t.Fatalf("it plays again: %s", word)
		}
	}
}

func TestRecordingsOffline(t *testing.T) {
	t.Parallel()
	s, stop := run(t, open, locked)
	put(t, s, 0, "x", 1)
	put(t, s, 1, "y", 1)
	data := s.cfg.Data
	if _, _, err := OpenRecordings(data, "", nil); err == nil || !strings.Contains(err.Error(), "another flashpod serves from it") {
		t.Errorf("while it is served from: %v", err)
	}
	stop()
	for instance, want := range map[string][]string{"": {"app/locked", "app/one"}, "app/locked/up": {"app/locked/up"}} {
		all, done, err := OpenRecordings(data, instance, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, one := range all {
			got = append(got, one.Application+"/"+one.Instance)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q", instance, got)
		}
		if err := done(); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"app/none", "../" + filepath.Base(data), "app/../../x", "*/one"} {
		if _, _, err := OpenRecordings(data, bad, nil); err == nil {
			t.Errorf("%q is an instance", bad)
		}
	}
	if _, _, err := OpenRecordings(filepath.Join(data, "none"), "", nil); err == nil {
		t.Error("a data folder was made")
	}
	// Each time the folder was freed.
	if unlock, err := lockData(data); err != nil {
		t.Error(err)
	} else if err := unlock(); err != nil {
		t.Error(err)
	}
}

// TestFoldersInsideFolders serves an instance whose folder lies in that of
// another, which has no say in it.
func TestFoldersInsideFolders(t *testing.T) {
	t.Parallel()
	s, _ := run(t, "{application: app, instance: one, access: {publish: {mode: Anyone}}}", "{application: app, instance: one/two, access: {publish: {mode: Anyone}}}")
	put(t, s, 0, "x", 1)
	put(t, s, 1, "y", 1)
	names, _ := listed(t, s, "/recordings")
	if want := []string{"app/one x", "app/one/two y"}; !slices.Equal(names, want) {
		t.Errorf("listed are %q, want %q", names, want)
	}
	for _, path := range []string{"two/y", "flv:two/y.flv"} {
		if status, body := ask(t, s, "DELETE", "/recordings/app/one/"+path); status != 400 || !strings.Contains(body, "the folder of another instance, two below this one") {
			t.Errorf("delete %s: %d %s", path, status, body)
		}
	}
	c, v := connect(t, s, "app/one").hello(), connect(t, s, "app/one").hello()
	for _, mode := range []string{"record", "append"} {
		c.on(1, "publish", "two/y", mode)
		c.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.NoAccess")
		c.on(1, "publish", false)
		c.expect("onStatus NetStream.Unpublish.Success")
	}
	v.on(1, "play", "two/y", 0.0)
	v.expect("onStatus NetStream.Play.StreamNotFound")
	// A name that only begins like that folder's is as good as any.
	c.on(1, "publish", "twofold/y", "record")
	c.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	if status, body := ask(t, s, "GET", "/recordings/app/one%2Ftwo/y"); status != 200 {
		t.Errorf("find y: %d %s", status, body)
	}
}
