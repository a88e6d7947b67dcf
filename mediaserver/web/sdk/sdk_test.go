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
		status, header, body := get(t, http.MethodGet, server.URL+"/-/sdk/"+name, "")
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %q", name, status, want)
		}
		if got := header.Get("Access-Control-Allow-Origin"); got != "*" {
			t.Errorf("%s: Access-Control-Allow-Origin %q", name, got)
		}
		status, _, body = get(t, http.MethodGet, server.URL+"/-/sdk/"+name, header.Get("ETag"))
		if status != http.StatusNotModified || body != "" {
			t.Errorf("%s asked again with its tag: %d, %d bytes", name, status, len(body))
		}
	}
	_, header, _ := get(t, http.MethodGet, server.URL+"/-/sdk/flashpod.js", "")
	if kind := header.Get("Content-Type"); kind != "text/javascript; charset=utf-8" {
		t.Errorf("Content-Type %q: a module with another is not loaded", kind)
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
		if status, _, _ := get(t, c.method, server.URL+c.path, ""); status != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, status, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	server := httptest.NewServer(sdk.Handler())
	defer server.Close()
	_, _, body := get(t, http.MethodGet, server.URL+"/flashpod.js", "")
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

func get(t *testing.T, method, url, tag string) (status int, header http.Header, body string) {
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
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(b)
}
