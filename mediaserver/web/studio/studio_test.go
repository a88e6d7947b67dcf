package studio_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/web/pages"
	"flashpod.dev/flashpod/mediaserver/web/studio"
)

// get asks for what is below the studio's prefix.
func get(t *testing.T, at, path string) (header http.Header, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	b, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", path, got.Status)
	}
	return got.Header, string(b)
}

// The page says where its stream is, no other page may show it, and all scripts and
// styles that it and they name are there.
func TestStudio(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/-/studio/", studio.Handler("/-/studio/", func(name string) pages.Place {
		return pages.Place{Application: "live", Instance: "one", Stream: strings.TrimPrefix(name, "live/")}
	}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	header, html := get(t, server.URL, "/-/studio/live/a%22b")
	if !strings.Contains(html, `data-application="live" data-instance="one" data-stream="a&#34;b"`) {
		t.Errorf("the page does not say where its stream is: %s", html)
	}
	policy := header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "connect-src 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %s", policy, want)
		}
	}
	if got := header.Get("Permissions-Policy"); !strings.Contains(got, "camera=(self)") {
		t.Errorf("Permissions-Policy %q", got)
	}
	seen := map[string]bool{}
	look := func(text, pattern string) (names []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
		return names
	}
	for todo := look(html, `(?:href|src)="/-/studio/([^"]+)"`); len(todo) > 0; todo = todo[1:] {
		if seen[todo[0]] {
			continue
		}
		seen[todo[0]] = true
		_, text := get(t, server.URL, "/-/studio/"+todo[0])
		todo = append(todo, look(text, `from "\./([^"]+)"`)...)
	}
	if !seen["base.css"] || !seen["sources.js"] {
		t.Errorf("it is made of %v", seen)
	}
}
