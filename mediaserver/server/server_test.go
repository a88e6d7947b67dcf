package server

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/manifest"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections()
		os.Exit(code)
	}))
}

func docs(t *testing.T, specs ...string) (all []v1alpha1.AppInstance) {
	t.Helper()
	for i, spec := range specs {
		found, err := manifest.Load(strings.NewReader(fmt.Sprintf(
			"apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: i%d}\nspec: %s", i, spec)), "test")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

// run serves the specs until the test ends, or stop is called.
func run(t *testing.T, specs ...string) (s *Server, stop func()) {
	t.Helper()
	return runWith(t, Config{}, specs...)
}

// runWith is run with a configuration, whose addresses, and folder when it has
// none, it fills in.
func runWith(t *testing.T, cfg Config, specs ...string) (s *Server, stop func()) {
	t.Helper()
	if cfg.Data == "" {
		cfg.Data = t.TempDir()
	}
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = 5 * time.Second
	}
	// On a machine that is busy nobody is silent or slow by intention.
	cfg.PublisherIdle, cfg.PublisherTimeout = cmp.Or(cfg.PublisherIdle, 10*time.Minute), cmp.Or(cfg.PublisherTimeout, 10*time.Minute)
	cfg.callTime, cfg.linkWaits = cmp.Or(cfg.callTime, time.Minute), cmp.Or(cfg.linkWaits, time.Minute)
	cfg.RTMPAddress, cfg.HTTPAddress = "127.0.0.1:0", "127.0.0.1:0"
	s, err := New(cfg, docs(t, specs...))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return s, stop
}

// turnedAway waits until so many were turned away for a reason: who is hears so before, or after.
func turnedAway(t *testing.T, s *Server, reason string, want uint64) {
	t.Helper()
	servertest.Eventually(t, fmt.Sprint(want, " are counted: ", reason), func() bool { return s.Refused()[reason] == want })
}

const open = "{application: app, instance: one, access: {publish: {mode: Anyone}}}"

// What a manifest suspends is not there; what needs a key finds one made for it.
func TestWhatIsServed(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open, "{application: keyed, instance: _definst_}", "{application: away, suspend: true}")
	connect(t, s, "away/i2").expect("_error NetConnection.Connect.InvalidApp", "close []", "end")
	key, err := os.ReadFile(s.Served()[1].KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, s, "keyed/").hello()
	c.on(1, "publish", "a", "live")
	c.expect("onStatus NetStream.Publish.BadName")
	c.on(1, "publish", "a?key="+strings.TrimSpace(string(key)), "live")
	c.expect("event 0", "onStatus NetStream.Publish.Start")
}

func TestDrainTellsClientsAndFinishesRecordings(t *testing.T) {
	t.Parallel()
	s, stop := run(t, "{application: app, instance: one, recording: {mode: All}, access: {publish: {mode: Anyone}}}")
	p, v := connect(t, s, "app/one").hello(), connect(t, s, "app/one").hello()
	p.on(1, "publish", "cam", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	v.on(1, "play", "cam")
	v.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	joined(t, s, 1)
	audio(t, p, 0)
	audio(t, p, 500)
	v.expect("audio 0", "audio 500")
	streams := s.Served()[0].Streams
	go func() { // clients leave when they are told
		p.expect("onStatus NetConnection.Connect.AppShutdown", "end")
		p.conn.Close()
	}()
	go func() {
		got := v.Until("end")
		// The publisher may leave first, or while the player is told.
		rest := slices.DeleteFunc(slices.Clone(got), func(word string) bool { return word == "onStatus NetStream.Play.UnpublishNotify" })
		if !slices.Equal(rest, []string{"onStatus NetConnection.Connect.AppShutdown", "end"}) || len(got) > 3 {
			t.Errorf("got %q as the server goes", got)
		}
		v.conn.Close()
	}()
	stop()
	files, err := filepath.Glob(filepath.Join(streams, "*.flv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recordings %v, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil || !bytes.Contains(b, []byte("filesize")) {
		t.Errorf("not finished: %v", err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	return servertest.Ask(t, "GET", url)
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	base := "http://" + s.HTTPAddr().String()
	p := connect(t, s, "app/one").hello()
	p.on(1, "publish", "cam", "record")
	p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	connect(t, s, "nothing").expect("_error NetConnection.Connect.InvalidApp")
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if code, body := get(t, base+path); code != 200 || body != want {
			t.Errorf("%s: %d %q", path, code, body)
		}
	}
	_, metrics := get(t, base+"/metrics")
	for _, want := range []string{
		`flashpod_connections{application="app",instance="one"} 1`,
		`flashpod_streams{application="app",instance="one"} 1`,
		`flashpod_players{application="app",instance="one"} 0`,
		`flashpod_playbacks{application="app",instance="one"} 0`,
		`flashpod_recordings{application="app",instance="one"} 1`,
		`flashpod_publications_total{application="app",instance="one"} 1`,
		`flashpod_refused_connections_total{reason="no such application"} 1`,
		`flashpod_refused_publications_total{application="app",instance="one",reason="wrong key"} 0`,
		`flashpod_build_info{version=""} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if _, body := get(t, base+"/"); !strings.Contains(body, "app/one: 1 connections, 1 live streams") {
		t.Errorf("index: %s", body)
	}
	put(t, s, 0, "old", 0)
	v := connect(t, s, "app/one").hello()
	v.on(1, "play", "old", 0.0)
	v.expect("event 4", "event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start")
	if _, metrics := get(t, base+"/metrics"); !strings.Contains(metrics, `flashpod_playbacks{application="app",instance="one"} 1`) {
		t.Error("a recorded stream that is played is not counted")
	}
	if code, _ := get(t, base+"/nothing"); code != 404 {
		t.Errorf("/nothing: %d", code)
	}
}

func TestWhatCannotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := Config{Data: dir, RTMPAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0"}
	one, err := New(cfg, docs(t, open))
	if err != nil {
		t.Fatal(err)
	}
	if err := one.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	defer func() {
		if err := one.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"no folder":    {Config{}, "--data"},
		"folder taken": {cfg, "another flashpod serves from it"},
	} {
		if _, err := New(c.cfg, docs(t, "{application: app}")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not say %q", name, err, c.want)
		}
	}
	if _, err := New(Config{Data: t.TempDir()}, docs(t, open, open)); err == nil || !strings.Contains(err.Error(), "claim app/one") {
		t.Errorf("two of the same: %v", err)
	}
	cfg.Data, cfg.RTMPAddress = t.TempDir(), one.RTMPAddr().String()
	two, err := New(cfg, docs(t, open))
	if err != nil {
		t.Fatal(err)
	}
	if err := two.Listen(); err == nil || !strings.Contains(err.Error(), "address already in use (choose another address with --rtmp-address") {
		t.Errorf("port taken: %v", err)
	}
	two.close(t.Context())
}
