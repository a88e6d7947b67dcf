package httpmp4

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
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/mp3"
	"flashpod.dev/flashpod/mediaserver/mp4"
	"flashpod.dev/flashpod/mediaserver/outlet"
)

// site has recordings, and serves them.
type site struct {
	recordings sync.Map // of names: bytes of files
	files      sync.Map // of those: media.File
	reads      sync.Map // of names: func(), that is called for each read
	modified   time.Time
	opened     atomic.Int64 // recordings that were opened and not closed
	sent       atomic.Uint64
	handler    *Handler
	server     *httptest.Server
}

func newSite(t testing.TB, opts Options) *site {
	t.Helper()
	s := &site{modified: time.Now().Truncate(time.Second)}
	s.handler = New(s, opts)
	s.server = httptest.NewServer(s.handler)
	t.Cleanup(func() {
		s.handler.Close()
		s.server.Close()
		if s.opened.Load() != 0 {
			t.Errorf("%d recordings are still open", s.opened.Load())
		}
	})
	return s
}

// Live implements outlet.House.
func (s *site) Live(*http.Request, outlet.Way, string) (*outlet.Live, error) {
	return nil, outlet.ErrNotFound
}

// Recording implements outlet.House.
func (s *site) Recording(_ *http.Request, _ outlet.Way, name string) (*outlet.Recording, error) {
	found, ok := s.recordings.Load(name)
	switch {
	case name == "app/room/secret":
		return nil, outlet.Refuse(http.StatusForbidden, "the key is wrong")
	case !ok:
		return nil, outlet.ErrNotFound
	}
	file := found.(string)
	r := strings.NewReader(file)
	f, err := s.open(fmt.Sprint(name, len(file)), file)
	if err != nil {
		return nil, err
	}
	var bytes io.ReaderAt = r
	if tell, ok := s.reads.Load(name); ok {
		bytes = told{r, tell.(func())}
	}
	s.opened.Add(1)
	return &outlet.Recording{File: f, Reader: bytes, Size: r.Size(), Key: fmt.Sprint(name, r.Size()), Modified: s.modified, Of: "app/room",
		Viewing: outlet.NewViewing(context.Background(), &s.sent, "", func() { s.opened.Add(-1) })}, nil
}

// open is a file as it was opened before, under a key.
func (s *site) open(key, file string) (f media.File, err error) {
	if f, ok := s.files.Load(key); ok {
		return f.(media.File), nil
	}
	r := strings.NewReader(file)
	switch {
	case strings.HasPrefix(file, "FLV"):
		f, err = flv.Open(r, r.Size())
	case strings.HasPrefix(file, "ID3"):
		f, err = mp3.Open(r, r.Size())
	default:
		f, err = mp4.Open(r, r.Size())
	}
	if err == nil {
		s.files.Store(key, f)
	}
	return f, err
}

// told tells of its reads.
type told struct {
	io.ReaderAt
	tell func()
}

// ReadAt implements io.ReaderAt.
func (r told) ReadAt(p []byte, at int64) (int, error) {
	r.tell()
	return r.ReaderAt.ReadAt(p, at)
}

const filmPath = "/app/room/film.mp4"

// answer is one without its body.
type answer struct {
	Status        string
	StatusCode    int
	Header        http.Header
	ContentLength int64
}

// ask sends a request, with pairs of names and values as its header, and reads the answer.
func (s *site) ask(t testing.TB, method, path string, header ...string) (answer, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	got, err := s.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	b, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{got.Status, got.StatusCode, got.Header, got.ContentLength}, string(b)
}

// get is a file that there is.
func (s *site) get(t testing.TB, path string) string {
	t.Helper()
	answer, body := s.ask(t, http.MethodGet, path)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", answer.Status, body)
	}
	return body
}

// pictures and sound are what ffmpeg is told to make.
const (
	pictures = "-f lavfi -i testsrc2=s=160x120:r=30"
	tone     = "-f lavfi -i sine=f=440:r=44100"
	avc      = "-c:v libx264 -preset veryfast -g 30 -keyint_min 30 -sc_threshold 0 -pix_fmt yuv420p"
	aac      = "-c:a aac -ac 2"
)

var encoded sync.Map // of arguments: func() (string, error)

// encode has ffmpeg make a file, once for all tests.
func encode(t testing.TB, args, ending string) string {
	t.Helper()
	once, _ := encoded.LoadOrStore(args+ending, sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "httpmp4")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		file := filepath.Join(dir, "a"+ending)
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

// tagsOf are what a recorder would write of an MP4 file: headers, then frames.
func tagsOf(t testing.TB, file string) (all []flv.Tag) {
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
		all = append(all, flv.Tag{Type: h.Type, Data: bytes.Join([][]byte{h.Head, h.Data}, nil)})
	}
	b := media.NewBatch(1 << 20)
	for {
		next, err := f.Read(r, at, b)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range b.Frames {
			all = append(all, flv.Tag{Type: f.Type, Timestamp: f.Time, Data: bytes.Join([][]byte{f.Head, f.Data}, nil)})
		}
		at = next
	}
}

// record writes tags into a file, as a recorder does; end says that it comes to its end.
func record(t testing.TB, end bool, tags ...flv.Tag) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "a.flv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := flv.Create(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		if err := w.Write(tag); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if end {
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// save writes a file for programs.
func save(t testing.TB, name, data string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
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
