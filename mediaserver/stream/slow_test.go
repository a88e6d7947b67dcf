package stream

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// burst publishes pictures of 40 ms each, of which every so many are keyframes,
// as fast as it goes.
func burst(t testing.TB, p *Publisher, from media.Timestamp, pictures, size, gop int) {
	t.Helper()
	frame := make([]byte, size)
	for i := range pictures {
		copy(frame, inter(byte(i)))
		if i%gop == 0 {
			copy(frame, key(byte(i)))
		}
		write(t, p, rtmp.TypeVideo, from+media.Timestamp(i*40), frame)
	}
}

// pictures returns the times of so many pictures, or of those that come before
// the player is told that it is too slow.
func (c *client) pictures(t testing.TB, count int) (times []media.Timestamp) {
	t.Helper()
	for len(times) < count {
		select {
		case m := <-c.got:
			if m.Type == rtmp.TypeVideo {
				times = append(times, m.Timestamp)
			} else if m.Type == rtmp.TypeCommand && describe(m) == "NetStream.Play.InsufficientBW@1" {
				return times
			}
		case <-time.After(patience):
			return times
		}
	}
	return times
}

// TestBurstReachesWhoReads has a publisher send twenty seconds at once to players
// that read: they get all of it, whatever they have asked for.
func TestBurstReachesWhoReads(t *testing.T) {
	const count = 500
	for name, opts := range map[string]PlayOptions{
		"plain":       {},
		"continues":   {Continue: true, From: 7000},
		"no sound":    {NoAudio: true},
		"ends":        {Until: &Until{Length: time.Hour}},
		"fewer a sec": {FrameRate: 60},
	} {
		for _, size := range []int{200, 20 << 10} {
			t.Run(fmt.Sprintf("%s, %d bytes", name, size), func(t *testing.T) {
				t.Parallel()
				s, p := publish(t, newFanout(t), "a")
				c := dial(t)
				player := s.PlayWith(c.conn, 1, opts)
				defer player.Close()
				go burst(t, p, 100000, count, size, 50)
				got := c.pictures(t, count)
				want := media.Timestamp(100000)
				if opts.Continue {
					want = opts.From
				}
				for i, at := range got {
					if at != want+media.Timestamp(i*40) {
						t.Fatalf("picture %d is of %d, not %d", i, at, int(want)+i*40)
					}
				}
				if len(got) < count {
					t.Errorf("%d of %d pictures came", len(got), count)
				}
			})
		}
	}
}

// TestSwitchBehindABurst goes over to a stream that brings ten seconds at once:
// what was left of the old one comes before, and all of the new one behind.
func TestSwitchBehindABurst(t *testing.T) {
	x := newSwitcher(t, 1, 1000, true)
	x.next(t)
	x.next(t)
	x.change()
	x.player.conn.loop.do(func() { // it finds both of them grown
		for i := range 50 {
			write(t, x.pa, rtmp.TypeVideo, media.Timestamp(1040+i*40), inter(byte(i)))
		}
		burst(t, x.pb, 3040, 250, 200, 50)
	})
	got := x.pictures(t, 50)
	if len(got) != 50 || got[0] != 1040 || got[49] != 3000 {
		t.Errorf("of the old stream came %d", got)
	}
	x.check(t, x.b, x.a, 1)
	got = x.pictures(t, 251) // its header has the keyframe's time
	if len(got) != 251 || got[0] != 3040 || got[250] != 3040+249*40 {
		t.Errorf("of the new stream came %d", got)
	}
}

// tap is a connection whose socket takes as much as the test lets it.
type tap struct {
	mu     sync.Mutex
	room   int
	taken  int
	warned int
	closed error
}

func (c *tap) Attach(wake func())                   { wake() }
func (c *tap) TakeQueued(dst []byte) ([]byte, bool) { return dst, true }
func (c *tap) Detach([]byte)                        {}
func (c *tap) open(room int)                        { c.mu.Lock(); c.room = room; c.mu.Unlock() }
func (c *tap) state() (taken, warned int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken, c.warned, c.closed
}

func (c *tap) TryWritev(bufs [][]byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range bufs {
		k := min(len(b), c.room)
		n, c.room, c.taken = n+k, c.room-k, c.taken+k
	}
	return n, nil
}

func (c *tap) Send(ms ...*rtmp.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warned += len(ms)
	return nil
}

func (c *tap) CloseWithError(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = err
	return nil
}

// TestSlowIsWhoDoesNotTake holds the socket of a player shut and opens it again:
// what is left out depends on how long that was, and on how much has come, and
// not on what the timestamps say.
func TestSlowIsWhoDoesNotTake(t *testing.T) {
	const all = 1 << 40
	type step struct {
		wait  time.Duration
		room  int // of the socket from then on
		count int // pictures published then, of two seconds each by their timestamps
		size  int
	}
	for _, c := range []struct {
		name  string
		speed media.Timestamp // of the timestamps, ms a picture
		steps []step
		slow  bool
	}{
		{"a burst to a socket that takes all", 2000, []step{{0, all, 100, 100}}, false},
		{"shut for less than it may be", 2000, []step{{0, 0, 100, 100}, {4500 * time.Millisecond, all, 1, 100}}, false},
		{"shut for longer", 2000, []step{{0, 0, 100, 100}, {6 * time.Second, all, 1, 100}}, true},
		{"shut for longer, timestamps stand still", 0, []step{{0, 0, 100, 100}, {6 * time.Second, all, 1, 100}}, true},
		{"shut for longer, little of it with something to take", 2000, []step{{time.Minute, 0, 100, 100}, {4500 * time.Millisecond, all, 1, 100}}, false},
		{"shut twice", 2000, []step{{0, 0, 10, 100}, {4 * time.Second, all, 1, 100}, {time.Second, 0, 10, 100}, {4 * time.Second, all, 1, 100}}, false},
		{"behind, but not by much", 0, []step{
			{0, 50, 10, 100}, {2 * time.Second, 1000, 10, 100}, {2 * time.Second, 1000, 10, 100},
			{2 * time.Second, 1000, 10, 100}, {2 * time.Second, 1000, 10, 100}, {time.Second, all, 1, 100}}, false},
		{"a burst of much that takes a moment", 0, []step{{0, 0, 20, 1 << 20}, {500 * time.Millisecond, all, 1, 100}}, false},
		{"a burst of much that takes longer", 0, []step{{0, 0, 20, 1 << 20}, {1500 * time.Millisecond, all, 1, 100}}, true},
		{"more than is held for anybody", 0, []step{{0, 0, 40, 1 << 20}, {100 * time.Millisecond, all, 1, 100}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := NewFanout(1)
				defer f.Close()
				s, p := publish(t, f, "a")
				conn := &tap{}
				began := s.log.end.Load()
				player := s.Play(conn, 1)
				defer player.Close()
				at, published := media.Timestamp(0), 0
				for _, step := range c.steps {
					<-time.After(step.wait)
					conn.open(step.room)
					frame := slices.Concat(key(1), make([]byte, step.size))
					for range step.count {
						write(t, p, rtmp.TypeVideo, at, frame)
						at += c.speed
						published++
					}
				}
				<-time.After(time.Second)
				synctest.Wait()
				taken, warned, err := conn.state()
				if err != nil {
					t.Fatal(err)
				}
				if came := s.log.end.Load() - began; (warned > 0) != c.slow || (int64(taken) < came) != c.slow {
					t.Errorf("of %d pictures, %d bytes, it was sent %d bytes, and told %d times", published, came, taken, warned)
				}
			})
		})
	}
}

// TestSegmentKnowsWhenItsPacketsCame publishes a picture an hour: each knows its
// own time.
func TestSegmentKnowsWhenItsPacketsCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFanout(1)
		defer f.Close()
		s, p := publish(t, f, "a")
		for _, pause := range []time.Duration{0, time.Millisecond, time.Second, time.Hour, time.Minute, 20 * time.Minute, 48 * time.Hour} {
			<-time.After(pause)
			write(t, p, rtmp.TypeVideo, 0, key(1))
			head := s.log.head()
			if late := time.Since(head.seg.came(head.i - 1)); late < 0 || late >= arrivalTick {
				t.Errorf("a picture behind a pause of %v came %v ago", pause, late)
			}
		}
	})
}
