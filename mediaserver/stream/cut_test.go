package stream

import (
	"slices"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// cuts are those that a reader meets, from where it is to the end of the log.
func cuts(t *testing.T, r *Reader) (all []Cut) {
	t.Helper()
	for r.Pending() {
		if _, err := r.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c, ok := r.Cut(); ok {
			all = append(all, c)
		}
	}
	return all
}

// times are those of cuts, from the first one's number on.
func times(all []Cut) (at []media.Timestamp) {
	for _, c := range all {
		at = append(at, c.Time)
	}
	return at
}

// shoot publishes 25 pictures a second from one time to another, with a keyframe every
// so many ms.
func shoot(t *testing.T, p *Publisher, from, to, keys media.Timestamp) {
	t.Helper()
	for at := from; at < to; at += 40 {
		if (at-from)%keys == 0 {
			write(t, p, rtmp.TypeVideo, at, key(0))
		} else {
			write(t, p, rtmp.TypeVideo, at, inter(0))
		}
		write(t, p, rtmp.TypeAudio, at+10, sound(0))
	}
}

// Streams are cut at keyframes, where these are two seconds apart or nearly; where
// they are nearer, at some of them, and where they are farther, between them.
func TestCuts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys    media.Timestamp
		want    []media.Timestamp
		target  time.Duration
		segment time.Duration
	}{
		"two seconds":                    {2000, []media.Timestamp{0, 2000, 4000, 6000, 8000, 10000}, 2 * time.Second, 0},
		"half seconds":                   {520, []media.Timestamp{0, 2080, 4160, 6240, 8320, 10400}, 3 * time.Second, 0},
		"four seconds":                   {4000, []media.Timestamp{0, 4000, 8000}, 4 * time.Second, 0},
		"ten seconds":                    {10000, []media.Timestamp{0, 6320, 10000}, 6 * time.Second, 0},
		"two seconds, segments of one":   {2000, []media.Timestamp{0, 2000, 4000, 6000, 8000, 10000}, 2 * time.Second, time.Second},
		"one second, segments of one":    {1000, []media.Timestamp{0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000}, time.Second, time.Second},
		"two seconds, segments of five":  {2000, []media.Timestamp{0, 6000}, 6 * time.Second, 5 * time.Second},
		"no keyframes, segments of five": {20000, []media.Timestamp{0, 9320}, 9 * time.Second, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := New("a", newFanout(t), Options{Segment: c.segment})
			p, err := s.Publish()
			if err != nil {
				t.Fatal(err)
			}
			r := s.NewCutReader()
			defer r.Close()
			shoot(t, p, 0, 11000, c.keys)
			all := cuts(t, r)
			if !slices.Equal(times(all), c.want) {
				t.Errorf("it is cut at %v, want %v", times(all), c.want)
			}
			for i, cut := range all {
				target := c.target
				if i == 0 {
					target = 0
				}
				if cut.Number != all[0].Number+int64(i) || cut.Epoch != 0 || cut.Target != target ||
					cut.Key != ((cut.Time)%c.keys == 0) || cut.At.Sub(all[0].At) != cut.Time.Sub(0) {
					t.Errorf("cut %d is %+v", i, cut)
				}
			}
		})
	}
}

// Whoever comes later cuts where all others do, and begins at the newest keyframe that
// is a cut.
func TestCutsAreTheStreams(t *testing.T) {
	t.Parallel()
	s, p := publish(t, newFanout(t), "a")
	first := s.NewCutReader()
	defer first.Close()
	shoot(t, p, 0, 5000, 1000)
	late := s.NewCutReader()
	defer late.Close()
	shoot(t, p, 5000, 9000, 1000)
	all, some := cuts(t, first), cuts(t, late)
	if len(some) == 0 || !slices.Equal(all[len(all)-len(some):], some) || some[0].Time != 4000 {
		t.Errorf("one reads %+v, another one %+v", all, some)
	}
}

// What does not go on is another epoch: another publisher, other headers, other times.
func TestCutsOfEpochs(t *testing.T) {
	t.Parallel()
	header := func(n byte) []byte { return []byte{0x17, 0, 0, 0, 0, n} }
	for name, change := range map[string]func(t *testing.T, s *Stream, p *Publisher) *Publisher{
		"another publisher": func(t *testing.T, s *Stream, p *Publisher) *Publisher {
			return p.TakeOver(time.Now())
		},
		"another publication": func(t *testing.T, s *Stream, p *Publisher) *Publisher {
			p.Close()
			next, err := s.Publish()
			if err != nil {
				t.Fatal(err)
			}
			return next
		},
		"other headers": func(t *testing.T, s *Stream, p *Publisher) *Publisher {
			write(t, p, rtmp.TypeVideo, 3000, header(2))
			return p
		},
		"another clock": func(t *testing.T, s *Stream, p *Publisher) *Publisher {
			shoot(t, p, 3600000, 3600040, 40)
			return p
		},
		"a clock that goes back": func(t *testing.T, s *Stream, p *Publisher) *Publisher {
			shoot(t, p, 4<<30>>1, 4<<30>>1+40, 40)
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := publish(t, newFanout(t), "a")
			write(t, p, rtmp.TypeVideo, 0, header(1))
			shoot(t, p, 0, 3000, 1000)
			p = change(t, s, p)
			r := s.NewCutReader()
			defer r.Close()
			shoot(t, p, 10000, 14100, 2000)
			all := cuts(t, r)
			if len(all) < 2 || all[len(all)-1].Epoch == 0 || all[len(all)-1].Number < all[0].Number+1 {
				t.Errorf("cuts are %+v", all)
			}
		})
	}
}

// Sound alone is cut too, and headers that change all the time do not cut a stream
// into crumbs.
func TestCutsAreFarEnoughApart(t *testing.T) {
	t.Parallel()
	s, p := publish(t, newFanout(t), "a")
	r := s.NewCutReader()
	defer r.Close()
	for at := media.Timestamp(0); at < 6000; at += 20 {
		write(t, p, rtmp.TypeAudio, at, sound(0))
	}
	if got := times(cuts(t, r)); !slices.Equal(got, []media.Timestamp{0, 1900, 3800, 5700}) {
		t.Errorf("sound is cut at %v", got)
	}
	for at := media.Timestamp(6000); at < 8000; at += 20 {
		write(t, p, rtmp.TypeVideo, at, []byte{0x17, 0, 0, 0, 0, byte(at / 20)})
		write(t, p, rtmp.TypeVideo, at, key(0))
	}
	if got := cuts(t, r); len(got) > 5 {
		t.Errorf("in two seconds it is cut at %v", times(got))
	}
}

// Sound that an encoder sends seconds behind its pictures, with the times that it has, is
// no other clock: it does not cut.
func TestLateSoundDoesNotCut(t *testing.T) {
	t.Parallel()
	s, p := publish(t, newFanout(t), "a")
	r := s.NewCutReader()
	defer r.Close()
	write(t, p, rtmp.TypeAudio, 0, sound(0))
	for at := media.Timestamp(0); at < 12000; at += 40 {
		if at%1000 == 0 {
			write(t, p, rtmp.TypeVideo, at, key(0))
		} else {
			write(t, p, rtmp.TypeVideo, at, inter(0))
		}
		if at >= 5000 {
			write(t, p, rtmp.TypeAudio, at-5000, sound(0))
		}
	}
	all := cuts(t, r)
	if len(all) < 5 || len(all) > 8 {
		t.Errorf("twelve seconds are cut at %v", times(all))
	}
	for _, cut := range all[1:] { // with the first, the pictures come to the sound
		if cut.Epoch != all[1].Epoch {
			t.Errorf("the stream begins anew at %+v", cut)
		}
	}
}
