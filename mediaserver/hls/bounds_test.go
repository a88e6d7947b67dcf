package hls

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// long is so many seconds of a film, over and over.
func long(t testing.TB, seconds int) (all []*rtmp.Message) {
	ten := messages(t, encode(t, pictures+" "+tone+" -t 10 "+avc+" "+aac))
	for from := 0; from < seconds; from += 10 {
		for _, m := range ten {
			if from > 0 && isHeader(m) {
				continue
			}
			m := *m
			m.Timestamp += uint32Time(from * 1000)
			all = append(all, &m)
		}
	}
	return all
}

// However long a stream is watched, its segments take as much memory as a playlist
// needs, and all of it comes back when nobody watches any more.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	b := budget.New("hls", 1<<30)
	s := newSite(t, Options{Budget: b, IdleAfter: 10 * time.Millisecond})
	l := newLive(Options{Budget: b}, outlet.HLSRules{})
	made := segmenter{sink: l, part: defaultPart}
	r := s.live.NewCutReader()
	defer r.Close()
	s.publish(t, long(t, 120))
	for r.Pending() {
		m, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if cut, ok := r.Cut(); ok {
			err = made.message(&m, &cut)
		} else {
			err = made.message(&m, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	size := l.open.cost()
	for _, seg := range l.segments {
		size += seg.cost()
	}
	if len(l.segments) != listed+kept || b.Used() != size {
		t.Errorf("%d segments of %d bytes, of which %d are paid for", len(l.segments), size, b.Used())
	}
	p, err := parseMedia(l.media(playlistOf{}))
	if err != nil || len(p.segments) != listed {
		t.Errorf("%d segments are listed: %v", len(p.segments), err)
	}
	l.cancel = func() {}
	l.close()
	if b.Used() != 0 {
		t.Errorf("%d bytes are paid for at the end", b.Used())
	}
	s.watch(t)
	s.handler.runs.Wait() // nobody asks
	if n := s.handler.Streams(); n != 0 || b.Used() != 0 {
		t.Errorf("%d streams are cut, %d bytes are paid for", n, b.Used())
	}
}

// Where there is little memory, fewer segments are kept; where there is none, the
// viewer is told.
func TestLittleMemory(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]int{400 << 10: http.StatusOK, 100 << 10: http.StatusServiceUnavailable} {
		b := budget.New("hls", size)
		s := newSite(t, Options{Budget: b})
		s.watch(t)
		s.publish(t, long(t, 60))
		s.publisher.Close()
		s.handler.runs.Wait()
		status, body := s.get(t, "v0.m3u8")
		if status != want || status != http.StatusOK && !strings.Contains(body, "no memory") {
			t.Errorf("with %d bytes: %d %s", size, status, body)
		}
		if status != http.StatusOK {
			continue
		}
		if p := checkMedia(t, body); len(p.segments) < fewest || len(p.segments) >= listed {
			t.Errorf("with %d bytes there are %d segments", size, len(p.segments))
		}
	}
}

// As many requests wait as may, and no more; others are answered.
func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{MaxWaiting: 3})
	s.watch(t)
	first, rest := split(messages(t, encode(t, pictures+" "+tone+" -t 10 "+avc+" "+aac)), 4300)
	s.publish(t, first)
	var p playlist
	servertest.Eventually(t, "what was published is cut", func() bool {
		p = checkMedia(t, s.must(t, "v0.m3u8"))
		return len(p.segments) == 2
	})
	last := p.sequence + int64(len(p.segments))
	answers := make(chan int)
	for range 5 {
		go func() {
			status, _ := s.get(t, fmt.Sprintf("v0.m3u8?_HLS_msn=%d", last))
			answers <- status
		}()
	}
	for range 2 {
		if status := <-answers; status != http.StatusServiceUnavailable {
			t.Errorf("one of too many: %d", status)
		}
	}
	s.must(t, "v0.m3u8")
	s.publish(t, rest)
	for range 3 {
		if status := <-answers; status != http.StatusOK {
			t.Errorf("one that waited: %d", status)
		}
	}
	if n := s.handler.waiting.Used(); n != 0 {
		t.Errorf("%d wait still", n)
	}
}

// Who waits for a keyframe that does not come is told so in the end.
func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := New(nil, Options{})
		defer h.Close()
		began := time.Now()
		r := httptest.NewRequest(http.MethodGet, "/a/b/c/index.m3u8", nil)
		var no *outlet.Refusal
		if err := h.serveLive(httptest.NewRecorder(), r, newLive(Options{}, outlet.HLSRules{}), file{index: true}); !errors.As(err, &no) || no.Status != http.StatusServiceUnavailable {
			t.Errorf("%v", err)
		}
		if waited := time.Since(began); waited != firstWait {
			t.Errorf("after %v", waited)
		}
	})
}

// No more streams are cut at once than may be.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{MaxStreams: 1})
	s.watch(t)
	other := newSite(t, Options{})
	if _, err := s.handler.of(other.live, other.rules); err == nil || !strings.Contains(err.Error(), "as many as may be") {
		t.Errorf("%v", err)
	}
	s.handler.Close()
	if _, err := s.handler.of(other.live, other.rules); err == nil {
		t.Error("a closed handler begins to cut")
	}
}

// A stream whose reader has fallen behind goes on, at the newest cut.
func TestReaderFallsBehind(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	l := s.watch(t)
	all := long(t, 20)
	first, rest := split(all, 10000)
	s.publish(t, first)
	if err := l.await(t.Context(), func() bool { return len(l.segments) == 4 }); err != nil {
		t.Fatal(err)
	}
	// The goroutine waits for l.mu; meanwhile 70 MiB come.
	s.publish(t, rest[:1])
	for range 70 {
		s.publish(t, []*rtmp.Message{{Type: rtmp.TypeData, Timestamp: 10000, Payload: append([]byte{2, 0, 1, 'a', 12, 0, 15, 255, 250}, make([]byte, 1<<20-6)...)}})
	}
	l.mu.Unlock()
	s.publish(t, rest[1:])
	s.publisher.Close()
	s.handler.runs.Wait()
	// What it has missed is over, or it begins anew with what is newest.
	status, body := s.get(t, "v0.m3u8")
	if status == http.StatusOK {
		if p := checkMedia(t, body); !p.ended {
			t.Error("it has not ended")
		}
	} else if status != http.StatusNotFound {
		t.Errorf("%d %s", status, body)
	}
}
