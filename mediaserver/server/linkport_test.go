package server

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

const oldKey, newKey = "an old key of some length", "a new key of some length"

// putKey puts text into a file as a person or kubelet does: at once.
func putKey(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

// shows begins a link with a key, and says how that went.
func shows(t *testing.T, at net.Addr, key string) error {
	t.Helper()
	nc, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := link.Dial(t.Context(), nc, link.FixedKeys(key), link.Hello{Purpose: link.Control, Edge: "test"})
	if err == nil {
		c.Close()
	}
	return err
}

// Where links have a port of their own, the RTMP port, which the public reaches, takes
// none.
func TestLinkPort(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "link.key")
	putKey(t, key, oldKey)
	of, _ := runWith(t, Config{LinkKeyFile: key, LinkAddress: "127.0.0.1:0"}, open)
	if err := shows(t, of.RTMPAddr(), oldKey); err == nil || !strings.Contains(err.Error(), "does it take links there?") {
		t.Errorf("the RTMP port takes a link, or does not say what it lacks: %v", err)
	}
	if err := shows(t, of.LinkAddr(), oldKey); err != nil {
		t.Error(err)
	}
	// Who connects there as clients do, is told nothing.
	nc, err := net.Dial("tcp", of.LinkAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write(append([]byte{3}, make([]byte, 1536)...)); err != nil {
		t.Fatal(err)
	}
	if n, err := nc.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	edge, _ := runWith(t, Config{EdgeOf: of.LinkAddr().String(), LinkKeyFile: key})
	connect(t, edge, "app/one").hello()
}

// Who shows no key takes no place of those that do, and keeps none of them out for long.
func TestStrangersAtTheLinkPort(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "link.key")
	putKey(t, key, oldKey)
	of, _ := runWith(t, Config{LinkKeyFile: key, LinkAddress: "127.0.0.1:0", maxStrangers: 1}, open)
	edge, _ := runWith(t, Config{EdgeOf: of.LinkAddr().String(), LinkKeyFile: key})
	p := connect(t, edge, "app/one").hello() // which has shown it: its place is free again
	silent, err := net.Dial("tcp", of.LinkAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	servertest.Eventually(t, "no more are let in", func() bool {
		return shows(t, of.LinkAddr(), oldKey) != nil && of.Refused()["too many links without a key"] > 0
	})
	silent.Close()
	servertest.Eventually(t, "they are again", func() bool { return shows(t, of.LinkAddr(), oldKey) == nil })
	servertest.Eventually(t, "the place of that one is free, too: the edge's link alone is left", func() bool { return of.open.Load() == 1 })
	p.on(1, "publish", "cam", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
}

// A key is replaced without a cut: links that are there stay, and new ones begin while one
// end knows the new key, and the other does not.
func TestLinkKeysAreReplaced(t *testing.T) {
	t.Parallel()
	atOrigin := filepath.Join(t.TempDir(), "link.key") // a file
	atEdge := t.TempDir()                              // a folder, as kubelet makes them
	putKey(t, atOrigin, oldKey+"\n")
	putKey(t, filepath.Join(atEdge, "key"), oldKey)
	putKey(t, filepath.Join(atEdge, "..data"), "no key")
	of, _ := runWith(t, Config{LinkKeyFile: atOrigin, LinkAddress: "127.0.0.1:0"}, open)
	edge, _ := runWith(t, Config{EdgeOf: of.LinkAddr().String(), LinkKeyFile: atEdge})
	p := connect(t, edge, "app/one").hello()
	p.on(1, "publish", "cam", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	plays := func() *client {
		v := connect(t, edge, "app/one").hello()
		v.on(1, "play", "cam")
		v.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
		return v
	}
	first := plays()

	putKey(t, filepath.Join(atEdge, "key"), newKey+"\n"+oldKey+"\n")
	servertest.Eventually(t, "the edge has the new key", func() bool { return len(edge.linkKeys.now()) == 2 })
	second := plays() // no feed begins: see the next
	other := connect(t, edge, "app/one").hello()
	other.on(1, "publish", "other", "live")
	other.expect("event 0", "onStatus NetStream.Publish.Start")

	putKey(t, atOrigin, "\n"+newKey+"\n"+oldKey+"\n")
	servertest.Eventually(t, "the origin has the new key", func() bool { return len(of.linkKeys.now()) == 2 })
	putKey(t, filepath.Join(atEdge, "key"), newKey)
	servertest.Eventually(t, "the edge has the new key alone", func() bool { return len(edge.linkKeys.now()) == 1 })
	putKey(t, atOrigin, newKey)
	servertest.Eventually(t, "so has the origin", func() bool { return len(of.linkKeys.now()) == 1 })
	if err := shows(t, of.LinkAddr(), oldKey); err == nil || !strings.Contains(err.Error(), "another link key") {
		t.Errorf("the key before: %v", err)
	}
	third := connect(t, edge, "app/one").hello()
	third.on(1, "play", "other") // which is fed over a connection that begins now
	third.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	// Who plays is told so a moment before there is what feeds it.
	servertest.Eventually(t, "the edge is fed", func() bool { return edge.edge.Players() == 3 })
	audio(t, p, 500)
	audio(t, other, 600)
	first.expect("audio 500")
	second.expect("audio 500")
	third.expect("audio 600")

	// What is no key takes none away.
	putKey(t, atOrigin, "short")
	servertest.Eventually(t, "the origin has seen it", func() bool { return of.linkKeys.failure() != "" })
	if err := shows(t, of.LinkAddr(), newKey); err != nil {
		t.Error(err)
	}
}

// An edge that has another key says so in its log before anybody comes, once however often
// it tries, and lets no client wait for what waiting does not mend. It is the origin that
// finds it out.
func TestAnEdgeHasAnotherKey(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "link.key")
	putKey(t, key, oldKey)
	of, _ := runWith(t, Config{LinkKeyFile: key}, open)
	key = filepath.Join(t.TempDir(), "link.key")
	putKey(t, key, newKey)
	var log servertest.Log
	edge, _ := runWith(t, Config{EdgeOf: of.RTMPAddr().String(), LinkKeyFile: key, linkWaits: time.Hour, Log: log.Logger(slog.LevelInfo)})
	servertest.Eventually(t, "the origin has refused it often", func() bool { return of.Refused()["wrong link key"] >= 4 })
	if n := log.Count("the origin cannot be reached"); n != 1 || log.Count("another link key") != 1 {
		t.Errorf("the log has %d lines of it: %s", n, log.String())
	}
	connect(t, edge, "app/one").expect("_error NetConnection.Connect.Failed", "close []", "end")
}

// A server whose flags do not fit says which.
func TestLinkFlags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	short, key := filepath.Join(dir, "short"), filepath.Join(dir, "key")
	putKey(t, short, oldKey+"\nshort\n")
	putKey(t, key, oldKey)
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{LinkAddress: "127.0.0.1:0"}, "--link-key-file"},
		{Config{EdgeOf: "127.0.0.1:1", LinkKeyFile: short}, "line 2"},
		{Config{EdgeOf: "127.0.0.1:1", LinkKeyFile: t.TempDir()}, "is empty"},
	} {
		c.cfg.Data = t.TempDir()
		if _, err := New(c.cfg, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// An edge with a manifest asks its origin for what that is about, and nothing else, and
// bounds what one address may have itself.
func TestEdgeOfAManifest(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "link.key")
	of, _ := runWith(t, Config{LinkKeyFile: key}, open, "{application: other, instance: one}")
	edge, _ := runWith(t, Config{EdgeOf: of.RTMPAddr().String(), LinkKeyFile: key},
		"{application: app, instance: one, script: {configMap: {name: there}}, limits: {maxConnectionsPerAddress: 20}}")
	if edge.perAddress != 20 {
		t.Errorf("%d connections of an address", edge.perAddress)
	}
	connect(t, edge, "app/one").hello()
	for path, code := range map[string]string{"other/one": "InvalidApp", "app/two": "Rejected"} {
		connect(t, edge, path).expect("_error NetConnection.Connect."+code, "close []", "end")
		if n := edge.edge.Links(); n != 1 {
			t.Errorf("%s: %d links", path, n)
		}
	}
	if len(edge.Served()) != 0 {
		t.Errorf("%v", edge.Served())
	}
}
