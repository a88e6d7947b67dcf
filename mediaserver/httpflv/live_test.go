package httpflv

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

const path = "/app/room/cam.flv"

// A viewer begins with metadata, headers and the newest keyframe, gets what follows,
// and its answer ends with the publication.
func TestLive(t *testing.T) { byAll(t, live) }

func live(t *testing.T, by transport) {
	s := newSiteBy(t, Options{}, by)
	s.publish(t)
	s.write(t, rtmp.TypeData, 0, append([]byte{2, 0, 13}, "@setDataFrame"+string(metadata)...))
	s.write(t, rtmp.TypeVideo, 0, videoHeader)
	s.write(t, rtmp.TypeAudio, 0, audioHeader)
	s.write(t, rtmp.TypeVideo, 0, key(0))
	s.write(t, rtmp.TypeVideo, 40, key(1))
	s.write(t, rtmp.TypeAudio, 50, sound(2))
	answer := s.ask(t, http.MethodGet, path)
	if h := answer.Header; answer.StatusCode != http.StatusOK || h.Get("Content-Type") != "video/x-flv" || h.Get("X-Accel-Buffering") != "no" || h.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s %v", answer.Status, h)
	}
	first, flags := readTags(t, answer.Body, 5)
	want := []tag{{flv.TypeScript, 0, string(metadata)}, {flv.TypeVideo, 40, string(videoHeader)}, {flv.TypeAudio, 40, string(audioHeader)}, {flv.TypeVideo, 40, string(key(1))}, {flv.TypeAudio, 50, string(sound(2))}}
	if flags != 5 || !slices.Equal(first, want) {
		t.Fatalf("flags %d, tags %q, want %q", flags, first, want)
	}
	large := append(inter(3), strings.Repeat("picture", 30000)...)
	s.write(t, rtmp.TypeVideo, 0x1000028, large)
	s.publisher.Close()
	rest := readMore(t, io.MultiReader(strings.NewReader(string(flv.FileHeader(true, true))), answer.Body), -1)
	if len(rest) != 1 || rest[0] != (tag{flv.TypeVideo, 0x1000028, string(large)}) {
		t.Errorf("%d tags come until the end", len(rest))
	}
	servertest.Eventually(t, "nobody watches", func() bool { return s.handler.Viewers() == 0 && s.stream.Players() == 0 })
}

// The file's header says what the stream has, as soon as that is known.
func TestHeaderSaysWhatThereIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		payloads [][]byte
		flags    byte
	}{
		"pictures": {[][]byte{videoHeader, key(0), inter(1), inter(2)}, 1},
		"sound":    {[][]byte{audioHeader, sound(0), sound(1), sound(2)}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, Options{})
			s.publish(t)
			kind := map[byte]rtmp.MessageType{1: rtmp.TypeVideo, 4: rtmp.TypeAudio}[c.flags]
			s.write(t, kind, 0, c.payloads[0])
			s.write(t, kind, 0, c.payloads[1])
			got := make(chan *answer)
			go func() { got <- s.ask(t, http.MethodGet, path) }()
			// It waits until a second of the stream has brought nothing else.
			s.write(t, kind, 500, c.payloads[2])
			s.write(t, kind, 1200, c.payloads[3])
			answer := <-got
			s.write(t, kind, 1300, c.payloads[2])
			s.publisher.Close()
			tags, flags := readTags(t, answer.Body, -1)
			if flags != c.flags || tags[len(tags)-1] != (tag{uint8(kind), 1300, string(c.payloads[2])}) {
				t.Errorf("flags %d, want %d; %q", flags, c.flags, tags)
			}
		})
	}
	t.Run("a stream that has brought nothing", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, Options{})
		s.publish(t)
		answer := s.ask(t, http.MethodGet, path)
		s.write(t, rtmp.TypeAudio, 0, sound(1))
		if tags, flags := readTags(t, answer.Body, 1); flags != 5 || tags[0].data != string(sound(1)) {
			t.Errorf("flags %d, %q", flags, tags)
		}
	})
}

// A publisher that takes over is not the end; one that comes later finds nobody.
func TestPublishersChange(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.begin(t)
	answer := s.ask(t, http.MethodGet, path)
	readTags(t, answer.Body, 3)
	s.publisher = s.publisher.TakeOver(time.Now())
	s.write(t, rtmp.TypeVideo, 0, videoHeader)
	s.write(t, rtmp.TypeVideo, 0, key(7))
	s.publisher.Close()
	s.publish(t)
	s.write(t, rtmp.TypeVideo, 0, key(8))
	got := readMore(t, io.MultiReader(strings.NewReader(string(flv.FileHeader(true, true))), answer.Body), -1)
	if len(got) != 2 || got[0].data != string(videoHeader) || got[1].data != string(key(7)) {
		t.Errorf("%q", got)
	}
}

// One track of each kind is sent, in the form that everybody reads, and another to who
// asks for it.
func TestTracks(t *testing.T) {
	t.Parallel()
	of := func(kind, track, n byte) []byte { return []byte{kind, 1, 'a', 'v', 'c', '1', track, 0, 0, 0, n} }
	headerOf := func(track byte) []byte { return []byte{0x96, 0, 'a', 'v', 'c', '1', track, 1} }
	s := newSite(t, Options{})
	s.publish(t)
	for i := range byte(2) {
		s.write(t, rtmp.TypeVideo, 0, headerOf(i))
	}
	for i := range byte(2) {
		s.write(t, rtmp.TypeVideo, 0, of(0x96, i, 10+i))
	}
	s.write(t, rtmp.TypeVideo, 1500, of(0xa6, 0, 20))
	s.write(t, rtmp.TypeVideo, 1500, of(0xa6, 1, 21))
	for query, n := range map[string]byte{"": 0, "?track=0": 0, "?track=1": 1} {
		answer := s.ask(t, http.MethodGet, path+query)
		got, flags := readTags(t, answer.Body, 3)
		want := []tag{{flv.TypeVideo, 0, string(videoHeader)}, {flv.TypeVideo, 0, string(key(10 + n))}, {flv.TypeVideo, 1500, string(inter(20 + n))}}
		if flags != 1 || !slices.Equal(got, want) {
			t.Errorf("%q: flags %d, %q, want %q", query, flags, got, want)
		}
	}
	if answer := s.ask(t, http.MethodGet, path+"?track=7"); answer.StatusCode != http.StatusNotFound || !strings.Contains(all(t, answer), "track 7") {
		t.Errorf("a track that there is not: %s", answer.Status)
	}
}

// What cannot be had is refused with a reason.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.begin(t)
	for _, c := range []struct {
		method, path string
		status       int
		says         string
	}{
		{http.MethodGet, "/app/room/none.flv", http.StatusNotFound, "nobody publishes"},
		{http.MethodHead, "/app/room/none.flv", http.StatusNotFound, ""},
		{http.MethodGet, "/app/room/secret.flv", http.StatusForbidden, "the key is wrong"},
		{http.MethodGet, path + "?start=0", http.StatusNotFound, ""},
		{http.MethodGet, path + "?start=x", http.StatusBadRequest, "12.5"},
		{http.MethodGet, path + "?start=NaN", http.StatusBadRequest, "12.5"},
		{http.MethodGet, path + "?start=-1", http.StatusBadRequest, "12.5"},
		{http.MethodGet, path + "?start=1e300", http.StatusBadRequest, "12.5"},
		{http.MethodGet, path + "?track=256", http.StatusBadRequest, "0 to 255"},
		{http.MethodPost, path, http.StatusMethodNotAllowed, "read only"},
		{http.MethodGet, "/.flv", http.StatusNotFound, ""},
		{http.MethodGet, "/app/room/cam.mp4", http.StatusNotFound, ""},
	} {
		answer := s.ask(t, c.method, c.path)
		if said := all(t, answer); answer.StatusCode != c.status || !strings.Contains(said, c.says) {
			t.Errorf("%s %s: %s %s", c.method, c.path, answer.Status, said)
		}
	}
	answer := s.ask(t, http.MethodHead, path)
	if b := all(t, answer); answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "video/x-flv" || b != "" {
		t.Errorf("HEAD: %s %v %q", answer.Status, answer.Header, b)
	}
	if n := s.handler.Viewers(); n != 0 {
		t.Errorf("%d viewers are counted", n)
	}
	s.publisher.Close()
	if answer := s.ask(t, http.MethodGet, path); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a stream that is over: %s", answer.Status)
	}
}

// Viewers go, say what they have no reason to, or do not read: all are let go, and
// nobody else notices.
func TestViewersThatGo(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.begin(t)
	good := s.ask(t, http.MethodGet, path)
	readTags(t, good.Body, 3)
	for name, say := range map[string]string{"nothing": "", "too much": strings.Repeat("x", maxHeard+1)} {
		c := s.dial(t)
		if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		servertest.Eventually(t, "the viewer is there", func() bool { return s.stream.Players() == 2 })
		if _, err := io.WriteString(c, say); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if say == "" {
			c.Close()
		}
		servertest.Eventually(t, "the viewer has gone", func() bool { return s.stream.Players() == 1 && s.handler.Viewers() == 1 })
	}
	s.write(t, rtmp.TypeVideo, 40, inter(9))
	if got := readMore(t, io.MultiReader(strings.NewReader(string(flv.FileHeader(true, true))), good.Body), 1); got[0].data != string(inter(9)) {
		t.Errorf("%q", got)
	}
}

// One who reads too slowly skips to a newer keyframe, and gets whole tags.
func TestSlowViewer(t *testing.T) { byAll(t, slowViewer) }

func slowViewer(t *testing.T, by transport) {
	s := newSiteBy(t, Options{}, by)
	s.begin(t)
	slow, fast := s.ask(t, http.MethodGet, path), s.ask(t, http.MethodGet, path)
	const pictures, size = 60, 1 << 20 // far more than sockets and the log hold
	var taken bytes.Buffer
	read := make(chan int)
	go func() {
		defer close(read)
		got, _ := readTags(t, fast.Body, 3)
		for len(got) < pictures+3 {
			got = append(got, readMore(t, io.MultiReader(strings.NewReader(string(flv.FileHeader(true, true))), fast.Body), 1)...)
			read <- len(got) - 3
		}
	}()
	for i := range pictures {
		s.write(t, rtmp.TypeVideo, timeOf(i), append(key(byte(i)), make([]byte, size)...))
		if n := <-read; n != i+1 {
			t.Fatalf("the fast one has got %d of %d", n, i+1)
		}
		if _, err := io.CopyN(&taken, slow.Body, size/4); err != nil { // one who takes nothing for long is closed
			t.Fatal(err)
		}
	}
	s.publisher.Close()
	got, _ := readTags(t, io.MultiReader(&taken, slow.Body), -1)
	if n := len(got); n < 4 || n >= pictures {
		t.Errorf("the slow one has got %d tags", n)
	}
	if last := got[len(got)-1]; last.data[:6] != string(key(pictures-1)) {
		t.Errorf("and its last is %q", last.data[:6])
	}
}

// A server that ends tells viewers by the end of the answer.
func TestShutdown(t *testing.T) { byAll(t, shutdown) }

func shutdown(t *testing.T, by transport) {
	s := newSiteBy(t, Options{}, by)
	s.begin(t)
	answer := s.ask(t, http.MethodGet, path)
	readTags(t, answer.Body, 3)
	s.ask(t, http.MethodGet, path) // reads nothing, and does not go
	servertest.Eventually(t, "the viewer is there", func() bool { return s.handler.Viewers() == 2 })
	s.handler.Shutdown()
	if rest := all(t, answer); rest != "" {
		t.Errorf("%q comes at the end", rest)
	}
	s.handler.Close()
	if n := s.handler.Viewers(); n != 0 {
		t.Errorf("%d viewers are left", n)
	}
	if answer := s.ask(t, http.MethodGet, path); answer.StatusCode == http.StatusOK {
		t.Errorf("behind the end: %s", answer.Status)
	}
}
