package sdk_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/web/sdk"
)

// What every page loads stays small.
const largest = 30_000

func TestFiles(t *testing.T) {
	server := httptest.NewServer(http.StripPrefix("/-/sdk", sdk.Handler()))
	defer server.Close()
	for name, want := range map[string]string{"flashpod.js": "NetConnection", "flashpod.d.ts": "export {"} {
		answer, body := get(t, http.MethodGet, server.URL+"/-/sdk/"+name, "")
		if answer.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %s, without %q", name, answer.Status, want)
		}
		if got := answer.Header.Get("Access-Control-Allow-Origin"); got != "*" {
			t.Errorf("%s: Access-Control-Allow-Origin %q", name, got)
		}
		again, body := get(t, http.MethodGet, server.URL+"/-/sdk/"+name, answer.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("%s asked again with its tag: %s, %d bytes", name, again.Status, len(body))
		}
	}
	if a, _ := get(t, http.MethodGet, server.URL+"/-/sdk/flashpod.js", ""); a.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("Content-Type %q: a module with another is not loaded", a.Header.Get("Content-Type"))
	}
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/-/sdk/", http.StatusNotFound},
		{http.MethodGet, "/-/sdk/sdk.go", http.StatusNotFound},
		{http.MethodPost, "/-/sdk/flashpod.js", http.StatusMethodNotAllowed},
		{http.MethodHead, "/-/sdk/flashpod.js", http.StatusOK},
	} {
		if a, _ := get(t, c.method, server.URL+c.path, ""); a.StatusCode != c.want {
			t.Errorf("%s %s: %s, want %d", c.method, c.path, a.Status, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	server := httptest.NewServer(sdk.Handler())
	defer server.Close()
	_, body := get(t, http.MethodGet, server.URL+"/flashpod.js", "")
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if b.Len() > largest {
		t.Errorf("flashpod.js has %d bytes, gzipped; %d are the most", b.Len(), largest)
	}
	t.Logf("flashpod.js: %d bytes, %d gzipped", len(body), b.Len())
}

func get(t *testing.T, method, url, tag string) (*http.Response, string) {
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
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}
