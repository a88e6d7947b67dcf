package recording

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/playback"
)

func boxOf(kind string, parts ...any) []byte {
	b := append(make([]byte, 4), kind...)
	for _, part := range parts {
		switch p := part.(type) {
		case []byte:
			b = append(b, p...)
		case int:
			b = binary.BigEndian.AppendUint32(b, uint32(p))
		}
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

// soundOf is an MP4 file of so many samples of one byte, all of a hole: the file
// has next to no bytes of its own.
func soundOf(t *testing.T, path string, samples int) {
	t.Helper()
	zeros := func(n int) []byte { return make([]byte, n) }
	esds := boxOf("esds", 0, []byte{3, 22, 0, 1, 0, 4, 17, 0x40, 0x15}, zeros(11), []byte{5, 2, 0x12, 0x10})
	entry := boxOf("mp4a", zeros(6), []byte{0, 1}, zeros(8), []byte{0, 2, 0, 16}, zeros(4), 44100<<16, esds)
	stbl := boxOf("stbl", boxOf("stsd", 0, 1, entry), boxOf("stts", 0, 1, samples, 1), boxOf("stsc", 0, 1, 1, samples, 1),
		boxOf("stsz", 0, 1, samples), boxOf("stco", 0, 1, 16))
	moov := boxOf("moov", boxOf("mvhd", 0, 0, 0, 1000, 1000, zeros(80)), boxOf("trak",
		boxOf("tkhd", 3, 0, 0, 1, 0, 1000, zeros(60)),
		boxOf("mdia", boxOf("mdhd", 0, 0, 0, 1000, 1000, 0), boxOf("hdlr", 0, 0, []byte("soun"), zeros(13)), boxOf("minf", stbl))))
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head := boxOf("ftyp", []byte("isom"), 0)
	free := append(binary.BigEndian.AppendUint32(nil, uint32(8+samples)), "free"...)
	for at, b := range map[int64][]byte{0: head, int64(len(head)): free, int64(len(head) + 8 + samples): moov} {
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
}

// openAll opens a name for so many players at once.
func openAll(t *testing.T, s *Store, name string, players int) (files []*playback.File, err error) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	for range players {
		all.Go(func() {
			f, e := s.OpenFile(context.Background(), name)
			mu.Lock()
			defer mu.Unlock()
			if e != nil {
				err = e
				return
			}
			files = append(files, f)
		})
	}
	all.Wait()
	return files, err
}

const mib = 1 << 20

// nothingMore has no index read any more, or again.
func (s *Store) nothingMore(closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = closed
}

// TestIndexIsReadOnce opens a file whose index is too large to be kept, for many
// players at once: it is there once, as long as one of them plays.
func TestIndexIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	const samples = 1 << 20 // 16 MiB of index
	soundOf(t, filepath.Join(dir, "a.mp4"), samples)
	indexes := budget.New("indexes", 64*mib)
	s := open(t, dir, Options{Indexes: indexes, IndexMemory: mib})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	files, err := openAll(t, s, "mp4:a", 12)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if cost := after.TotalAlloc - before.TotalAlloc; cost > 40*mib {
		t.Errorf("%d MiB were allocated for 12 players of an index of 16", cost>>20)
	}
	for i, f := range files {
		if used := indexes.Used(); used < 16*samples || used > 16*samples+mib {
			t.Errorf("%d bytes of indexes are used while %d play", used, len(files)-i)
		}
		f.Close()
	}
	if used := indexes.Used(); used != 0 {
		t.Errorf("%d bytes of indexes are used when nobody plays", used)
	}
}

// TestIndexThatCostsTooMuch opens files that need more memory, or more time, than
// one may have: they are refused with the reason and, as long as they stay as
// they are, without being read again.
func TestIndexThatCostsTooMuch(t *testing.T) {
	for _, c := range []struct {
		name string
		opts Options
		why  string
	}{
		{"memory", Options{Indexes: budget.New("indexes", 8*mib)}, "4194304 bytes"},
		{"time", Options{Indexes: budget.New("indexes", 64*mib), IndexTime: 1}, "processor's time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a.mp4")
			soundOf(t, path, 1<<20)
			s := open(t, dir, c.opts)
			_, err := openAll(t, s, "mp4:a", 3)
			if !errors.Is(err, ErrCostly) || !strings.Contains(err.Error(), c.why) {
				t.Fatalf("%v", err)
			}
			s.nothingMore(true)
			for range 100 {
				if _, again := s.Length(context.Background(), "mp4:a"); again == nil || again.Error() != err.Error() {
					t.Fatalf("%v, and then %v", err, again)
				}
			}
			s.nothingMore(false)
			if used := c.opts.Indexes.Used(); used != 0 {
				t.Errorf("%d bytes are used", used)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			soundOf(t, path, 10)
			f, err := s.OpenFile(context.Background(), "mp4:a")
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
		})
	}
}

// TestInvalidFileIsReadOnce asks for a file that is none, whose bytes cannot be
// read any more when it is asked for again.
func TestInvalidFileIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.mp4")
	if err := os.WriteFile(path, []byte("this is not a film"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{})
	_, err := s.Length(context.Background(), "mp4:a")
	if !errors.Is(err, media.ErrInvalid) {
		t.Fatal(err)
	}
	s.nothingMore(true)
	if _, again := s.Length(context.Background(), "mp4:a"); !errors.Is(again, media.ErrInvalid) || again.Error() != err.Error() {
		t.Errorf("%v, and then %v", err, again)
	}
}

// takeTurns has so many wait for their turn that nobody else has one, until they are
// let go: each is given up after a tenth of a second.
func takeTurns(turns *budget.Turns) (letGo func()) {
	const many = 300
	over := make(chan struct{})
	var all sync.WaitGroup
	for range many {
		turn := turns.For("")
		all.Go(func() { turn.Begin(over); <-over; turn.End() })
	}
	for turns.Waiting() < many/2 {
		runtime.Gosched()
	}
	return func() { close(over); all.Wait() }
}

// TestNobodyWaitsForAnIndex asks for a file while nobody has a turn to read it, and
// goes.
func TestNobodyWaitsForAnIndex(t *testing.T) {
	dir := t.TempDir()
	soundOf(t, filepath.Join(dir, "a.mp4"), 1<<16)
	indexes := budget.New("indexes", 64*mib)
	turns := budget.NewTurns(1)
	letGo := takeTurns(turns)
	s := open(t, dir, Options{Indexes: indexes, Turns: turns})
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(context.Background())
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := s.OpenFile(ctx, "mp4:a"); !errors.Is(err, gone) {
				t.Errorf("%v", err)
			}
		})
	}
	var r *reading
	for r == nil {
		s.mu.Lock()
		if one := s.reading["a.mp4"]; one != nil && one.asked == 10 {
			r = one
		}
		s.mu.Unlock()
		runtime.Gosched()
	}
	cancel(gone)
	all.Wait()
	<-r.done // though there is no turn still
	letGo()
	if used := indexes.Used(); used != 0 || !errors.Is(r.err, errLeft) {
		t.Errorf("%d bytes are used, %v", used, r.err)
	}
	f, err := s.OpenFile(context.Background(), "mp4:a")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// TestReadingEndsWithWhoAsked asks for a file that takes long to read, and goes in
// the middle of it.
func TestReadingEndsWithWhoAsked(t *testing.T) {
	dir := t.TempDir()
	soundOf(t, filepath.Join(dir, "a.mp4"), 8<<20)
	indexes := budget.New("indexes", 1<<30)
	s := open(t, dir, Options{Indexes: indexes})
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(context.Background())
	asked := make(chan error, 1)
	go func() {
		_, err := s.OpenFile(ctx, "mp4:a")
		asked <- err
	}()
	var r *reading
	for r == nil || indexes.Used() == 0 { // its memory is taken at the beginning
		s.mu.Lock()
		r = s.reading["a.mp4"]
		s.mu.Unlock()
		runtime.Gosched()
	}
	cancel(gone)
	if err := <-asked; !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	<-r.done
	if used := indexes.Used(); used != 0 || !errors.Is(r.err, errLeft) {
		t.Errorf("%d bytes are used, %v", used, r.err)
	}
}

// TestIndexesMakeRoom plays a file for which there is room only when one that was
// played before is forgotten.
func TestIndexesMakeRoom(t *testing.T) {
	dir := t.TempDir()
	indexes := budget.New("indexes", 10*mib)
	for _, name := range []string{"a", "b", "c"} {
		soundOf(t, filepath.Join(dir, name+".mp4"), 1<<18) // 4 MiB of index
	}
	s := open(t, dir, Options{Indexes: indexes})
	for range 3 {
		for _, name := range []string{"mp4:a", "mp4:b", "mp4:c"} {
			if _, err := s.Length(context.Background(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	a, err := s.OpenFile(context.Background(), "mp4:a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.OpenFile(context.Background(), "mp4:b")
	if err != nil {
		t.Fatal(err)
	}
	// Both are in use, and a third does not fit; that is not held against it.
	if _, err := s.OpenFile(context.Background(), "mp4:c"); err == nil || errors.Is(err, ErrCostly) || !strings.Contains(err.Error(), "no memory is left") {
		t.Errorf("%v", err)
	}
	a.Close()
	c, err := s.OpenFile(context.Background(), "mp4:c")
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	c.Close()
}

// TestPipeInPlaceOfARecording puts a pipe in the place of a recording between the
// look and the opening: nobody waits for somebody who writes into it.
func TestPipeInPlaceOfARecording(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.mp4")
	soundOf(t, path, 10)
	s := open(t, dir, Options{})
	info, err := s.stat("a.mp4")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.use(context.Background(), "a.mp4", info); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// TestRecordingThatGrows asks how long a recording is while it grows. Its
// beginning is of no use any more when it has been read once: what came behind is
// all that is read.
func TestRecordingThatGrows(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Indexes: budget.New("indexes", 64*mib), IndexMemory: 1 << 30})
	w := recordTags(t, s, "a.flv")
	at := media.Timestamp(0)
	grow := func() {
		t.Helper()
		for range 1000 {
			if err := w.Write(flv.Tag{Type: flv.TypeVideo, Timestamp: at, Data: key}); err != nil {
				t.Fatal(err)
			}
			at += 40
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	ask := func() {
		t.Helper()
		// As one that is being written is asked for: it is not mended meanwhile.
		info, err := s.stat("a.flv")
		if err != nil {
			t.Fatal(err)
		}
		o, err := s.use(context.Background(), "a.flv", info)
		if err != nil {
			t.Fatal(err)
		}
		defer o.release()
		if d := o.file.Duration(); d != (at - 40).Duration() {
			t.Errorf("it plays %v, want %v", d, (at - 40).Duration())
		}
	}
	grow()
	ask()
	f, err := os.OpenFile(filepath.Join(dir, "a.flv"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const read = 10000 // bytes, of tags that were read
	if _, err := f.WriteAt(make([]byte, 1000), w.Size()-read); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		grow()
		ask()
	}
	// What was played keeps what it knew, and is the beginning of what follows.
	s.mu.Lock()
	s.dropIndexes()
	s.mu.Unlock()
	if used := s.opts.Indexes.Used(); used != 0 {
		t.Errorf("%d bytes are used when nothing is kept", used)
	}
}
