package httpmp4

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
)

// cut is a file that has become shorter since it was opened.
type cut struct {
	io.ReaderAt
	size int64
}

// ReadAt implements io.ReaderAt.
func (c cut) ReadAt(p []byte, at int64) (int, error) {
	left := max(0, c.size-at)
	if int64(len(p)) <= left {
		return c.ReaderAt.ReadAt(p, at)
	}
	n, err := c.ReaderAt.ReadAt(p[:left], at)
	if err == nil {
		err = io.EOF
	}
	return n, err
}

// A file that has become shorter is refused where a sample is torn, and else ends there;
// nothing that is not in the file is promised.
func TestShorterThanItWas(t *testing.T) {
	t.Parallel()
	file := record(t, true, tagsOf(t, encode(t, pictures+" -t 5 "+avc, ".mp4"))...)
	r := strings.NewReader(file)
	f, err := flv.Open(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	whole, err := scan(f, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for size := whole.from; size < whole.to; size += 97 {
		h, err := scan(f, cut{r, size}, nil)
		if err != nil {
			refused++
			continue
		}
		if h.to > size {
			t.Fatalf("of %d bytes, %d are promised", size, h.to)
		}
	}
	if refused == 0 {
		t.Error("no sample was torn")
	}
}

// Bytes in the middle of a file that are none of FLV are found where it is opened: what
// comes before them is the file.
func TestDamaged(t *testing.T) {
	t.Parallel()
	tags := tagsOf(t, encode(t, pictures+" "+tone+" -t 5 "+avc+" "+aac, ".mp4"))
	file := []byte(record(t, true, tags...))
	f, err := flv.Open(strings.NewReader(string(file)), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	copy(file[f.Seek(2000).At:], "no tag begins here, whatever comes behind it, and there is nothing to be found in it any more")
	s := newSite(t, Options{})
	s.recordings.Store("app/room/film", string(file))
	film := save(t, "film.mp4", s.get(t, filmPath))
	n := len(packets(t, film, "v:0")) + len(packets(t, film, "a:0"))
	if n < len(tags)/4 || n >= len(tags)-2 {
		t.Errorf("%d frames, of %d tags", n, len(tags))
	}
}

// A server that ends does not wait for what is looked through.
func TestClosedMeanwhile(t *testing.T) {
	t.Parallel()
	s := newSite(t, Options{})
	begun, goOn := make(chan struct{}, 1), make(chan struct{})
	s.recordings.Store("app/room/film", record(t, true, sound()...))
	s.reads.Store("app/room/film", func() {
		select {
		case begun <- struct{}{}:
		default:
		}
		<-goOn
	})
	type said struct {
		answer
		words string
	}
	got := make(chan said)
	go func() {
		a, b := s.ask(t, http.MethodGet, filmPath)
		got <- said{a, b}
	}()
	<-begun
	s.handler.Close()
	close(goOn)
	if g := <-got; g.StatusCode != http.StatusServiceUnavailable || !strings.Contains(g.words, "shutting down") || g.Header.Get("Retry-After") == "" {
		t.Errorf("%s %v %s", g.Status, g.Header, g.words)
	}
}
