package watch_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/web/pages"
	"flashpod.dev/flashpod/mediaserver/web/watch"
)

func serve(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/-/watch/", watch.Handler("/-/watch/", func(name string) pages.Place {
		app, rest, _ := strings.Cut(name, "/")
		return pages.Place{Application: app, Instance: "one", Stream: rest}
	}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/-/watch/"
}

// answer is what came, without the body.
type answer struct {
	status int
	header http.Header
}

func ask(t *testing.T, method, url, tag string) (answer, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header}, string(body)
}

// The page says where its stream is, whatever the stream is called, and holds to a
// policy that lets nothing of what a name has in it run.
func TestPage(t *testing.T) {
	at := serve(t)
	first, body := ask(t, http.MethodGet, at+"live/a/%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%20onload=%22x", "")
	if first.status != http.StatusOK {
		t.Fatal(first.status)
	}
	for _, bad := range []string{"<script>alert", `" onload="x`} {
		if strings.Contains(body, bad) {
			t.Errorf("the page has %q in it", bad)
		}
	}
	for _, want := range []string{`data-application="live"`, `data-instance="one"`, `src="/-/watch/watch.js"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	policy := first.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if again, _ := ask(t, http.MethodGet, at+"live/b", ""); again.header.Get("ETag") == first.header.Get("ETag") {
		t.Error("two pages have one tag")
	}
}

// All that the page names is there, and nothing else.
func TestParts(t *testing.T) {
	at := serve(t)
	for name, want := range map[string]string{"watch.js": "import", "ways.js": "playBy", "rtmp.js": "NetStream", "hls.js": "mpegurl", "watch.css": "embedded", "base.css": "prefers-color-scheme"} {
		got, body := ask(t, http.MethodGet, at+name, "")
		if got.status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %q", name, got.status, want)
		}
		if again, body := ask(t, http.MethodGet, at+name, got.header.Get("ETag")); again.status != http.StatusNotModified || body != "" {
			t.Errorf("%s asked again with its tag: %d", name, again.status)
		}
	}
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{http.MethodHead, "live/cam", http.StatusOK},
		{http.MethodPost, "live/cam", http.StatusMethodNotAllowed},
		{http.MethodGet, "", http.StatusNotFound},
		{http.MethodGet, "live", http.StatusNotFound},
		{http.MethodGet, "live/", http.StatusNotFound},
		{http.MethodGet, "live/a%2F%2Fb", http.StatusNotFound},
		{http.MethodGet, "live/a%2F..%2Fb", http.StatusNotFound},
		{http.MethodGet, "page.html", http.StatusNotFound},
		{http.MethodGet, "live/" + strings.Repeat("x", 1100), http.StatusNotFound},
	} {
		if got, _ := ask(t, c.method, at+c.path, ""); got.status != c.want {
			t.Errorf("%s %.30q: %d, want %d", c.method, c.path, got.status, c.want)
		}
	}
}
