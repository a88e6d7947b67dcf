package stream

import (
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// gone says whether something is not kept any more.
func gone[T any](p weak.Pointer[T]) bool {
	for range 10 {
		if runtime.GC(); p.Value() == nil {
			return true
		}
	}
	return false
}

// firstOf is the first segment of a branch.
func firstOf(s *Stream) weak.Pointer[segment] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return weak.Make(s.audiences[0].branch.Load().log.tail)
}

// A recorder whose disk hangs keeps what was published, and not what was made of
// it for players.
func TestReaderKeepsNoBranch(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, _ := s.Publish()
	r := s.NewReader()
	defer r.Close()
	c := &tap{room: 1 << 40}
	defer s.PlayWith(c, 1, PlayOptions{Takes: tracks.Oldest()}).Close()
	write(t, p, rtmp.TypeVideo, 0, keyOf(0, 1))
	branch := firstOf(s)
	picture := slices.Concat(keyOf(0, 2), make([]byte, 1<<20))
	for range 12 {
		write(t, p, rtmp.TypeVideo, 40, picture)
	}
	if !gone(branch) {
		t.Error("it is kept while the publication goes on")
	}
	if n := r.at.ready() - r.at.i; n == 0 {
		t.Error("the reader has nothing to read")
	}
	p.Close()
}

// As long as the newest keyframe lies before the fork, players begin there.
func TestPlayersBeginBeforeTheFork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFanout(1)
		defer f.Close()
		s := New("a", f, Options{GOPCache: true})
		p, _ := s.Publish()
		write(t, p, rtmp.TypeVideo, 0, videoHeader)
		write(t, p, rtmp.TypeVideo, 0, key(1))
		first := s.PlayWith(&tap{room: 1 << 40}, 1, PlayOptions{Takes: tracks.Oldest()})
		defer first.Close()
		write(t, p, rtmp.TypeVideo, 0, headerOf(1))
		branch := firstOf(s)
		for range 10 {
			<-time.After(2 * forkTime)
			write(t, p, rtmp.TypeVideo, 40, slices.Concat(inter(2), make([]byte, 300<<10)))
			runtime.GC()
		}
		late := &tap{room: 1 << 40}
		player := s.PlayWith(late, 1, PlayOptions{Takes: tracks.Oldest()})
		defer player.Close()
		synctest.Wait()
		if taken, warned, _ := late.state(); taken < 10*300<<10 || warned > 0 {
			t.Errorf("who comes late is sent %d bytes, and told %d times", taken, warned)
		}
		write(t, p, rtmp.TypeVideo, 80, key(3))
		<-time.After(2 * forkTime)
		write(t, p, rtmp.TypeVideo, 120, slices.Concat(inter(2), make([]byte, 300<<10)))
		synctest.Wait()
		if !gone(branch) {
			t.Error("what lies before the newest keyframe is kept")
		}
	})
}

// A player that is before a fork for longer than that is kept goes on behind it.
func TestPlayerThatHasLostTheFork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFanout(1)
		defer f.Close()
		s := New("a", f, Options{GOPCache: true})
		p, _ := s.Publish()
		conn := &tap{}
		player := s.PlayWith(conn, 1, PlayOptions{Takes: tracks.Oldest()})
		defer player.Close()
		write(t, p, rtmp.TypeVideo, 0, key(1))
		synctest.Wait()
		write(t, p, rtmp.TypeVideo, 0, keyOf(1, 1))
		branch := firstOf(s)
		write(t, p, rtmp.TypeVideo, 0, key(2))
		s.mu.Lock()
		s.audiences[0].fork = nil // as after forkTime
		s.audiences[0].branch.Load().key.Store(nil)
		s.mu.Unlock()
		for i := range segmentPackets {
			write(t, p, rtmp.TypeVideo, media.Timestamp(i), inter(2))
		}
		if !gone(branch) {
			t.Fatal("it is kept")
		}
		conn.open(1 << 40)
		<-time.After(time.Minute) // it takes what it was sent before
		write(t, p, rtmp.TypeVideo, 2000, inter(2))
		synctest.Wait()
		before, warned, _ := conn.state()
		if warned != 1 {
			t.Errorf("it is told %d times", warned)
		}
		write(t, p, rtmp.TypeVideo, 2000, key(3))
		synctest.Wait()
		if taken, _, _ := conn.state(); taken == before {
			t.Error("nothing comes any more")
		}
	})
}
