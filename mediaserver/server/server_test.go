package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/manifest"
	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
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

// client sees every message of its connection as a word.
type client struct {
	t    *testing.T
	conn *rtmp.Conn
	got  chan string
	info chan *amf.Object // of commands, in step with got; nil for the rest
}

// connect says more in its command object when there are pairs of names and
// values.
func connect(t *testing.T, s *Server, app string, more ...any) *client {
	t.Helper()
	conn, _, err := rtmp.Dial(context.Background(), "rtmp://"+s.RTMPAddr().String()+"/x", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, conn: conn, got: make(chan string, 1000), info: make(chan *amf.Object, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(c.got)
		_ = conn.Serve(func(m *rtmp.Message) error {
			word, info := describe(m)
			c.info <- info
			c.got <- word
			return nil
		})
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	c.send("connect", 1, amf.NewObject(append([]any{"app", app, "tcUrl", "rtmp://h/" + app, "objectEncoding", 0}, more...)...))
	return c
}

func describe(m *rtmp.Message) (string, *amf.Object) {
	switch m.Type {
	case rtmp.TypeCommand:
		cmd, err := rtmp.ParseCommand(m)
		if err != nil {
			return err.Error(), nil
		}
		for _, v := range append(slices.Clone(cmd.Args), cmd.Object) {
			if o, ok := v.(*amf.Object); ok {
				if code, ok := o.Get("code"); ok {
					return fmt.Sprintf("%s %v", cmd.Name, code), o
				}
			}
		}
		return fmt.Sprintf("%s %v", cmd.Name, cmd.Args), nil
	case rtmp.TypeUserControl:
		return fmt.Sprintf("event %d", binary.BigEndian.Uint16(m.Payload)), nil
	case rtmp.TypeData:
		values, _ := amf.DecodeAll(m.Payload)
		return fmt.Sprintf("data %v", values[0]), nil
	case rtmp.TypeAudio:
		return fmt.Sprintf("audio %d", m.Timestamp), nil
	}
	return fmt.Sprintf("type %d", m.Type), nil
}

func (c *client) send(name string, txn float64, object amf.Value, args ...amf.Value) {
	c.t.Helper()
	if err := c.conn.SendCommand(0, name, txn, object, args...); err != nil {
		c.t.Fatal(err)
	}
}

// settled waits until everything that was sent before is done: commands are
// taken one after another.
func (c *client) settled() {
	c.t.Helper()
	c.send("FCUnsubscribe", 99, nil)
	c.expect("_result [{}]")
}

func (c *client) on(id uint32, name string, args ...amf.Value) {
	c.t.Helper()
	if err := c.conn.SendCommand(id, name, 0, nil, args...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) next() (string, *amf.Object) {
	c.t.Helper()
	select {
	case w, ok := <-c.got:
		if !ok {
			return "end", nil
		}
		return w, <-c.info
	case <-time.After(10 * time.Second):
		c.t.Fatal("nothing came")
		return "", nil
	}
}

func (c *client) expect(want ...string) (last *amf.Object) {
	c.t.Helper()
	for _, w := range want {
		got, info := c.next()
		if got != w {
			c.t.Fatalf("got %q, want %q", got, w)
		}
		last = info
	}
	return last
}

const success = "_result NetConnection.Connect.Success"

// hello is what every client that is let in hears; the chunk size, window and
// bandwidth messages before it concern the connection alone.
func (c *client) hello() *client {
	c.t.Helper()
	c.expect("event 0", success, "onBWDone []")
	c.send("createStream", 2, nil)
	c.expect("_result [1]")
	return c
}

// joined waits until so many play: they are told that they do a moment before
// they get what is published.
func joined(t *testing.T, s *Server, players int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(10 * time.Second); s.Stats()[0].Players != players; {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%d players, want %d", s.Stats()[0].Players, players)
		}
	}
}

func audio(t *testing.T, c *client, at media.Timestamp) {
	t.Helper()
	if err := c.conn.Send(&rtmp.Message{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: at, Payload: []byte{0xaf, 1, 0}}); err != nil {
		t.Fatal(err)
	}
}

const open = "{application: app, instance: one, access: {publish: {mode: Anyone}}}"

func TestPublishAndPlayInTheOrderOfFMS(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	p := connect(t, s, "app/one").hello()
	p.send("releaseStream", 3, nil, "cam")
	p.expect("_result [{}]")
	p.send("FCPublish", 4, nil, "cam")
	p.expect("onFCPublish NetStream.Publish.Start", "_result [{}]")
	p.on(1, "publish", "cam", "record")
	info := p.expect("event 0", "onStatus NetStream.Publish.Start")
	if d, _ := info.Get("details"); d != "cam" {
		t.Errorf("details %v", d)
	}
	p.expect("onStatus NetStream.Record.Start")

	v := connect(t, s, "app/one").hello()
	v.on(1, "play", "cam")
	v.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	joined(t, s, 1)
	audio(t, p, 10)
	v.expect("audio 10")
	v.on(1, "pause", true, 10.0)
	v.expect("onStatus NetStream.Pause.Notify", "event 1")
	v.on(1, "pause", false, 10.0)
	v.expect("event 0", "onStatus NetStream.Unpause.Notify")
	v.settled()
	audio(t, p, 30)
	v.expect("audio 30")
	v.on(1, "seek", 5.0)
	v.expect("onStatus NetStream.Seek.Failed")

	p.on(1, "closeStream")
	p.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")
	v.expect("onStatus NetStream.Play.UnpublishNotify")
	v.on(1, "play", false)
	v.expect("onStatus NetStream.Play.Stop")
	v.send("getStreamLength", 5, nil, "cam")
	v.expect("_result [0.02]")

	v.on(1, "play", "cam", 0.0, -1.0, true)
	v.expect("event 4", "event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess", "data onStatus",
		"data onMetaData", "audio 0", "audio 20", "data onPlayStatus", "onStatus NetStream.Play.Stop", "event 1")
}

func TestPlaylistGoesOn(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	p := connect(t, s, "app/one").hello()
	for _, name := range []string{"a", "b"} {
		p.on(1, "publish", name, "record")
		p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
		audio(t, p, 0)
		audio(t, p, 2500) // longer than what is sent ahead
		p.on(1, "publish", false)
		p.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")
	}
	v := connect(t, s, "app/one").hello()
	v.on(1, "play", "a", 0.0, -1.0, true)
	v.on(1, "play", "b", 0.0, -1.0, false)
	v.expect("event 4", "event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess", "data onStatus",
		"data onMetaData", "audio 0", "audio 2500", "data onPlayStatus",
		"event 4", "event 0", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess", "data onStatus",
		"data onMetaData", "audio 2500", "audio 5000", "data onPlayStatus", "onStatus NetStream.Play.Stop", "event 1")
}

func TestWhoIsRefused(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open, "{application: full, instance: _definst_, limits: {maxConnections: 1, maxStreams: 1}}", "{application: away, suspend: true}")
	for app, want := range map[string]string{
		"":         "_error NetConnection.Connect.InvalidApp",
		"other":    "_error NetConnection.Connect.InvalidApp",
		"app":      "_error NetConnection.Connect.Rejected",
		"app/two":  "_error NetConnection.Connect.Rejected",
		"away/i2":  "_error NetConnection.Connect.InvalidApp",
		"../../..": "_error NetConnection.Connect.InvalidApp",
	} {
		connect(t, s, app).expect(want, "close []", "end")
	}
	first := connect(t, s, "full/").hello()
	info := connect(t, s, "full").expect("_error NetConnection.Connect.Failed")
	if d, _ := info.Get("description"); !strings.Contains(fmt.Sprint(d), "spec.limits.maxConnections is 1") {
		t.Errorf("description %v", d)
	}
	first.on(1, "play", "a")
	first.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	first.send("createStream", 3, nil)
	first.expect("_result [2]")
	first.on(2, "play", "b")
	if info := first.expect("onStatus NetStream.Play.Failed"); info != nil {
		if d, _ := info.Get("description"); !strings.Contains(fmt.Sprint(d), "spec.limits.maxStreams is 1") {
			t.Errorf("description %v", d)
		}
	}
	first.on(1, "publish", "a", "live")
	info = first.expect("onStatus NetStream.Publish.BadName")
	if d, _ := info.Get("description"); !strings.Contains(fmt.Sprint(d), "?key=KEY") {
		t.Errorf("description %v does not say how to give a key", d)
	}
	key, err := os.ReadFile(s.Served()[1].KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	first.on(1, "publish", "a?key="+strings.TrimSpace(string(key)), "live")
	first.expect("event 0", "onStatus NetStream.Publish.Start")
}

func TestUnknownCallsFailAndNothingElseHappens(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	c := connect(t, s, "app/one").hello()
	c.send("myMethod", 9, nil, "x")
	info := c.expect("_error NetConnection.Call.Failed")
	if d, _ := info.Get("description"); d != "Method not found (myMethod)." {
		t.Errorf("description %v", d)
	}
	c.send("play", 10, nil, "x")
	c.expect("_error NetConnection.Call.Failed")
	c.send("connect", 11, amf.NewObject("app", "app/one"))
	c.expect("_error NetConnection.Call.Failed")
	c.send("deleteStream", 0, nil, 1)
	c.send("createStream", 13, nil)
	c.expect("_result [1]") // the id is free again
}

func TestCommandBeforeConnectEndsTheConnection(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	conn, _, err := rtmp.Dial(context.Background(), "rtmp://"+s.RTMPAddr().String()+"/x", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SendCommand(0, "createStream", 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := conn.Serve(func(*rtmp.Message) error { return nil }); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the end", err)
	}
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
		got, _ := v.next()
		if got == "onStatus NetStream.Play.UnpublishNotify" { // the publisher left first
			got, _ = v.next()
		}
		if got != "onStatus NetConnection.Connect.AppShutdown" {
			t.Errorf("got %q as the server goes", got)
		}
		v.expect("end")
		v.conn.Close()
	}()
	stop()
	entries, err := os.ReadDir(streams)
	if err != nil || len(entries) != 1 {
		t.Fatalf("recordings %v, %v", entries, err)
	}
	b, err := os.ReadFile(streams + "/" + entries[0].Name())
	if err != nil || !bytes.Contains(b, []byte("filesize")) {
		t.Errorf("not finished: %v", err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
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
	shootTags(t, s, 0, "old", flv.Tag{Type: flv.TypeAudio, Data: []byte{0xaf, 1, 0}})
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
