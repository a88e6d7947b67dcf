package stream

import (
	"errors"
	"slices"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// twoTracks publishes the headers and the first keyframes of two tracks.
func twoTracks(t *testing.T, s *Stream) *Publisher {
	t.Helper()
	p, err := s.Publish()
	if err != nil {
		t.Fatal(err)
	}
	for track := range byte(2) {
		write(t, p, rtmp.TypeVideo, 0, headerOf(track))
	}
	for track := range byte(2) {
		write(t, p, rtmp.TypeVideo, 0, keyOf(track, 1))
	}
	return p
}

// A publication of which most was not for a player ends, or goes on with another
// publisher: the player is not taken for one that is slow by all of that.
func TestWhatAPlayerWasNotSentIsNoLag(t *testing.T) {
	for _, takesOver := range []bool{false, true} {
		s := New("a", newFanout(t), Options{GOPCache: true})
		p := twoTracks(t, s)
		c := dial(t)
		player := s.PlayWith(c.conn, 1, PlayOptions{Takes: tracks.Oldest()})
		defer player.Close()
		c.expect(t, "video 170000@1 at 0", "video 170101@1 at 0")
		large := slices.Concat(interOf(1, 2), make([]byte, 1<<20))
		for range 40 {
			write(t, p, rtmp.TypeVideo, 40, large)
		}
		player.conn.loop.do(func() { // it finds all of this at once
			write(t, p, rtmp.TypeVideo, 80, interOf(0, 3))
			write(t, p, rtmp.TypeVideo, 120, interOf(0, 4))
			if !takesOver {
				p.Close()
				return
			}
			p = p.TakeOver(time.Now())
			write(t, p, rtmp.TypeVideo, 0, headerOf(0))
			write(t, p, rtmp.TypeVideo, 0, keyOf(0, 5))
		})
		c.expect(t, "video 270103@1 at 80", "video 270104@1 at 120")
		if !takesOver {
			c.expect(t, "NetStream.Play.UnpublishNotify@1")
			continue
		}
		for _, want := range [][]byte{{0x17, 0}, {0x17, 1}} {
			if m := <-c.got; m.Type != rtmp.TypeVideo || string(m.Payload[:2]) != string(want) {
				t.Errorf("behind the takeover comes %s", describe(m))
			}
		}
	}
}

// A player that waits to go over to a stream of which it is not sent most does so
// at its place, when that ends meanwhile.
func TestWaitingForAStreamThatEnds(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p := twoTracks(t, s)
	player := s.PlayWith(dial(t).conn, 1, PlayOptions{Takes: tracks.Oldest()})
	defer player.Close()
	large := slices.Concat(interOf(1, 2), make([]byte, 1<<20))
	for range 40 {
		write(t, p, rtmp.TypeVideo, 40, large)
	}
	player.conn.loop.do(func() {
		write(t, p, rtmp.TypeVideo, 80, keyOf(0, 2))
		n := &transition{to: s, audience: player.audience, at: player.line().key.Load().at}
		p.Close()
		if much := n.behind(); much > 1<<10 {
			t.Errorf("%d bytes are kept for it", much)
		}
	})
}

// Where what is made for players is more than what is published, the difference is
// no lag of readers.
func TestJoinIsNoLagOfReaders(t *testing.T) {
	s := New("a", newFanout(t), Options{})
	p, _ := s.Publish()
	message := []byte{0x96, 0x23}
	for id := range 256 {
		message = append(message, 'a', 'v', '0', '1', byte(id), 0, 0, 0)
	}
	copy(message[2:], "hvc1")
	r := s.NewReader()
	defer r.Close()
	r.bound = 100 << 10
	defer s.PlayWith(dial(t).conn, 1, PlayOptions{Takes: tracks.Takes{Video: tracks.CodecsOf([]string{"av01"})}}).Close()
	read := func() {
		t.Helper()
		if _, err := r.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range media.Timestamp(100) {
		write(t, p, rtmp.TypeVideo, i, message)
		read()
	}
	p = p.TakeOver(time.Now())
	write(t, p, rtmp.TypeVideo, 0, key(1))
	read()
	for range 200 { // it is cut all the same when it is late by so much
		write(t, p, rtmp.TypeVideo, 0, message)
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, ErrLagged) {
		t.Errorf("behind by more than it may be: %v", err)
	}
}

// What ends a player with the publication does so wherever it is sent from.
func TestEndThatWasMissedOnABranch(t *testing.T) {
	s := New("a", newFanout(t), Options{})
	p, _ := s.Publish()
	message := []byte{0x96, 0x23}
	for id := range 256 {
		message = append(message, 'a', 'v', '0', '1', byte(id), 0, 0, 0)
	}
	copy(message[2:], "hvc1")
	takes := tracks.Takes{Video: tracks.CodecsOf([]string{"av01"})}
	defer s.PlayWith(dial(t).conn, 1, PlayOptions{Takes: takes}).Close()
	for i := range media.Timestamp(100) {
		write(t, p, rtmp.TypeVideo, i, message)
	}
	c := dial(t)
	player := s.PlayWith(c.conn, 1, PlayOptions{Takes: takes})
	defer player.Close()
	p.Close()
	for describe(<-c.got) != "NetStream.Play.UnpublishNotify@1" {
	}
	ended := make(chan struct{})
	player.Until(Until{Publication: true, OnEnd: func(media.Timestamp) { close(ended) }})
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("it does not end")
	}
	later := s.PlayWith(dial(t).conn, 1, PlayOptions{Takes: takes, Until: &Until{Publication: true, OnEnd: func(media.Timestamp) { t.Error("it ends with what was before") }}})
	defer later.Close()
	later.Reached()
}

// A picture may be larger than what is held of a branch: it is sent all the same,
// and players begin with it.
func TestPicturesLargerThanWhatIsHeld(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p := twoTracks(t, s)
	picture := slices.Concat(keyOf(0, 1), make([]byte, maxBranchBytes-64)) // chunked, it is more
	for _, what := range []string{"who is there", "who comes"} {
		c := dial(t)
		player := s.PlayWith(c.conn, 1, PlayOptions{Takes: tracks.Oldest()})
		c.expect(t, "video 170000@1 at 0", "video 170101@1 at 0")
		if what == "who comes" {
			c.expect(t, "video 270102@1 at 40")
		}
		for i := range media.Timestamp(2) {
			player.conn.loop.do(func() {
				write(t, p, rtmp.TypeVideo, 0, picture)
				write(t, p, rtmp.TypeVideo, 40, interOf(0, 2))
			})
			for range 2 {
				select {
				case m := <-c.got:
					if m.Type != rtmp.TypeVideo {
						t.Fatalf("%s is sent %s", what, describe(m))
					}
				case <-time.After(patience):
					t.Fatalf("%s is not sent picture %d", what, i)
				}
			}
		}
		player.Close()
	}
}
