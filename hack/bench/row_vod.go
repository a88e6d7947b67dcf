package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	vodSeconds = 660
	vodSeekers = 20
	seekEvery  = int64(250 * time.Millisecond)
)

// vodRow plays one file to many, each elsewhere in it, and holds the server
// against programs that send as many bytes of the same file from the page
// cache; the cheaper of two ways is the floor.
func vodRow(b *bench) ([]result, error) {
	n := b.players(1000)
	t, err := b.serve("Balanced")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(t.dir, "bench", "streams", "_definst_", "film.flv")
	v, err := vodAt(t, file, n, b.window)
	if err != nil {
		return nil, err
	}
	pread, err := b.floorCost(n, viaPread, file, sleeping)
	if err != nil {
		return nil, err
	}
	sendfile, err := b.floorCost(n, viaSendfile, file, sleeping)
	if err != nil {
		return nil, err
	}
	floor := min(pread, sendfile)
	slowest := max(percentile(v.plays, 99), percentile(v.seeks, 99))
	return []result{
		{
			what:   fmt.Sprintf("CPU per MB to %d players of one file, each elsewhere", n),
			figure: fmt.Sprintf("%.0f µs at %.2f times the stream's rate", v.us, v.rate),
			floor:  fmt.Sprintf("floor: pread and send %.0f, sendfile %.0f", pread, sendfile), ratio: v.us / floor,
			target: "at most 1.50×", verdict: judge(v.us/floor <= 1.5),
		},
		{
			what: fmt.Sprintf("first picture among %d players", n),
			figure: fmt.Sprintf("play p50 %.1f p99 %.1f ms, seek p50 %.1f p99 %.1f ms (%d and %d tries)",
				median(v.plays), percentile(v.plays, 99), median(v.seeks), percentile(v.seeks, 99), len(v.plays), len(v.seeks)),
			target: "within 100 ms", verdict: judge(slowest <= 100),
		},
		{what: "memory a player of a file, all of the server's divided", figure: kb(float64(v.rss) / float64(n))},
	}, nil
}

// vod is what an audience of one file costs and sees.
type vod struct {
	us           float64 // CPU per MB
	rate         float64 // of the stream's own, as each player gets it
	rss          int64
	plays, seeks []float64 // ms until the first picture
}

// vodAt measures n players of a file, which it writes, then seekers among them,
// on a server that it ends.
func vodAt(t *target, file string, n int, window time.Duration) (v vod, err error) {
	a := &audience{target: t}
	defer func() { a.end() }()
	if err := writeFLV(file, vodSeconds*frameRate); err != nil {
		return v, err
	}
	if a.load, err = newLoader(t.addr, t.app); err != nil {
		return v, err
	}
	// No player reaches the end while it is measured.
	places := float64(vodSeconds-60) * 1000 / float64(n)
	if err := a.load.open(n, func(i int) []byte { return playWords("film", float64(i)*places) }); err != nil {
		return v, err
	}
	a.load.run(settle)
	if v.us, err = measure(a.child, a.load, window); err != nil {
		return v, err
	}
	if v.rss, err = rssOf(t.pid()); err != nil {
		return v, err
	}
	v.rate = float64(a.load.since()) / window.Seconds() / float64(n) / bytesPerSecond()
	s, err := startSeekers(t, vodSeekers)
	if err != nil {
		return v, err
	}
	a.load.run(window)
	err = s.leave()
	v.plays, v.seeks = s.plays, s.seeks
	return v, err
}

// writeFLV records the stream as a server would.
func writeFLV(name string, frames int) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	b := []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	tag := func(kind rtmp.MessageType, at media.Timestamp, data []byte) {
		size := len(data)
		b = append(b, byte(kind), byte(size>>16), byte(size>>8), byte(size), byte(at>>16), byte(at>>8), byte(at), byte(at>>24), 0, 0, 0)
		b = append(b, data...)
		b = binary.BigEndian.AppendUint32(b, uint32(11+size))
	}
	tag(rtmp.TypeVideo, 0, videoHeader)
	tag(rtmp.TypeAudio, 0, audioHeader)
	for n := range frames {
		u := makeUnit(n)
		tag(rtmp.TypeVideo, frameMS(n), u.video)
		for _, at := range u.audio {
			tag(rtmp.TypeAudio, at, audioPayload())
		}
		if len(b) < 1<<20 && n < frames-1 {
			continue
		}
		if _, err := f.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	return nil
}

// seekers go to another place of a file again and again, by seek and by play
// in turn, and measure how long the first picture takes.
type seekers struct {
	load    *loader
	stopped atomic.Bool
	wg      sync.WaitGroup
	each    map[*player]*seeker

	// Valid once they have disconnected.
	plays, seeks []float64 // ms
}

type seeker struct {
	next    int64 // when to go elsewhere
	from    int   // second of the file that its times count from
	asked   int64
	bySeek  bool
	begun   bool // the server has said that it plays from there
	waiting bool
}

func startSeekers(t *target, n int) (*seekers, error) {
	l, err := newLoader(t.addr, t.app)
	if err != nil {
		return nil, err
	}
	s := &seekers{load: l, each: map[*player]*seeker{}}
	for i := range n {
		if err := l.add(playWords("film", 0), s.hear); err != nil {
			l.close()
			return nil, err
		}
		s.each[l.players[i]] = &seeker{next: clock() + seekEvery + int64(i)*seekEvery/int64(n)}
	}
	s.wg.Go(func() {
		runtime.LockOSThread()
		preferThread()
		for !s.stopped.Load() && l.dead == 0 {
			l.step(5)
			s.move(clock())
		}
	})
	return s, nil
}

// move sends those elsewhere whose time has come.
func (s *seekers) move(now int64) {
	for _, p := range s.load.players {
		k := s.each[p]
		if p.stage != playing || k.waiting || now < k.next {
			continue
		}
		var words []byte
		if k.bySeek = !k.bySeek; k.bySeek {
			words = seekWords(float64(rand.IntN(vodSeconds-60-k.from)) * 1000)
		} else {
			k.from = rand.IntN(vodSeconds - 60)
			words = playWords("film", float64(k.from)*1000)
		}
		k.asked, k.waiting, k.begun = clock(), true, false
		if err := sendAll(p.fd, words); err != nil {
			s.load.drop(p, err)
		}
	}
}

// hear waits for the word that the server plays from the new place, then for a
// picture: frames before it are on their way from the old one.
func (s *seekers) hear(p *player, m message) {
	k := s.each[p]
	switch {
	case !k.waiting:
	case m.kind == rtmp.TypeCommand && strings.Contains(string(m.head), "NetStream.Play.Start"):
		k.begun = true
	case k.begun && isPicture(m):
		took := float64(s.load.now-k.asked) / 1e6
		if k.bySeek {
			s.seeks = append(s.seeks, took)
		} else {
			s.plays = append(s.plays, took)
		}
		k.waiting, k.next = false, s.load.now+seekEvery
	}
}

// leave ends them. It fails when one was let down.
func (s *seekers) leave() error {
	s.stopped.Store(true)
	s.wg.Wait()
	defer s.load.close()
	if s.load.dead > 0 {
		return fmt.Errorf("a player that seeks lost its connection: %w", s.load.why)
	}
	for _, p := range s.load.players {
		if k := s.each[p]; k.waiting && clock()-k.asked > int64(time.Second) {
			return fmt.Errorf("a player saw nothing for a second after seek or play")
		}
	}
	if len(s.plays) == 0 || len(s.seeks) == 0 {
		return fmt.Errorf("nobody saw a picture after seek or play")
	}
	return nil
}
