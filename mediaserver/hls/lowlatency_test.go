package hls

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// split cuts messages in two: those before a time, in ms, and the rest.
func split(all []*rtmp.Message, at int) (before, behind []*rtmp.Message) {
	for i, m := range all {
		if int(m.Timestamp) >= at {
			return all[:i], all[i:]
		}
	}
	return all, nil
}

// A player of low-latency HLS asks for the next part before it is there, and gets it
// when it is; its playlists go on from one to the next, and the parts of a segment are
// the segment.
func TestLowLatency(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]string{
		"pictures and sound": pictures + " " + tone + " -t 10 " + avc + " " + aac,
		"sound":              tone + " -t 10 " + aac,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := messages(t, encode(t, args))
			s := newSite(t, Options{})
			s.watch(t)
			first, rest := split(all, 6200)
			s.publish(t, first)
			media := checkIndex(t, s.must(t, "index.m3u8"))[0]
			p := checkMedia(t, s.must(t, media))
			if p.partTarget != defaultPart || !p.blocks {
				t.Fatalf("it is no playlist of low latency: %+v", p)
			}
			s.follow(t, media, p, rest)
		})
	}
}

// The first viewer of a stream that has begun is answered when there is what players can
// begin with: three segments, but where a page's script plays, or no more come.
func TestFirstViewer(t *testing.T) {
	t.Parallel()
	one, rest := split(messages(t, encode(t, pictures+" -t 10 "+avc)), 2400)
	begin := func(t *testing.T, opts Options) *site {
		t.Helper()
		s := newSite(t, opts)
		s.handler.beginWait = time.Hour
		s.watch(t)
		s.publish(t, one)
		s.must(t, "index.m3u8")
		return s
	}
	segments := func(t *testing.T, text string, want int) {
		t.Helper()
		if p := checkMedia(t, text); len(p.segments) != want {
			t.Errorf("%d segments are listed, want %d:\n%s", len(p.segments), want, text)
		}
	}
	t.Run("waits for three", func(t *testing.T) {
		t.Parallel()
		s := begin(t, Options{})
		answer := make(chan string)
		go func() {
			_, body := s.get(t, "v0.m3u8")
			answer <- body
		}()
		for s.handler.waiting.Used() == 0 {
			select {
			case body := <-answer:
				t.Fatalf("it is answered with\n%s", body)
			default:
				runtime.Gosched()
			}
		}
		more, _ := split(rest, 6400)
		s.publish(t, more)
		segments(t, <-answer, 3)
	})
	t.Run("a script", func(t *testing.T) {
		t.Parallel()
		s := begin(t, Options{})
		r := httptest.NewRequest(http.MethodGet, "/app/room/cam/v0.m3u8", nil)
		r.Header.Set("Sec-Fetch-Dest", "empty")
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		segments(t, w.Body.String(), 1)
	})
	t.Run("no room to wait", func(t *testing.T) {
		t.Parallel()
		s := begin(t, Options{MaxWaiting: 1})
		if !s.handler.waiting.Take(1) {
			t.Fatal("something waits")
		}
		defer s.handler.waiting.Give(1)
		segments(t, s.must(t, "v0.m3u8"), 1)
	})
	t.Run("no more", func(t *testing.T) {
		t.Parallel()
		s := begin(t, Options{})
		s.handler.beginWait = time.Millisecond
		segments(t, s.must(t, "v0.m3u8"), 1)
	})
}

// follow asks for part after part, and publishes what brings it only when it is asked
// for.
func (s *site) follow(t *testing.T, media string, p playlist, rest []*rtmp.Message) {
	t.Helper()
	got := map[string]string{} // parts, by their names
	for step := 6700; !p.ended; step += 500 {
		number, part := p.sequence+int64(len(p.segments)), len(p.open)
		playlists, hinted := make(chan string), make(chan string)
		go func() { playlists <- s.must(t, fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=%d", media, number, part)) }()
		go func(name string) {
			_, body := s.get(t, name)
			hinted <- body
		}(p.hint)
		now, behind := split(rest, step)
		if rest = behind; len(now) == 0 {
			s.publisher.Close()
		}
		s.publish(t, now)
		hint := p.hint
		next := checkMedia(t, <-playlists)
		checkNext(t, p, next)
		p = next
		got[hint] = <-hinted
		s.fetch(t, p, got)
	}
	compared := 0
	for _, seg := range p.segments {
		whole, of := s.must(t, seg.uri), ""
		stem := strings.TrimSuffix(seg.uri, segmentType)
		for i := 0; ; i++ {
			part, ok := got[fmt.Sprintf("%s.%d%s", stem, i, segmentType)]
			if !ok {
				break
			}
			of += part
		}
		if of != "" && of == whole {
			compared++
		}
	}
	if compared < 2 {
		t.Errorf("the parts of %d segments are the segment, of %d", compared, len(p.segments))
	}
}

// fetch gets the parts that a playlist lists.
func (s *site) fetch(t *testing.T, p playlist, got map[string]string) {
	t.Helper()
	all := p.open
	for _, seg := range p.segments {
		all = append(all, seg.parts...)
	}
	for _, part := range all {
		body := s.must(t, part.uri)
		if was, ok := got[part.uri]; ok && was != body {
			t.Errorf("%s was hinted, and is another", part.uri)
		}
		got[part.uri] = body
	}
}

// What a player asks for in a query is bounded, and what it is known by comes back.
func TestQueries(t *testing.T) {
	t.Parallel()
	all := messages(t, encode(t, pictures+" -t 10 "+avc))
	s := newSite(t, Options{})
	s.watch(t)
	s.publish(t, all)
	p := checkMedia(t, s.must(t, "v0.m3u8"))
	last := p.sequence + int64(len(p.segments))
	for query, want := range map[string]int{
		fmt.Sprintf("_HLS_msn=%d", last-1):                  http.StatusOK,
		fmt.Sprintf("_HLS_msn=%d&_HLS_part=0", last):        http.StatusOK,
		fmt.Sprintf("_HLS_msn=%d&_HLS_part=999999", last-1): http.StatusOK,
		fmt.Sprintf("_HLS_msn=%d", last+100):                http.StatusBadRequest, // however far it has been cut meanwhile
		"_HLS_msn=-1":                                       http.StatusBadRequest,
		"_HLS_msn=99999999999999999999":                     http.StatusBadRequest,
		"_HLS_msn=x":                                        http.StatusBadRequest,
		"_HLS_part=1":                                       http.StatusBadRequest,
		fmt.Sprintf("_HLS_msn=%d&_HLS_part=-1", last):       http.StatusBadRequest,
		"_HLS_skip=YES":                                     http.StatusOK,
		"_HLS_skip=v2":                                      http.StatusOK,
		"_HLS_skip=NO":                                      http.StatusBadRequest,
	} {
		if status, body := s.get(t, "v0.m3u8?"+query); status != want {
			t.Errorf("%s: %d %s, want %d", query, status, body, want)
		}
	}
	for _, text := range []string{s.must(t, "index.m3u8?key=a%26b%22&_HLS_x=1"), s.must(t, "v0.m3u8?key=a%26b%22&_HLS_msn=1")} {
		for line := range strings.Lines(text) {
			if (strings.Contains(line, ".m4s") || strings.Contains(line, ".m3u8")) && !strings.Contains(line, "?key=a%26b%22") || strings.Contains(line, "_HLS_") {
				t.Errorf("the key is not in %q", line)
			}
		}
	}
}

// A player that knows a playlist gets what is new of the next one: together they are that.
func TestDeltas(t *testing.T) {
	t.Parallel()
	all := messages(t, encode(t, pictures+" -t 20 "+avc))
	s := newSite(t, Options{})
	l := s.watch(t)
	s.publish(t, all)
	if err := l.await(t.Context(), func() bool {
		return len(l.segments) == listed+kept-1 && l.open != nil && l.open.variants[0] != nil && len(l.open.variants[0].parts) > 2
	}); err != nil {
		t.Fatal(err)
	}
	l.mu.Unlock()
	full, text := s.must(t, "v0.m3u8"), s.must(t, "v0.m3u8?_HLS_skip=YES")
	was, is := checkMedia(t, full), checkMedia(t, text)
	if is.skipped == 0 || len(text) >= len(full) {
		t.Fatalf("%d segments are left out:\n%s", is.skipped, text)
	}
	far := time.Duration(0) // how far the first that is listed is from the end, and the last that is not
	for _, part := range was.open {
		far += part.length
	}
	for _, seg := range was.segments[is.skipped:] {
		far += seg.length
	}
	if far <= was.skipUntil-2*time.Second || far > was.skipUntil+2*time.Second {
		t.Errorf("what is listed is %v long; what is more than %v from the end is left out", far, was.skipUntil)
	}
	is.segments = append(was.segments[:is.skipped:is.skipped], is.segments...)
	is.version = was.version
	checkNext(t, was, is)
	if len(is.segments) != len(was.segments) || is.hint != was.hint {
		t.Errorf("%d segments and %s, want %d and %s", len(is.segments), is.hint, len(was.segments), was.hint)
	}
}

// Names that are none of ours, and what is not there, are not found.
func TestNotFound(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.watch(t)
	s.publish(t, messages(t, encode(t, pictures+" -t 10 "+avc)))
	s.must(t, "index.m3u8")
	for _, file := range []string{
		"", "index", "other.m3u8", "v0", "v0.mp4", "v256.m3u8", "v-1.m3u8", "v0-1.2.3.m4s", "v0-x.m4s", "v0-1.-1.m4s", "v0-99999999999999999999.m4s",
		"v1.m3u8", "audio.m3u8", "v0-1.m4s", "v0-1.0.m4s", "v0-abc.mp4", "v0-abc.init.mp4", "a1.m3u8", "a1-1.m4s", "a256.m3u8", "a-1.m3u8", "audio-1.m4s", "v0-99999999999.m4s",
	} {
		if status, _ := s.get(t, file); status != http.StatusNotFound {
			t.Errorf("%q: %d", file, status)
		}
	}
	if status, body := getURL(t, strings.Replace(s.url, "/cam/", "/secret/", 1)+"index.m3u8"); status != http.StatusForbidden || !strings.Contains(body, "the key is wrong") {
		t.Errorf("a stream that is not for everyone: %d %s", status, body)
	}
	res, err := http.Post(s.url+"index.m3u8", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", res.StatusCode)
	}
}
