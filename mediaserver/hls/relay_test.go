package hls

import (
	"testing"

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
			servertest.Eventually(t, "nothing is made of what was lost", func() bool { return !l.begun() })
			r, p = link()
			pass(t, r, p)
			servertest.Eventually(t, "it goes on", func() bool { return l.begun() })
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

// begun says whether there is a segment, or some of one.
func (l *live) begun() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open != nil || len(l.segments) > 0
}
