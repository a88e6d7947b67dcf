package hls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/mp3"
	"flashpod.dev/flashpod/mediaserver/mp4"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// pictures and sound are what ffmpeg is told to make.
const (
	pictures = "-f lavfi -i testsrc2=s=160x120:r=30"
	tone     = "-f lavfi -i sine=f=440:r=44100"
	avc      = "-c:v libx264 -preset veryfast -g 60 -keyint_min 60 -sc_threshold 0 -pix_fmt yuv420p"
	aac      = "-c:a aac -ac 2"
)

var encoded sync.Map // of arguments: func() (string, error)

// encode has ffmpeg make a file, once for all tests.
func encode(t testing.TB, args string) string {
	t.Helper()
	once, _ := encoded.LoadOrStore(args, sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "hls")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		file := filepath.Join(dir, "a.mp4")
		all := append(strings.Fields("-v error "+args), "-strict", "-2")
		if out, err := exec.Command("ffmpeg", append(all, file)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ffmpeg %s: %w\n%s", args, err, out)
		}
		return os.ReadFile(file)
	}))
	b, err := once.(func() ([]byte, error))()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// messages are what a publisher would send of a file: headers, then frames.
func messages(t testing.TB, file string) (all []*rtmp.Message) {
	t.Helper()
	r := strings.NewReader(file)
	f, err := mp4.Open(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	at := f.Seek(0)
	headers, err := f.Headers(r, at)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		all = append(all, messageOf(&h, 0))
	}
	for {
		b := media.NewBatch(1 << 20)
		next, err := f.Read(r, at, b)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range b.Frames {
			all = append(all, messageOf(&f, f.Time))
		}
		at = next
	}
}

// house has one stream, and recordings.
type house struct {
	live       *stream.Stream
	recordings map[string]string // bytes of MP4 files
	token      string            // of all viewers
	rules      outlet.HLSRules
	watching   atomic.Int64
	sent       atomic.Uint64
}

func (h *house) Live(_ *http.Request, _ outlet.Way, name string) (*outlet.Live, error) {
	switch name {
	case "app/room/cam":
		return &outlet.Live{Stream: h.live, HLS: h.rules, Viewing: h.view()}, nil
	case "app/room/secret":
		return nil, outlet.Refuse(http.StatusForbidden, "the key is wrong")
	}
	return nil, outlet.ErrNotFound
}

func (h *house) Recording(_ *http.Request, _ outlet.Way, name string) (*outlet.Recording, error) {
	file, ok := h.recordings[name]
	if !ok {
		return nil, outlet.ErrNotFound
	}
	r := strings.NewReader(file)
	var f media.File
	var err error
	switch {
	case strings.HasPrefix(file, "FLV"):
		f, err = flv.Open(r, r.Size())
	case strings.HasPrefix(file, "ID3"):
		f, err = mp3.Open(r, r.Size())
	default:
		f, err = mp4.Open(r, r.Size())
	}
	if err != nil {
		return nil, err
	}
	return &outlet.Recording{File: f, Reader: r, Size: r.Size(), Key: name, Viewing: h.view()}, nil
}

// view lets a viewer in.
func (h *house) view() *outlet.Viewing {
	h.watching.Add(1)
	return outlet.NewViewing(context.Background(), &h.sent, h.token, func() { h.watching.Add(-1) })
}

// site is a stream, its publisher, and a server of HTTP.
type site struct {
	*house
	publisher *stream.Publisher
	handler   *Handler
	url       string
}

func newSite(t testing.TB, opts Options) *site {
	t.Helper()
	fanout := stream.NewFanout(1)
	s := stream.New("cam", fanout, stream.Options{GOPCache: true})
	p, err := s.Publish()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{live: s, recordings: map[string]string{}}
	handler := New(h, opts)
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Close()
		handler.Close()
		p.Close()
		fanout.Close()
	})
	return &site{h, p, handler, server.URL + "/app/room/cam/"}
}

// watch is a first viewer's request, as far as it starts the stream's cutting.
func (s *site) watch(t testing.TB) *live {
	t.Helper()
	l, err := s.handler.of(s.live, s.rules)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (s *site) publish(t testing.TB, all []*rtmp.Message) {
	t.Helper()
	for _, m := range all {
		if err := s.publisher.Write(m); err != nil {
			t.Fatal(err)
		}
	}
}

// get asks for a file of the stream.
func (s *site) get(t testing.TB, file string) (status int, body string) {
	t.Helper()
	return getURL(t, s.url+file)
}

func getURL(t testing.TB, url string) (status int, body string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func (s *site) must(t testing.TB, file string) string {
	t.Helper()
	status, body := s.get(t, file)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", file, status, body)
	}
	return body
}

// probe has ffprobe read all packets of an address, and ffmpeg decode them; both must
// have nothing to say.
func probe(t testing.TB, url string) (packets map[string][]float64, decoded int) {
	t.Helper()
	out := quiet(t, "ffprobe", "-v", "warning", "-show_entries", "packet=codec_type,dts_time", "-of", "csv=p=0", url)
	packets = map[string][]float64{}
	for line := range strings.Lines(out) {
		kind, at, _ := strings.Cut(strings.TrimSpace(line), ",")
		var s float64
		if _, err := fmt.Sscanf(at, "%f", &s); err != nil {
			t.Fatalf("ffprobe says %q", line)
		}
		packets[kind] = append(packets[kind], s)
	}
	frames := quiet(t, "ffprobe", "-v", "warning", "-count_frames", "-show_entries", "stream=nb_read_frames", "-select_streams", "v", "-of", "csv=p=0", url)
	frames = strings.TrimSpace(strings.SplitN(frames, "\n", 2)[0])
	if frames != "" {
		if _, err := fmt.Sscanf(frames, "%d", &decoded); err != nil {
			t.Fatalf("ffprobe counts %q", frames)
		}
	}
	return packets, decoded
}

func quiet(t testing.TB, name string, args ...string) string {
	t.Helper()
	var out, words bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil || words.Len() > 0 {
		t.Errorf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, words.String())
	}
	return out.String()
}
