package httpmp4

import (
	"bytes"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/mp4"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

func timeOf(ms float64) media.Timestamp { return media.Timestamp(math.Round(ms)) }

// tag is one of a file.
func tag(kind uint8, at media.Timestamp, data string) flv.Tag {
	return flv.Tag{Type: kind, Timestamp: at, Data: []byte(data)}
}

// sound is a recording of AAC, a second long, with other tags in between.
func sound(others ...flv.Tag) []flv.Tag {
	tags := append([]flv.Tag{tag(flv.TypeAudio, 0, "\xaf\x00\x12\x10")}, others...)
	for i := range 43 {
		tags = append(tags, tag(flv.TypeAudio, timeOf(float64(i)*1024/44.1), "\xaf\x01sound"))
	}
	return tags
}

// What MP4 cannot hold is left out, and the answer says so; where nothing remains, it is
// refused, and says why.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	old := tag(flv.TypeVideo, 0, "\x12picture") // Sorenson H.263
	for name, c := range map[string]struct {
		tags   []flv.Tag
		status int
		words  string
	}{
		"sound beside old pictures":    {sound(old), http.StatusOK, "track 0, Sorenson H.263"},
		"old pictures":                 {[]flv.Tag{old}, http.StatusUnsupportedMediaType, "Sorenson H.263"},
		"Nellymoser":                   {[]flv.Tag{tag(flv.TypeAudio, 0, "\x62sound")}, http.StatusUnsupportedMediaType, "Nellymoser"},
		"no sequence header":           {[]flv.Tag{tag(flv.TypeVideo, 0, "\x17\x01\x00\x00\x00picture")}, http.StatusUnsupportedMediaType, "H.264: nothing says how to decode it"},
		"a sequence header that lies":  {[]flv.Tag{tag(flv.TypeVideo, 0, "\x17\x00\x00\x00\x00\x01\x64\x00\x0b\xff\xe1\xff\xff"), tag(flv.TypeVideo, 0, "\x17\x01\x00\x00\x00picture")}, http.StatusUnsupportedMediaType, "H.264"},
		"a codec that nobody knows":    {[]flv.Tag{tag(flv.TypeVideo, 0, "\x91xyz1picture")}, http.StatusUnsupportedMediaType, `"xyz1"`},
		"data alone":                   {[]flv.Tag{tag(flv.TypeScript, 0, "\x02\x00\x02hi")}, http.StatusUnprocessableEntity, "neither pictures nor sound"},
		"empty frames":                 {[]flv.Tag{tag(flv.TypeAudio, 0, "\xaf\x00\x12\x10"), tag(flv.TypeAudio, 0, "\xaf\x01")}, http.StatusUnprocessableEntity, "neither"},
		"messages that end too early":  {[]flv.Tag{tag(flv.TypeVideo, 0, "\x91hv"), tag(flv.TypeAudio, 0, "")}, http.StatusUnprocessableEntity, "neither"},
		"tracks whose sizes are wrong": {[]flv.Tag{tag(flv.TypeVideo, 0, "\x96\x11avc1\x00\xff\xff\xffpicture")}, http.StatusUnprocessableEntity, "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, Options{})
			s.recordings.Store("app/room/film", record(t, true, c.tags...))
			answer, said := s.ask(t, http.MethodGet, filmPath)
			if c.status == http.StatusOK {
				said = answer.Header.Get("Flashpod-Left-Out")
			}
			if answer.StatusCode != c.status || !strings.Contains(said, c.words) {
				t.Errorf("%s: %.200s", answer.Status, said)
			}
		})
	}
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, Options{})
		s.recordings.Store("app/room/film", record(t, true, sound()...))
		if answer, _ := s.ask(t, http.MethodGet, filmPath); answer.Header.Get("Flashpod-Left-Out") != "" {
			t.Error(answer.Header)
		}
	})
}

// Requests for what there is not, or not for the asker, are refused.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	s.recordings.Store("app/room/song", encode(t, tone+" -t 1 -c:a libmp3lame", ".mp3"))
	for _, c := range []struct {
		method, path string
		status       int
		words        string
	}{
		{http.MethodGet, "/app/room/none.mp4", http.StatusNotFound, "no recording"},
		{http.MethodGet, "/app/room/secret.mp4", http.StatusForbidden, "key"},
		{http.MethodPost, filmPath, http.StatusMethodNotAllowed, "read only"},
		{http.MethodGet, "/.mp4", http.StatusNotFound, ""},
		{http.MethodGet, "/app/room/film.mpeg", http.StatusNotFound, ""},
		{http.MethodGet, "/app/room/song.mp4", http.StatusUnsupportedMediaType, "neither FLV nor MP4"},
	} {
		if answer, said := s.ask(t, c.method, c.path); answer.StatusCode != c.status || !strings.Contains(said, c.words) {
			t.Errorf("%s %s: %s %s", c.method, c.path, answer.Status, said)
		}
	}
	s.handler.Close()
	if answer, said := s.ask(t, http.MethodGet, filmPath); answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(said, "shutting down") {
		t.Errorf("while the server ends: %s %s", answer.Status, said)
	}
}

// A recording that is still written is what it is now, without ranges.
func TestWhileItIsRecorded(t *testing.T) {
	t.Parallel()
	tags := tagsOf(t, encode(t, pictures+" "+tone+" -t 5 "+avc+" "+aac, ".mp4"))
	s := newSite(t, Options{})
	s.recordings.Store("app/room/film", record(t, false, tags[:len(tags)/2]...))
	answer, b := s.ask(t, http.MethodGet, filmPath, "Range", "bytes=100-")
	if h := answer.Header; answer.StatusCode != http.StatusOK || h.Get("Accept-Ranges") != "none" || h.Get("ETag") != "" || h.Get("Cache-Control") != "no-store" || answer.ContentLength != int64(len(b)) {
		t.Errorf("%s %v", answer.Status, h)
	}
	frames := func(b string) int {
		f := save(t, "film.mp4", b)
		return len(packets(t, f, "v:0")) + len(packets(t, f, "a:0"))
	}
	half := frames(b)
	// It is looked through once in a while, unless it is another file.
	now := time.Now()
	s.handler.now = func() time.Time { return now }
	s.recordings.Store("app/room/film", record(t, false, tags[:len(tags)/2]...))
	_, b = s.ask(t, http.MethodGet, filmPath)
	s.recordings.Store("app/room/film", record(t, false, tags[:len(tags)/2+10]...))
	if _, again := s.ask(t, http.MethodGet, filmPath); again != b {
		t.Error("it is looked through for each tag")
	}
	now = now.Add(freshFor)
	if _, later := s.ask(t, http.MethodGet, filmPath); frames(later) != half+10 {
		t.Errorf("later it has %d frames, and had %d", frames(later), half)
	}
	s.recordings.Store("app/room/film", record(t, false, sound()...))
	if _, other := s.ask(t, http.MethodGet, filmPath); frames(other) != 43 {
		t.Errorf("another recording of its name has %d frames", frames(other))
	}
	s.recordings.Store("app/room/film", record(t, true, tags...))
	all := frames(s.get(t, filmPath))
	if headers := 2; half != len(tags)/2-headers || all != len(tags)-headers {
		t.Errorf("%d frames, then %d, of %d tags", half, all, len(tags))
	}
}

// All tracks of a recording are tracks of the file, whether they come in messages of
// their own or together; what they are told by then holds from there on.
func TestTracks(t *testing.T) {
	t.Parallel()
	source := tagsOf(t, encode(t, pictures+" -t 2 "+avc, ".mp4"))
	other := tagsOf(t, encode(t, "-f lavfi -i testsrc2=s=320x240:r=30 -t 2 "+avc, ".mp4"))
	// As Enhanced RTMP has tracks: those of source in messages of their own, and in
	// messages of two.
	one := func(tag flv.Tag, track byte) flv.Tag {
		kind := 0x90 | tag.Data[0]>>4&7<<4 | 6
		body := tag.Data[5:]
		if tag.Data[1] == 1 {
			body = tag.Data[2:] // with its composition time
		}
		tag.Data = append([]byte{kind, tag.Data[1], 'a', 'v', 'c', '1', track}, body...)
		return tag
	}
	two := func(a, b flv.Tag) flv.Tag {
		kind := 0x90 | a.Data[0]>>4&7<<4 | 6
		data := []byte{kind, 0x10 | a.Data[1], 'a', 'v', 'c', '1'}
		for i, tag := range []flv.Tag{a, b} {
			body := tag.Data[5:]
			if tag.Data[1] == 1 {
				body = tag.Data[2:]
			}
			data = append(append(data, byte(i), byte(len(body)>>16), byte(len(body)>>8), byte(len(body))), body...)
		}
		a.Data = data
		return a
	}
	var apart, together, changes []flv.Tag
	for i := range source {
		apart = append(apart, one(source[i], 0), one(other[i], 1))
		together = append(together, two(source[i], other[i]))
	}
	changes = slices.Clone(source)
	for _, tag := range other {
		tag.Timestamp += 2000
		changes = append(changes, tag)
	}
	for name, tags := range map[string][]flv.Tag{"apart": apart, "together": together} {
		s := newSite(t, Options{})
		s.recordings.Store("app/room/film", record(t, true, tags...))
		film := save(t, "film.mp4", s.get(t, filmPath))
		sizes := run(t, "ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", film)
		if strings.TrimSpace(sizes) != "160,120,60\n320,240,60" {
			t.Errorf("%s: %s", name, sizes)
		}
		run(t, "ffmpeg", "-v", "warning", "-xerror", "-i", film, "-map", "0", "-f", "null", "-")
	}
	// One that is described anew has two descriptions.
	s := newSite(t, Options{})
	s.recordings.Store("app/room/film", record(t, true, changes...))
	film := s.get(t, filmPath)
	if n := strings.Count(film, "avcC"); n != 2 {
		t.Errorf("%d descriptions", n)
	}
	file := save(t, "film.mp4", film)
	sizes := run(t, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=width", "-of", "csv=p=0", file)
	if strings.Count(sizes, "160") != 60 || strings.Count(sizes, "320") != 60 {
		t.Errorf("pictures are so wide: %s", sizes)
	}
}

// Heads are made once, of what a budget pays for, and are forgotten when it is needed.
func TestHeadsAreKept(t *testing.T) {
	t.Parallel()
	b := budget.New("heads", 8<<20)
	s := newSite(t, Options{Heads: b, Turns: budget.NewTurns(1)})
	var reads atomic.Int64
	s.reads.Store("app/room/film", func() { reads.Add(1) })
	var tags []flv.Tag
	for range 40 {
		tags = append(tags, sound()[1:]...)
	}
	s.recordings.Store("app/room/film", record(t, true, append(sound(), tags...)...))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { s.ask(t, http.MethodHead, filmPath) })
	}
	all.Wait()
	made := reads.Load()
	if s.ask(t, http.MethodHead, filmPath); reads.Load() > made+4 { // whether it is finished is looked at
		t.Errorf("%d reads, and %d for one more", made, reads.Load()-made)
	}
	servertest.Eventually(t, "what is paid for is kept", func() bool { return b.Used() > 0 && b.Used() == s.handler.cache.Used() })
	poor := newSite(t, Options{Heads: budget.New("heads", 1<<10)})
	poor.recordings.Store("app/room/film", record(t, true, sound()...))
	if answer, said := poor.ask(t, http.MethodGet, filmPath); answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(said, "too long") {
		t.Errorf("without memory: %s %s", answer.Status, said)
	}
	if n := poor.handler.opts.Heads.Used(); n != 0 {
		t.Errorf("%d bytes are paid for", n)
	}
}

// Whatever is recorded, the head describes samples that lie in the file, as others and our
// own reader find; or it is refused.
func FuzzScan(f *testing.F) {
	seed := func(tags ...flv.Tag) {
		var b bytes.Buffer
		w, err := flv.NewStreamWriter(&b)
		if err != nil {
			f.Fatal(err)
		}
		for _, tag := range tags[:min(len(tags), 8)] {
			tag.Data = tag.Data[:min(len(tag.Data), 300)]
			if err := w.Write(tag); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(b.Bytes())
	}
	seed(sound()...)
	seed(tagsOf(f, encode(f, pictures+" "+tone+" -t 1 "+avc+" "+aac, ".mp4"))...)
	seed(tagsOf(f, encode(f, pictures+" "+tone+" -t 1 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p -c:a libopus", ".mp4"))...)
	seed(sound(tag(flv.TypeVideo, 0, "\x96\x11avc1\x00\x00\x00\x02ab\x01\x00\x00\x01a"))...)
	f.Fuzz(func(t *testing.T, b []byte) {
		r := strings.NewReader(string(b))
		file, err := flv.Open(r, r.Size())
		if err != nil {
			return
		}
		h, err := scan(file, r, nil)
		if err != nil {
			return
		}
		if h.from < 0 || h.to > r.Size() || h.from >= h.to {
			t.Fatalf("it has bytes %d to %d of %d", h.from, h.to, r.Size())
		}
		whole := string(h.data) + string(b[h.from:h.to])
		back := strings.NewReader(whole)
		if _, err := mp4.Open(back, back.Size()); err != nil && !strings.Contains(err.Error(), "49 days") {
			t.Fatal(err)
		}
	})
}
