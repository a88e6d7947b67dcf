package server

import (
	"net/http"
	"strings"
	"testing"
)

func TestDebugging(t *testing.T) {
	t.Parallel()
	s, stop := runWith(t, Config{DebugAddress: "127.0.0.1:0"}, open)
	base := "http://" + s.DebugAddr().String()
	for path, want := range map[string]string{
		"/":                           "/debug/behind",
		"/debug/behind":               "owner of app/one",
		"/debug/goroutines":           "server.(*Server).Run",
		"/debug/pprof/":               "goroutine",
		"/debug/pprof/heap?debug=1":   "heap profile",
		"/debug/pprof/cmdline":        "server.test",
		"/debug/pprof/goroutine":      "",
		"/debug/pprof/mutex?debug=1":  "cycles/second",
		"/debug/pprof/allocs?debug=1": "heap profile",
	} {
		if code, body := get(t, base+path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s answers %d, without %q:\n%.300s", path, code, want, body)
		}
	}
	_, body := get(t, base+"/debug/behind")
	for _, who := range []string{"fan-out loop 0", "playbacks of app/one"} {
		if !strings.Contains(body, who) {
			t.Errorf("no %s in\n%s", who, body)
		}
	}
	// The port of operators and Prometheus has none of it.
	if code, _ := get(t, "http://"+s.HTTPAddr().String()+"/debug/pprof/"); code != http.StatusNotFound {
		t.Errorf("the other port answers %d", code)
	}
	stop()
	if resp, err := http.Get(base); err == nil {
		resp.Body.Close()
		t.Error("it answers after the server has ended")
	}
}

func TestDebuggingIsForThisMachine(t *testing.T) {
	t.Parallel()
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:6060"} {
		s, err := New(Config{Data: t.TempDir(), RTMPAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", DebugAddress: address}, docs(t, open))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Listen(); err == nil || !strings.Contains(err.Error(), "loopback") || !strings.Contains(err.Error(), "--debug-address") {
			t.Errorf("%s: %v", address, err)
		}
		s.close(t.Context())
	}
	s, _ := run(t, open)
	if a := s.DebugAddr(); a != nil {
		t.Errorf("nobody asked, and it listens on %v", a)
	}
}
