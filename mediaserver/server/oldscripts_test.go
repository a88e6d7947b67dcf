package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// An old installation is a folder of applications; those in testdata are written as
// people wrote them for Flash Communication Server. Each is served from a copy, and
// used by clients over RTMP.

// visitor is a client of an application with a script.
type visitor struct {
	t     *testing.T
	nc    *rtmp.NetConnection
	heard chan string
}

// oldFolder serves a copy of the folder, with what a test adds to it.
func oldFolder(t *testing.T, cfg Config, add func(dir string)) *Server {
	t.Helper()
	s, _ := oldFolderAt(t, &cfg, add)
	return s
}

func oldFolderAt(t *testing.T, cfg *Config, add func(dir string)) (s *Server, stop func()) {
	t.Helper()
	return folderAt(t, "testdata/applications", cfg, add)
}

// folderAt serves a copy of some folder of applications.
func folderAt(t *testing.T, of string, cfg *Config, add func(dir string)) (s *Server, stop func()) {
	t.Helper()
	cfg.Applications = t.TempDir()
	if err := os.CopyFS(cfg.Applications, os.DirFS(of)); err != nil {
		t.Fatal(err)
	}
	if add != nil {
		add(cfg.Applications)
	}
	return runWith(t, *cfg)
}

// knock connects, and says why it is not let in. calls are what the script may call.
func knock(t *testing.T, s *Server, app string, calls []string, args ...amf.Value) (*visitor, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	conn, to, err := rtmp.Dial(ctx, "rtmp://"+s.RTMPAddr().String()+"/"+app+"/-", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	g := &visitor{t, rtmp.NewNetConnection(conn), make(chan string, 100)}
	g.nc.URL = to
	t.Cleanup(g.nc.Close)
	for _, name := range calls {
		g.nc.Handle(name, func(args []amf.Value) (amf.Value, error) {
			g.heard <- name + "(" + written(args...) + ")"
			return "heard " + name, nil
		})
	}
	_, err = g.nc.Connect(ctx, to.ConnectObject(), args...)
	return g, err
}

func comeIn(t *testing.T, s *Server, app string, calls []string, args ...amf.Value) *visitor {
	t.Helper()
	g, err := knock(t, s, app, calls, args...)
	if err != nil {
		t.Fatalf("connect to %s: %v", app, err)
	}
	return g
}

// ask calls a method, and says what it returns.
func (g *visitor) ask(method string, args ...amf.Value) string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), servertest.Patience)
	defer cancel()
	values, err := g.nc.Call(ctx, method, args...)
	var refused *rtmp.StatusError
	if errors.As(err, &refused) {
		return refused.Code + " " + refused.Description
	}
	if err != nil {
		return err.Error()
	}
	return written(values...)
}

// asks compares what calls return, each written as it would be in a script.
func (g *visitor) asks(method, want string, args ...amf.Value) {
	g.t.Helper()
	if got := g.ask(method, args...); got != want {
		g.t.Errorf("%s(%s) is %s, want %s", method, written(args...), got, want)
	}
}

func (g *visitor) hears(want ...string) {
	g.t.Helper()
	for _, one := range want {
		select {
		case got := <-g.heard:
			if got != one {
				g.t.Fatalf("heard %s, want %s", got, one)
			}
		case <-time.After(servertest.Patience):
			g.t.Fatalf("heard nothing, want %s", one)
		}
	}
}

// waitsFor is hears, past whatever comes before.
func (g *visitor) waitsFor(want string) {
	g.t.Helper()
	late := time.After(servertest.Patience)
	for last := ""; last != want; {
		select {
		case last = <-g.heard:
		case <-late:
			g.t.Fatalf("heard %s at last, want %s", last, want)
		}
	}
}

// written gives values as a script would; dates are "date", and what was entered
// already is "…".
func written(values ...amf.Value) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteString(",")
		}
		say(&b, v, nil)
	}
	return b.String()
}

func say(b *strings.Builder, v amf.Value, in []any) {
	properties := func(all []amf.Property, in []any) {
		for i, p := range all {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString(p.Name + ":")
			say(b, p.Value, in)
		}
	}
	if slices.Contains(in, v) {
		b.WriteString("…")
		return
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case amf.Undefined:
		b.WriteString("undefined")
	case string:
		fmt.Fprintf(b, "%q", v)
	case time.Time:
		b.WriteString("date")
	case *amf.Array:
		b.WriteString("[")
		for i, item := range v.Items {
			if i > 0 {
				b.WriteString(",")
			}
			say(b, item, append(in, v))
		}
		b.WriteString("]")
	case *amf.ECMAArray:
		b.WriteString("[")
		properties(v.Properties, append(in, v))
		b.WriteString("]")
	case *amf.Object:
		b.WriteString(v.Class + "{")
		properties(v.Properties, append(in, v))
		b.WriteString("}")
	default:
		fmt.Fprint(b, v)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Everybody hears who comes and goes, and one calls another.
func TestOldLobby(t *testing.T) {
	t.Parallel()
	s := oldFolder(t, Config{}, nil)
	calls := []string{"setId", "userIn", "userOut", "hear", "delivered"}
	anna := comeIn(t, s, "presence/room", calls, "anna")
	anna.hears("setId(1)")
	ben := comeIn(t, s, "presence/room", calls, "ben")
	ben.hears("setId(2)")
	anna.hears(`userIn(2,"ben")`)
	anna.asks("getUserList", `[{id:1,name:"anna"},{id:2,name:"ben"}]`)
	anna.asks("whisper", "true", 2.0, "psst")
	ben.hears(`hear(1,"psst")`)
	anna.hears(`delivered(2,"heard hear")`)
	anna.asks("whisper", "false", 7.0, "who?")
	anna.asks("me", `{owner:{},name:"anna"}`)
	other := comeIn(t, s, "presence/another", calls, "carl") // its own world
	other.hears("setId(1)")
	ben.nc.Close()
	anna.hears("userOut(2)")
}

// Methods are found on objects that hang on the client, and none of the language's own.
func TestOldNestedMethods(t *testing.T) {
	t.Parallel()
	s := oldFolder(t, Config{}, nil)
	g := comeIn(t, s, "nested/x", nil)
	g.asks("app.createStream", `"stream live 1"`, "live")
	g.asks("app/createStream", `"stream live 2"`, "live")
	g.asks("chat.send", "1", "one")
	g.asks("chat/send", "2", "two")
	g.asks("chat.history", `["one","two"]`)
	g.asks("chat.room.topic", `"flash"`)
	g.asks("whatever", `"whatever(2)"`, 1.0, 2.0)
	for _, name := range []string{
		"secret", "chat.constructor", "constructor", "toString", "chat.toString", "__defineGetter__", "app.hasOwnProperty",
		"app.createStream.call", "chat.send.apply", "__proto__.app.createStream.constructor", "getStats", "setBandwidthLimit",
	} {
		if got := g.ask(name); !strings.HasPrefix(got, "NetConnection.Call.Failed") && got != fmt.Sprintf("%q", name+"(0)") {
			t.Errorf("%s answers %s", name, got)
		}
	}
}

// A script lets in, turns away with a reason, sends elsewhere, or decides later.
func TestOldLogin(t *testing.T) {
	t.Parallel()
	s := oldFolder(t, Config{}, nil)
	anna := comeIn(t, s, "login/x", []string{"before"}, "anna", "sesame")
	anna.hears(`before("said before the door opened")`)
	for _, c := range []struct {
		args []amf.Value
		want string
	}{
		{[]amf.Value{"carl", "x"}, `{message:"no such member",code:17}`},
		{[]amf.Value{"anna", "x"}, `{message:"wrong password"}`},
		{[]amf.Value{"guest"}, "rtmp://guests.example/login"},
		{[]amf.Value{"boolean", false}, ""},
		{[]amf.Value{"throw"}, ""},
	} {
		_, err := knock(t, s, "login/x", nil, c.args...)
		var refused *rtmp.StatusError
		if !errors.As(err, &refused) || refused.Code != "NetConnection.Connect.Rejected" {
			t.Errorf("%v: %v", c.args, err)
			continue
		}
		if got := written(refused.Info); !strings.Contains(got, c.want) {
			t.Errorf("%v: %s, want %s", c.args, got, c.want)
		}
	}
	comeIn(t, s, "login/x", nil, "ben", 511.0).nc.Close()
	comeIn(t, s, "login/x", nil, "boolean", true)
	anna.asks("letIn", `"nobody waits"`, true)
	in := make(chan error, 1)
	go func() {
		_, err := knock(t, s, "login/x", nil, "wait")
		in <- err
	}()
	servertest.Eventually(t, "somebody waits", func() bool { return anna.ask("letIn", true) == `"done"` })
	if err := <-in; err != nil {
		t.Error(err)
	}
	servertest.Eventually(t, "ben has left", func() bool { return strings.Contains(anna.ask("whoLeft"), "ben;") })
}

// What a client sends as a class arrives as one, and goes back as one.
func TestOldClasses(t *testing.T) {
	t.Parallel()
	s := oldFolder(t, Config{}, nil)
	g := comeIn(t, s, "classes/x", nil)
	point := func() *amf.Object {
		o := amf.NewObject("x", 3.0, "y", 4.0)
		o.Class = "com.game.Point"
		return o
	}
	g.asks("measure", "[true,true,5]", point())
	if got := g.ask("move", point(), 1.0); !strings.HasPrefix(got, "com.game.Point{x:4,y:4") {
		t.Errorf("move: %s", got)
	}
	one := point()
	g.asks("same", "true", one, one)
	g.asks("same", "false", point(), point())
	at := time.UnixMilli(1102000000000).UTC()
	for _, c := range []struct {
		v    amf.Value
		kind string
	}{
		{nil, "null"}, {amf.Undefined{}, "undefined"}, {true, "boolean"}, {1.5, "number"}, {"grüße", "string"}, {at, "date"},
		{amf.NewArray(1.0, nil, "x"), "array"}, {amf.NewObject("a", amf.NewArray()), "object"},
		{strings.Repeat("long ", 20000), "string"},
	} {
		g.asks("kind", fmt.Sprintf("%q", c.kind), c.v)
		g.asks("echo", written(c.v), c.v)
	}
	circle := amf.NewObject("name", "round")
	circle.Set("self", circle)
	g.asks("echo", `{name:"round",self:…}`, circle)
}

// Forms that SpiderMonkey took.
func TestOldForms(t *testing.T) {
	t.Parallel()
	g := comeIn(t, oldFolder(t, Config{}, nil), "forms/x", nil)
	g.asks("forms", `["in a block",45,5,42,"type: true","plain","other","17",8,104,"1-2-3",120,"({a:1, b:\"x\"})",8,"parent",2]`)
}

func TestOldMaps(t *testing.T) {
	t.Parallel()
	g := comeIn(t, oldFolder(t, Config{}, nil), "maps/x", nil)
	g.asks("scores", "[anna:3,ben:5]", "lobby")
	g.asks("put", `"3 of 0"`, "lobby", "carl", 9.0)
	g.asks("drop", "true", "lobby", "anna")
	g.asks("scores", "[ben:5,carl:9]", "lobby")
	g.asks("holes", `[0:"first",3:"last"]`)
}

// A poll's script is in several files; what it throws is told to who called, and to
// the log.
func TestOldPoll(t *testing.T) {
	t.Parallel()
	var log servertest.Log
	s := oldFolder(t, Config{Log: log.Logger(0)}, nil)
	a, b := comeIn(t, s, "poll/x", nil), comeIn(t, s, "poll/x", nil)
	a.asks("vote", "1", "red")
	a.asks("vote", "NetConnection.Call.Failed one vote each", "red")
	b.asks("vote", "2", "red")
	b.asks("result", "{red:2}")
	if got := b.ask("broken"); !strings.HasPrefix(got, "NetConnection.Call.Failed") || !strings.Contains(got, "undefinedThing") {
		t.Errorf("broken: %s", got)
	}
	servertest.Eventually(t, "the log says where", func() bool { return log.Count("main.asc") > 0 && log.Count("line=14") > 0 })
	b.asks("nowhere", "NetConnection.Call.Failed Method not found (nowhere).")
}

func TestOldGame(t *testing.T) {
	t.Parallel()
	s := oldFolder(t, Config{}, nil)
	g := comeIn(t, s, "game/x", []string{"over"}, "anna")
	comeIn(t, s, "game/x", []string{"over"}, "ben")
	g.asks("playersNow", `["anna","ben"]`)
	g.hears("over(5)")
	o := g.nc.SharedObject("state", false)
	if err := o.Use(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := written(o.Slots()["tick"]); got != "5" {
		t.Errorf("tick is %s", got)
	}
	if err := o.Set(t.Context(), "tick", 99.0); err == nil {
		t.Error("a client without writeAccess has changed a slot")
	}
	other := g.nc.SharedObject("other", false)
	if err := other.Use(t.Context()); err == nil {
		t.Error("a client without readAccess uses an object")
	}
	_ = g.nc.Notify("leave")
	<-g.nc.Ended()
}
