package server

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// Where a link is lost and its origin is not, an edge keeps what it has of an object that
// persists: over the next link comes what has changed meanwhile, once, and that is what its
// clients are told. One that was denied a change meanwhile is told all there is.
func TestObjectsGoOnAfterALoss(t *testing.T) {
	t.Parallel()
	b := runBroken(t, Config{}, open)
	uses := func(s *Server) *rtmp.SharedObject {
		t.Helper()
		nc, err := rtmp.Connect(t.Context(), "rtmp://"+s.RTMPAddr().String()+"/app/one/-", rtmp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		o := nc.SharedObject("wall", true)
		if err := o.Use(t.Context()); err != nil {
			t.Fatal(err)
		}
		return o
	}
	sees := func(o *rtmp.SharedObject, name string, want amf.Value) {
		t.Helper()
		servertest.Eventually(t, name+" is seen", func() bool { v, ok := o.Get(name); return v == want && ok == (want != nil) })
	}
	set := func(o *rtmp.SharedObject, name string, v amf.Value) {
		t.Helper()
		if err := o.Set(t.Context(), name, v); err != nil {
			t.Fatal(err)
		}
	}
	there := uses(b.of)
	here := []*rtmp.SharedObject{uses(b.edge), uses(b.edge), uses(b.edge)}
	const slots, size = 10, 50 << 10
	large := strings.Repeat("x", size)
	for n := range slots {
		set(there, fmt.Sprint("large", n), large)
	}
	set(there, "goes", 1.0)
	sent := func() (n uint64) {
		for _, c := range b.edge.edge.Clients("app", "one", 10) {
			n += c.Traffic.Out
		}
		return n
	}
	for round := range 3 {
		for _, o := range here {
			sees(o, "goes", 1.0)
			sees(o, "large9", large)
		}
		before, said := b.edge.edge.Received(), sent()
		lost := b.edge.edge.State().Lost
		b.net.Cut()
		servertest.Eventually(t, "the link is known to be lost", func() bool { return b.edge.edge.State().Lost > lost })
		servertest.Eventually(t, "the origin lets go of the clients", func() bool { return b.of.Stats()[0].Connections == 1 })
		set(there, "new", float64(round))
		if err := there.Delete(t.Context(), "goes"); err != nil {
			t.Fatal(err)
		}
		b.net.To(b.of.RTMPAddr())
		for _, o := range here {
			sees(o, "new", float64(round))
			sees(o, "goes", nil)
			sees(o, "large0", large)
		}
		set(here[0], "goes", 1.0)
		for _, o := range here[1:] {
			sees(o, "goes", 1.0)
		}
		if n := b.edge.edge.Received() - before; n > size {
			t.Errorf("%d bytes have come after the link was lost, of an object of %d", n, slots*size)
		}
		if n := sent() - said; n > size {
			t.Errorf("%d clients were sent %d bytes after the link was lost, of an object of %d", len(here), n, slots*size)
		}
	}
	lost := b.edge.edge.State().Lost
	b.net.Cut()
	servertest.Eventually(t, "the link is known to be lost once more", func() bool { return b.edge.edge.State().Lost > lost })
	if err := here[0].Set(t.Context(), "large1", "denied"); err == nil {
		t.Error("a change without an origin is said to be made")
	}
	sees(here[0], "large1", nil)
	b.net.To(b.of.RTMPAddr())
	sees(here[0], "large1", large)
}

// broken is an origin that may go and come back, and an edge with a network between them.
type broken struct {
	t     *testing.T
	specs []string
	cfg   Config
	of    *Server
	stop  func()
	net   *servertest.Proxy
	edge  *Server
	at    *Server // where clients come to: the edge, or another one behind it
}

func runBroken(t *testing.T, edge Config, specs ...string) *broken {
	t.Helper()
	return runBrokenWith(t, Config{}, edge, specs...)
}

func runBrokenWith(t *testing.T, of, edge Config, specs ...string) *broken {
	t.Helper()
	of.Data, of.LinkKeyFile = t.TempDir(), filepath.Join(t.TempDir(), "link.key")
	b := &broken{t: t, specs: specs, cfg: of}
	b.of, b.stop = runWith(t, b.cfg, specs...)
	b.net = servertest.NewProxy(t, b.of.RTMPAddr())
	edge.EdgeOf, edge.LinkKeyFile = b.net.Addr().String(), b.cfg.LinkKeyFile
	b.edge, _ = runWith(t, edge)
	b.at = b.edge
	return b
}

// below has clients come to an edge of the edge, which has a LinkAddress.
func (b *broken) below() *broken {
	b.t.Helper()
	b.at, _ = runWith(b.t, Config{LinkKeyFile: b.cfg.LinkKeyFile, EdgeOf: b.edge.links.Addr().String()})
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

// everyBreakBelow runs a test for each way in which an origin goes, with clients at an edge of
// it, and at one behind that, which has lost nothing itself.
func everyBreakBelow(t *testing.T, test func(t *testing.T, run func(of Config, specs ...string) *broken, goes func(*broken))) {
	everyBreak(t, func(t *testing.T, goes func(*broken)) {
		t.Run("at an edge", func(t *testing.T) {
			t.Parallel()
			test(t, func(of Config, specs ...string) *broken { return runBrokenWith(t, of, Config{}, specs...) }, goes)
		})
		t.Run("at a leaf", func(t *testing.T) {
			t.Parallel()
			test(t, func(of Config, specs ...string) *broken {
				return runBrokenWith(t, of, Config{LinkAddress: "127.0.0.1:0"}, specs...).below()
			}, goes)
		})
	})
}

// joinedAt waits until so many play at an edge: its origin counts them before they do.
func joinedAt(t *testing.T, edge *Server, players int) {
	t.Helper()
	servertest.Eventually(t, "so many play at the edge", func() bool { return edge.edge.Players() == players })
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
	everyBreakBelow(t, func(t *testing.T, run func(of Config, specs ...string) *broken, goes func(*broken)) {
		viewersOutlive(t, run(Config{}, open), goes)
	})
}

// So they do where the origin speaks the version of the link that knows nothing of that.
func TestViewersOutliveAnOldOrigin(t *testing.T) {
	t.Parallel()
	viewersOutlive(t, runBrokenWith(t, Config{linkVersion: 1}, Config{}, open), ways["it dies"])
}

func viewersOutlive(t *testing.T, b *broken, goes func(*broken)) {
	t.Helper()
	p := publishes(t, b.of, "cam")
	one, two := watches(t, b.at, "cam"), watches(t, b.at, "cam")
	viewers := []*client{one, two}
	joinedAt(t, b.at, 2)
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
	servertest.Eventually(t, "three clients are known to the origin that came back", func() bool { return b.of.Stats()[0].Connections == 3 })
}

// A publisher at an edge goes on: what it sends meanwhile is dropped, and what players need
// to begin is published again; its recording goes on behind what there is of it.
func TestPublishersOutliveTheirOrigin(t *testing.T) {
	everyBreakBelow(t, func(t *testing.T, run func(of Config, specs ...string) *broken, goes func(*broken)) {
		b := run(Config{}, open)
		p := connect(t, b.at, "app/one").hello()
		p.on(1, "publish", "cam", "record")
		p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
		v := watches(t, b.at, "cam")
		joinedAt(t, b.at, 1)
		tell(t, p, "@setDataFrame", "onMetaData", amf.NewECMAArray("width", 640))
		v.expect("data onMetaData")
		h264(t, p, 0, header)
		h264(t, p, 40, key)
		v.expect("type 9", "type 9")
		goes(b)
		v.expect("onStatus NetStream.Play.UnpublishNotify")
		p.hears("NetStream.Publish.InsufficientBW", "warning", "The way to the server of cam is lost: what is sent is not published, nor kept, until it is there again.")
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
		// What was lost is between the picture that was dropped, of 80 ms, and the first that
		// came through, whichever that was.
		p.hears("NetStream.Publish.InsufficientBW", "status", "cam is published again: ")
		p.hears("NetStream.Record.Failed", "warning", "The recording of cam goes on with a hole: ")
		p.on(1, "closeStream")
		p.hears("NetStream.Record.Stop", "status", "Stopped recording cam, which lacks what was lost on its way here (")
		p.expect("onStatus NetStream.Unpublish.Success")
		if is := b.edge.edge.State(); is.Interrupted != 1 || is.Dropped < 1 {
			t.Errorf("the edge has counted %d losses, and %d messages", is.Interrupted, is.Dropped)
		}
		recorded, err := os.ReadFile(filepath.Join(b.of.Served()[0].Streams, "cam.flv"))
		if err != nil || !bytes.Contains(recorded, key) || !bytes.Contains(recorded, laterKey) {
			t.Errorf("%x, %v", recorded, err)
		}
	})
}

// So it is where each publication has a file of its own: it is the same publication.
func TestRecordingsOfAllGoOnInTheirFile(t *testing.T) {
	everyBreak(t, func(t *testing.T, goes func(*broken)) {
		b := runBroken(t, Config{}, "{application: app, instance: one, recording: {mode: All}, access: {publish: {mode: Anyone}}}")
		p := publishes(t, b.edge, "cam")
		v := watches(t, b.edge, "cam")
		joinedAt(t, b.edge, 1)
		h264(t, p, 0, header)
		h264(t, p, 40, key)
		v.expect("type 9", "type 9")
		goes(b)
		v.expect("onStatus NetStream.Play.UnpublishNotify")
		b.back()
		v.expect("onStatus NetStream.Play.PublishNotify")
		at := media.Timestamp(100)
		servertest.Eventually(t, "pictures come", func() bool {
			h264(t, p, at, laterKey)
			at += 40
			return v.Heard() >= 2
		})
		p.hears("NetStream.Publish.InsufficientBW", "warning", "The way to the server of cam is lost")
		p.hears("NetStream.Publish.InsufficientBW", "status", "cam is published again: ")
		p.on(1, "closeStream")
		p.expect("onStatus NetStream.Unpublish.Success")
		files, err := filepath.Glob(filepath.Join(b.of.Served()[0].Streams, "cam-*.flv"))
		if err != nil || len(files) != 1 {
			t.Fatalf("it is recorded in %v, %v", files, err)
		}
		recorded, err := os.ReadFile(files[0])
		if err != nil || !bytes.Contains(recorded, key) || !bytes.Contains(recorded, laterKey) {
			t.Errorf("%x, %v", recorded, err)
		}
		// Another publication is another recording.
		again := publishes(t, b.edge, "cam")
		h264(t, again, 0, header)
		h264(t, again, 40, key)
		servertest.Eventually(t, "there is another file", func() bool {
			files, err := filepath.Glob(filepath.Join(b.of.Served()[0].Streams, "cam-*.flv"))
			return err == nil && len(files) == 2
		})
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

const comesBack = `
application.onConnect = function (client) {
	if (client.reconnected && client.referrer == "gone") {
		application.rejectConnection(client, "Not any more.", {left: 3});
		return;
	}
	if (client.reconnected && client.referrer == "barred") client.readAccess = "/other";
	if (client.reconnected && client.referrer == "mute") client.writeAccess = "/other";
	return true;
};
Client.prototype.isBack = function () { return this.reconnected; };
`

const scripted = "{application: app, instance: one, script: {configMap: {name: x}}, access: {publish: {mode: Anyone}}}"

// The script of an origin that is back is asked for each client anew, and can tell: who is
// not let in any more is told why, and goes; who may not play or publish any more hears
// that. A call that is made meanwhile fails.
func TestScriptsOutliveTheirOrigin(t *testing.T) {
	everyBreakBelow(t, func(t *testing.T, run func(of Config, specs ...string) *broken, goes func(*broken)) {
		folder := servertest.WriteFiles(t, t.TempDir(), "main.asc", comesBack)
		b := run(Config{ScriptFolder: folder}, scripted)
		one := func(who string) *client { return connect(t, b.at, "app/one", "swfUrl", who).hello() }
		stays, leaves, barred, mute := one(""), one("gone"), one("barred"), one("mute")
		barred.on(1, "play", "cam")
		barred.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
		mute.on(1, "publish", "news", "live")
		mute.expect("event 0", "onStatus NetStream.Publish.Start")
		stays.send("isBack", 9, nil)
		stays.expect("_result [false]")
		goes(b)
		servertest.Eventually(t, "the link is known to be lost", func() bool {
			stays.send("isBack", 10, nil)
			w, info := stays.next()
			if description, _ := info.Get("description"); description != "The link to the origin is lost." {
				t.Errorf("%s: %v", w, description)
			}
			return w == "_error NetConnection.Call.Failed"
		})
		b.back()
		said := leaves.expect("onStatus NetConnection.Connect.Rejected")
		if d, _ := said.Get("description"); d != "Not any more." {
			t.Errorf("the description is %v", d)
		}
		if a, _ := said.Get("application"); servertestText(a) == "" {
			t.Errorf("the script's reason is %v", a)
		}
		leaves.expect("end")
		barred.expect("onStatus NetStream.Play.Failed", "onStatus NetStream.Play.Stop")
		mute.expect("onStatus NetStream.Publish.InsufficientBW", "onStatus NetStream.Publish.BadName")
		// It is in again, and so is the edge's next client, which is none that comes back.
		servertest.Eventually(t, "it is back", func() bool {
			stays.send("isBack", 11, nil)
			w, _ := stays.next()
			return w == "_result [true]"
		})
		fresh := one("")
		fresh.send("isBack", 9, nil)
		fresh.expect("_result [false]")
	})
}

// A call that is under way when the link is lost has failed, and is not answered twice.
func TestCallsAreLostWithTheirLink(t *testing.T) {
	t.Parallel()
	folder := servertest.WriteFiles(t, t.TempDir(), "main.asc", comesBack)
	b := runBrokenWith(t, Config{ScriptFolder: folder}, Config{}, scripted)
	c := connect(t, b.edge, "app/one").hello()
	b.net.Hold()
	c.send("isBack", 9, nil)
	to := b.of.RTMPAddr()
	b.net.Cut()
	b.net.Release()
	c.expect("_error NetConnection.Call.Failed")
	b.net.To(to)
	servertest.Eventually(t, "it is back", func() bool {
		c.send("isBack", 10, nil)
		w, _ := c.next()
		return w == "_result [true]"
	})
	servertest.Eventually(t, "the origin knows one client", func() bool { return b.of.Stats()[0].Connections == 1 })
}

// Who connects while there is no link waits for one, and not for ever.
func TestClientsWaitForALink(t *testing.T) {
	t.Parallel()
	b := runBroken(t, Config{}, open)
	to := b.of.RTMPAddr()
	b.net.Cut()
	waits := connect(t, b.edge, "app/one")
	b.net.To(to)
	waits.hello()

	short := runBroken(t, Config{linkWaits: time.Millisecond}, open)
	short.net.Cut()
	said := connect(t, short.edge, "app/one").expect("_error NetConnection.Connect.Failed")
	if d, _ := said.Get("description"); !strings.Contains(d.(string), "try again") {
		t.Errorf("it is told %v", d)
	}
	servertest.Eventually(t, "a link that nobody waits for is let go", func() bool { return short.edge.edge.Links() == 0 })
}

// A network that has vanished without a word is noticed at both ends: the origin lets go of
// the edge's clients, and the edge tells its viewers; when it is back, they go on.
func TestANetworkVanishes(t *testing.T) {
	t.Parallel()
	b := runBroken(t, Config{}, open)
	p := publishes(t, b.of, "cam")
	v := watches(t, b.edge, "cam")
	joined(t, b.of, 1)
	b.net.Hold()
	v.expect("onStatus NetStream.Play.UnpublishNotify")
	servertest.Eventually(t, "the origin lets go of the client", func() bool { return b.of.Stats()[0].Connections == 1 })
	b.net.Release()
	v.expect("onStatus NetStream.Play.PublishNotify")
	joined(t, b.of, 1)
	audio(t, p, 0)
	if w, _ := v.next(); !strings.HasPrefix(w, "audio ") {
		t.Errorf("%q", w)
	}
}

// An edge that links again takes the place of its link before, which the origin does not
// know to be lost.
func TestALinkReplacesItself(t *testing.T) {
	t.Parallel()
	of, _, _ := runLinked(t, 0, open)
	key, err := os.ReadFile(of.cfg.LinkKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	dial := func() *link.Pipe {
		nc, err := net.Dial("tcp", of.RTMPAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		c, err := link.Dial(t.Context(), nc, link.FixedKeys(strings.TrimSpace(string(key))), link.Hello{Purpose: link.Control, Edge: "e", Link: "l"})
		if err != nil {
			t.Fatal(err)
		}
		return link.NewPipe(c, 1<<20)
	}
	ended, in := make(chan error, 2), make(chan struct{}, 2)
	body := link.ConnectBody{Client: link.Client{ID: "c", Address: "192.0.2.1:1"}, Application: "app", Instance: "one", Again: true}
	for range 2 {
		pipe := dial()
		go func() {
			ended <- pipe.Run(func(link.Record) error { in <- struct{}{}; return nil })
		}()
		pipe.Send(link.Connect, 7, 1, body)
		<-in
		t.Cleanup(func() { pipe.End(io.EOF) })
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "closed the link") {
		t.Errorf("the link before: %v", err)
	}
	servertest.Eventually(t, "there is one client", func() bool { return of.Stats()[0].Connections == 1 })
}

// An edge is ready once its origin has let it in, and stays so; when the origin is lost, it
// says so, and counts.
func TestAnEdgeSaysHowItsOriginIs(t *testing.T) {
	t.Parallel()
	b := runBroken(t, Config{}, open)
	base := "http://" + b.edge.HTTPAddr().String()
	ready := func(status int, says string) {
		t.Helper()
		servertest.Eventually(t, says, func() bool {
			code, body := servertest.Ask(t, "GET", base+"/readyz")
			return code == status && strings.Contains(body, says)
		})
	}
	counts := func(line string) {
		t.Helper()
		servertest.Eventually(t, line, func() bool {
			_, body := servertest.Ask(t, "GET", base+"/metrics")
			return strings.Contains(body, line+"\n")
		})
	}
	ready(200, "ready\n")
	watches(t, b.edge, "cam")
	counts(`flashpod_edge_links{state="linked"} 1`)
	to := b.of.RTMPAddr()
	b.net.Cut()
	ready(200, "0 of 1 instances have one")
	counts(`flashpod_edge_links{state="lost"} 1`)
	counts(`flashpod_edge_links_lost_total 1`)
	b.net.To(to)
	ready(200, "ready\n")
	counts(`flashpod_edge_links{state="linked"} 1`)

	nobody, _ := runWith(t, Config{EdgeOf: "127.0.0.1:1", LinkKeyFile: b.cfg.LinkKeyFile})
	base = "http://" + nobody.HTTPAddr().String()
	ready(503, "the origin 127.0.0.1:1 has not been reached yet")
}

// A recording that plays at an edge goes on where it was when its origin is back. One that
// is another by then, or gone, ends with the status that says so.
func TestRecordingsOutliveTheirOrigin(t *testing.T) {
	everyBreak(t, func(t *testing.T, goes func(*broken)) {
		b := runBroken(t, Config{}, open)
		folder := b.of.Served()[0].Streams
		film := keyframes(60, 9)
		for _, name := range []string{"film.flv", "other.flv", "gone.flv"} {
			servertest.WriteFLV(t, filepath.Join(folder, name), film...)
		}
		play := func(name string) *client {
			c := seeing(t, b.edge)
			c.on(1, "play", name, 0.0)
			c.Until("onStatus NetStream.Play.Start")
			c.Until("video 0")
			c.on(1, "pause", true, 0.0)
			c.Until("onStatus NetStream.Pause.Notify")
			return c
		}
		c, other, gone := play("film"), play("other"), play("gone")
		goes(b)
		c.on(1, "pause", false, 0.0)
		c.Until("onStatus NetStream.Unpause.Notify")
		c.on(1, "seek", 50000.0)
		c.Until("onStatus NetStream.Seek.Notify")
		later := keyframes(61, 8)
		servertest.WriteFLV(t, filepath.Join(folder, "new"), later...)
		if err := os.Rename(filepath.Join(folder, "new"), filepath.Join(folder, "other.flv")); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(folder, "gone.flv")); err != nil {
			t.Fatal(err)
		}
		b.back()
		c.Until("video 50000")
		other.Until("onStatus NetStream.Play.Failed")
		gone.Until("onStatus NetStream.Play.StreamNotFound")
	})
}

// Shared objects are used anew when the origin is back: a persistent one has what it had,
// one that lived in memory is empty, and changes are seen again. A change that is made
// meanwhile is said to be none.
func TestObjectsOutliveTheirOrigin(t *testing.T) {
	everyBreakBelow(t, func(t *testing.T, run func(of Config, specs ...string) *broken, goes func(*broken)) {
		b := run(Config{}, open)
		var kept, brief []*rtmp.SharedObject
		for i := range 2 {
			nc, err := rtmp.Connect(t.Context(), "rtmp://"+b.at.RTMPAddr().String()+"/app/one/-", rtmp.Config{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(nc.Close)
			for persistent, list := range map[bool]*[]*rtmp.SharedObject{true: &kept, false: &brief} {
				o := nc.SharedObject("wall", persistent)
				if err := o.Use(t.Context()); err != nil {
					t.Fatal(i, err)
				}
				*list = append(*list, o)
			}
		}
		sees := func(o *rtmp.SharedObject, name string, want amf.Value) {
			t.Helper()
			servertest.Eventually(t, fmt.Sprint(name, " is ", want), func() bool {
				v, ok := o.Get(name)
				return v == want && ok == (want != nil)
			})
		}
		set := func(o *rtmp.SharedObject, name string, v amf.Value) {
			t.Helper()
			if err := o.Set(t.Context(), name, v); err != nil {
				t.Fatal(err)
			}
		}
		set(kept[0], "a", 1.0)
		set(brief[0], "a", 1.0)
		sees(kept[1], "a", 1.0)
		sees(brief[1], "a", 1.0)
		goes(b)
		servertest.Eventually(t, "the link is known to be lost", func() bool { return b.edge.edge.State().Linked == 0 })
		if err := brief[0].Set(t.Context(), "b", 2.0); err == nil {
			t.Error("a change without an origin is said to be made")
		}
		b.back()
		sees(brief[0], "a", nil)
		sees(brief[1], "a", nil)
		for _, o := range kept {
			sees(o, "a", 1.0)
		}
		set(kept[0], "c", 3.0)
		set(brief[1], "c", 3.0)
		sees(kept[1], "c", 3.0)
		sees(brief[0], "c", 3.0)
	})
}

// webBroken is an origin and its edge with ports for the web, and a network between them.
func webBroken(t *testing.T, specs ...string) *broken {
	t.Helper()
	return runBrokenWith(t, Config{WebAddress: anyAddress}, Config{WebAddress: anyAddress, streamWaits: servertest.Patience}, specs...)
}

// lose cuts the network of an edge, until it knows, and goes on once it is linked again.
func (b *broken) lose() (back func()) {
	b.t.Helper()
	b.net.Cut()
	servertest.Eventually(b.t, "the link is known to be lost", func() bool { return b.edge.edge.State().Linked == 0 })
	return func() {
		b.t.Helper()
		b.net.To(b.of.RTMPAddr())
	}
}

// Viewers by HTTP outlive a link that is lost: the answer with a live stream goes on where it
// is published then, and the origin knows of each again.
func TestViewersByHTTPOutliveALink(t *testing.T) {
	t.Parallel()
	b := webBroken(t, open)
	_, show := camera(t, &visitor{t: t, nc: insideWeb(t, b.of, "app/one")}, "cam")
	show("one")
	v, other := watchFLV(t, b.edge, "/app/one/cam.flv"), watchFLV(t, b.edge, "/app/one/cam.flv")
	v.sees("one")
	other.sees("one")
	for round := range 3 {
		back := b.lose()
		servertest.Eventually(t, "the origin lets go of the viewers", func() bool { return b.of.Stats()[0].Players == 0 })
		back()
		servertest.Eventually(t, "the origin knows of them again", func() bool { return b.of.Stats()[0].Players == 2 })
		joinedAt(t, b.edge, 2)
		word := fmt.Sprint("again ", round)
		servertest.Eventually(t, "it is fed", func() bool { return b.edge.edge.Feeds() == 1 })
		seen := make(chan struct{}, 2)
		for _, one := range []*viewer{v, other} {
			go func() { one.sees(word); seen <- struct{}{} }()
		}
		servertest.Eventually(t, "they see it", func() bool { show(word); return len(seen) == 2 })
		for range 2 { // so that the next round reads behind this one
			<-seen
		}
	}
}
