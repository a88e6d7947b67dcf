package stream

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// crowd fills the places of a stream, each with a player of a connection of its own.
func crowd(s *Stream) (players []*Player) {
	for i := range maxAudiences {
		players = append(players, s.PlayWith(&tap{room: 1 << 40}, 1, PlayOptions{Takes: asks(uint8(100 + i))}))
	}
	return players
}

// One connection has some of the places, whatever it asks for; others have theirs.
func TestPlacesOfOneConnection(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	twoTracks(t, s)
	conn := &tap{room: 1 << 40}
	for i := range 3 * maxAudiences {
		defer s.PlayWith(conn, 1, PlayOptions{Takes: asks(uint8(100 + i))}).Close()
	}
	if n := s.branchesOf(); n != maxAudiencesEach+1 {
		t.Errorf("%d logs for one connection", n)
	}
	c := dial(t)
	defer s.PlayWith(c.conn, 1, PlayOptions{Takes: asks(1)}).Close()
	c.expect(t, "video 170000@1 at 0", "video 170101@1 at 0")
	if n := s.branchesOf(); n != maxAudiencesEach+2 {
		t.Errorf("%d logs for two connections", n)
	}
}

// An audience that has no players any more gives its place to a new one.
func TestPlaceOfWhoHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFanout(1)
		defer f.Close()
		s := New("a", f, Options{GOPCache: true})
		twoTracks(t, s)
		for _, p := range crowd(s) {
			p.Close()
		}
		takes := asks(1)
		has := func() bool {
			player := s.PlayWith(&tap{room: 1 << 40}, 1, PlayOptions{Takes: takes})
			defer player.Close()
			return player.audience.takes == takes
		}
		if has() {
			t.Error("it has a place as soon as another has left")
		}
		<-time.After(idleTime)
		if !has() {
			t.Error("those who have left keep their places")
		}
		if n := s.branchesOf(); n > maxAudiences+1 {
			t.Errorf("%d logs", n)
		}
	})
}

// Where there is no place for what a player takes, it is sent what others are who
// are sent the same by now; and the log says so.
func TestCrowdedStream(t *testing.T) {
	var said bytes.Buffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil)))
	defer slog.SetDefault(was)
	s := New("a", newFanout(t), Options{GOPCache: true})
	p := twoTracks(t, s)
	first := tracks.Takes{Video: tracks.CodecsOf([]string{"av01"})}
	defer s.PlayWith(&tap{room: 1 << 40}, 1, PlayOptions{Takes: first}).Close()
	for _, player := range crowd(s) {
		defer player.Close()
	}
	c := dial(t)
	defer s.PlayWith(c.conn, 1, PlayOptions{Takes: tracks.Takes{Video: tracks.CodecsOf([]string{"vp09", "xyz1", "hvc1"})}}).Close()
	write(t, p, rtmp.TypeVideo, 40, interOf(0, 2))
	c.expect(t, "video 170000@1 at 0", "video 170101@1 at 0", "video 270102@1 at 40")
	if got := said.String(); !strings.Contains(got, "too many kinds") || !strings.Contains(got, "stream=a") {
		t.Errorf("the log says %q", got)
	}
	if n := s.branchesOf(); n != maxAudiences+1 {
		t.Errorf("%d logs", n)
	}
}
