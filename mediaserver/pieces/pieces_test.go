package pieces_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/pieces"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// origin is where a file comes from. It counts what was asked for.
type origin struct {
	of []byte

	mu    sync.Mutex
	asked map[int64]int // how often, by piece
	err   error
	let   chan struct{} // nil: at once
}

func newOrigin(size int) *origin {
	o := &origin{of: make([]byte, size), asked: map[int64]int{}}
	noise := rand.NewChaCha8([32]byte{byte(size)})
	_, _ = noise.Read(o.of)
	return o
}

func (o *origin) Fetch(n int64, size int, _ bool, done func([]byte, error)) {
	o.mu.Lock()
	o.asked[n]++
	err, let := o.err, o.let
	o.mu.Unlock()
	go func() {
		if let != nil {
			<-let
		}
		if err != nil {
			done(nil, err)
			return
		}
		done(bytes.Clone(o.of[n*pieces.Size:][:size]), nil)
	}()
}

func (o *origin) times() (all int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range o.asked {
		all += n
	}
	return all
}

func open(t *testing.T, cfg pieces.Config) *pieces.Cache {
	t.Helper()
	c, err := pieces.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// same reads all of a file, from a place on, as a player does, and compares it.
func same(t *testing.T, f *pieces.File, o *origin, from int64) {
	t.Helper()
	b := make([]byte, 100<<10)
	for at := from; at < int64(len(o.of)); {
		n, err := f.ReadAt(b, at)
		if err != nil && !errors.Is(err, io.EOF) || n == 0 {
			t.Errorf("at %d: %d bytes, %v", at, n, err)
			return
		}
		if !bytes.Equal(b[:n], o.of[at:at+int64(n)]) {
			t.Errorf("other bytes at %d", at)
			return
		}
		at += int64(n)
	}
	if n, err := f.ReadAt(b, int64(len(o.of))); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %d, %v", n, err)
	}
}

// settled waits until the disk has as many bytes.
func settled(t *testing.T, c *pieces.Cache, onDisk int64) {
	t.Helper()
	servertest.Eventually(t, "the disk has it", func() bool { return c.Stats().OnDisk == onDisk })
}

const size = 20*pieces.Size + 1000

// onDisk is what a file of size bytes takes.
const onDisk = size + 21*24

// Many who read one file at once have each piece fetched once, and those who come later
// none, whether this process has fetched them or another.
func TestEachPieceIsFetchedOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	o := newOrigin(size)
	c := open(t, pieces.Config{Folder: folder, Max: 1 << 30})
	var readers sync.WaitGroup
	for i := range 50 {
		readers.Go(func() {
			f := c.Open("film", size, o)
			defer f.Close()
			same(t, f, o, int64(i*777))
			same(t, f, o, size-int64(i*777)) // a seek
		})
	}
	readers.Wait()
	if n := o.times(); n != 21 {
		t.Errorf("21 pieces were fetched %d times", n)
	}
	settled(t, c, onDisk)
	if s := c.Stats(); s.Fetched != size || s.Served < 40*size || s.Hits == 0 || s.Misses == 0 {
		t.Errorf("%+v", s)
	}
	c.Close()

	again := open(t, pieces.Config{Folder: folder, Max: 1 << 30})
	f := again.Open("film", size, o)
	defer f.Close()
	same(t, f, o, 0)
	if n := o.times(); n != 21 || again.Stats().OnDisk != onDisk {
		t.Errorf("fetched %d times; %+v", n, again.Stats())
	}
	other := newOrigin(size)
	g := again.Open("another", size, other)
	defer g.Close()
	same(t, g, other, 0)
}

// A piece that is not whole on the disk, however that came, is fetched again.
func TestTornPiecesAreNotServed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	o := newOrigin(size)
	c := open(t, pieces.Config{Folder: folder, Max: 1 << 30})
	f := c.Open("film", size, o)
	same(t, f, o, 0)
	f.Close()
	settled(t, c, onDisk)
	c.Close()
	all, err := filepath.Glob(folder + "/*/*")
	if err != nil || len(all) != 21 {
		t.Fatal(all, err)
	}
	spoil := func(file string, do func(b []byte) []byte) {
		b, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, do(b), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	spoil(all[0], func(b []byte) []byte { return b[:len(b)/2] })
	spoil(all[1], func(b []byte) []byte { b[5000]++; return b })
	spoil(all[2], func(b []byte) []byte { b[13]++; return b })
	spoil(all[3], func(b []byte) []byte { return b[:10] })
	spoil(all[4], func(b []byte) []byte { return make([]byte, len(b)) }) // as after a loss of power
	if err := os.Rename(all[5], all[5]+".part"); err != nil {
		t.Fatal(err)
	}
	stranger := filepath.Join(folder, "README")
	if err := os.WriteFile(stranger, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}

	again := open(t, pieces.Config{Folder: folder, Max: 1 << 30})
	f = again.Open("film", size, o)
	defer f.Close()
	same(t, f, o, 0)
	if n := o.times() - 21; n != 6 {
		t.Errorf("%d pieces were fetched again, of 6 that were torn", n)
	}
	settled(t, again, onDisk)
	servertest.Eventually(t, "no halves of pieces are left", func() bool {
		left, err := filepath.Glob(folder + "/*/*.part")
		return err == nil && len(left) == 0
	})
	// What goes away while it is used is fetched again, too. The last pieces may be on their way to the disk.
	servertest.Eventually(t, "the folder has gone", func() bool { return os.RemoveAll(filepath.Dir(all[0])) == nil })
	same(t, f, o, 0)
	if _, err := os.Stat(stranger); err != nil {
		t.Error(err)
	}
}

// A cache that is smaller than what is read stays as small as it is to be, and everybody
// gets what he reads.
func TestSmallCache(t *testing.T) {
	t.Parallel()
	const most = 6 * (pieces.Size + 24)
	memory := budget.New("pieces", 4<<20)
	folder := t.TempDir()
	c := open(t, pieces.Config{Folder: folder, Max: most, Memory: memory})
	var readers sync.WaitGroup
	for i := range 12 {
		readers.Go(func() {
			o := newOrigin(size + i%4)
			f := c.Open(string(rune('a'+i%4)), int64(size+i%4), o)
			defer f.Close()
			same(t, f, o, 0)
		})
	}
	readers.Wait()
	if s := c.Stats(); s.OnDisk > most {
		t.Errorf("%+v", s)
	}
	servertest.Eventually(t, "something was evicted", func() bool { return c.Stats().Evicted > 0 })
	c.Close()
	if n := memory.Used(); n > memory.Max() {
		t.Errorf("%d bytes of memory", n)
	}
	// Who has made room removes what went for it when its readers have gone on already.
	servertest.Eventually(t, "the folder is as small as it is to be", func() bool {
		left := int64(0)
		err := filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().IsRegular() {
				left += info.Size()
			}
			return err
		})
		return err == nil && left <= most
	})
}

// Where the disk is full, all goes on as without one, and that is said once.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]pieces.Config{
		"full":    {Folder: t.TempDir(), Max: 1 << 30, MinFree: 1 << 60},
		"none":    {},
		"removed": {Folder: filepath.Join(t.TempDir(), "x"), Max: 1 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg.Memory = budget.New("pieces", 4<<20)
			if name == "removed" {
				if err := os.Mkdir(cfg.Folder, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			c := open(t, cfg)
			if name == "removed" { // and something else is in its place
				if err := errors.Join(os.Remove(cfg.Folder), os.WriteFile(cfg.Folder, nil, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			o := newOrigin(size)
			var readers sync.WaitGroup
			for i := range 10 {
				readers.Go(func() {
					f := c.Open("film", size, o)
					defer f.Close()
					same(t, f, o, int64(i*100000))
				})
			}
			readers.Wait()
			if s := c.Stats(); name == "none" && (s.OnDisk != 0 || s.WithoutDisk) {
				t.Errorf("%+v", s)
			}
			if name == "none" {
				return
			}
			servertest.Eventually(t, "it is said", func() bool { return c.Stats().WithoutDisk })
		})
	}
}

// A file that grows is read as far as each reader knows it, and what was the end of it is
// fetched again.
func TestFileThatGrows(t *testing.T) {
	t.Parallel()
	o := newOrigin(size)
	c := open(t, pieces.Config{Folder: t.TempDir(), Max: 1 << 30})
	for _, long := range []int64{1000, pieces.Size - 1, pieces.Size, 3*pieces.Size + 7, size} {
		f := c.Open("film", long, o)
		same(t, f, &origin{of: o.of[:long]}, 0)
		f.Close()
	}
	f := c.Open("film", 1000, o) // who came early sees no more than before
	defer f.Close()
	b := make([]byte, 2000)
	if n, err := f.ReadAt(b, 0); n != 1000 || !errors.Is(err, io.EOF) || !bytes.Equal(b[:n], o.of[:n]) {
		t.Errorf("%d, %v", n, err)
	}
	settled(t, c, onDisk)
}

// Who reads what is here waits for nothing, and is told when it has come, or that it does
// not.
func TestNobodyWaitsWhoDoesNotWantTo(t *testing.T) {
	t.Parallel()
	o := newOrigin(size)
	o.let = make(chan struct{})
	c := open(t, pieces.Config{Folder: t.TempDir(), Max: 1 << 30})
	f := c.Open("film", size, o)
	defer f.Close()
	b := make([]byte, 2*pieces.Size)
	var not *media.NotYetError
	_, err := f.Now().ReadAt(b, 100)
	if !errors.As(err, &not) {
		t.Fatal(err)
	}
	came := make(chan struct{}, 10)
	not.When(func() { came <- struct{}{} })
	waits := make(chan error)
	g := c.Open("film", size, o)
	go func() {
		_, err := g.ReadAt(b[:10], 10*pieces.Size)
		waits <- err
	}()
	servertest.Eventually(t, "all of it was asked for", func() bool { return o.times() >= 4 })
	g.Close()
	if err := <-waits; !errors.Is(err, fs.ErrClosed) {
		t.Errorf("%v", err)
	}
	close(o.let)
	for err != nil {
		<-came
		if _, err = f.Now().ReadAt(b, 100); errors.As(err, &not) {
			not.When(func() { came <- struct{}{} })
		}
	}
	if !bytes.Equal(b, o.of[100:100+len(b)]) {
		t.Error("other bytes")
	}

	o.mu.Lock()
	o.err = errors.New("the origin has gone")
	o.mu.Unlock()
	if _, err := f.ReadAt(b, 15*pieces.Size); err == nil || !strings.Contains(err.Error(), "has gone") {
		t.Errorf("%v", err)
	}
	// Another has a source of its own.
	h := c.Open("film", size, newOrigin(size))
	defer h.Close()
	same(t, h, o, 0)
}

// A folder is one process's.
func TestFolderIsLocked(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "a", "b")
	unlock, err := pieces.Lock(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pieces.Lock(folder); !errors.Is(err, pieces.ErrUsed) {
		t.Errorf("%v", err)
	}
	unlock()
	if unlock, err = pieces.Lock(folder); err != nil {
		t.Fatal(err)
	}
	unlock()
}
