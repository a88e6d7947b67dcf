package hls

import (
	"errors"
	"slices"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// pass hands what a relay has of a stream to a publisher of its copy.
func pass(t *testing.T, r *stream.Reader, to *stream.Publisher) {
	t.Helper()
	for r.Pending() {
		m, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		cut, _ := r.Cut()
		if m.Type == 0 {
			continue
		}
		if err := to.Relay(&m, cut.Made()); err != nil {
			t.Fatal(err)
		}
	}
}

// A copy of a stream has the same names for the same bytes, whatever its codecs, though it
// begins later, its clock is another, and some of it is lost on the way.
func TestNamesOfACopy(t *testing.T) {
	t.Parallel()
	for name, c := range liveCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := messages(t, encode(t, c.args))
			s, far := newSite(t, Options{}), newSite(t, Options{})
			s.watch(t)
			far.publish(t, []*rtmp.Message{all[0], {Type: rtmp.TypeAudio, Timestamp: 123456, Payload: []byte{0xaf, 1, 0}}})
			far.publisher.Close() // times go on behind it
			link := func() (*stream.Reader, *stream.Publisher) {
				p, err := far.live.Publish()
				if err != nil {
					t.Fatal(err)
				}
				return s.live.NewRelay(true), p
			}
			first, rest := split(all, 1500)
			s.publish(t, first)
			r, p := link()
			l := far.watch(t)
			next, rest := split(rest, 5100)
			s.publish(t, next)
			pass(t, r, p)
			servertest.Eventually(t, "a segment has begun", func() bool { return l.begun() })
			p.Lose() // in the middle of it
			r.Close()
			lost, rest := split(rest, 6800)
			s.publish(t, lost)
			servertest.Eventually(t, "it is known to be lost", l.isLost)
			r, p = link()
			pass(t, r, p)
			servertest.Eventually(t, "it goes on", func() bool { return l.begun() && !l.isLost() })
			s.publish(t, rest)
			pass(t, r, p)
			s.publisher.Close()
			p.Close()
			s.handler.runs.Wait()
			far.handler.runs.Wait()
			l.mu.Lock()
			defer l.mu.Unlock()
			if len(l.segments) == 0 {
				t.Fatalf("the copy has no segment: %v", l.err)
			}
			for _, seg := range l.segments {
				for id, v := range seg.variants {
					whole := ""
					for _, p := range v.parts {
						whole += string(p.data)
					}
					if s.must(t, segmentFile(id, seg.cut.Number)) != whole || s.must(t, initFile(id, v.init)) != string(v.init.data) {
						t.Errorf("segment %d of %d bytes is another", seg.cut.Number, len(whole))
					}
				}
			}
		})
	}
}

// begun says whether there is some of a segment that has not ended.
func (l *live) begun() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open != nil
}

// While a stream is lost, viewers have what there is of it, and no player is told anything by
// which it ends; what follows takes the place of that. When nothing has come for long, who
// waits is told to try again.
func TestWhatThereIsOfALostStream(t *testing.T) {
	t.Parallel()
	all := long(t, 40)
	s := newSite(t, Options{IdleAfter: time.Hour})
	l := s.watch(t)
	l.mu.Lock()
	l.lostTime = time.Hour
	l.mu.Unlock()
	before, rest := split(all, 13000)
	s.publish(t, before)
	servertest.Eventually(t, "all whole segments are there", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.segments) == 6 && l.open != nil
	})
	p := checkMedia(t, s.must(t, "v0.m3u8"))
	had := map[string]string{}
	for _, seg := range p.segments {
		had[seg.uri] = s.must(t, seg.uri)
	}
	s.publisher.Lose()
	servertest.Eventually(t, "it is lost", l.isLost)
	if now := checkMedia(t, s.must(t, "v0.m3u8")); now.ended || len(now.segments) != len(p.segments) || now.sequence != p.sequence {
		t.Errorf("the playlist is now %+v", now)
	}
	for name, was := range had {
		if s.must(t, name) != was {
			t.Errorf("%s is another", name)
		}
	}
	var err error
	if s.publisher, err = s.live.Publish(); err != nil {
		t.Fatal(err)
	}
	headers := slices.DeleteFunc(slices.Clone(before), func(m *rtmp.Message) bool { return !isHeader(m) })
	again, _ := split(rest, 26000)
	s.publish(t, append(headers, again...))
	servertest.Eventually(t, "it goes on", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return !l.lost && len(l.segments) >= 4
	})
	now := checkMedia(t, s.must(t, "v0.m3u8"))
	for _, seg := range now.segments {
		if _, ok := had[seg.uri]; ok || now.ended {
			t.Errorf("%s is listed still, ended: %v", seg.uri, now.ended)
		}
	}

	l.mu.Lock()
	l.lostTime = time.Millisecond
	l.mu.Unlock()
	s.publisher.Lose()
	s.handler.runs.Wait()
	if err := l.await(t.Context(), l.ready); !errors.Is(err, errLost) {
		t.Errorf("who waits is told %v", err)
	}
}
