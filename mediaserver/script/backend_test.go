package script_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/script/outgoing"
)

// network is what a test's script may reach.
func network(t testing.TB, limits outgoing.Limits, allowed ...string) *outgoing.Network {
	t.Helper()
	hosts, err := outgoing.ParseHosts("spec.script.allowedHosts", allowed)
	if err != nil {
		t.Fatal(err)
	}
	n := outgoing.New(outgoing.Config{Hosts: hosts, Limits: limits})
	t.Cleanup(n.Close)
	return n
}

// backend is a server of HTTP as scripts have them behind them.
func backend(t testing.TB) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	stop := make(chan struct{})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "method=%s&query=%s&type=%s&mine=%s&body=%s", r.Method, escape(r.URL.RawQuery), escape(r.Header.Get("Content-Type")),
			escape(r.Header.Get("X-Mine")), escape(string(body)))
	})
	answer := func(path, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
	}
	answer("/login", "ok=1&name=J%c3%b6rg+B%20&x&=y&%zz=%4&a=1&a=2")
	answer("/latin1", "name=J\xf6rg&other=%f6")
	answer("/many", strings.Repeat("a=1&", 10001))
	answer("/proto", "__proto__=1&toString=2&loaded=3")
	answer("/list.xml", "<list><user name=\"J\xc3\xb6rg\"/><user name=\"B\"/></list>")
	answer("/garbage", "\x00\x01\xff<a <b>&&&")
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://localhost:1/", http.StatusFound)
	})
	mux.HandleFunc("/error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "a=1", http.StatusInternalServerError) })
	s := httptest.NewServer(mux)
	t.Cleanup(func() {
		close(stop)
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func escape(s string) string {
	return strings.NewReplacer("%", "%25", "&", "%26", "=", "%3D", " ", "%20").Replace(s)
}
