package httpmp4

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// opusOf is a frame of Opus of a track, as Enhanced RTMP has it: 20 ms.
func opusOf(track byte) string { return "\x95\x01Opus" + string(rune(track&0x7f)) + "\xfc\xff\xfe" }

// What can be said of tracks is bounded, and what is beyond that is left out.
func TestTooMuch(t *testing.T) {
	t.Parallel()
	var tracks, ways, long []flv.Tag
	for i := range 100 {
		tracks = append(tracks, tag(flv.TypeAudio, 0, opusOf(byte(i))))
	}
	for i := range 100 {
		// AAC of other bytes behind its description, which decoders pass over.
		at := media.Timestamp(i * 100)
		ways = append(ways, tag(flv.TypeAudio, at, fmt.Sprintf("\xaf\x00\x12\x10%d", i)), tag(flv.TypeAudio, at, "\xaf\x01sound"))
	}
	long = append(sound(), tag(flv.TypeAudio, 1000, "\xaf\x00"+strings.Repeat("\x12\x10", maxConfig)), tag(flv.TypeAudio, 1000, "\xaf\x01sound"))
	for name, c := range map[string]struct {
		tags  []flv.Tag
		words string
	}{
		"tracks":              {tracks, "all but 32 tracks"},
		"descriptions":        {ways, "described in more than 64 ways"},
		"a description alone": {long, "AAC"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := budget.New("heads", 16<<20)
			s := newSite(t, Options{Heads: b, Turns: budget.NewTurns(1)})
			s.recordings.Store("app/room/film", record(t, true, c.tags...))
			answer, film := s.ask(t, http.MethodGet, filmPath)
			if left := answer.Header.Get("Flashpod-Left-Out"); answer.StatusCode != http.StatusOK || !strings.Contains(left, c.words) {
				t.Errorf("%s: %.300s", answer.Status, left)
			}
			servertest.Eventually(t, "little is paid for", func() bool { return b.Used() <= 1<<20 && b.Used() > 0 })
			run(t, "ffprobe", "-v", "fatal", save(t, "film.mp4", film))
		})
	}
}

// Memory is paid for while a head is made, and what is not there ends that.
func TestLongRecording(t *testing.T) {
	t.Parallel()
	tags := []flv.Tag{tag(flv.TypeAudio, 0, "\xaf\x00\x12\x10")}
	for i := range 60000 {
		tags = append(tags, tag(flv.TypeAudio, timeOf(float64(i)*1024/44.1), "\xaf\x01s"))
	}
	file := record(t, true, tags...)
	for _, c := range []struct{ room, status int }{{64 << 10, http.StatusUnprocessableEntity}, {8 << 20, http.StatusOK}} {
		b := budget.New("heads", int64(c.room))
		s := newSite(t, Options{Heads: b})
		s.recordings.Store("app/room/film", file)
		answer, said := s.ask(t, http.MethodHead, filmPath)
		if answer.StatusCode != c.status {
			t.Errorf("in %d bytes: %s %.200s", c.room, answer.Status, said)
		}
		servertest.Eventually(t, "what is paid for is kept", func() bool { return b.Used() == s.handler.cache.Used() })
	}
	// Others have it: it is there again when they have done.
	b := budget.New("heads", 8<<20)
	s := newSite(t, Options{Heads: b})
	s.recordings.Store("app/room/film", file)
	b.Owe(8 << 20)
	if answer, _ := s.ask(t, http.MethodHead, filmPath); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("without room: %s", answer.Status)
	}
	b.Give(8 << 20)
	if answer, _ := s.ask(t, http.MethodHead, filmPath); answer.StatusCode != http.StatusOK {
		t.Errorf("with room: %s", answer.Status)
	}
}
