package server

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A client may name its origin to an edge, as Flash Media Server has it, where the edge may
// reach that.
func TestExplicitOrigin(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "link.key")
	of, _ := runWith(t, Config{LinkKeyFile: key}, open)
	other, _ := runWith(t, Config{LinkKeyFile: key}, "{application: elsewhere, instance: one, access: {publish: {mode: Anyone}}}")
	own, far := of.RTMPAddr().String(), other.RTMPAddr().String()
	e, _ := runWith(t, Config{EdgeOf: own, LinkKeyFile: key, EdgeMayReach: []string{far, "media.example.com:1936=" + far}})

	connect(t, e, "?rtmp://"+own+"/app/one").hello()
	p := connect(t, e, "?rtmp://"+far+"/elsewhere/one").hello()
	p.on(1, "publish", "cam", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	connect(t, e, "?rtmp://MEDIA.example.com:1936/elsewhere/one").hello()
	servertest.Eventually(t, "they are there", func() bool {
		return other.Stats()[0].Connections == 2 && other.Stats()[0].Streams == 1 && of.Stats()[0].Connections == 1
	})

	connect(t, e, "?rtmp://127.0.0.1/app/one").hello() // where clients come to it, for all they know
	nc, err := rtmp.Connect(t.Context(), "rtmp://"+e.RTMPAddr().String()+"/?rtmp://"+far+"/elsewhere/one/cam?key=none", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	servertest.Eventually(t, "they are there, too", func() bool { return other.Stats()[0].Connections == 3 && of.Stats()[0].Connections == 2 })

	for _, c := range []struct {
		at       *Server
		app, why string
	}{
		{e, "?rtmp://" + far + "/none/one", ""},
		{e, "?rtmp://10.0.0.1/app/one", "does not reach"},
		{e, "?rtmp://10.0.0.1/?rtmp://" + far + "/app/one", "one alone"},
		{e, "?rtmp://user@" + far + "/app/one", "one alone"},
		{e, "?rtmps://" + far + "/app/one", "one alone"},
		{e, "?rtmp://" + far, "one alone"},
		{of, "?rtmp://" + far + "/elsewhere/one", "no edge"},
	} {
		client := connect(t, c.at, c.app)
		word, info := client.next()
		if !strings.HasPrefix(word, "_error NetConnection.Connect.") || !strings.Contains(fmt.Sprint(info), c.why) {
			t.Errorf("%s: %s %v", c.app, word, info)
		}
	}
	if _, err := New(Config{Data: t.TempDir(), EdgeMayReach: []string{far}}, nil); err == nil || !strings.Contains(err.Error(), "--edge-of") {
		t.Errorf("beside no --edge-of: %v", err)
	}
	for _, wrong := range []string{"", "a/b", "a=", "u@h"} {
		if _, err := New(Config{EdgeOf: own, LinkKeyFile: key, EdgeMayReach: []string{wrong}}, nil); err == nil || !strings.Contains(err.Error(), "--edge-may-reach") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// A file lists origins that clients of an edge may name, each with a key of its own, which
// that origin takes for nothing else. Both change while servers run; who is at an origin that
// is not listed any more is ended.
func TestExplicitOriginsOfAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	guests, list := filepath.Join(dir, "guests"), filepath.Join(dir, "reach.yaml")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	ownKey, otherKey := filepath.Join(dir, "own.key"), filepath.Join(dir, "other.key")
	var atOrigin, atEdge servertest.Log
	of, _ := runWith(t, Config{LinkKeyFile: ownKey}, open)
	other, _ := runWith(t, Config{LinkKeyFile: otherKey, LinkAddress: anyAddress, LinkGuestKeyFile: guests, Log: atOrigin.Logger(slog.LevelInfo)}, "{application: elsewhere, instance: one, access: {publish: {mode: Anyone}}}")
	own, far := of.RTMPAddr().String(), other.LinkAddr().String()
	e, _ := runWith(t, Config{EdgeOf: own, LinkKeyFile: ownKey, EdgeMayReachFile: list, Log: atEdge.Logger(slog.LevelInfo)})

	refused := func(app, why string) {
		t.Helper()
		client := connect(t, e, app)
		if word, info := client.next(); !strings.HasPrefix(word, "_error NetConnection.Connect.") || !strings.Contains(fmt.Sprint(info), why) {
			t.Errorf("%s: %s %v", app, word, info)
		}
	}
	const there, mine = "?rtmp://media.example.com/elsewhere/one", "?rtmp://Mine.example.com:1936/app/one"
	refused(there, "does not reach")
	write(guests, "a-key-for-edges-of-others-1\n")
	servertest.Eventually(t, "the origin takes it", func() bool { return atOrigin.Count("the keys of edges of others have changed") == 1 })
	row := func(key string) string {
		return fmt.Sprintf("origins:\n- {hosts: [media.example.com], origin: %q, linkKey: %q}\n- {hosts: [\"mine.example.com:1936\"], origin: %q}\n", far, key, own)
	}
	listed := func(n int) {
		t.Helper()
		servertest.Eventually(t, "they are listed", func() bool { return atEdge.Count(`msg="origins that clients may name"`) == n })
	}
	write(list, row("a-key-for-edges-of-others-1"))
	listed(1)
	p := connect(t, e, there).hello()
	p.on(1, "publish", "cam", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	connect(t, e, mine).hello()
	servertest.Eventually(t, "they are there", func() bool {
		return other.Stats()[0].Connections == 1 && of.Stats()[0].Connections == 1
	})

	write(list, "origins: [{colour: red}]")
	servertest.Eventually(t, "it says what is wrong", func() bool { return atEdge.Count(`unknown field \"colour\"`) == 1 })
	connect(t, e, there).hello()

	// Another key, and who is there stays.
	write(guests, "a-key-for-edges-of-others-2\n")
	servertest.Eventually(t, "the origin takes it", func() bool { return atOrigin.Count("the keys of edges of others have changed") == 2 })
	write(list, row("a-key-for-edges-of-others-2"))
	listed(2)
	p.on(1, "closeStream")
	p.expect("onStatus NetStream.Unpublish.Success")

	// It may not be named any more.
	write(list, strings.Split(row(""), "\n- {hosts: [media")[0]+" []")
	listed(3)
	for word, _ := p.next(); word != "end"; {
		word, _ = p.next()
	}
	refused(there, "does not reach")
	servertest.Eventually(t, "nobody is there", func() bool { return other.Stats()[0].Connections == 0 })
	refused(mine, "does not reach")

	// The key of edges of others is none of its own.
	stranger, _ := runWith(t, Config{EdgeOf: own, LinkKeyFile: ownKey, EdgeMayReach: []string{"media.example.com=" + far}})
	connect(t, stranger, there).expect("_error NetConnection.Connect.Failed")

	for want, cfg := range map[string]Config{
		"--edge-may-reach-file is for an edge": {EdgeMayReachFile: list},
		"set --link-key-file":                  {LinkGuestKeyFile: guests},
		"--link-address":                       {EdgeOf: own, LinkKeyFile: ownKey, LinkGuestKeyFile: guests},
	} {
		cfg.Data = dir
		if cfg.EdgeOf != "" {
			cfg.Data = ""
		}
		if _, err := New(cfg, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
