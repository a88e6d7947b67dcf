package stream

import (
	"fmt"
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// bare is a picture of a codec that says nothing of itself, without a mark.
func bare(n byte) []byte { return []byte{0x02, 1, n, 0, 0, 9} }

// clocked lets the test say what time it is, by which keyframes are waited for.
func clocked(s *Stream) *atomic.Uint32 {
	var now atomic.Uint32
	s.clock = func() media.Timestamp { return media.Timestamp(now.Load()) }
	return &now
}

// A player that waits for a picture hears what is published, each once, and
// sees it from the keyframe on: native and not, and with timestamps of its own.
func TestSoundComesWhilePicturesAreWaitedFor(t *testing.T) {
	for _, c := range []struct {
		id    uint32
		opts  PlayOptions
		later media.Timestamp // its timestamps
	}{{1, PlayOptions{}, 0}, {7, PlayOptions{}, 0}, {1, PlayOptions{Continue: true, From: 1000}, 980}} {
		t.Run(fmt.Sprintf("stream id %d, from %d", c.id, c.opts.From), func(t *testing.T) {
			s := New("a", newFanout(t), Options{})
			p, _ := s.Publish()
			write(t, p, rtmp.TypeVideo, 0, videoHeader)
			write(t, p, rtmp.TypeAudio, 0, audioHeader)
			write(t, p, rtmp.TypeVideo, 0, key(1))
			write(t, p, rtmp.TypeVideo, 20, inter(2))
			far := dial(t)
			player := s.PlayWith(far.conn, c.id, c.opts)
			defer player.Close()
			at := func(kind, payload string, time media.Timestamp) string {
				return fmt.Sprintf("%s %s@%d at %d", kind, payload, c.id, time+c.later)
			}
			write(t, p, rtmp.TypeAudio, 30, sound(3))
			far.expect(t, at("video", "170000", 20), at("audio", "af0012", 20), at("audio", "af0103", 30))
			write(t, p, rtmp.TypeVideo, 40, inter(4))
			write(t, p, rtmp.TypeAudio, 50, sound(5))
			write(t, p, rtmp.TypeVideo, 60, key(6))
			write(t, p, rtmp.TypeAudio, 70, sound(7))
			write(t, p, rtmp.TypeVideo, 80, inter(8))
			far.expect(t, at("audio", "af0105", 50), at("video", "170106", 60), at("audio", "af0107", 70), at("video", "270108", 80))
			plain := false
			player.conn.loop.do(func() {
				player.conn.loop.write(player.conn)
				plain = player.rewriter == nil || !player.rewriter.state.rate.Broken
			})
			if !plain {
				t.Error("it is looked after packet by packet still")
			}
		})
	}
}

// A stream that brings no keyframe shows what there is after three seconds of
// our clock, whatever its own says, to who has waited and to who comes then.
func TestNoKeyframeComes(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	now := clocked(s)
	p, _ := s.Publish()
	write(t, p, rtmp.TypeVideo, 0, bare(0))
	waits, single, pauses, reader := dial(t), dial(t), dial(t), s.NewReader()
	defer reader.Close()
	defer s.Play(waits.conn, 1).Close()
	ended := make(chan media.Timestamp, 1)
	defer s.PlayWith(single.conn, 1, PlayOptions{Until: &Until{OnePicture: true, OnEnd: func(last media.Timestamp) { ended <- last }}}).Close()
	paused := s.PlayWith(pauses.conn, 1, PlayOptions{Paused: true})
	defer paused.Close()
	for i, ms := range []uint32{1000, 2999, 3000, 3040} {
		now.Store(ms)
		write(t, p, rtmp.TypeAudio, media.Timestamp(i), sound(byte(i)))
		write(t, p, rtmp.TypeVideo, media.Timestamp(i), bare(byte(10+i)))
	}
	waits.expect(t, "audio af0100@1 at 0", "audio af0101@1 at 1", "audio af0102@1 at 2", "video 02010c@1 at 2", "audio af0103@1 at 3", "video 02010d@1 at 3")
	single.expect(t, "video 02010c@1 at 2")
	if last := <-ended; last != 2 {
		t.Errorf("one picture ended at %d", last)
	}
	for i, want := range []string{"audio af0100@1 at 0", "audio af0101@1 at 1", "audio af0102@1 at 2", "video 02010c@1 at 2"} {
		if m, err := reader.Next(t.Context()); err != nil || describe(m) != want {
			t.Fatalf("reader, message %d: %s, %v; want %s", i, describe(m), err, want)
		}
	}
	late := dial(t)
	defer s.Play(late.conn, 1).Close()
	late.expect(t, "video 02010c@1 at 2", "audio af0103@1 at 3", "video 02010d@1 at 3")

	// Another stream is gone over to at its next makeshift, and resumed there.
	other, q := publish(t, s.fanout, "b")
	write(t, q, rtmp.TypeVideo, 0, key(1))
	comes := dial(t)
	player := other.Play(comes.conn, 1)
	defer player.Close()
	comes.expect(t, "video 170101@1 at 0")
	player.Switch(s, SwitchOptions{})
	paused.Pause(false)
	now.Store(6000)
	write(t, p, rtmp.TypeVideo, 4, bare(20))
	comes.expect(t, "video 020114@1 at 4")
	pauses.expect(t, "video 020114@1 at 4")
}

// What stands in for a keyframe helps who waits, and does not push out the
// keyframe that others may begin with.
func TestKeyframesFarApart(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	now := clocked(s)
	p, _ := s.Publish()
	write(t, p, rtmp.TypeVideo, 0, key(1))
	far := dial(t)
	player := s.Play(far.conn, 1)
	defer player.Close()
	far.expect(t, "video 170101@1 at 0")
	player.Pause(true)
	player.Pause(false)
	now.Store(11999)
	write(t, p, rtmp.TypeVideo, 11999, inter(2))
	now.Store(12000)
	write(t, p, rtmp.TypeVideo, 12000, inter(3))
	far.expect(t, "video 270103@1 at 12000")
	late := dial(t)
	defer s.Play(late.conn, 1).Close()
	late.expect(t, "video 170101@1 at 0", "video 270102@1 at 11999", "video 270103@1 at 12000")
	write(t, p, rtmp.TypeVideo, 13000, key(4))
	latest := dial(t)
	defer s.Play(latest.conn, 1).Close()
	latest.expect(t, "video 170104@1 at 13000")
}
