package watch_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/web/watch"
)

func serve(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/-/watch/", watch.Handler("/-/watch/", func(name string) watch.Place {
		app, rest, _ := strings.Cut(name, "/")
		return watch.Place{Application: app, Instance: "one", Stream: rest}
	}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/-/watch/"
}

func ask(t *testing.T, method, url, tag string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

// The page says where its stream is, whatever the stream is called, and holds to a
// policy that lets nothing of what a name has in it run.
func TestPage(t *testing.T) {
	at := serve(t)
	answer, body := ask(t, http.MethodGet, at+"live/a/%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%20onload=%22x", "")
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
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
	policy := answer.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if again, _ := ask(t, http.MethodGet, at+"live/b", ""); again.Header.Get("ETag") == answer.Header.Get("ETag") {
		t.Error("two pages have one tag")
	}
}

// All that the page names is there, and nothing else.
func TestParts(t *testing.T) {
	at := serve(t)
	for name, want := range map[string]string{"watch.js": "import", "rtmp.js": "NetStream", "hls.js": "mpegurl", "watch.css": "prefers-color-scheme"} {
		answer, body := ask(t, http.MethodGet, at+name, "")
		if answer.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %s, without %q", name, answer.Status, want)
		}
		if again, body := ask(t, http.MethodGet, at+name, answer.Header.Get("ETag")); again.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("%s asked again with its tag: %s", name, again.Status)
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
		if answer, _ := ask(t, c.method, at+c.path, ""); answer.StatusCode != c.want {
			t.Errorf("%s %.30q: %s, want %d", c.method, c.path, answer.Status, c.want)
		}
	}
}
