package server

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A chat room on shared objects: who is there, a history that stays, and messages.
func TestOldRoom(t *testing.T) {
	t.Parallel()
	s := oldFolder(t, Config{}, nil)
	ctx := t.Context()
	anna := comeIn(t, s, "room/lobby", nil, "anna")
	users := anna.nc.SharedObject("users_so", false)
	sent := make(chan string, 10)
	users.OnSend(func(handler string, args []amf.Value) { sent <- handler + "(" + written(args...) + ")" })
	if err := users.Use(ctx); err != nil {
		t.Fatal(err)
	}
	ben := comeIn(t, s, "room/lobby", nil, "ben")
	servertest.Eventually(t, "ben is in the list", func() bool { return written(users.Slots()["ben"]) == `{name:"ben",typing:false}` })
	if err := users.Set(ctx, "anna", amf.NewObject("name", "anna", "typing", true)); err != nil {
		t.Fatal(err)
	}
	if err := users.Send(ctx, "note", "hello"); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "the script hears of it", func() bool {
		got := anna.ask("getChanges")
		return strings.Contains(got, `"change anna"`) && strings.Contains(got, `"note hello"`)
	})
	ben.asks("message", "undefined", "hi all")
	for got := range sent {
		if got == `message("ben","hi all")` {
			break
		}
	}
	history := anna.nc.SharedObject("public/history", true)
	if err := history.Use(ctx); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "the history is there", func() bool { return written(history.Slots()["list"]) == `["ben: hi all"]` })
	ben.nc.Close()
	servertest.Eventually(t, "ben has left the list", func() bool { _, ok := users.Get("ben"); return !ok })
}

// What is persistent is there again after the server ended.
func TestOldRoomAgain(t *testing.T) {
	t.Parallel()
	cfg := Config{}
	var dir string
	s, stop := oldFolderAt(t, &cfg, func(d string) { dir = d })
	comeIn(t, s, "poll/x", nil).asks("vote", "1", "blue")
	stop()
	if found, _ := filepath.Glob(filepath.Join(dir, "poll", "sharedobjects", "x", "*")); len(found) == 0 {
		t.Error("no file in poll/sharedobjects/x")
	}
	s, _ = runWith(t, cfg)
	g := comeIn(t, s, "poll/x", nil)
	g.asks("result", "{blue:1}")
	g.asks("vote", "2", "blue")
}

// A script records what is published.
func TestOldDVR(t *testing.T) {
	t.Parallel()
	s := oldFolder(t, Config{}, nil)
	g := comeIn(t, s, "dvr/x", nil)
	p := netStream(t, g)
	if err := p.Publish(t.Context(), "show", "live"); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "the script knows", func() bool { return g.ask("events") == `["show",null]` })
	for _, tag := range servertest.Sound(2) {
		if err := p.Send(t.Context(), &rtmp.Message{Type: rtmp.TypeAudio, Timestamp: tag.Timestamp, Payload: tag.Data}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Unpublish(t.Context()); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "the script knows the end", func() bool { return g.ask("events") == `["show","show"]` })
	servertest.Eventually(t, "it is recorded", func() bool { return strings.HasPrefix(g.ask("getLength", "show"), "2") })
	if err := netStream(t, g).Play(t.Context(), "show", 0); err != nil {
		t.Error(err)
	}
}

// Recorded streams in a row are a live stream for everyone.
func TestOldChannel(t *testing.T) {
	t.Parallel()
	s := oldFolder(t, Config{}, func(dir string) {
		for _, name := range []string{"one", "two"} {
			servertest.WriteFLV(t, filepath.Join(dir, "tv/streams/x", name+".flv"), servertest.Sound(2)...)
		}
	})
	g := comeIn(t, s, "tv/x", nil)
	p := netStream(t, g)
	times := make(chan int, 100)
	words := make(chan string, 100)
	p.OnMedia(func(m *rtmp.Message) error {
		if m.Type == rtmp.TypeAudio {
			times <- int(m.Timestamp)
		} else if all, err := amf.DecodeAll(m.Payload); err == nil {
			words <- written(all...)
		}
		return nil
	})
	g.asks("start", "true")
	if err := p.Play(t.Context(), "tv", rtmp.PlayLive); err != nil {
		t.Fatal(err)
	}
	_ = g.ask("say", "hello")
	for got := range words {
		if got == `"onSay","hello",{at:1}` {
			break
		}
	}
	last := 0
	for range 3 { // from the first into the second
		at := <-times
		if at < last {
			t.Errorf("the time goes back: %d after %d", at, last)
		}
		last = at
	}
	servertest.Eventually(t, "both were played", func() bool {
		got := g.ask("seen")
		return strings.Contains(got, "NetStream.Play.Start one") && strings.Contains(got, "NetStream.Play.Start two")
	})
}

// An old folder has its streams where they were.
func TestOldLayout(t *testing.T) {
	t.Parallel()
	s := oldFolder(t, Config{}, func(dir string) {
		servertest.WriteFLV(t, filepath.Join(dir, "layout/streams/x/old.flv"), servertest.Sound(3)...)
	})
	comeIn(t, s, "layout/x", []string{"layout"}).hears(`layout("layout/x",3,"object")`)
}

func netStream(t *testing.T, g *visitor) *rtmp.NetStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	p, err := g.nc.CreateStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
