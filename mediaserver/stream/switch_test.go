package stream

import (
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// switcher is a player of one of two streams, which were live before it came.
type switcher struct {
	*client
	a, b     *Stream
	pa, pb   *Publisher
	player   *Player
	switched chan struct{}
}

// newSwitcher begins stream a at 1000 and b at a time of its own, each with a
// keyframe that the player does not go over at.
func newSwitcher(t *testing.T, id uint32, begin media.Timestamp, video bool) *switcher {
	t.Helper()
	f := newFanout(t)
	x := &switcher{switched: make(chan struct{}, 2)}
	x.a, x.pa = publish(t, f, "a")
	x.b, x.pb = publish(t, f, "b")
	write(t, x.pa, rtmp.TypeVideo, 1000, videoHeader)
	write(t, x.pa, rtmp.TypeVideo, 1000, key(1))
	if video {
		write(t, x.pb, rtmp.TypeVideo, begin, []byte{0x17, 0, 0, 0, 0, 2})
		write(t, x.pb, rtmp.TypeVideo, begin, key(101))
	} else {
		write(t, x.pb, rtmp.TypeAudio, begin, audioHeader)
	}
	x.client = dial(t)
	x.player = x.a.Play(x.conn, id)
	t.Cleanup(x.player.Close)
	return x
}

func (x *switcher) change() {
	x.player.Switch(x.b, SwitchOptions{
		Notice:   []*rtmp.Message{rtmp.Status(0, "status", "changed", "")},
		OnSwitch: func() { x.switched <- struct{}{} },
	})
}

// check sees that the player is one of a stream, and nothing is left of it in
// the other.
func (x *switcher) check(t *testing.T, at, left *Stream, switches int) {
	t.Helper()
	if got := x.player.Playing(); got != at {
		t.Errorf("it plays %s, want %s", got.Name(), at.Name())
	}
	if at.Players() != 1 || left.Players() != 0 {
		t.Errorf("%s has %d players and %s %d, want 1 and 0", at.Name(), at.Players(), left.Name(), left.Players())
	}
	if groups := left.groups.Load(); groups != nil && len(*groups) > 0 {
		t.Errorf("%s still wakes a loop", left.Name())
	}
	for _, s := range []*Stream{at, left} {
		s.mu.Lock()
		if n := len(s.awaited); n > 0 {
			t.Errorf("%s is waited for by %d players", s.Name(), n)
		}
		s.mu.Unlock()
	}
	for i := range switches {
		select {
		case <-x.switched:
		case <-time.After(patience):
			t.Fatalf("OnSwitch was called %d times, want %d", i, switches)
		}
	}
	if len(x.switched) > 0 {
		t.Errorf("OnSwitch was called more than %d times", switches)
	}
}

func TestSwitch(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin media.Timestamp // of b, where a is at 1000
		feed  func(t *testing.T, a, b *Publisher, x *switcher)
		plain bool // what follows needs no care any more
		want  []string
	}{
		{"aligned", 1000, func(t *testing.T, a, b *Publisher, x *switcher) {
			write(t, a, rtmp.TypeVideo, 1040, inter(2))
			write(t, b, rtmp.TypeVideo, 1040, inter(102))
			x.expect(t, "video 270102@1 at 1040")
			write(t, b, rtmp.TypeVideo, 1080, key(103))
			x.expect(t, "changed@1", "video 170000@1 at 1080")
			write(t, a, rtmp.TypeVideo, 1080, inter(3))
			write(t, b, rtmp.TypeVideo, 3000, inter(104))
		}, true, []string{"video 170167@1 at 1080", "video 270168@1 at 3000"}},
		{"the new one is late", 1000, func(t *testing.T, a, b *Publisher, x *switcher) {
			write(t, a, rtmp.TypeVideo, 1040, inter(2))
			write(t, a, rtmp.TypeAudio, 1060, sound(2))
			write(t, a, rtmp.TypeVideo, 1080, inter(3))
			x.expect(t, "video 270102@1 at 1040", "audio af0102@1 at 1060", "video 270103@1 at 1080")
			write(t, b, rtmp.TypeVideo, 1040, key(103))
			write(t, b, rtmp.TypeAudio, 1060, sound(103)) // heard already
			write(t, b, rtmp.TypeVideo, 1080, inter(104))
			write(t, b, rtmp.TypeVideo, 1120, inter(105))
			write(t, b, rtmp.TypeAudio, 1120, sound(105))
		}, false, []string{"changed@1", "video 170000@1 at 1080", "video 170167@1 at 1080", "video 270168@1 at 1080",
			"video 270169@1 at 1120", "audio af0169@1 at 1120"}},
		{"another clock", 7000000, func(t *testing.T, a, b *Publisher, x *switcher) {
			write(t, a, rtmp.TypeVideo, 1040, inter(2))
			x.expect(t, "video 270102@1 at 1040")
			write(t, b, rtmp.TypeVideo, 7000080, key(103))
			write(t, b, rtmp.TypeVideo, 7000120, inter(104))
		}, false, []string{"changed@1", "video 170000@1 at 1041", "video 170167@1 at 1041", "video 270168@1 at 1081"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newSwitcher(t, 1, c.begin, true)
			x.expect(t, "video 170000@1 at 1000", "video 170101@1 at 1000")
			x.change()
			c.feed(t, x.pa, x.pb, x)
			x.expect(t, c.want...)
			x.check(t, x.b, x.a, 1)
			if rewriter := x.player.isRewritten(); rewriter == c.plain {
				t.Errorf("looked after packet by packet: %v", rewriter)
			}
			// The old stream is heard no more.
			write(t, x.pa, rtmp.TypeAudio, 1200, sound(4))
			write(t, x.pb, rtmp.TypeData, 0, endOfList)
			if got := x.until(t); len(got) > 0 {
				t.Errorf("it was sent %v", got)
			}
		})
	}
}

func TestSwitchToAStreamWithoutVideo(t *testing.T) {
	x := newSwitcher(t, 3, 1020, false)
	x.expect(t, "video 170000@3 at 1000", "video 170101@3 at 1000")
	x.change()
	write(t, x.pb, rtmp.TypeAudio, 1040, sound(2))
	x.expect(t, "changed@3", "audio af0012@3 at 1020", "audio af0102@3 at 1040")
	x.check(t, x.b, x.a, 1)
}

func TestSwitchWaitsForAPublisher(t *testing.T) {
	x := newSwitcher(t, 1, 1000, true)
	x.pb.Close()
	x.expect(t, "video 170000@1 at 1000", "video 170101@1 at 1000")
	x.change()
	write(t, x.pa, rtmp.TypeVideo, 1040, inter(2))
	x.expect(t, "video 270102@1 at 1040")
	if x.player.Playing() != x.a || x.b.Players() != 0 {
		t.Error("it went over to a stream that nobody publishes")
	}
	back, err := x.b.Publish()
	if err != nil {
		t.Fatal(err)
	}
	write(t, back, rtmp.TypeVideo, 0, key(103)) // continues the clock that b had
	x.expect(t, "changed@1")
	x.check(t, x.b, x.a, 1)
}

func TestSwitchThatIsCalledOff(t *testing.T) {
	for name, how := range map[string]func(*switcher){
		"by another": func(x *switcher) { x.player.Switch(x.a, SwitchOptions{}) },
	} {
		t.Run(name, func(t *testing.T) {
			x := newSwitcher(t, 1, 1000, true)
			x.expect(t, "video 170000@1 at 1000", "video 170101@1 at 1000")
			x.change()
			how(x)
			write(t, x.pb, rtmp.TypeVideo, 1040, key(103))
			write(t, x.pa, rtmp.TypeVideo, 1080, key(3))
			x.expect(t, "video 170000@1 at 1080", "video 170103@1 at 1080")
			x.check(t, x.a, x.b, 0)
		})
	}
	t.Run("by the end", func(t *testing.T) {
		x := newSwitcher(t, 1, 1000, true)
		x.change()
		x.player.Close()
		for _, s := range []*Stream{x.a, x.b} {
			if groups := s.groups.Load(); s.Players() != 0 || groups != nil && len(*groups) > 0 {
				t.Errorf("%s has %d players, groups %v", s.Name(), s.Players(), groups)
			}
		}
		x.player = x.a.Play(x.conn, 1) // for the cleanup, which closes one more
	})
}

// A keyframe that would be waited for does not come to who pauses.
func TestPauseHurriesASwitch(t *testing.T) {
	x := newSwitcher(t, 1, 1000, true)
	x.expect(t, "video 170000@1 at 1000", "video 170101@1 at 1000")
	x.change()
	x.player.Pause(true)
	x.expect(t, "changed@1")
	x.check(t, x.b, x.a, 1)
	x.player.Pause(false)
	write(t, x.pa, rtmp.TypeVideo, 1080, key(3))
	write(t, x.pb, rtmp.TypeVideo, 1080, key(103))
	x.expect(t, "video 170000@1 at 1000", "video 170167@1 at 1080")
}

// What was said before a switch is heard before it.
func TestSwitchComesBehindWhatWasSaid(t *testing.T) {
	x := newSwitcher(t, 1, 1000, true)
	x.player.Pause(true)
	x.next(t)
	x.next(t)
	for range 100 {
		if err := x.conn.Send(rtmp.Status(0, "status", "accepted", "")); err != nil {
			t.Fatal(err)
		}
		x.change()
		x.expect(t, "accepted@0", "changed@1")
		x.player.Switch(x.a, SwitchOptions{})
		<-x.switched
	}
}

func TestSwitchOfAPausedPlayer(t *testing.T) {
	x := newSwitcher(t, 1, 1000, true)
	x.expect(t, "video 170000@1 at 1000", "video 170101@1 at 1000")
	x.player.Pause(true)
	x.change()
	x.expect(t, "changed@1")
	x.check(t, x.b, x.a, 1)
	write(t, x.pb, rtmp.TypeVideo, 1040, inter(102))
	x.player.Pause(false)
	write(t, x.pb, rtmp.TypeVideo, 1080, key(103))
	x.expect(t, "video 170000@1 at 1040", "video 170167@1 at 1080")
}

// A player that stopped reading in the middle of a message gets the rest of it,
// and all of the old stream that it can have, before the new one.
func TestSwitchBehindAMessageSentInPart(t *testing.T) {
	t.Parallel()
	for _, id := range []uint32{1, 4} {
		x := newSwitcher(t, id, 1000, true)
		_ = x.near.SetWriteBuffer(4 << 10)
		x.next(t)
		x.next(t)
		x.change()
		const frames = 8
		go func() {
			for i := range frames {
				big := make([]byte, 200<<10)
				copy(big, inter(byte(i)))
				_ = x.pa.Write(&rtmp.Message{Type: rtmp.TypeVideo, Timestamp: media.Timestamp(1001 + i), Payload: big})
			}
			_ = x.pb.Write(&rtmp.Message{Type: rtmp.TypeVideo, Timestamp: 1200, Payload: key(103)})
		}()
		for i := range frames {
			m := <-x.got
			if m.Type != rtmp.TypeVideo || m.Payload[2] != byte(i) || len(m.Payload) != 200<<10 {
				t.Fatalf("message %d is %s of %d bytes", i, describe(m), len(m.Payload))
			}
		}
		for _, want := range []string{"changed", "video 170000", "video 170167"} {
			if got := x.next(t); got[:len(want)] != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
		x.check(t, x.b, x.a, 1)
	}
}
