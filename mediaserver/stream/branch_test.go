package stream

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func asks(track uint8) tracks.Takes {
	t := tracks.Oldest()
	t.Track, t.Asked = track, true
	return t
}

// keyOf and interOf are pictures of AVC in messages that name their track.
func keyOf(track, n byte) []byte   { return []byte{0x96, 1, 'a', 'v', 'c', '1', track, n, 0, 0, 9} }
func interOf(track, n byte) []byte { return []byte{0xa6, 1, 'a', 'v', 'c', '1', track, n, 0, 0, 9} }
func headerOf(track byte) []byte   { return []byte{0x96, 0, 'a', 'v', 'c', '1', track, 1} }

// branchesOf is how many logs of its own a stream has for those who do not take
// all.
func (s *Stream) branchesOf() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range s.branches() {
		n++
	}
	return n
}

// Several tracks come in the middle of a publication, in the middle of a GOP,
// and the next publication has one: players of Adobe's time notice nothing,
// wherever they are.
func TestTracksThatComeLater(t *testing.T) {
	for _, id := range []uint32{1, 7} {
		t.Run(fmt.Sprintf("stream id %d", id), func(t *testing.T) {
			s := New("a", newFanout(t), Options{GOPCache: true})
			old, all := dial(t), dial(t)
			defer s.PlayWith(old.conn, id, PlayOptions{Takes: tracks.Oldest()}).Close()
			defer s.Play(all.conn, id).Close()
			is := func(c *client, want ...string) {
				t.Helper()
				for _, w := range want {
					word, at, _ := strings.Cut(w, " at ")
					if at != "" {
						at = " at " + at
					}
					c.expect(t, fmt.Sprintf("%s@%d%s", word, id, at))
				}
			}
			p, _ := s.Publish()
			write(t, p, rtmp.TypeVideo, 0, videoHeader)
			write(t, p, rtmp.TypeVideo, 0, key(1))
			if n := s.branchesOf(); n != 0 {
				t.Fatalf("%d logs beside a plain one", n)
			}
			write(t, p, rtmp.TypeVideo, 0, headerOf(1))
			write(t, p, rtmp.TypeVideo, 40, interOf(1, 2))
			write(t, p, rtmp.TypeVideo, 40, inter(3))
			write(t, p, rtmp.TypeAudio, 50, sound(4))
			if n := s.branchesOf(); n != 1 {
				t.Fatalf("%d logs beside one of two tracks", n)
			}
			late := dial(t)
			defer s.PlayWith(late.conn, id, PlayOptions{Takes: tracks.Oldest()}).Close()
			rest := []string{"video 170101 at 0", "video 270103 at 40", "audio af0104 at 50", "NetStream.Play.UnpublishNotify"}
			p.Close()
			is(old, append([]string{"NetStream.Play.PublishNotify", "video 170000 at 0"}, rest...)...)
			is(late, append([]string{"video 170000 at 0"}, rest...)...)
			is(all, "NetStream.Play.PublishNotify", "video 170000 at 0", "video 170101 at 0", "video 960061 at 0", "video a60161 at 40", "video 270103 at 40", "audio af0104 at 50", "NetStream.Play.UnpublishNotify")

			p, _ = s.Publish()
			write(t, p, rtmp.TypeAudio, 0, sound(5))
			if n := s.branchesOf(); n != 0 {
				t.Fatalf("%d logs beside a plain one", n)
			}
			for i, c := range []*client{old, late, all} {
				is(c, "NetStream.Play.PublishNotify")
				if m := <-c.got; string(m.Payload) != string(sound(5)) {
					t.Errorf("player %d: %s", i, describe(m))
				}
			}
			p = p.TakeOver(time.Now())
			write(t, p, rtmp.TypeVideo, 0, keyOf(0, 6))
			write(t, p, rtmp.TypeVideo, 0, keyOf(1, 6))
			write(t, p, rtmp.TypeVideo, 0, interOf(0, 7))
			for i, c := range []*client{old, late} {
				for _, want := range []string{string(key(6)), string(inter(7))} {
					if m := <-c.got; string(m.Payload) != want {
						t.Errorf("player %d: %s", i, describe(m))
					}
				}
			}
		})
	}
}

// A player of a track begins with a keyframe of that track, wherever those of
// the others are.
func TestKeyframesAreTheTracksOwn(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, _ := s.Publish()
	publish := func(ms media.Timestamp, payloads ...[]byte) {
		for _, b := range payloads {
			write(t, p, rtmp.TypeVideo, ms, b)
		}
	}
	publish(0, headerOf(0), headerOf(1), keyOf(0, 1), interOf(1, 1))
	publish(40, interOf(0, 2), keyOf(1, 2))
	publish(80, interOf(0, 3), interOf(1, 3))
	c0, c1, late := dial(t), dial(t), dial(t)
	defer s.PlayWith(c0.conn, 1, PlayOptions{Takes: tracks.Oldest()}).Close()
	defer s.PlayWith(c1.conn, 1, PlayOptions{Takes: asks(1)}).Close()
	c0.expect(t, "video 170000@1 at 0", "video 170101@1 at 0", "video 270102@1 at 40", "video 270103@1 at 80")
	c1.expect(t, "video 170000@1 at 40", "video 170102@1 at 40", "video 270103@1 at 80")
	publish(120, keyOf(0, 4), interOf(1, 4))
	defer s.PlayWith(late.conn, 1, PlayOptions{Takes: asks(1)}).Close()
	late.expect(t, "video 170000@1 at 40", "video 170102@1 at 40", "video 270103@1 at 80", "video 270104@1 at 120")

	// One that comes when there is none to begin with waits for its own.
	publish(160, interOf(0, 5), interOf(1, 5))
	waits := dial(t)
	defer s.PlayWith(waits.conn, 1, PlayOptions{Takes: asks(1), Paused: false, NoAudio: true}).Close()
	waits.expect(t, "video 170000@1 at 40")
	publish(200, keyOf(1, 6))
	publish(240, interOf(1, 7))
	fresh := dial(t)
	defer s.PlayWith(fresh.conn, 1, PlayOptions{Takes: asks(1)}).Close()
	fresh.expect(t, "video 170000@1 at 200", "video 170106@1 at 200", "video 270107@1 at 240")
}

// Without a cache, the next keyframe of the track is the first that it gets.
func TestTrackWithoutGOPCache(t *testing.T) {
	s := New("a", newFanout(t), Options{})
	p, _ := s.Publish()
	write(t, p, rtmp.TypeVideo, 0, headerOf(0))
	write(t, p, rtmp.TypeVideo, 0, headerOf(1))
	write(t, p, rtmp.TypeVideo, 0, keyOf(0, 1))
	c := dial(t)
	defer s.PlayWith(c.conn, 1, PlayOptions{Takes: asks(1)}).Close()
	write(t, p, rtmp.TypeVideo, 40, interOf(1, 2))
	write(t, p, rtmp.TypeVideo, 80, keyOf(0, 3))
	write(t, p, rtmp.TypeVideo, 80, interOf(1, 3))
	write(t, p, rtmp.TypeVideo, 120, keyOf(1, 4))
	c.expect(t, "video 170000@1 at 0", "video 170104@1 at 120")
}

// What a client does while it plays a track is done with that track.
func TestTrackThatIsPausedAndSwitched(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, _ := s.Publish()
	for track := range byte(2) {
		write(t, p, rtmp.TypeVideo, 0, headerOf(track))
		write(t, p, rtmp.TypeVideo, 0, keyOf(track, 1))
	}
	c := dial(t)
	player := s.PlayWith(c.conn, 1, PlayOptions{Takes: tracks.Oldest()})
	defer player.Close()
	c.expect(t, "video 170000@1 at 0", "video 170101@1 at 0")
	player.Pause(true)
	write(t, p, rtmp.TypeVideo, 40, interOf(0, 2))
	player.Pause(false)
	write(t, p, rtmp.TypeVideo, 80, interOf(0, 3))
	write(t, p, rtmp.TypeVideo, 80, keyOf(1, 3))
	write(t, p, rtmp.TypeVideo, 120, keyOf(0, 4))
	c.expect(t, "video 170000@1 at 40", "video 170104@1 at 120")

	switched := make(chan struct{})
	player.Switch(s, SwitchOptions{Takes: asks(1), OnSwitch: func() { close(switched) }})
	write(t, p, rtmp.TypeVideo, 160, keyOf(0, 5))
	write(t, p, rtmp.TypeVideo, 160, interOf(1, 5))
	write(t, p, rtmp.TypeVideo, 200, keyOf(1, 6))
	<-switched
	write(t, p, rtmp.TypeVideo, 240, interOf(0, 7))
	write(t, p, rtmp.TypeVideo, 240, interOf(1, 7))
	c.expect(t, "video 170105@1 at 160", "video 170000@1 at 200", "video 170106@1 at 200", "video 270107@1 at 240")
	write(t, p, rtmp.TypeVideo, 280, keyOf(0, 8)) // what nobody reads is kept up to here
	if n := s.branchesOf(); n != 1 {
		t.Errorf("%d logs for one player", n)
	}
	player.Switch(s, SwitchOptions{Takes: tracks.Oldest()})
	player.Switch(s, SwitchOptions{Takes: asks(9)})
	player.Close()
	write(t, p, rtmp.TypeVideo, 320, keyOf(0, 9))
	if n := s.branchesOf(); n != 0 || len(s.audiences) != 0 {
		t.Errorf("%d logs for nobody, %d audiences", n, len(s.audiences))
	}
}

// However many tracks are asked for, a stream has so many logs and no more, and
// room for those who ask for none.
func TestAudiencesAreBounded(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, _ := s.Publish()
	write(t, p, rtmp.TypeVideo, 0, headerOf(0))
	write(t, p, rtmp.TypeVideo, 0, keyOf(0, 1))
	const players = 3 * maxAudiences
	for i := range players {
		defer s.PlayWith(dial(t).conn, 1, PlayOptions{Takes: asks(uint8(i))}).Close()
	}
	if n := s.branchesOf(); n != maxAudiences+1 {
		t.Errorf("%d logs", n)
	}
	c, codecs := dial(t), dial(t)
	defer s.PlayWith(c.conn, 1, PlayOptions{Takes: tracks.Oldest()}).Close()
	defer s.PlayWith(codecs.conn, 1, PlayOptions{Takes: tracks.Takes{Video: tracks.CodecsOf(nil)}}).Close()
	c.expect(t, "video 170000@1 at 0", "video 170101@1 at 0")
	codecs.expect(t, "video 960061@1 at 0", "video 960161@1 at 0")
	if n := s.branchesOf(); n != maxAudiences+1 {
		t.Errorf("%d logs", n)
	}
}

// A client that comes and goes has the newest GOP looked through once.
func TestBranchIsKeptForTheGOP(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, _ := s.Publish()
	write(t, p, rtmp.TypeVideo, 0, keyOf(0, 1))
	c := dial(t)
	var first *branch
	for i := range 10 {
		player := s.PlayWith(c.conn, 1, PlayOptions{Takes: tracks.Oldest()})
		c.expect(t, "video 170101@1 at 0")
		s.mu.Lock()
		b := s.audiences[0].branch.Load()
		s.mu.Unlock()
		if i == 0 {
			first = b
		}
		if b != first {
			t.Fatal("it is made anew")
		}
		player.Close()
	}
	p.Close()
	if n := s.branchesOf(); n != 0 || len(s.audiences) != 0 {
		t.Errorf("%d logs for nobody, %d audiences", n, len(s.audiences))
	}
}

func TestBranchIsForgottenWhenItsPlayersAreGone(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, _ := s.Publish()
	defer p.Close()
	c := dial(t)
	player := s.PlayWith(c.conn, 1, PlayOptions{Takes: tracks.Oldest()})
	write(t, p, rtmp.TypeVideo, 0, keyOf(0, 1))
	write(t, p, rtmp.TypeVideo, 0, keyOf(1, 1))
	c.expect(t, "video 170101@1 at 0")
	s.mu.Lock()
	old := weak.Make(s.audiences[0].branch.Load())
	s.mu.Unlock()
	player.Close()
	for range segmentPackets + 1 {
		write(t, p, rtmp.TypeVideo, 0, key(2))
	}
	for range 10 {
		if runtime.GC(); old.Value() == nil {
			return
		}
	}
	t.Error("a log that nobody reads is kept")
}
