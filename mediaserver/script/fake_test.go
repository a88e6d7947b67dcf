package script_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script"
)

// fake is an instance that notes what it was asked, and a log that notes what it was
// told, in one order.
type fake struct {
	objects
	mu      sync.Mutex
	said    []string
	changed chan struct{} // closed and made anew with each
	// answers are what clients answer to methods of theirs.
	answers map[string]script.Answer
	absent  map[string]bool // clients that are gone
	block   chan struct{}   // what method block waits for
	tb      testing.TB      // of a scenario
	behind  bool            // its owner does nothing of what it is asked
	fakeStreams
}

func newFake() *fake {
	f := &fake{changed: make(chan struct{}), answers: map[string]script.Answer{}, absent: map[string]bool{}}
	f.fakeStreams.say = f.say
	return f
}

func (f *fake) say(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, fmt.Sprintf(format, args...))
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fake) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.said)
}

// forget forgets lines that begin so.
func (f *fake) forget(prefix string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = slices.DeleteFunc(f.said, func(s string) bool { return strings.HasPrefix(s, prefix) })
}

// patience is how long anything may take before a test counts it as stuck: among them are scripts that write hundreds of megabytes, on
// machines that are busy.
const patience = 3 * time.Minute

// await waits until a line begins so.
func (f *fake) await(t testing.TB, prefix string) string {
	t.Helper()
	limit := time.After(patience)
	for {
		f.mu.Lock()
		changed := f.changed
		i := slices.IndexFunc(f.said, func(s string) bool { return strings.HasPrefix(s, prefix) })
		var line string
		if i >= 0 {
			line = f.said[i]
		}
		f.mu.Unlock()
		if i >= 0 {
			return line
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("no %q:\n%s", prefix, strings.Join(f.all(), "\n"))
		}
	}
}

func (f *fake) ID() string           { return "fake" }
func (f *fake) Accept(client string) { f.say("accept %s", client) }
func (f *fake) Reject(client string, why script.Rejection) {
	s := "reject " + client
	if why.Description != "" {
		s += " " + why.Description
	}
	if why.Application != nil {
		s += " " + text(why.Application)
	}
	if why.Redirect != "" {
		s += " to " + why.Redirect
	}
	f.say("%s", s)
}
func (f *fake) Disconnect(client string) { f.say("disconnect %s", client) }
func (f *fake) SetAccess(client string, a script.Access) {
	f.say("access %s read=%s write=%s audio=%s video=%s", client, a.Read, a.Write, a.AudioSample, a.VideoSample)
}

func (f *fake) Settle(done func()) {
	if !f.behind {
		done()
	}
}

func (f *fake) Invoke(client, method string, args []amf.Value, answer func(script.Answer)) bool {
	f.mu.Lock()
	absent := f.absent[client]
	a, ok := f.answers[method]
	f.mu.Unlock()
	if absent {
		return false
	}
	f.say("invoke %s %s%s", client, method, texts(args))
	if method == "block" {
		<-f.block
	}
	if answer != nil && ok {
		answer(a)
	}
	return true
}

func (f *fake) Broadcast(method string, args []amf.Value) {
	f.say("broadcast %s%s", method, texts(args))
}

func (f *fake) Shutdown() { f.say("shutdown") }
func (f *fake) Lost(reason string, clients []string) {
	slices.Sort(clients)
	f.say("%s", strings.TrimSpace(fmt.Sprintf("lost %s %s", reason, strings.Join(clients, " "))))
}
func (f *fake) Failed(p script.Problem) {
	where := ""
	if p.File != "" {
		where = fmt.Sprintf(" %s:%d", p.File, p.Line)
	}
	f.say("failed%s %s fatal=%v: %s", where, p.Call, p.Fatal, p.Message)
}
func (f *fake) Stats(answer func(script.Stats)) { answer(script.Stats{BytesIn: 7, Connects: 3}) }
func (f *fake) ClientStats(_ string, answer func(script.ClientStats, bool)) {
	answer(script.ClientStats{RoundTrip: 5}, true)
}
func (f *fake) SetBandwidth(client string, toClient, toServer float64) {
	f.say("bandwidth %s %v %v", client, toClient, toServer)
}
func (f *fake) Ping(client string)                    { f.say("ping %s", client) }
func (f *fake) CheckBandwidth(client string)          { f.say("check %s", client) }
func (f *fake) Length(_ string, answer func(float64)) { answer(12.5) }

// text shows a value.
func text(v amf.Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case amf.Undefined:
		return "undefined"
	case string:
		return v
	case *amf.Array:
		var all []string
		for _, i := range v.Items {
			all = append(all, text(i))
		}
		return "[" + strings.Join(all, ",") + "]"
	case *amf.Object:
		var all []string
		for _, p := range v.Properties {
			all = append(all, p.Name+":"+text(p.Value))
		}
		return v.Class + "{" + strings.Join(all, ",") + "}"
	}
	return fmt.Sprint(v)
}

func texts(all []amf.Value) string {
	var b strings.Builder
	for _, v := range all {
		b.WriteString(" " + text(v))
	}
	return b.String()
}

// Handle takes what is traced, for the log that the host writes to.
func (f *fake) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "trace" {
		return nil
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "text" {
			f.say("%s", a.Value)
		}
		return true
	})
	return nil
}
func (f *fake) Enabled(context.Context, slog.Level) bool { return true }
func (f *fake) WithAttrs([]slog.Attr) slog.Handler       { return f }
func (f *fake) WithGroup(string) slog.Handler            { return f }

// files are a folder's, by their paths.
func files(pairs ...string) fs.FS {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

// start starts a script, and ends it with the test.
func start(t testing.TB, f *fake, cfg script.Config) *script.Host {
	t.Helper()
	cfg.Application, cfg.Name, cfg.Instance, cfg.Log = cmp.Or(cfg.Application, "app"), cmp.Or(cfg.Name, "room"), f, slog.New(f)
	if cfg.Limits.Time == 0 {
		cfg.Limits.Time = time.Minute // what is said is tested, on machines that are busy
	}
	h := script.New(cfg)
	t.Cleanup(func() {
		h.Close()
		select {
		case <-h.Done():
		case <-time.After(patience):
			t.Error("the script does not end")
		}
	})
	return h
}

// call has a client call a method, and notes the answer.
func (f *fake) call(h *script.Host, client, method string, args ...amf.Value) {
	h.Call(script.Call{Client: client, Method: method, Args: args, Answer: func(a script.CallAnswer) {
		switch {
		case a.Missing:
			f.say("missing: %s", a.Failed)
		case a.Failed != "":
			f.say("error: %s", a.Failed)
		default:
			f.say("result: %s", text(a.Value))
		}
	}})
}

func newClient(id string) script.Client {
	return script.Client{
		ID: id, Address: "192.0.2.1:5000", Agent: "WIN 9,0,45,0", Protocol: "rtmp", URI: "rtmp://host/app/room",
		Referrer: "http://host/a.swf", PageURL: "http://host/a.html",
	}
}

// scenario is a script, what happens to it, and what comes of it.
type scenario struct {
	name   string
	script string
	config script.Config
	events func(h *script.Host, f *fake)
	want   string // a line each
}

func (s scenario) run(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.tb = t
	if s.config.Files == nil {
		s.config.Files = files("main.asc", s.script)
	}
	h := start(t, f, s.config)
	if s.events != nil {
		s.events(h, f)
	}
	h.Sync()
	h.Sync() // what came of answers
	got := lines(strings.Join(f.all(), "\n"))
	if want := lines(s.want); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// lines takes the indent of a text away, and columns.
func lines(s string) string {
	var b bytes.Buffer
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return strings.TrimSpace(column.ReplaceAllString(b.String(), "$1"))
}

// column is where on its line something was, which is for the engine to say.
var column = regexp.MustCompile(`(\.(?:asc|js):\d+):\d+`)

func runAll(t *testing.T, all []scenario) {
	t.Parallel()
	for _, s := range all {
		t.Run(s.name, s.run)
	}
}

// leave has a client go that the script has heard of.
func leave(h *script.Host, id string) {
	h.Sync()
	h.Leave(id)
}
