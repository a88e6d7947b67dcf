package server

import (
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// picture is a keyframe of H.263 that says what it is.
func picture(what string) []byte { return append([]byte{0x12}, what...) }

// spectate plays a live stream, and gives the pictures and words that come.
func spectate(t *testing.T, g *visitor, name string, start int) chan string {
	t.Helper()
	p, came := netStream(t, g), make(chan string, 1000)
	p.OnMedia(func(m *rtmp.Message) error {
		what := ""
		switch m.Type {
		case rtmp.TypeVideo:
			what = string(m.Payload[1:])
		case rtmp.TypeData:
			all, err := amf.DecodeAll(m.Payload)
			if what = written(all...); err != nil || !strings.HasPrefix(what, `"onMetaData"`) && !strings.HasPrefix(what, `"onSay"`) {
				return nil
			}
		default:
			return nil
		}
		select {
		case came <- what:
		default:
		}
		return nil
	})
	if err := p.Command("play", name, start); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Await(t.Context(), "NetStream.Play.Start"); err != nil {
		t.Fatal(err)
	}
	return came
}

func awaitWord(t *testing.T, came chan string, want string) {
	t.Helper()
	for {
		select {
		case got := <-came:
			if got == want {
				return
			}
		case <-t.Context().Done():
			t.Fatalf("%s did not come", want)
		}
	}
}

// camera publishes pictures until the function that it returns is called.
func camera(t *testing.T, g *visitor, name string) (p *rtmp.NetStream, show func(what string)) {
	t.Helper()
	p = netStream(t, g)
	if err := p.Publish(t.Context(), name, "live"); err != nil {
		t.Fatal(err)
	}
	at := media.Timestamp(50000) // an encoder's clock begins anywhere
	return p, func(what string) {
		at += 40
		if err := p.Send(t.Context(), &rtmp.Message{Type: rtmp.TypeVideo, Timestamp: at, Payload: picture(what)}); err != nil {
			t.Fatal(err)
		}
	}
}

// relayed has the multipoint application of one server publish on another's.
func relayed(t *testing.T, far string) *visitor {
	t.Helper()
	s := oldFolder(t, Config{ScriptHosts: []string{far}}, nil)
	g := comeIn(t, s, "multipoint/x", nil, "rtmp://"+far+"/multipoint/there")
	return g
}

func (g *visitor) hasSeen(what string) {
	g.t.Helper()
	servertest.Eventually(g.t, what, func() bool { return strings.Contains(g.ask("getEvents"), what) })
}

// What is published here arrives at another server, with its metadata, and ends there.
func TestOldMultipointPublishing(t *testing.T) {
	t.Parallel()
	far := oldFolder(t, Config{}, nil)
	g := relayed(t, far.RTMPAddr().String())
	there := comeIn(t, far, "multipoint/there", nil)
	p, show := camera(t, g, "cam")
	data, _ := amf.AppendAll(nil, "@setDataFrame", "onMetaData", amf.NewObject("width", 320.0))
	if err := p.Send(t.Context(), &rtmp.Message{Type: rtmp.TypeData, Payload: data}); err != nil {
		t.Fatal(err)
	}
	show("one")
	g.hasSeen("NetStream.Publish.Start")
	came := spectate(t, there, "cam", -1000)
	awaitWord(t, came, `"onMetaData",{width:320}`) // it was kept for who joins later
	awaitWord(t, came, "one")
	show("two")
	awaitWord(t, came, "two")
	g.asks("say", "true", "hello")
	awaitWord(t, came, `"onSay","hello"`)

	// Another stream takes its place, and nothing does.
	_, other := camera(t, g, "other")
	other("else")
	g.asks("show", "true", "other")
	awaitWord(t, came, "else")
	g.asks("show", "true", "cam")
	show("three")
	awaitWord(t, came, "three")

	if err := p.Unpublish(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.hasSeen("NetStream.Unpublish.Success")
}

// A name that somebody else has there is told, and so is a far server that goes.
func TestOldMultipointRefused(t *testing.T) {
	t.Parallel()
	cfg := Config{}
	far, stop := oldFolderAt(t, &cfg, nil)
	there := comeIn(t, far, "multipoint/there", nil)
	_, taken := camera(t, there, "cam")
	taken("mine")
	g := relayed(t, far.RTMPAddr().String())
	g.hasSeen("NetConnection.Connect.Success")
	_, show := camera(t, g, "free")
	show("one")
	g.hasSeen("NetStream.Publish.Start")
	_, cam := camera(t, g, "cam")
	cam("yours")
	g.hasSeen("NetStream.Publish.BadName")
	stop()
	g.hasSeen("NetConnection.Connect.Closed")
	show("nobody is there")
}

// A far server that takes nothing costs those here nothing, and the script may end it.
func TestOldMultipointStalls(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	stall := make(chan struct{})
	t.Cleanup(func() { close(stall) })
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		c := rtmp.NewServerConn(nc, rtmp.Config{})
		defer c.Close()
		if c.Handshake() != nil {
			return
		}
		_ = c.Serve(func(m *rtmp.Message) error {
			if m.Type == rtmp.TypeVideo {
				<-stall // it reads nothing more
			}
			if m.Type != rtmp.TypeCommand {
				return nil
			}
			cmd, err := rtmp.ParseCommand(m)
			if err != nil {
				return err
			}
			switch cmd.Name {
			case "connect":
				return c.SendCommand(0, "_result", cmd.Transaction, amf.NewObject(), amf.NewObject("level", "status", "code", "NetConnection.Connect.Success"))
			case "createStream":
				return c.SendCommand(0, "_result", cmd.Transaction, nil, 1.0)
			case "publish":
				return c.SendCommand(1, "onStatus", 0, nil, amf.NewObject("level", "status", "code", "NetStream.Publish.Start"))
			}
			return nil
		})
	}()
	g := relayed(t, ln.Addr().String())
	_, show := camera(t, g, "cam")
	g.hasSeen("NetStream.Publish.Start")
	came := spectate(t, g, "cam", -1000)
	large := string(bytes.Repeat([]byte{'x'}, 256<<10))
	for n := range 100 { // more than the socket and the connection hold
		what := fmt.Sprint(n, large)
		show(what)
		awaitWord(t, came, what)
	}
	g.asks("silence", "true")
	g.asks("hangUp", "undefined")
	g.hasSeen("NetConnection.Connect.Closed")
	show("on")
	awaitWord(t, came, "on")
}

// A stream of another server plays on one of this, live and recorded, until that server
// goes.
func TestOldPlaysFromAnotherServer(t *testing.T) {
	t.Parallel()
	cfg := Config{}
	far, stop := oldFolderAt(t, &cfg, func(dir string) {
		servertest.WriteFLV(t, filepath.Join(dir, "multipoint/streams/there/film.flv"),
			flv.Tag{Type: flv.TypeVideo, Data: picture("first")}, flv.Tag{Type: flv.TypeVideo, Timestamp: 200, Data: picture("last")})
	})
	there := comeIn(t, far, "multipoint/there", nil)
	p, show := camera(t, there, "live")
	g := relayed(t, far.RTMPAddr().String())
	g.hasSeen("NetConnection.Connect.Success")
	g.asks("playThere", "true", "film", 0.0, -1.0)
	g.hasSeen("Play.Complete:film")
	show("one")
	came := spectate(t, g, "back", -1000)
	g.asks("playThere", "true", "live", -1.0, -1.0)
	awaitWord(t, came, "one")
	show("two")
	awaitWord(t, came, "two")
	if err := p.Unpublish(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.hasSeen("Play.UnpublishNotify:live")
	_, again := camera(t, there, "live")
	again("three")
	awaitWord(t, came, "three")
	g.asks("playThere", "true", "film", 0.0, -1.0)
	awaitWord(t, came, "first")
	awaitWord(t, came, "last")
	g.asks("playThere", "true", "none", 0.0, -1.0)
	g.hasSeen("Play.StreamNotFound:none")
	g.asks("playThere", "true", "live", -1.0, -1.0)
	again("four")
	awaitWord(t, came, "four")
	stop()
	g.hasSeen("Play.Failed:live")
}
