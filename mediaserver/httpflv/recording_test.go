package httpflv

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// film is an FLV file with these tags.
func filmOf(t testing.TB, tags ...tag) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flv.NewStreamWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range tags {
		if err := w.Write(flv.Tag{Type: one.kind, Timestamp: one.at, Data: []byte(one.data)}); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// seconds are tags of so many seconds: a keyframe each, a picture and sound behind it.
func seconds(n int) []tag {
	all := []tag{{flv.TypeScript, 0, string(metadata)}, {flv.TypeVideo, 0, string(videoHeader)}, {flv.TypeAudio, 0, string(audioHeader)}}
	for i := range n {
		at := timeOf(25 * i)
		all = append(all, tag{flv.TypeVideo, at, string(key(byte(i)))}, tag{flv.TypeAudio, at + 10, string(sound(byte(i)))}, tag{flv.TypeVideo, at + 500, string(inter(byte(i)))})
	}
	return all
}

const filmPath = "/app/room/film.flv"

// A recorded file comes as it is, with ranges.
func TestRecording(t *testing.T) { byAll(t, recording) }

func recording(t *testing.T, by transport) {
	s := newSiteBy(t, Options{Samples: budget.New("samples", 1<<20)}, by)
	tags := seconds(10)
	file := filmOf(t, tags...)
	s.recordings.Store("app/room/film", file+"torn") // a tail that is no tag
	answer := s.ask(t, http.MethodGet, filmPath)
	if h := answer.Header; answer.StatusCode != http.StatusOK || h.Get("Content-Type") != "video/x-flv" || h.Get("X-Accel-Buffering") != "no" || answer.ContentLength != int64(len(file)) {
		t.Errorf("%s %v", answer.Status, h)
	}
	if got := all(t, answer); got != file {
		t.Errorf("%d bytes of %d came, or others", len(got), len(file))
	}
	tagOf := answer.Header.Get("ETag")
	answer = s.ask(t, http.MethodGet, filmPath, "Range", "bytes=5-200", "If-Range", tagOf)
	if got := all(t, answer); answer.StatusCode != http.StatusPartialContent || got != file[5:201] {
		t.Errorf("a range: %s, %d bytes", answer.Status, len(got))
	}
	if answer = s.ask(t, http.MethodGet, filmPath, "Range", "bytes=100000-"); answer.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("a range that is not there: %s", answer.Status)
	}
	answer = s.ask(t, http.MethodHead, filmPath)
	if b := all(t, answer); answer.ContentLength != int64(len(file)) || b != "" {
		t.Errorf("HEAD: %v, %d bytes", answer.Header, len(b))
	}
	if answer = s.ask(t, http.MethodHead, filmPath+"?download=1"); answer.Header.Get("Content-Disposition") != "attachment; filename=film.flv" {
		t.Errorf("to be saved: %v", answer.Header)
	}
	if answer = s.ask(t, http.MethodGet, filmPath, "If-None-Match", tagOf); answer.StatusCode != http.StatusNotModified {
		t.Errorf("what the client has: %s", answer.Status)
	}
}

// It begins with the keyframe at or before the place that is asked for, behind what a
// decoder needs.
func TestStart(t *testing.T) { byAll(t, start) }

func start(t *testing.T, by transport) {
	s := newSiteBy(t, Options{}, by)
	tags := seconds(10)
	s.recordings.Store("app/room/film", filmOf(t, tags...))
	for start, from := range map[string]int{"0.001": 0, "3": 3, "3.999": 3, "9.5": 9} {
		answer := s.ask(t, http.MethodGet, filmPath+"?start="+start)
		got, flags := readTags(t, answer.Body, -1)
		want := append([]tag{{flv.TypeScript, 0, string(metadata)}, {flv.TypeVideo, timeOf(25 * from), string(videoHeader)}, {flv.TypeAudio, timeOf(25 * from), string(audioHeader)}}, tags[3+3*from:]...)
		if flags != 5 || !slices.Equal(got, want) {
			t.Errorf("from %s: %d tags, flags %d, want %d: %v", start, len(got), flags, len(want), got[:min(len(got), 5)])
		}
		if from > 0 {
			again := s.ask(t, http.MethodGet, filmPath+"?start="+start, "Range", "bytes=10-")
			if b := all(t, again); again.StatusCode != http.StatusPartialContent || int64(len(b)) != answer.ContentLength-10 {
				t.Errorf("a range from %s: %s, %d bytes", start, again.Status, len(b))
			}
		}
	}
	if got, _ := readTags(t, s.ask(t, http.MethodGet, filmPath+"?start=1000").Body, -1); len(got) != 3 {
		t.Errorf("behind the end: %v", got)
	}
	if answer := s.ask(t, http.MethodGet, "/app/room/cam.flv?start=1"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a recording that there is not: %s", answer.Status)
	}
}

// A file that has pictures or sound alone says so at its front.
func TestHeaderOfARecording(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.recordings.Store("app/room/film", filmOf(t, tag{flv.TypeVideo, 0, string(videoHeader)}, tag{flv.TypeVideo, 0, string(key(1))}))
	s.recordings.Store("app/room/song", filmOf(t, tag{flv.TypeAudio, 0, "\x2fmp3"}, tag{flv.TypeAudio, 20, "\x2fmp3"}))
	for name, want := range map[string]byte{"film": 1, "song": 4} {
		if _, flags := readTags(t, s.ask(t, http.MethodGet, "/app/room/"+name+".flv").Body, -1); flags != want {
			t.Errorf("%s: flags %d, want %d", name, flags, want)
		}
	}
}

// Of several tracks one is sent, as live, whatever there is room for.
func TestTracksOfARecording(t *testing.T) {
	t.Parallel()
	of := func(kind, track, n byte) string {
		return string([]byte{kind, 1, 'a', 'v', 'c', '1', track, 0, 0, 0, n})
	}
	headerOf := func(track byte) string { return string([]byte{0x96, 0, 'a', 'v', 'c', '1', track, 1}) }
	large := strings.Repeat("picture", 50000)
	file := filmOf(t,
		tag{flv.TypeVideo, 0, headerOf(0)}, tag{flv.TypeVideo, 0, headerOf(1)},
		tag{flv.TypeVideo, 0, of(0x96, 0, 1) + large}, tag{flv.TypeVideo, 40, of(0xa6, 1, 2)}, tag{flv.TypeVideo, 80, of(0x96, 1, 3) + large},
		tag{flv.TypeVideo, 120, of(0xa6, 0, 4)}, tag{flv.TypeVideo, 160, of(0xa6, 1, 5)})
	for _, room := range []int64{1 << 30, 1} {
		samples := budget.New("samples", room)
		s := newSite(t, Options{Samples: samples})
		s.recordings.Store("app/room/film", file)
		for query, want := range map[string][]tag{
			"": {{flv.TypeVideo, 0, string(key(1)) + large}, {flv.TypeVideo, 120, string(inter(4))}},
			// Its pictures begin with a keyframe of its own.
			"?track=1": {{flv.TypeVideo, 80, string(key(3)) + large}, {flv.TypeVideo, 160, string(inter(5))}},
		} {
			got, flags := readTags(t, s.ask(t, http.MethodGet, filmPath+query).Body, -1)
			want = append([]tag{{flv.TypeScript, 0, string(metadata)}, {flv.TypeVideo, 0, string(videoHeader)}}, want...)
			if flags != 1 || !slices.Equal(got, want) {
				t.Errorf("%q: flags %d, %v, want %v", query, flags, got, want)
			}
		}
		if answer := s.ask(t, http.MethodGet, filmPath+"?track=3"); answer.StatusCode != http.StatusNotFound || !strings.Contains(all(t, answer), "track 3") {
			t.Errorf("a track that there is not: %s", answer.Status)
		}
		if answer := s.ask(t, http.MethodHead, filmPath+"?track=1"); answer.StatusCode != http.StatusOK || all(t, answer) != "" {
			t.Errorf("HEAD: %s", answer.Status)
		}
		servertest.Eventually(t, "memory to be given back", func() bool { return samples.Used() == 0 })
	}
}

// What is no FLV is sent as FLV, and decoded by who knows that.
func TestFilmsOfOtherFormats(t *testing.T) { byAll(t, filmsOfOtherFormats) }

func filmsOfOtherFormats(t *testing.T, by transport) {
	dir := t.TempDir()
	source := filepath.Join(dir, "film.mp4")
	run(t, "ffmpeg", strings.Fields("-v error -f lavfi -i testsrc2=s=160x120:r=25 -f lavfi -i sine=f=440:r=44100 -t 4 -c:v libx264 -preset veryfast -g 25 -keyint_min 25 -sc_threshold 0 -pix_fmt yuv420p -c:a aac -ac 2 "+source)...)
	b, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	s := newSiteBy(t, Options{}, by)
	s.recordings.Store("app/room/film", string(b))
	for query, want := range map[string]string{"": "100", "?start=2.2": "50"} {
		frames := run(t, "ffprobe", "-v", "warning", "-count_frames", "-show_entries", "stream=nb_read_frames", "-select_streams", "v", "-of", "csv=p=0", s.server.URL+filmPath+query)
		if got := strings.TrimSpace(frames); got != want {
			t.Errorf("%q: %s pictures, want %s", query, got, want)
		}
	}
}

// run runs a program that must have nothing to complain of.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	var out, words bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil || words.Len() > 0 {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, words.String())
	}
	return out.String()
}

// In a WebSocket a recording is messages of whole tags, and its end is said.
func TestRecordingInAWebSocket(t *testing.T) { bySockets(t, recordingInAWebSocket) }

func recordingInAWebSocket(t *testing.T, by transport) {
	s := newSiteBy(t, Options{}, by)
	tags := seconds(2000)
	s.recordings.Store("app/room/film", filmOf(t, tags...))
	c := s.open(t, filmPath+"?start=1")
	var b bytes.Buffer
	messages := 0
	for {
		ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
		_, part, err := c.Read(ctx)
		cancel()
		if err != nil {
			if websocket.CloseStatus(err) != websocket.StatusNormalClosure {
				t.Fatal(err)
			}
			break
		}
		b.Write(part)
		messages++
	}
	got, flags := readTags(t, &b, -1)
	if n := 3 + len(tags) - 6; flags != 5 || len(got) != n || messages < 2 {
		t.Errorf("flags %d, %d tags of %d, in %d messages", flags, len(got), n, messages)
	}
	servertest.Eventually(t, "nobody watches", func() bool { return s.handler.Viewers() == 0 })
}

// Who does not read a recording, or goes, is let go; the server may end.
func TestRecordingThatNobodyReads(t *testing.T) { bySockets(t, recordingThatNobodyReads) }

func recordingThatNobodyReads(t *testing.T, by transport) {
	samples := budget.New("samples", 64<<20)
	s := newSiteBy(t, Options{Samples: samples}, by)
	var tags []tag
	for i := range 64 {
		tags = append(tags, tag{flv.TypeVideo, timeOf(i), string(key(1)) + strings.Repeat("x", 1<<20)})
	}
	s.recordings.Store("app/room/film", filmOf(t, tags...))
	gone := s.open(t, filmPath)
	next(t, gone)
	if err := gone.CloseNow(); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "the viewer has gone", func() bool { return s.handler.Viewers() == 0 && samples.Used() == 0 })
	stuck := s.dial(t)
	if _, err := io.WriteString(stuck, handshake(filmPath)); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "the viewer is there", func() bool { return samples.Used() > 0 })
	s.handler.Close()
	if n := samples.Used(); n != 0 {
		t.Errorf("%d bytes are still paid for", n)
	}
}
