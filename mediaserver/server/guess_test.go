package server

import (
	"fmt"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// commands hears commands only.
func commands(m *rtmp.Message) string {
	if m.Type != rtmp.TypeCommand {
		return ""
	}
	return servertest.Word(m)
}

// guest comes from an address, connects and makes a stream.
func comeFrom(t *testing.T, s *Server, address string) *servertest.Client {
	t.Helper()
	conn := rtmp.NewClientConn(from(t, s, address), rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	c := servertest.NewClient(t, conn, commands)
	c.Connect("app/one")
	c.Send("createStream", 2, nil)
	c.Expect("_result NetConnection.Connect.Success", "onBWDone []", "_result [1]")
	return c
}

// Whoever guesses at the key waits the longer for an answer, on however many
// connections, and each ends after a few; who has the key gets in at once, from
// the same address too.
func TestWrongKeysSlowDown(t *testing.T) {
	t.Parallel()
	key := &secret{t: t, dir: t.TempDir()}
	key.write("TheKey")
	log := &servertest.Log{}
	s, _ := runWith(t, Config{PublishKeyFile: key.file(), Log: log.Logger(0)}, "{application: app, instance: one}")
	const wrong = "onStatus NetStream.Publish.BadName"
	guesser := comeFrom(t, s, "127.0.0.1")
	started := time.Now()
	for n := range 4 {
		guesser.On(1, "publish", fmt.Sprintf("cam?key=guess%d", n), "live")
		guesser.Expect(wrong)
	}
	if took := time.Since(started); took < 250*time.Millisecond {
		t.Errorf("four wrong keys were answered within %v", took)
	}
	guesser.On(1, "publish", "cam?key=guess4", "live")
	guesser.Expect(wrong, "end")
	again := comeFrom(t, s, "127.0.0.1")
	started = time.Now()
	again.On(1, "publish", "cam?key=guess5", "live")
	for _, address := range []string{"127.0.0.1", "127.0.0.2"} {
		owner := comeFrom(t, s, address)
		owner.On(1, "publish", "cam"+address+"?key=TheKey", "live")
		owner.Expect("onStatus NetStream.Publish.Start")
	}
	other := comeFrom(t, s, "127.0.0.3")
	other.On(1, "publish", "cam?key=guess", "live")
	other.Expect(wrong)
	if heard := again.Heard(); heard > 0 && time.Since(started) < time.Second {
		t.Error("another connection of the address is answered before the others")
	}
	again.Expect(wrong)
	if took := time.Since(started); took < time.Second {
		t.Errorf("the sixth wrong key of an address was answered after %v", took)
	}
	servertest.Eventually(t, "both are logged", func() bool {
		return log.Count("too many wrong keys") > 0 && log.Count("the publish key is short") > 0
	})
	if log.Count("too many wrong keys") != 1 || log.Count("the publish key is short") != 1 {
		t.Errorf("the log lacks the guesser, or that the key is short:\n%s", log.String())
	}
}

// A key that is long enough is not told of, and a short one once.
func TestShortKeysAreToldOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"0123456789abcdef": 0, "0123456789abcde": 1} {
		key, log := &secret{t: t, dir: t.TempDir()}, &servertest.Log{}
		key.write(text)
		s, _ := runWith(t, Config{PublishKeyFile: key.file(), Log: log.Logger(0)}, "{application: app, instance: one}")
		for range 3 {
			if why := s.keys[0].Check(text); why != nil {
				t.Fatal(why)
			}
		}
		if n := log.Count("the publish key is short"); n != want {
			t.Errorf("%q: told %d times, want %d", text, n, want)
		}
		if log.Count(text) > 0 {
			t.Error("the key is in the log")
		}
	}
}
