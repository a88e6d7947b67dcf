package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// An edge that goes asks those who follow it to connect again, and serves all on, by RTMP and
// by HTTP: it ends with the last of them.
func TestAnEdgeServesOnAsItGoes(t *testing.T) {
	t.Parallel()
	links := filepath.Join(t.TempDir(), "link.key")
	of, _ := runWith(t, Config{LinkKeyFile: links}, open)
	e, stop := runWith(t, Config{EdgeOf: of.RTMPAddr().String(), LinkKeyFile: links, WebAddress: anyAddress, DrainTimeout: time.Hour, linkWaits: time.Hour})
	p := publishes(t, of, "cam")
	h264(t, p, 0, header)
	h264(t, p, 0, key)
	follows := connect(t, e, "app/one", "capsEx", 1.0).hello()
	stays := connect(t, e, "app/one").hello()
	for _, v := range []*client{follows, stays} {
		v.on(1, "play", "cam")
		v.Until("type 9") // its header
		v.expect("type 9")
	}
	came, byHTTP := make(chan struct{}), make(chan int, 1)
	go func() { byHTTP <- videoMessagesOf(t, "http://"+e.WebAddr().String()+"/app/one/cam.flv", 4, came) }()
	<-came

	ended := make(chan struct{})
	go func() { defer close(ended); stop() }()
	follows.expect("onStatus NetConnection.Connect.ReconnectRequest")
	// What is published from now on comes to all: to who was asked as well, until it goes.
	h264(t, p, 100, inter)
	follows.expect("type 9")
	stays.expect("type 9")
	follows.conn.Close()
	h264(t, p, 200, inter)
	stays.expect("type 9")
	stays.conn.Close()
	if n := <-byHTTP; n != 4 {
		t.Errorf("of a header and three pictures %d have come by HTTP", n)
	}
	<-ended // or the test's own time is over
}

// videoMessagesOf is how many messages of video come by HTTP-FLV, of so many, until the
// answer ends; came is closed with the second.
func videoMessagesOf(t *testing.T, url string, most int, came chan<- struct{}) (n int) {
	resp, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer resp.Body.Close()
	r, err := flv.NewReader(resp.Body)
	if err != nil {
		t.Error(err)
		return 0
	}
	for n < most {
		tag, err := r.Next()
		if err != nil {
			return n
		}
		if tag.Type == flv.TypeVideo {
			if n++; n == 2 {
				close(came)
			}
		}
	}
	return n
}

// Who has not gone by the drain timeout is told to, and not before.
func TestAnEdgeTellsWhoStays(t *testing.T) {
	t.Parallel()
	const drain = 2 * time.Second
	links := filepath.Join(t.TempDir(), "link.key")
	of, _ := runWith(t, Config{LinkKeyFile: links}, open)
	e, stop := runWith(t, Config{EdgeOf: of.RTMPAddr().String(), LinkKeyFile: links, DrainTimeout: drain, linkWaits: time.Hour})
	stays := connect(t, e, "app/one").hello()
	began := time.Now()
	ended := make(chan struct{})
	go func() { defer close(ended); stop() }()
	stays.expect("onStatus NetConnection.Connect.AppShutdown")
	if took := time.Since(began); took < drain {
		t.Errorf("it was told to go after %v, before %v", took, drain)
	}
	stays.conn.Close()
	<-ended
}

// Who publishes by WebRTC hears no status: it is ended then, and the edge with it, instead
// of being cut off.
func TestAnEdgeEndsItsPublishersByWebRTC(t *testing.T) {
	t.Parallel()
	links := filepath.Join(t.TempDir(), "link.key")
	of, _ := runWith(t, Config{LinkKeyFile: links}, open)
	var said servertest.Log
	e, stop := runWith(t, Config{EdgeOf: of.RTMPAddr().String(), LinkKeyFile: links, WebAddress: anyAddress, DrainTimeout: time.Millisecond, Log: said.Logger(slog.LevelInfo)})
	p, status, why := publishRTC(t, e, "/-/whip/app/one/cam", "")
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, why)
	}
	p.connected()
	live := of.running("app", "one").Live("cam")
	p.showUntil("the stream has a picture", func() bool { return live.Newest() > 0 })
	stop()
	if said.Count("cut off") > 0 {
		t.Error(said.String())
	}
	servertest.Eventually(t, "the stream is over", func() bool { return !live.Live() })
}

// One whose clients have all gone does not wait for the timeout, and neither does a gateway:
// however many they are, all that follow it are asked to connect again.
func TestAnEdgeGoesWithItsLastClient(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "link.key")
	of, _ := runWith(t, Config{LinkKeyFile: key}, open)
	e, stopEdge := runWith(t, Config{EdgeOf: of.RTMPAddr().String(), LinkKeyFile: key, DrainTimeout: time.Hour, linkWaits: time.Hour})
	g := runGateway(t, Config{DrainTimeout: time.Hour, linkWaits: time.Hour}, fmt.Sprintf("routes: [{name: a/one, application: app, instance: one, origin: %q, linkKeyFile: %q}]", of.RTMPAddr(), key))
	for name, c := range map[string]struct {
		s    *Server
		stop func()
	}{"an edge": {e, stopEdge}, "a gateway": {g.Server, g.stop}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := make([]*client, 3*tellAtOnce)
			for i := range all {
				all[i] = connect(t, c.s, "app/one", "capsEx", 1.0).hello()
			}
			ended := make(chan struct{})
			go func() { defer close(ended); c.stop() }()
			for _, one := range all {
				one.expect("onStatus NetConnection.Connect.ReconnectRequest")
				one.conn.Close()
			}
			<-ended // or the test's own time is over
		})
	}
}
