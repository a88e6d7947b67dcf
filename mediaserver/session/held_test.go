package session_test

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Names of 8 MB, in every place of every command, where the manifest lets messages
// be so large: each is answered, with little of it, and the log has little of it
// too.
func TestNamesOfMegabytes(t *testing.T) {
	t.Parallel()
	var said lines
	s, _ := runWith(t, here, session.Config{Log: said.log(slog.LevelDebug)}, open.with(func(r *instance.Rules) { r.MaxMessageSize = 4 << 20 }))
	nc, c := shouter(t, s)
	long := strings.Repeat("name", 512<<10)
	say := func(id uint32, name string, args ...amf.Value) {
		t.Helper()
		shout(t, nc, id, name, args...)
	}
	mark := 1000.0
	// answered says how many bytes come until everything before is done.
	answered := func() (bytes uint64, all []string) {
		before := c.conn.BytesIn()
		mark++
		c.send("FCUnsubscribe", mark, nil)
		for {
			w, _ := c.next()
			if w == "end" {
				t.Fatal("the connection ended")
			}
			if all = append(all, w); w == "_result [{}]" {
				return c.conn.BytesIn() - before, all
			}
		}
	}
	for what, about := range map[string]func(){
		"a method":           func() { say(0, long, "x") },
		"a key":              func() { say(1, "publish", "cam?key="+long, "live") },
		"a mode":             func() { say(1, "publish", "cam", long) },
		"play2's name":       func() { say(1, "play2", amf.NewObject("streamName", long, "transition", "switch")) },
		"play2's transition": func() { say(1, "play2", amf.NewObject("streamName", "x", "transition", long)) },
		"a time":             func() { say(1, "seek", long) },
		"what is published":  func() { say(1, "publish", long) },
		"what is played":     func() { say(1, "play", long) },
		"what is measured":   func() { say(0, "getStreamLength", long) },
		"FCPublish's name":   func() { say(0, "FCPublish", long) },
		"FCUnpublish's name": func() { say(0, "FCUnpublish", long) },
		"FCSubscribe's name": func() { say(0, "FCSubscribe", long) },
		"what is released":   func() { say(0, "releaseStream", long) },
		"what is deleted":    func() { say(0, "deleteStream", long) },
	} {
		about()
		if n, all := answered(); n > 8<<10 {
			t.Errorf("%s of 2 MB is answered with %d bytes: %.300q", what, n, all)
		}
	}
	for line := range strings.Lines(said.String()) {
		if len(line) > 16<<10 { // what is longer than a value may be, the log itself cuts
			t.Errorf("a line of %d bytes: %.200q", len(line), line)
		}
	}
	// Where the manifest says nothing, its connection ends with it.
	d, _ := run(t, here, open)
	nc, c = shouter(t, d)
	m, err := rtmp.NewCommand(1, "play", 0, nil, long)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = nc.Write(rtmp.AppendChunks(nil, m, shouts)) // it is closed meanwhile
	c.Until("end")
}

// shouter is a client that says more at once than one with manners would.
func shouter(t *testing.T, s *house) (net.Conn, *client) {
	t.Helper()
	nc, err := net.Dial("tcp", s.RTMPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn := rtmp.NewClientConn(nc, rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	c := hear(t, conn, servertest.Word)
	c.Connect("app/one")
	c.hello()
	if err := conn.Send(rtmp.SetChunkSize(shouts)); err != nil {
		t.Fatal(err)
	}
	return nc, c
}

const shouts = 1 << 20 // bytes of a chunk

// shout says a command, whose transaction id is 7, past the client.
func shout(t *testing.T, nc net.Conn, id uint32, name string, args ...amf.Value) {
	t.Helper()
	m, err := rtmp.NewCommand(id, name, 7, nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Write(rtmp.AppendChunks(nil, m, shouts)); err != nil {
		t.Fatal(err)
	}
}

// A thousand seeks at once, in a film and among its pauses: each is answered, what
// is sent is what the last one leads to, and nobody else waits for that.
func TestThousandSeeks(t *testing.T) { everyWay(t, testThousandSeeks) }

func testThousandSeeks(t *testing.T, w way) {
	const seeks = 1000
	s, _ := run(t, w, open)
	shoot(t, s, "a", long)
	p, other := connectStreams(t, s, 1), connectStreams(t, s, 1)
	other.plays(1, "cam")
	joined(t, s, 1)
	p.on(1, "publish", "cam")
	p.expect("1 Publish.Start")
	other.expect("1 Play.PublishNotify")

	v := view(t, s)
	v.play("a", 0.0)
	v.until("key a 0")
	done := make(chan error, 1)
	go func() { // it waits for nothing
		for n := range seeks {
			m, err := rtmp.NewCommand(1, "seek", 0, nil, float64(n*7919%59000))
			if err == nil {
				err = v.conn.Send(m)
			}
			if err != nil {
				done <- fmt.Errorf("seek %d: %w", n, err)
				return
			}
		}
		done <- nil
	}()
	for at := range media.Timestamp(50) {
		p.audio(1, at*20)
		other.expect(fmt.Sprintf("1 audio %d", at*20))
	}
	heard := 0
	for deadline := time.Now().Add(patience); heard < seeks; {
		if v.next() == "Seek.Notify" {
			heard++
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d seeks were answered", heard, seeks)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	last := (seeks - 1) * 7919 % 59000 / 1000 * 1000
	v.until(fmt.Sprintf("key a %d", last))
	if got := v.conn.BytesIn(); got > 64<<20 {
		t.Errorf("%d bytes came", got)
	}
}
