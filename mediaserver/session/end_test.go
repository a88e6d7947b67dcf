package session_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

func TestWhatWasSaidBeforeTheEndIsDone(t *testing.T) { everyWay(t, testWhatWasSaidBeforeTheEndIsDone) }

// A client that says all it has to say at once, waits for nothing and hangs up
// has recorded all of it.
func testWhatWasSaidBeforeTheEndIsDone(t *testing.T, w way) {
	s, stop := run(t, w, open)
	c := connect(t, s, "app/one")
	c.send("createStream", 2, nil)
	c.on(1, "publish", "tail", "record")
	for i := range media.Timestamp(40) {
		audio(t, c, i*100)
	}
	if err := c.conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for word := ""; word != "end"; word, _ = c.next() {
	}
	// By a link the client's end is heard before the recording's.
	eventually(t, "3.9 s are recorded", func() bool {
		d, err := s.stores[0].Length(context.Background(), "tail")
		return err == nil && d == 3900*time.Millisecond
	})
	stop()
}

// What a publisher has said before it leaves is recorded, also where that takes twice
// as long as one may take to end that does not get on.
func TestWhatWasPublishedComesOverASlowLink(t *testing.T) {
	t.Parallel()
	for _, says := range []string{"", "that it ends"} {
		t.Run("who leaves says "+cmp.Or(says, "nothing"), func(t *testing.T) {
			t.Parallel()
			s, _ := run(t, overSlowLink, open)
			c := connectStreams(t, s, 1)
			c.on(1, "publish", "slow", "record")
			c.expect("1 Publish.Start", "1 Record.Start")
			for n := range media.Timestamp(21) {
				sound := append([]byte{0xaf, 1}, make([]byte, 24<<10)...) // which sockets take all of
				if err := c.conn.SendWait(t.Context(), &rtmp.Message{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: n * 100, Payload: sound}); err != nil {
					t.Fatal(err)
				}
			}
			if says != "" {
				c.on(1, "publish", false)
			}
			if err := c.conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "2 s are recorded", func() bool {
				d, err := s.stores[0].Length(context.Background(), "slow")
				return err == nil && d == 2*time.Second
			})
			eventually(t, "its client has gone at the origin, too", func() bool { return s.Stats()[0].Connections == 0 })
		})
	}
}

func TestWrongKeyEndsNothing(t *testing.T) { everyWay(t, testWrongKeyEndsNothing) }

// A client that may not publish keeps what it plays and what it publishes.
func testWrongKeyEndsNothing(t *testing.T, w way) {
	s, _ := run(t, w, open.with(func(r *instance.Rules) { r.Keys = oneKey("secret") }))
	p := connectStreams(t, s, 1)
	p.on(1, "publish", "cam?key=secret")
	p.expect("1 Publish.Start")
	p.on(1, "publish", "other?key=wrong")
	p.expect("1 Publish.BadName")
	v := connectStreams(t, s, 1)
	v.plays(1, "cam")
	joined(t, s, 1)
	v.on(1, "publish", "other")
	v.expect("1 Publish.BadName")
	p.audio(1, 0)
	v.expect("1 audio 0")
}

// mute is an instance that answers no publisher.
type mute struct {
	session.Instance
	asked chan<- struct{}
}

func (m mute) MayPublish(session.PublishRequest, func(*session.Refusal)) { m.asked <- struct{}{} }

func (m mute) Publish(session.PublishRequest, func(session.PublishAnswer)) { m.asked <- struct{}{} }

type muteHouse struct {
	*house
	asked chan struct{}
}

func (h muteHouse) Connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	h.house.Connect(r, peer, func(a session.ConnectAnswer) {
		a.Instance = mute{a.Instance, h.asked}
		answer(a)
	})
}

// A server that ends does not wait for what a client has said last, and the instance does
// not answer.
func TestCutWaitsForNobody(t *testing.T) {
	t.Parallel()
	h := newHouse(session.Config{LastWords: time.Hour, PendingTimeout: time.Hour})
	m := muteHouse{h, make(chan struct{}, 2)}
	h.dir = m
	h.add(t, open)
	h.open(t)
	c := connect(t, h, "app/one")
	c.send("createStream", 2, nil)
	c.on(1, "publish", "cam", "live")
	<-m.asked
	c.conn.Close()
	h.mu.Lock()
	for s := range h.sessions {
		s.Cut()
	}
	h.mu.Unlock()
	ended := make(chan struct{})
	go func() { defer close(ended); h.serving.Wait() }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("it waits on")
	}
}

// hasty lets clients in and shuts them down in the same breath.
type hasty struct{ *house }

func (h hasty) Connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	h.house.Connect(r, peer, func(a session.ConnectAnswer) {
		answer(a)
		peer.Shutdown("bye")
	})
}

// The instance may shut a client down in the owner's own turn of its connect. The
// client hears first that it was let in.
func TestShutdownInTheTurnOfConnect(t *testing.T) {
	t.Parallel()
	h := newHouse(session.Config{})
	h.dir = hasty{h}
	h.add(t, open)
	h.open(t)
	for range 20 {
		c := connect(t, h, "app/one", "capsEx", float64(rtmp.CapsReconnect), "fourCcList", amf.NewArray("*"))
		var all []string
		for word := ""; word != "end"; word, _ = c.next() {
			all = append(all, word)
		}
		want := []string{"", "event 0", success, "onBWDone []", "onStatus NetConnection.Connect.ReconnectRequest", "onStatus NetConnection.Connect.AppShutdown"}
		if !slices.Equal(all, want) {
			t.Fatalf("heard %q, want %q", all, want)
		}
		c.conn.Close()
	}
}
