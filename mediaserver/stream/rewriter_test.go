package stream

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func spare(n byte) []byte { return []byte{0x37, 1, n, 0, 0, 9} }

// endOfList is a data message that ends a list of what was sent.
var endOfList = []byte("\x02\x00\x03end")

// until collects what comes before the message that endOfList is published as.
func (c *client) until(t testing.TB) (list []string) {
	t.Helper()
	for {
		got := c.next(t)
		if strings.HasPrefix(got, "type 18") {
			return list
		}
		list = append(list, got)
	}
}

// publish makes a stream that is live.
func publish(t testing.TB, f *Fanout, name string) (*Stream, *Publisher) {
	t.Helper()
	s := New(name, f, Options{GOPCache: true})
	p, err := s.Publish()
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

// Timestamps that grow into the extended form, or out of it, change the headers
// of every chunk. A socket that takes a few bytes at a time tears them anywhere.
func TestTimestampsContinue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		begin, end media.Timestamp // of the stream
		from       media.Timestamp
	}{
		{"as they are", 1000, 1000, 1000},
		{"earlier", 50000, 50000, 7},
		{"later", 5, 5, 50000},
		{"extended before and after", 0x2000000, 0x2000000, 0x1800000},
		{"not extended any more", 0x2000000, 0x2000000, 40},
		{"extended now", 40, 40, 0x2000000},
		{"becomes extended on the way", 1000, 1000, 0xffffff - 100},
		{"was extended on the way", 0xffffff - 100, 0xffffff - 100, 1000},
		{"around the end of the clock", 0xffffff00, 0xffffff00, 77},
	} {
		for _, id := range []uint32{1, 5} {
			t.Run(fmt.Sprintf("%s, stream id %d", c.name, id), func(t *testing.T) {
				t.Parallel()
				s, p := publish(t, newFanout(t), "a")
				write(t, p, rtmp.TypeData, 0, metadata)
				write(t, p, rtmp.TypeVideo, c.begin, videoHeader)
				far := dial(t)
				_ = far.near.SetWriteBuffer(4 << 10)
				long := func(i int) []byte {
					b := bytes.Repeat([]byte{byte(i), 3, 5, 7, 11}, (i%4)*rtmp.ChunkSize/5+20)
					copy(b, inter(byte(i)))
					if i == 0 {
						copy(b, key(0))
					}
					return b
				}
				const frames = 6
				write(t, p, rtmp.TypeVideo, c.begin, long(0))
				player := s.PlayWith(far.conn, id, PlayOptions{Continue: true, From: c.from})
				defer player.Close()
				go func() {
					for i := 1; i < frames; i++ {
						_ = p.Write(&rtmp.Message{Type: rtmp.TypeVideo, Timestamp: c.begin + media.Timestamp(40*i), Payload: long(i)})
						_ = p.Write(&rtmp.Message{Type: rtmp.TypeData, Payload: []byte("\x02\x00\x01x")})
					}
				}()
				far.expect(t, fmt.Sprintf("type 18@%d at %d", id, c.from), fmt.Sprintf("video 170000@%d at %d", id, c.from))
				for i := range frames {
					want := c.from + media.Timestamp(40*i)
					m := <-far.got
					if m.Type != rtmp.TypeVideo || m.Timestamp != want || m.StreamID != id || !bytes.Equal(m.Payload, long(i)) {
						t.Fatalf("frame %d: %s, %d bytes, right: %v; want time %d", i, describe(m), len(m.Payload), bytes.Equal(m.Payload, long(i)), want)
					}
					if i > 0 {
						// Data of time 0 is of no time: it goes with what was before it.
						far.expect(t, fmt.Sprintf("type 18@%d at %d", id, want))
					}
				}
			})
		}
	}
}

func TestFrameRate(t *testing.T) {
	// gop is a pattern of frames, a letter each: key, reference, spare.
	for _, c := range []struct {
		name   string
		gop    string
		every  media.Timestamp // between frames
		fps    float64
		want   func(r sentFrames) bool
		reason string
	}{
		{"all", "KRSRS", 40, 0, func(r sentFrames) bool { return r.spares == 80 && r.refs == 80 && r.keys == 40 }, "everything"},
		{"faster than the stream", "KRSRS", 40, 30, func(r sentFrames) bool { return r.spares == 80 && r.refs == 80 && r.keys == 40 }, "everything"},
		{"spares suffice", "KRSRS", 40, 20, func(r sentFrames) bool {
			return r.refs == 80 && r.keys == 40 && r.spares >= 38 && r.spares <= 42
		}, "all that others need, and 40 of the 80 that nobody does"},
		{"no spares left", "KRSRS", 40, 15, func(r sentFrames) bool {
			return r.refs == 80 && r.keys == 40 && r.spares <= 1
		}, "all that others need and nothing else"},
		{"keys only", "KRSRS", 40, 6, func(r sentFrames) bool {
			return r.refs <= 11 && r.spares <= 5 && r.keys >= 39
		}, "keyframes only after the first second"},
		{"fewer keys than there are", "KRSRS", 40, 2, func(r sentFrames) bool {
			return r.refs <= 11 && r.keys >= 5+13 && r.keys <= 5+15
		}, "two keyframes a second after the first"},
		{"no keys to spare", "K" + strings.Repeat("R", 99), 40, 10, func(r sentFrames) bool {
			return r.keys == 2 && r.refs >= 24 && r.refs <= 26
		}, "the first second and the second key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, p := publish(t, newFanout(t), "a")
			write(t, p, rtmp.TypeVideo, 0, videoHeader)
			far := dial(t)
			player := s.Play(far.conn, 1)
			defer player.Close()
			player.FrameRate(c.fps)
			var got []string
			done := make(chan struct{})
			go func() { defer close(done); got = far.until(t) }()
			for i := range 200 {
				frame := map[byte]func(byte) []byte{'K': key, 'R': inter, 'S': spare}[c.gop[i%len(c.gop)]]
				write(t, p, rtmp.TypeVideo, media.Timestamp(i)*c.every, frame(byte(i)))
				if i%10 == 0 {
					write(t, p, rtmp.TypeAudio, media.Timestamp(i)*c.every, sound(byte(i)))
				}
				player.isRewritten() // a round: nobody is to fall behind
			}
			write(t, p, rtmp.TypeData, 0, endOfList)
			<-done
			r := count(t, got, c.gop)
			if !c.want(r) {
				t.Errorf("%d keyframes, %d frames that others need, %d that nobody does; want %s", r.keys, r.refs, r.spares, c.reason)
			}
			if r.sounds != 20 {
				t.Errorf("%d of 20 sounds", r.sounds)
			}
		})
	}
}

type sentFrames struct{ keys, refs, spares, sounds int }

// count counts frames, numbered by their third byte, and sees that each can be
// decoded: all that others need since the last keyframe came before it.
func count(t *testing.T, list []string, gop string) (r sentFrames) {
	t.Helper()
	last := -1 // the last frame that others need, or a key
	for _, m := range list {
		var kind, stream, number, at int
		if strings.HasPrefix(m, "audio") {
			r.sounds++
			continue
		}
		if _, err := fmt.Sscanf(m, "video %2x01%2x@%d at %d", &kind, &number, &stream, &at); err != nil {
			continue // the sequence header
		}
		needs := number - 1
		for needs > 0 && gop[needs%len(gop)] == 'S' {
			needs--
		}
		switch gop[number%len(gop)] {
		case 'K':
			r.keys++
			last = number
			continue
		case 'R':
			r.refs++
		default:
			r.spares++
		}
		if needs != last {
			t.Fatalf("frame %d was sent, but %d, which it needs, was not: %d was the last", number, needs, last)
		}
		if gop[number%len(gop)] == 'R' {
			last = number
		}
	}
	return r
}

func TestFrameRateThatEndsMendsAtAKeyframe(t *testing.T) {
	t.Parallel()
	s, p := publish(t, newFanout(t), "a")
	write(t, p, rtmp.TypeVideo, 0, key(0))
	far := dial(t)
	player := s.Play(far.conn, 1)
	defer player.Close()
	player.FrameRate(1)
	for i := range 40 { // a second of them is sent, and then those that need others are not
		write(t, p, rtmp.TypeVideo, media.Timestamp(40+40*i), inter(byte(i)))
	}
	write(t, p, rtmp.TypeData, 0, endOfList)
	if got := far.until(t); len(got) < 20 || len(got) > 30 {
		t.Fatalf("%d pictures were sent of 1.6 s", len(got))
	}
	player.FrameRate(0)
	write(t, p, rtmp.TypeVideo, 2000, inter(4))
	write(t, p, rtmp.TypeAudio, 2010, sound(5))
	write(t, p, rtmp.TypeVideo, 2040, key(6))
	write(t, p, rtmp.TypeVideo, 2080, inter(7))
	far.expect(t, "audio af0105@1 at 2010", "video 170106@1 at 2040", "video 270107@1 at 2080")
	if player.isRewritten() {
		t.Error("the player is still looked after packet by packet")
	}
}

// isRewritten asks after a round, in which a rewriter that is not needed any more
// goes.
func (p *Player) isRewritten() (is bool) {
	p.conn.loop.do(func() {
		p.conn.loop.write(p.conn)
		is = p.rewriter != nil
	})
	return is
}

// Nothing of what a player leaves out may hold it back: it would be taken for
// a slow one.
func TestPlayerThatWantsNothingKeepsUp(t *testing.T) {
	s, p := publish(t, newFanout(t), "a")
	far := dial(t)
	player := s.Play(far.conn, 1)
	defer player.Close()
	player.Receive(false, false)
	for i := range 20 {
		write(t, p, rtmp.TypeVideo, media.Timestamp(i*1000), key(byte(i)))
		player.isRewritten() // a round
	}
	write(t, p, rtmp.TypeData, 0, endOfList)
	if got := far.until(t); len(got) > 0 {
		t.Errorf("it was sent %v", got)
	}
}

// film is a keyframe, and sound and a picture every second and a half.
func film(t *testing.T, p *Publisher) {
	t.Helper()
	write(t, p, rtmp.TypeVideo, 100, key(0))
	for i := range 4 {
		write(t, p, rtmp.TypeAudio, media.Timestamp(100+i*1500), sound(byte(i)))
		write(t, p, rtmp.TypeVideo, media.Timestamp(100+i*1500), inter(byte(i)))
	}
}

func TestUntil(t *testing.T) {
	for _, c := range []struct {
		name  string
		until Until
		feed  func(*testing.T, *Publisher)
		want  []string
		last  media.Timestamp
	}{
		{"length", Until{Length: 3 * time.Second}, film, []string{
			"NetStream.Play.PublishNotify@1", "video 170100@1 at 100",
			"audio af0100@1 at 100", "video 270100@1 at 100", "audio af0101@1 at 1600", "video 270101@1 at 1600"}, 1600},
		{"one picture", Until{OnePicture: true}, film, []string{"NetStream.Play.PublishNotify@1", "video 170100@1 at 100"}, 100},
		{"no picture", Until{OnePicture: true}, func(t *testing.T, p *Publisher) {
			write(t, p, rtmp.TypeAudio, 500, sound(1))
			write(t, p, rtmp.TypeAudio, 1499, sound(1))
			write(t, p, rtmp.TypeAudio, 1500, sound(1))
		}, []string{"NetStream.Play.PublishNotify@1"}, 0},
		{"publication", Until{Publication: true}, func(t *testing.T, p *Publisher) {
			write(t, p, rtmp.TypeAudio, 500, sound(1))
			p.Close()
		}, []string{"NetStream.Play.PublishNotify@1", "audio af0101@1 at 500", "NetStream.Play.UnpublishNotify@1"}, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New("a", newFanout(t), Options{GOPCache: true})
			far := dial(t)
			ended := make(chan media.Timestamp, 2)
			c.until.OnEnd = func(last media.Timestamp) { ended <- last }
			player := s.PlayWith(far.conn, 1, PlayOptions{Until: &c.until})
			defer player.Close()
			p, err := s.Publish()
			if err != nil {
				t.Fatal(err)
			}
			c.feed(t, p)
			select {
			case last := <-ended:
				if last != c.last {
					t.Errorf("the last was at %d, want %d", last, c.last)
				}
			case <-time.After(patience):
				t.Fatal("it does not end")
			}
			// What the session says now is behind it all.
			if err := far.conn.Send(rtmp.Status(1, "status", "behind", "")); err != nil {
				t.Fatal(err)
			}
			far.expect(t, append(slices.Clone(c.want), "behind@1")...)
			player.Pause(true)
			player.Pause(false) // does not bring it back
			_ = p.Write(&rtmp.Message{Type: rtmp.TypeVideo, Timestamp: 9000, Payload: key(1)})
			_ = far.conn.Send(rtmp.Status(1, "status", "again", ""))
			far.expect(t, "again@1")
			if len(ended) > 0 {
				t.Error("it ended twice")
			}
		})
	}
}

func TestUntilWithNobodyThere(t *testing.T) {
	s := New("a", newFanout(t), Options{})
	far := dial(t)
	ended := make(chan media.Timestamp, 1)
	player := s.PlayWith(far.conn, 1, PlayOptions{
		Continue: true, From: 77,
		Until: &Until{Length: 20 * time.Millisecond, OnEnd: func(last media.Timestamp) { ended <- last }},
	})
	defer player.Close()
	select {
	case last := <-ended:
		if last != 77 {
			t.Errorf("it ended at %d, want where it would have begun, 77", last)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
}

// A publisher that stays and says nothing has no more to show than one that
// left.
func TestUntilWithASilentPublisher(t *testing.T) {
	t.Parallel()
	s, p := publish(t, newFanout(t), "a")
	far := dial(t)
	ended := make(chan media.Timestamp, 1)
	player := s.PlayWith(far.conn, 1, PlayOptions{Until: &Until{Length: time.Second, OnEnd: func(last media.Timestamp) { ended <- last }}})
	defer player.Close()
	write(t, p, rtmp.TypeAudio, 500, sound(1))
	write(t, p, rtmp.TypeAudio, 510, sound(2))
	far.expect(t, "audio af0101@1 at 500", "audio af0102@1 at 510")
	select {
	case last := <-ended:
		if last != 510 {
			t.Errorf("it ended at %d, want 510", last)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
}

// A playlist that grows while its live item has gone already goes on at once;
// one whose item has a length, when that time is over.
func TestUntilOfAPublicationThatIsOver(t *testing.T) {
	for _, u := range []Until{{Publication: true}, {Length: 20 * time.Millisecond}} {
		t.Run(u.Length.String(), func(t *testing.T) { endedPublication(t, u) })
	}
}

func endedPublication(t *testing.T, u Until) {
	s, p := publish(t, newFanout(t), "a")
	far := dial(t)
	player := s.Play(far.conn, 1)
	defer player.Close()
	write(t, p, rtmp.TypeAudio, 500, sound(1))
	p.Close()
	far.expect(t, "audio af0101@1 at 500", "NetStream.Play.UnpublishNotify@1")
	player.isRewritten() // the round that wrote it is over
	ended := make(chan media.Timestamp, 1)
	u.OnEnd = func(last media.Timestamp) { ended <- last }
	player.Until(u)
	select {
	case last := <-ended:
		if last != 500 {
			t.Errorf("it ended at %d, want 500", last)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
}

// Whoever is told of an end, or of a change of streams, may ask the player, and
// say something behind it: nothing waits for a callback.
func TestCallbacksMayCallThePlayer(t *testing.T) {
	t.Parallel()
	f := newFanout(t)
	a, pa := publish(t, f, "a")
	b, pb := publish(t, f, "b")
	write(t, pa, rtmp.TypeAudio, 10, sound(1))
	write(t, pb, rtmp.TypeAudio, 20, sound(2))
	far := dial(t)
	player := a.Play(far.conn, 1)
	defer player.Close()
	told := make(chan string, 2)
	tell := func(code string) {
		if err := far.conn.Send(rtmp.Status(1, "status", code, "")); err != nil {
			t.Error(err)
		}
		told <- code
	}
	player.Switch(b, SwitchOptions{
		Notice: []*rtmp.Message{rtmp.Status(1, "status", "changed", "")},
		OnSwitch: func() {
			if player.Playing() != b {
				t.Error("it plays the old stream still")
			}
			player.Until(Until{Publication: true, OnEnd: func(last media.Timestamp) {
				if player.Reached() != last {
					t.Error("it has reached something else than its end")
				}
				tell("ended")
			}})
			tell("switched")
		},
	})
	await := func(want string) {
		select {
		case got := <-told:
			if got != want {
				t.Errorf("told of %s, want %s", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("not told: %s", want)
		}
	}
	await("switched")
	pb.Close()
	await("ended")
	far.expect(t, "changed@1", "switched@1", "NetStream.Play.UnpublishNotify@1", "ended@1")
}
