package hls

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// playing is how long the segments of a playlist are together.
func (p *playlist) playing() (d time.Duration) {
	for _, s := range p.segments {
		d += s.length
	}
	return d
}

// over has all of a film published and cut.
func (s *site) over(t *testing.T, seconds int) playlist {
	t.Helper()
	s.publish(t, long(t, seconds))
	s.publisher.Close()
	s.handler.runs.Wait()
	return checkMedia(t, s.must(t, "v0.m3u8"))
}

// A playlist goes back as far as its window says, and not two segments further; what is
// further back than playing needs has a budget of its own, and all comes back in the end.
func TestWindow(t *testing.T) {
	t.Parallel()
	needed := budget.New("needed", 1<<30)
	windows := needed.Part("windows", 1<<29)
	s := newSite(t, Options{Budget: needed, Windows: windows})
	s.rules.Window = time.Minute
	l := s.watch(t)
	p := s.over(t, 120)
	if got := p.playing(); got < time.Minute || got > time.Minute+4*time.Second {
		t.Errorf("it goes back %v", got)
	}
	// As many as a minute has, and those that are kept a little longer, but for the newest.
	if n := int64(0); true {
		for _, seg := range l.segments[:len(l.segments)-listed-kept] {
			n += seg.cost()
		}
		if windows.Used() != n || n == 0 || needed.Used() <= n {
			t.Errorf("windows cost %d of %d, want %d", windows.Used(), needed.Used(), n)
		}
	}
	if first := s.must(t, p.segments[0].uri); len(first) == 0 {
		t.Error("its first segment is empty")
	}
	s.handler.Close()
	if needed.Used() != 0 || windows.Used() != 0 {
		t.Errorf("%d and %d bytes are paid for at the end", needed.Used(), windows.Used())
	}
}

// Where the budget for windows has no more, a window is shorter, and what playing needs is
// there: here, and for whoever comes next.
func TestWindowsAreBounded(t *testing.T) {
	t.Parallel()
	needed := budget.New("needed", 64<<20)
	windows := needed.Part("windows", 1<<20)
	s := newSite(t, Options{Budget: needed, Windows: windows})
	s.rules.Window = time.Hour
	s.watch(t)
	p := s.over(t, 120)
	if got := p.playing(); got < 26*time.Second || got > 100*time.Second || len(p.segments) < listed+kept {
		t.Errorf("it goes back %v, in %d segments", got, len(p.segments))
	}
	if windows.Used() == 0 || windows.Used() > windows.Max() || windows.Refused() == 0 {
		t.Errorf("windows cost %d of %d", windows.Used(), windows.Max())
	}
}

// A window is never less than players need.
func TestNarrowWindow(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.rules.Window = 3 * time.Second
	s.watch(t)
	if p := s.over(t, 30); p.playing() < 6*time.Second || len(p.segments) > fewest+1 {
		t.Errorf("it goes back %v, in %d segments", p.playing(), len(p.segments))
	}
}

// Parts are as long as the rules say, or are not there at all.
func TestPartsByTheRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules outlet.HLSRules
		rate  int           // pictures a second
		want  time.Duration // 0: none
	}{
		"a second":              {outlet.HLSRules{Part: time.Second}, 30, time.Second},
		"a fifth":               {outlet.HLSRules{Part: 200 * time.Millisecond}, 30, 200 * time.Millisecond},
		"none":                  {outlet.HLSRules{Plain: true}, 30, 0},
		"a quarter, of a film":  {outlet.HLSRules{Part: 250 * time.Millisecond}, 24, 250 * time.Millisecond},
		"that pictures fit not": {outlet.HLSRules{Part: 200 * time.Millisecond}, 24, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, Options{})
			s.rules = c.rules
			l := s.watch(t)
			s.publish(t, messages(t, encode(t, fmt.Sprintf("-f lavfi -i testsrc2=s=160x120:r=%d -t 10 -c:v libx264 -preset veryfast -g %d -keyint_min %d -sc_threshold 0 -pix_fmt yuv420p", c.rate, 2*c.rate, 2*c.rate))))
			if err := l.await(t.Context(), func() bool { return len(l.segments) == 4 && l.open != nil && len(l.open.variants) > 0 }); err != nil {
				t.Fatal(err)
			}
			l.mu.Unlock()
			text := s.must(t, "v0.m3u8")
			p := checkMedia(t, text)
			if p.partTarget != c.want || c.want == 0 && strings.Contains(text, "#EXT-X-PART") {
				t.Errorf("parts of %v:\n%s", p.partTarget, text)
			}
		})
	}
}

// A stream that is cut always is there for its first viewer at once, from its beginning
// on; until somebody watches, it is paid for as windows are, and when it ends, it goes.
func TestCutAlways(t *testing.T) {
	t.Parallel()
	needed := budget.New("needed", 1<<30)
	windows := needed.Part("windows", 1<<29)
	s := newSite(t, Options{Budget: needed, Windows: windows, IdleAfter: 10 * time.Millisecond})
	s.rules = outlet.HLSRules{Always: true, Window: time.Minute}
	s.handler.Cut(s.live, s.rules)
	s.handler.Cut(s.live, s.rules) // it is already
	s.publish(t, long(t, 20))
	l := s.watch(t)
	servertest.Eventually(t, "nine segments are cut", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.segments) == 9
	})
	servertest.Eventually(t, "all of it is the window's", func() bool { return windows.Used() > 0 && windows.Used() == needed.Used() })
	if p := checkMedia(t, s.must(t, "v0.m3u8")); len(p.segments) != 9 {
		t.Errorf("the first viewer gets %d segments", len(p.segments))
	}
	s.publisher.Close()
	servertest.Eventually(t, "what has ended goes", func() bool { return s.handler.Streams() == 0 })
	if needed.Used() != 0 {
		t.Errorf("%d bytes are paid for at the end", needed.Used())
	}
}

// Streams that nobody watches leave room for those that somebody does.
func TestCutAlwaysIsBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{MaxStreams: 2})
	s.handler.Cut(s.live, outlet.HLSRules{Always: true})
	other := newSite(t, Options{})
	s.handler.Cut(other.live, outlet.HLSRules{Always: true})
	if n := s.handler.Streams(); n != 1 {
		t.Errorf("%d streams are cut", n)
	}
	if _, err := s.handler.of(other.live, other.rules); err != nil {
		t.Error(err)
	}
	s.handler.Close()
	s.handler.Cut(other.live, outlet.HLSRules{Always: true})
	if status, _ := s.get(t, "v0.m3u8"); status != http.StatusServiceUnavailable {
		t.Errorf("a closed handler: %d", status)
	}
}
