package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// tree is an origin with a script, two edges of it, and two edges of each of those.
type tree struct {
	of           *Server
	middle, leaf []*Server
	folder       string // of recordings
	stops        []func()
}

func runTree(t *testing.T) (all tree) {
	t.Helper()
	key, data := filepath.Join(t.TempDir(), "link.key"), t.TempDir()
	script := servertest.WriteFiles(t, t.TempDir(), "main.asc", `
		application.onPlay = function (request) { return true };
		application.onConnect = function (c, who) { c.who = who; return true };
		Client.prototype.twice = function (n) { return this.who + " " + 2 * n };
		Client.prototype.shout = function (text) { application.broadcastMsg("heard", text) };`)
	of, stop := runWith(t, Config{LinkKeyFile: key, Data: data, ScriptFolder: script},
		"{application: app, instance: one, script: {configMap: {name: x}}, access: {publish: {mode: Anyone}}}")
	all = tree{of: of, folder: filepath.Join(data, "app/streams/one"), stops: []func(){stop}}
	for range 2 {
		m, stop := runWith(t, Config{LinkKeyFile: key, EdgeOf: of.RTMPAddr().String(), LinkAddress: "127.0.0.1:0", CacheDir: t.TempDir(), CacheSize: 1 << 30, WebAddress: "127.0.0.1:0"})
		all.middle, all.stops = append(all.middle, m), append(all.stops, stop)
		for range 2 {
			l, stop := runWith(t, Config{LinkKeyFile: key, EdgeOf: m.links.Addr().String(), CacheDir: t.TempDir(), CacheSize: 1 << 30, WebAddress: "127.0.0.1:0"})
			all.leaf, all.stops = append(all.leaf, l), append(all.stops, stop)
		}
	}
	return all
}

// all are the servers of a tree.
func (t *tree) all() []*Server { return slices.Concat([]*Server{t.of}, t.middle, t.leaf) }

// What is published at a leaf of a tree is played at all of it, and each server is fed once.
func TestTreeOfEdges(t *testing.T) {
	t.Parallel()
	tree := runTree(t)
	p := connect(t, tree.leaf[0], "app/one").hello()
	p.on(1, "publish", "cam", "record")
	p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	var viewers []*client
	for _, s := range slices.Concat(tree.all(), tree.leaf) {
		v := connect(t, s, "app/one").hello()
		v.on(1, "play", "cam")
		v.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
		viewers = append(viewers, v)
	}
	servertest.Eventually(t, "they play", func() bool {
		for _, s := range tree.leaf {
			if s.edge.Players() != 2 {
				return false
			}
		}
		return tree.of.Stats()[0].Players == len(viewers)
	})
	// Of each middle edge: one for control, one for the stream; and one for what is published.
	servertest.Eventually(t, "there are five connections of edges at the origin", func() bool { return tree.of.origin.Links() == 5 })
	audio(t, p, 0)
	audio(t, p, 500)
	for _, v := range viewers {
		v.Until("audio 500")
	}
	p.on(1, "closeStream")
	for _, v := range viewers {
		v.Until("onStatus NetStream.Play.UnpublishNotify")
	}
	p.Until("onStatus NetStream.Unpublish.Success")
}

// Calls, in both directions, and shared objects work across a tree as on one server.
func TestCallsAndObjectsInATree(t *testing.T) {
	t.Parallel()
	tree := runTree(t)
	var all []*rtmp.NetConnection
	var objects []*rtmp.SharedObject
	heard := make(chan string, 100)
	for i, s := range tree.all() {
		nc, err := rtmp.Connect(t.Context(), "rtmp://"+s.RTMPAddr().String()+"/app/one/-", rtmp.Config{}, fmt.Sprint("c", i))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.Handle("heard", func(args []amf.Value) (amf.Value, error) {
			heard <- fmt.Sprint(args...)
			return nil, nil
		})
		answer, err := nc.Call(t.Context(), "twice", 21.0)
		if err != nil || len(answer) != 1 || answer[0] != fmt.Sprintf("c%d 42", i) {
			t.Errorf("at %d: %v, %v", i, answer, err)
		}
		o := nc.SharedObject("wall", false)
		if err := o.Use(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, objects = append(all, nc), append(objects, o)
	}
	for i, o := range objects {
		name := fmt.Sprint("slot", i)
		if err := o.Set(t.Context(), name, float64(i)); err != nil {
			t.Fatal(err)
		}
		for j, other := range objects {
			servertest.Eventually(t, fmt.Sprint(j, " sees ", name), func() bool { v, _ := other.Get(name); return v == float64(i) })
		}
	}
	if _, err := all[len(all)-1].Call(t.Context(), "shout", "hear me"); err != nil {
		t.Fatal(err)
	}
	for range all {
		if said := <-heard; said != "hear me" {
			t.Errorf("%q was heard", said)
		}
	}
}

// However many clients of a leaf hear it, a change of an object and what a script says to all
// come once to each edge on the way.
func TestTreeTellsEachEdgeOnce(t *testing.T) {
	t.Parallel()
	tree := runTree(t)
	const clients, times, size = 12, 5, 20 << 10
	var heard atomic.Int64
	uses := func(s *Server) (*rtmp.NetConnection, *rtmp.SharedObject) {
		t.Helper()
		nc, err := rtmp.Connect(t.Context(), "rtmp://"+s.RTMPAddr().String()+"/app/one/-", rtmp.Config{}, "x")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		nc.Handle("heard", func([]amf.Value) (amf.Value, error) {
			heard.Add(1)
			return nil, nil
		})
		o := nc.SharedObject("wall", true)
		if err := o.Use(t.Context()); err != nil {
			t.Fatal(err)
		}
		return nc, o
	}
	nc, o := uses(tree.of)
	var all []*rtmp.SharedObject
	for range clients {
		_, one := uses(tree.leaf[0])
		all = append(all, one)
	}
	edges := []*Server{tree.middle[0], tree.leaf[0]}
	came := func() (n []uint64) {
		for _, s := range edges {
			n = append(n, s.edge.Received())
		}
		return n
	}
	text := strings.Repeat("x", size)
	once := func(what string, before []uint64) {
		t.Helper()
		for i, n := range came() {
			if n -= before[i]; n > 2*times*size || n < times*size {
				t.Errorf("%d bytes have come to edge %d with %s, where once is %d", n, i, what, times*size)
			}
		}
	}
	before := came()
	for n := range times {
		if err := o.Set(t.Context(), fmt.Sprint("slot", n), text); err != nil {
			t.Fatal(err)
		}
	}
	for _, one := range all {
		servertest.Eventually(t, "a change is seen", func() bool { v, _ := one.Get(fmt.Sprint("slot", times-1)); return v == text })
	}
	once("changes", before)
	before = came()
	for range times {
		if _, err := nc.Call(t.Context(), "shout", text); err != nil {
			t.Fatal(err)
		}
	}
	servertest.Eventually(t, "all have heard", func() bool { return heard.Load() == times*(clients+1) })
	once("calls", before)
	before = came()
	_, late := uses(tree.leaf[0])
	servertest.Eventually(t, "who is late has all", func() bool { v, _ := late.Get(fmt.Sprint("slot", times-1)); return v == text })
	for i, n := range came() {
		if n -= before[i]; n > size {
			t.Errorf("%d bytes have come to edge %d for one who is late", n, i)
		}
	}
}

// A recording is read by a leaf through its middle, which reads it once for both of its
// leaves, and the origin once for each middle.
func TestRecordingInATree(t *testing.T) {
	t.Parallel()
	tree := runTree(t)
	film := keyframes(60, 9)
	servertest.WriteFLV(t, filepath.Join(tree.folder, "film.flv"), film...)
	var players sync.WaitGroup
	for _, s := range slices.Concat(tree.leaf, tree.leaf, tree.middle) {
		players.Go(func() {
			if all, why := playAll(t, s, "film", 0); !slices.Equal(all, seenOf(film, 0)) {
				t.Errorf("%d pictures, %s", len(all), why)
			}
		})
	}
	for _, s := range slices.Concat(tree.leaf, tree.middle) {
		players.Go(func() { // by HTTP, too
			answer, err := http.Get("http://" + s.WebAddr().String() + "/app/one/film.flv")
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			if b, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK || len(b) < 60*50<<10 {
				t.Errorf("%s, %d bytes, %v", answer.Status, len(b), err)
			}
		})
	}
	players.Wait()
	c := seeing(t, tree.leaf[3])
	c.on(1, "play", "film", 0.0)
	c.Until("onStatus NetStream.Play.Start")
	for _, to := range []int{50, 3} {
		c.on(1, "seek", float64(to*1000))
		c.Until("onStatus NetStream.Seek.Notify")
		c.Until(fmt.Sprint("video ", to*1000))
	}
	for i, s := range slices.Concat(tree.middle, tree.leaf) {
		if is, _ := s.EdgeCache(); is.Fetched > 62*(51<<10) {
			t.Errorf("edge %d has fetched %d bytes", i, is.Fetched)
		}
	}
}

// A middle edge that goes is an origin to its leaves, which keep their clients for the next.
func TestMiddleOfATreeGoes(t *testing.T) {
	t.Parallel()
	tree := runTree(t)
	c := connect(t, tree.leaf[0], "app/one").hello()
	other := connect(t, tree.leaf[2], "app/one").hello()
	tree.stops[1]() // it ends because its leaves have let go of it
	c.on(1, "play", "cam")
	c.Until("onStatus NetStream.Play.Failed")
	other.on(1, "publish", "cam", "live")
	other.Until("onStatus NetStream.Publish.Start")
}

// Servers that are edges of one another say so, and keep nothing of who asked.
func TestRingOfEdges(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "link.key")
	if err := makeKey(key); err != nil {
		t.Fatal(err)
	}
	// An address that is passed on to whatever is known only later.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := make(chan string, 1)
	var passing sync.WaitGroup
	passing.Go(func() {
		where := <-to
		for {
			a, err := ln.Accept()
			if err != nil {
				return
			}
			passing.Go(func() { pass(a, where, new(atomic.Int64)) })
		}
	})
	t.Cleanup(func() { ln.Close(); passing.Wait() })
	log := &servertest.Log{}
	first, _ := runWith(t, Config{LinkKeyFile: key, EdgeOf: ln.Addr().String(), LinkAddress: "127.0.0.1:0", Log: log.Logger(0)})
	second, _ := runWith(t, Config{LinkKeyFile: key, EdgeOf: first.links.Addr().String(), LinkAddress: "127.0.0.1:0"})
	to <- second.links.Addr().String()
	for _, s := range []*Server{first, second} {
		c := connect(t, s, "app/one")
		if info := c.expect("_error NetConnection.Connect.Failed"); !strings.Contains(fmt.Sprint(info), "edge of itself") {
			t.Errorf("%v", info)
		}
	}
	servertest.Eventually(t, "no links are left", func() bool { return first.edge.Links()+second.edge.Links() == 0 })
	servertest.Eventually(t, "the log says so", func() bool { return log.Count("edge of itself") > 0 })
}
