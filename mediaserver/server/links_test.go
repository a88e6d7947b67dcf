package server

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// runLinked serves specs at an origin, and edges of it.
func runLinked(t *testing.T, edges int, specs ...string) (of *Server, all []*Server, stops []func()) {
	t.Helper()
	key := filepath.Join(t.TempDir(), "link.key")
	of, stop := runWith(t, Config{LinkKeyFile: key}, specs...)
	stops = append(stops, stop)
	for range edges {
		e, stop := runWith(t, Config{EdgeOf: of.RTMPAddr().String(), LinkKeyFile: key})
		all, stops = append(all, e), append(stops, stop)
	}
	return of, all, stops
}

// Published at one edge, a stream is played at the origin and at every edge, which is fed
// once however many play there.
func TestEdges(t *testing.T) {
	t.Parallel()
	of, edges, _ := runLinked(t, 2, "{application: app, instance: one, access: {publish: {mode: Anyone}}}")
	p := connect(t, edges[0], "app/one").hello()
	p.on(1, "publish", "cam", "record")
	p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	var viewers []*client
	for _, s := range []*Server{of, edges[0], edges[1], edges[1], edges[1]} {
		v := connect(t, s, "app/one").hello()
		v.on(1, "play", "cam")
		v.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
		viewers = append(viewers, v)
	}
	servertest.Eventually(t, "they play", func() bool {
		return edges[0].edge.Players() == 1 && edges[1].edge.Players() == 3 && of.Stats()[0].Players == 5
	})
	audio(t, p, 0)
	audio(t, p, 500)
	for _, v := range viewers {
		v.expect("audio 0", "audio 500")
	}
	// Two for control, one for what is published, and two for the feeds.
	servertest.Eventually(t, "there are five connections", func() bool { return of.origin.Links() == 5 })
	// What it is scaled by, and what it costs its origin.
	for _, want := range []string{"flashpod_edge_connections 3\n", "flashpod_direct_connections 3\n", `flashpod_edge_links{state="linked"} 1`, `flashpod_edge_viewers{way="rtmp"} 3`, "flashpod_edge_round_seconds "} {
		servertest.Eventually(t, "metrics of the edge have "+want, func() bool {
			_, metrics := get(t, "http://"+edges[1].HTTPAddr().String()+"/metrics")
			return strings.Contains(metrics, want)
		})
	}
	at := media.Timestamp(500)
	servertest.Eventually(t, "it is counted what the link costs", func() bool {
		at += 500 // how long a round takes is forgotten where nothing is sent
		audio(t, p, at)
		for _, v := range viewers {
			v.expect(fmt.Sprint("audio ", at))
		}
		s, _ := edges[1].Edge()
		return s.Taken["feed"] > 0 && s.Sent > 0 && s.RoundTime > 0
	})
	p.on(1, "closeStream")
	for _, v := range viewers {
		v.expect("onStatus NetStream.Play.UnpublishNotify")
	}
	p.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")

	again := connect(t, edges[1], "app/one").hello()
	again.on(1, "play", "cam", 0.0)
	again.Until("audio 500")
}

// Who asks an edge is answered by the origin.
func TestEdgeAnswersAsItsOrigin(t *testing.T) {
	t.Parallel()
	of, edges, _ := runLinked(t, 1, "{application: keyed, instance: one}")
	connect(t, edges[0], "other/one").expect("_error NetConnection.Connect.InvalidApp", "close []", "end")
	servertest.Eventually(t, "who asks for any name leaves no link", func() bool { return edges[0].edge.Links() == 0 })
	c := connect(t, edges[0], "keyed/one").hello()
	c.on(1, "publish", "a?key=wrong", "live")
	c.expect("onStatus NetStream.Publish.BadName")
	key, err := os.ReadFile(of.Served()[0].KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	c.on(1, "publish", "a?key="+strings.TrimSpace(string(key)), "live")
	c.expect("event 0", "onStatus NetStream.Publish.Start")
}

// An edge that goes tells its clients, and waits for them; so does an origin, where either
// end speaks the version of the link that knows of nothing else.
func TestLinksDrain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		goes         int
		origin, edge int // the version of each
	}{
		"the edge":                         {goes: 1},
		"the origin, an edge of version 1": {edge: 1},
		"an origin of version 1":           {origin: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := filepath.Join(t.TempDir(), "link.key")
			of, stop := runWith(t, Config{LinkKeyFile: key, linkVersion: c.origin}, open)
			e, stopEdge := runWith(t, Config{EdgeOf: of.RTMPAddr().String(), LinkKeyFile: key, linkVersion: c.edge})
			p := connect(t, e, "app/one").hello()
			p.on(1, "publish", "cam", "live")
			p.expect("event 0", "onStatus NetStream.Publish.Start")
			told := make(chan struct{})
			go func() {
				defer close(told)
				p.Until("onStatus NetConnection.Connect.AppShutdown")
				p.conn.Close()
			}()
			[]func(){stop, stopEdge}[c.goes]()
			<-told
		})
	}
}

// Who has no key is no edge, and an edge without its origin says so.
func TestLinksNeedAKey(t *testing.T) {
	t.Parallel()
	of, edges, stops := runLinked(t, 1, open)
	nc, err := net.Dial("tcp", of.RTMPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := link.Dial(t.Context(), nc, link.FixedKeys("0123456789abcdef"), link.Hello{Purpose: link.Control, Edge: "stranger"}); err == nil || !strings.Contains(err.Error(), "another link key") {
		t.Errorf("%v, %v", c, err)
	}
	servertest.Eventually(t, "it is counted", func() bool { return of.Refused()["wrong link key"] == 1 })
	// What begins as a link and is none.
	nc, err = net.Dial("tcp", of.RTMPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write([]byte("FLASHPOD LUNCH\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(nc); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	stops[0]()
	connect(t, edges[0], "app/one").expect("_error NetConnection.Connect.Failed", "close []", "end")
	for _, cfg := range []Config{
		{EdgeOf: "127.0.0.1:1"},
		{EdgeOf: "127.0.0.1:1", LinkKeyFile: filepath.Join(t.TempDir(), "none")},
	} {
		if _, err := New(cfg, nil); err == nil || !strings.Contains(err.Error(), "key") {
			t.Errorf("%v", err)
		}
	}
}
