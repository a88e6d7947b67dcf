package web_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/web"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		os.Exit(code)
	}))
}

// source is a server that the test makes up.
type source struct {
	notReady   error
	stats      []instance.Stats
	refused    map[string]uint64
	leftOut    map[string]uint64
	cert       *web.Certificate // nil: there is no RTMPS
	recordings []catalogue.Shelf
	log        *slog.Logger // nil: none
}

// Budgets has one of which something is taken, and was refused.
func (s *source) Budgets() []*budget.Budget {
	b := budget.New("messages", 100)
	b.Take(40)
	b.Take(61)
	return []*budget.Budget{b}
}

func (s *source) Waiting() int               { return 14 }
func (s *source) Ready() error               { return s.notReady }
func (s *source) Stats() []instance.Stats    { return s.stats }
func (s *source) Refused() map[string]uint64 { return s.refused }
func (s *source) LeftOut() map[string]uint64 { return s.leftOut }
func (s *source) Recordings() []catalogue.Shelf {
	return append([]catalogue.Shelf(nil), s.recordings...)
}

func (s *source) ScriptErrors(int) web.ScriptReport { return web.ScriptReport{} }

func (s *source) Held(context.Context, int) (web.Held, error) { return web.Held{}, nil }

func (s *source) Instances() []web.Running { return nil }

func (s *source) Origin() (web.Origin, bool) { return web.Origin{}, false }

func (s *source) Edge() (web.Edge, bool) { return web.Edge{}, false }

func (s *source) Direct() int64 { return 15 }

func (s *source) Certificate() (web.Certificate, bool) {
	if s.cert == nil {
		return web.Certificate{}, false
	}
	return *s.cert, true
}

func (s *source) handler() http.Handler {
	return web.Handler(s, web.Options{Version: "v1.2", Log: s.log, Names: []string{"media.example.com"}})
}

// serve is the address of a source, without a slash at its end.
func serve(t *testing.T, s *source) string {
	t.Helper()
	server := httptest.NewServer(s.handler())
	t.Cleanup(server.Close)
	return server.URL
}

// ask sends one request; its path goes out as it is written.
func ask(t *testing.T, base, method, path string, header ...string) (int, string) {
	t.Helper()
	return servertest.Ask(t, method, base+path, header...)
}

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	base, leaves := serve(t, &source{}), serve(t, &source{notReady: errors.New("shutting down")})
	for _, c := range []struct {
		base, method, path string
		code               int
		body               string
	}{
		{base, "GET", "/healthz", 200, "ok\n"},
		{base, "GET", "/readyz", 200, "ready\n"},
		{base, "HEAD", "/readyz", 200, ""},
		{leaves, "GET", "/healthz", 200, "ok\n"}, // it is well, and goes
		{leaves, "GET", "/readyz", 503, "shutting down\n"},
		{base, "POST", "/healthz", 405, "Method Not Allowed\n"},
		{base, "GET", "/nothing", 404, "404 page not found\n"},
	} {
		if code, body := ask(t, c.base, c.method, c.path); code != c.code || body != c.body {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, code, body, c.code, c.body)
		}
	}
}

// stats are of two instances, of which one has all there is to count.
var stats = []instance.Stats{
	{
		Application: "app", Name: "one", Uptime: time.Hour,
		Connections: 1, Streams: 2, Waiting: 13, Players: 3, Playbacks: 4, Recordings: 5,
		Total:   instance.Totals{Connections: 6, Publications: 7, Recordings: 8, BytesIn: 9, BytesOut: 10},
		Refused: map[session.RefusalCode]uint64{session.RefusedWrongKey: 11, session.RefusedTaken: 0},
	},
	{Application: "a", Name: `in"st`},
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	_, metrics := ask(t, serve(t, &source{
		stats: stats, refused: map[string]uint64{"no such application": 12}, leftOut: map[string]uint64{"too many of a kind": 13},
	}), "GET", "/metrics")
	for _, want := range []string{
		`flashpod_connections{application="app",instance="one"} 1`,
		`flashpod_streams{application="app",instance="one"} 2`,
		`flashpod_waiting_names{application="app",instance="one"} 13`,
		`flashpod_players{application="app",instance="one"} 3`,
		`flashpod_playbacks{application="app",instance="one"} 4`,
		`flashpod_recordings{application="app",instance="one"} 5`,
		`flashpod_connections_total{application="app",instance="one"} 6`,
		`flashpod_publications_total{application="app",instance="one"} 7`,
		`flashpod_recordings_total{application="app",instance="one"} 8`,
		`flashpod_received_bytes_total{application="app",instance="one"} 9`,
		`flashpod_sent_bytes_total{application="app",instance="one"} 10`,
		`flashpod_refused_publications_total{application="app",instance="one",reason="wrong key"} 11`,
		`flashpod_refused_publications_total{application="app",instance="one",reason="name is taken"} 0`,
		`flashpod_connections{application="a",instance="in\"st"} 0`,
		`flashpod_refused_connections_total{reason="no such application"} 12`,
		`flashpod_log_lines_dropped_total{reason="too many of a kind"} 13`,
		`flashpod_budget_used{budget="messages"} 40`,
		`flashpod_budget_max{budget="messages"} 100`,
		`flashpod_budget_refused_total{budget="messages"} 1`,
		`flashpod_turns_waiting 14`,
		`flashpod_direct_connections 15`,
		`flashpod_build_info{version="v1.2"} 1`,
		"# TYPE flashpod_connections gauge",
		"# TYPE flashpod_connections_total counter",
		"go_goroutines ",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(metrics, "flashpod_certificate") {
		t.Error("metrics tell of a certificate without RTMPS")
	}
}

func TestMetricsOfTheCertificate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cert     web.Certificate
		usable   string
		notAfter string // empty: absent
	}{
		{web.Certificate{}, "0", ""},
		{web.Certificate{NotAfter: time.Unix(1000, 0)}, "0", "1000"},
		{web.Certificate{NotAfter: time.Unix(1000, 0), Usable: true}, "1", "1000"},
	} {
		_, metrics := ask(t, serve(t, &source{cert: &c.cert}), "GET", "/metrics")
		if !strings.Contains(metrics, "flashpod_certificate_usable "+c.usable+"\n") {
			t.Errorf("%+v: usable is not %s", c.cert, c.usable)
		}
		const notAfter = "flashpod_certificate_not_after_timestamp_seconds "
		if got := strings.Contains(metrics, "\n"+notAfter+c.notAfter); c.notAfter == "" && strings.Contains(metrics, notAfter) || c.notAfter != "" && !got {
			t.Errorf("%+v: its end is not %q", c.cert, c.notAfter)
		}
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	code, body := ask(t, serve(t, &source{stats: stats}), "GET", "/")
	for _, want := range []string{
		"Flashpod v1.2\n",
		"app/one: 1 connections, 2 live streams, 3 players of them, 4 of recorded streams, 5 recordings being written\n",
		"\n/metrics ",
	} {
		if code != 200 || !strings.Contains(body, want) {
			t.Errorf("%d %s lacks %q", code, body, want)
		}
	}
}
