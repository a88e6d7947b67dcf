package server

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// broken is an origin that may go and come back, and an edge with a network between them.
type broken struct {
	t     *testing.T
	specs []string
	cfg   Config
	of    *Server
	stop  func()
	net   *servertest.Proxy
	edge  *Server
}

func runBroken(t *testing.T, edge Config, specs ...string) *broken {
	t.Helper()
	b := &broken{t: t, specs: specs, cfg: Config{Data: t.TempDir(), LinkKeyFile: filepath.Join(t.TempDir(), "link.key")}}
	b.of, b.stop = runWith(t, b.cfg, specs...)
	b.net = servertest.NewProxy(t, b.of.RTMPAddr())
	edge.EdgeOf, edge.LinkKeyFile = b.net.Addr().String(), b.cfg.LinkKeyFile
	b.edge, _ = runWith(t, edge)
	return b
}

// back has another origin begin where the last one was.
func (b *broken) back() {
	b.t.Helper()
	b.of, b.stop = runWith(b.t, b.cfg, b.specs...)
	b.net.To(b.of.RTMPAddr())
}

// ways are how an origin goes.
var ways = map[string]func(*broken){
	"it is rolled": func(b *broken) { b.stop() },
	"it dies": func(b *broken) {
		b.net.Cut()
		b.stop() // its edge hears nothing of that
	},
}

// everyBreak runs a test for each way in which an origin goes.
func everyBreak(t *testing.T, test func(t *testing.T, goes func(*broken))) {
	t.Parallel()
	for name, goes := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, goes)
		})
	}
}

// watches has a client play what is live, or may be.
func watches(t *testing.T, s *Server, name string) *client {
	t.Helper()
	v := connect(t, s, "app/one").hello()
	v.on(1, "play", name)
	v.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	return v
}

func publishes(t *testing.T, s *Server, name string) *client {
	t.Helper()
	p := connect(t, s, "app/one").hello()
	p.on(1, "publish", name, "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	return p
}

// Viewers at an edge stay when the origin goes, hear that the publisher has left, and go on
// when it is back.
func TestViewersOutliveTheirOrigin(t *testing.T) {
	everyBreak(t, func(t *testing.T, goes func(*broken)) {
		b := runBroken(t, Config{}, open)
		p := publishes(t, b.of, "cam")
		one, two := watches(t, b.edge, "cam"), watches(t, b.edge, "cam")
		viewers := []*client{one, two}
		joined(t, b.of, 2)
		audio(t, p, 0)
		for _, v := range viewers {
			v.expect("audio 0")
		}
		p.conn.Close()
		goes(b)
		for _, v := range viewers {
			v.expect("onStatus NetStream.Play.UnpublishNotify")
		}
		// What cannot be done meanwhile is said.
		two.on(1, "closeStream")
		two.expect("event 1")
		two.on(1, "play", "cam")
		two.expect("onStatus NetStream.Play.Failed")
		b.back()
		joined(t, b.of, 1)
		q := publishes(t, b.of, "cam")
		one.expect("onStatus NetStream.Play.PublishNotify")
		audio(t, q, 0)
		if w, _ := one.next(); w[:6] != "audio " {
			t.Errorf("%q", w)
		}
		two.on(1, "play", "cam")
		two.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
		if n := b.of.Stats()[0].Connections; n != 3 {
			t.Errorf("%d clients are known to the origin that came back", n)
		}
	})
}

// A publisher at an edge goes on: what it sends meanwhile is dropped, and what players need
// to begin is published again; its recording goes on behind what there is of it.
func TestPublishersOutliveTheirOrigin(t *testing.T) {
	everyBreak(t, func(t *testing.T, goes func(*broken)) {
		b := runBroken(t, Config{}, open)
		p := connect(t, b.edge, "app/one").hello()
		p.on(1, "publish", "cam", "record")
		p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
		v := watches(t, b.edge, "cam")
		joined(t, b.of, 1)
		tell(t, p, "@setDataFrame", "onMetaData", amf.NewECMAArray("width", 640))
		v.expect("data onMetaData")
		h264(t, p, 0, header)
		h264(t, p, 40, key)
		v.expect("type 9", "type 9")
		goes(b)
		v.expect("onStatus NetStream.Play.UnpublishNotify")
		h264(t, p, 80, key)
		b.back()
		v.expect("onStatus NetStream.Play.PublishNotify")
		servertest.Eventually(t, "it is published", func() bool { return b.of.Stats()[0].Streams == 1 })
		late := watches(t, b.of, "cam")
		at := media.Timestamp(100)
		servertest.Eventually(t, "pictures come", func() bool { // those before the connection is there are dropped
			h264(t, p, at, inter)
			h264(t, p, at+20, laterKey)
			at += 40
			return v.Heard() >= 3 && late.Heard() >= 3
		})
		for _, one := range []*client{v, late} {
			one.expect("data onMetaData", "type 9", "type 9")
		}
		p.on(1, "closeStream")
		p.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")
		recorded, err := os.ReadFile(filepath.Join(b.of.Served()[0].Streams, "cam.flv"))
		if err != nil || !bytes.Contains(recorded, key) || !bytes.Contains(recorded, laterKey) {
			t.Errorf("%x, %v", recorded, err)
		}
	})
}

// What publishers send of H.264: a sequence header, a keyframe and another picture.
var (
	header   = []byte{0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f, 1, 0, 2, 0x68, 0xee}
	key      = []byte{0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88}
	laterKey = []byte{0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x99}
	inter    = []byte{0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 0x9a}
)

func h264(t *testing.T, c *client, at media.Timestamp, payload []byte) {
	t.Helper()
	if err := c.conn.Send(&rtmp.Message{Type: rtmp.TypeVideo, StreamID: 1, Timestamp: at, Payload: payload}); err != nil {
		t.Fatal(err)
	}
}

func tell(t *testing.T, c *client, values ...amf.Value) {
	t.Helper()
	m, err := rtmp.NewData(1, 0, values...)
	if err == nil {
		err = c.conn.Send(m)
	}
	if err != nil {
		t.Fatal(err)
	}
}
