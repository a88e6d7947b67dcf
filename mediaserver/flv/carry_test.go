package flv

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// film is an FLV file with metadata, headers, keyframes, data and sound.
func film(tb testing.TB, seconds int) []byte {
	tb.Helper()
	b := FileHeader(true, true)
	add := func(kind uint8, at media.Timestamp, data []byte) {
		var err error
		if b, err = AppendTag(b, Tag{Type: kind, Timestamp: at, Data: data}); err != nil {
			tb.Fatal(err)
		}
	}
	noise := rand.New(rand.NewPCG(1, 2))
	add(TypeVideo, 0, []byte{0x17, 0, 0, 0, 0, 1, 2, 3})
	add(TypeAudio, 0, []byte{0xaf, 0, 0x12, 0x10})
	for i := range media.Timestamp(seconds) {
		add(TypeScript, i*1000, append([]byte{2, 0, 4}, "cue!"...))
		add(TypeVideo, i*1000, append([]byte{0x17, 1, 0, 0, 0}, make([]byte, noise.IntN(5000))...))
		add(TypeAudio, i*1000+10, append([]byte{0xaf, 1}, make([]byte, 100)...))
		add(TypeVideo, i*1000+40, append([]byte{0x27, 1, 0, 0, 0}, make([]byte, noise.IntN(500))...))
	}
	return b
}

// What is known of a file is the same where it was carried to.
func TestIndexIsCarried(t *testing.T) {
	t.Parallel()
	b := film(t, 500)
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	said, err := f.AppendIndex(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(said) > 12<<10 {
		t.Errorf("%d bytes say what is known of %d", len(said), len(b))
	}
	spent := &purse{most: 1 << 20}
	g, err := ParseIndex(said, spent)
	if err != nil {
		t.Fatal(err)
	}
	if spent.n == 0 || spent.n < g.Memory() {
		t.Errorf("%d bytes were paid for, of %d", spent.n, g.Memory())
	}
	if g.Duration() != f.Duration() || g.Size() != f.Size() || !reflect.DeepEqual(g.Meta(), f.Meta()) {
		t.Errorf("%v long, %d bytes, %v; was %v, %d, %v", g.Duration(), g.Size(), g.Meta(), f.Duration(), f.Size(), f.Meta())
	}
	for at := media.Timestamp(0); at < 501000; at += 777 {
		if a, b := f.Seek(at), g.Seek(at); a != b {
			t.Fatalf("at %d: %v, was %v", at, b, a)
		}
	}
	where := f.Seek(250000)
	r := bytes.NewReader(b)
	h1, err1 := f.Headers(r, where)
	h2, err2 := g.Headers(r, where)
	if err1 != nil || err2 != nil || len(h1) != 2 || !reflect.DeepEqual(h1, h2) {
		t.Errorf("headers %v, %v; was %v, %v", h2, err2, h1, err1)
	}
	one, two := media.NewBatch(64<<10), media.NewBatch(64<<10)
	n1, err1 := f.Data(r, where, one)
	n2, err2 := g.Data(r, where, two)
	if n1 != n2 || err1 != nil || err2 != nil || len(one.Frames) != len(two.Frames) {
		t.Errorf("data up to %v, %v; was %v, %v", n2, err2, n1, err1)
	}
	if _, err := ParseIndex(said, &purse{most: 1 << 10}); !errors.Is(err, errSpent) {
		t.Errorf("without memory: %v", err)
	}
}

var errSpent = errors.New("spent")

// purse is a meter of so many bytes.
type purse struct{ n, most int64 }

func (c *purse) Spend(n int64) error {
	if c.n += n; c.n > c.most {
		return errSpent
	}
	return nil
}

func (*purse) Pause() error { return nil }

// Whatever is said to be an index takes no more memory than was paid, and what is read of
// one can be used.
func FuzzParseIndex(f *testing.F) {
	b := film(f, 3)
	file, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		f.Fatal(err)
	}
	said, err := file.AppendIndex(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(said)
	f.Add(said[:len(said)-1])
	f.Add([]byte{1, 7, 13, 13, 0, 0, 0})
	r := bytes.NewReader(b)
	f.Fuzz(func(t *testing.T, said []byte) {
		spent := &purse{most: 1 << 20}
		g, err := ParseIndex(said, spent)
		if err != nil {
			if !errors.Is(err, ErrInvalid) && !errors.Is(err, errSpent) {
				t.Error(err)
			}
			return
		}
		if g.Memory() > spent.n {
			t.Errorf("%d bytes of memory, and %d were paid", g.Memory(), spent.n)
		}
		g.SeekAfter(1000)
		batch := media.NewBatch(4 << 10)
		at := g.Seek(1000)
		_, _ = g.Headers(r, at)
		_, _ = g.Read(r, at, batch)
		_, _ = g.Data(r, at, batch)
		if again, err := g.AppendIndex(nil); err != nil || len(again) == 0 {
			t.Errorf("%v", err)
		}
	})
}
