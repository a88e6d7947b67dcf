package playback

import (
	"bytes"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
)

// far is a file that is elsewhere, and whose pieces come one at a time, when they are let.
type far struct {
	of *bytes.Reader

	mu      sync.Mutex
	here    map[int64]bool
	waiting []func()
	asked   chan int64 // pieces
}

const farPiece = 1 << 10

func newFar(of []byte) *far {
	return &far{of: bytes.NewReader(of), here: map[int64]bool{}, asked: make(chan int64, 1<<20)}
}

func (f *far) Now() io.ReaderAt { return nowOf{f} }

func (f *far) Peek() io.ReaderAt { return peekOf{f} }

func (f *far) ReadAt([]byte, int64) (int, error) { panic("a turn waits") }

// come has a piece come.
func (f *far) come(n int64) {
	f.mu.Lock()
	f.here[n] = true
	waiting := f.waiting
	f.waiting = nil
	f.mu.Unlock()
	for _, wake := range waiting {
		wake()
	}
}

// stored has all pieces here, without a word to who waits.
func (f *far) stored() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := range f.of.Size()/farPiece + 1 {
		f.here[n] = true
	}
}

type peekOf struct{ *far }

func (f peekOf) ReadAt(b []byte, at int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := at / farPiece; n*farPiece < min(at+int64(len(b)), f.of.Size()); n++ {
		if !f.here[n] {
			return 0, &media.NotYetError{}
		}
	}
	return f.of.ReadAt(b, at)
}

type nowOf struct{ *far }

func (f nowOf) ReadAt(b []byte, at int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := at / farPiece; n*farPiece < min(at+int64(len(b)), f.of.Size()); n++ {
		if !f.here[n] {
			f.asked <- n
			return 0, &media.NotYetError{When: func(wake func()) {
				f.mu.Lock()
				if !f.here[n] {
					f.waiting, wake = append(f.waiting, wake), func() {}
				}
				f.mu.Unlock()
				wake()
			}}
		}
	}
	return f.of.ReadAt(b, at)
}

// TestBytesThatAreElsewhere plays a file of which every piece comes after it was asked for:
// what is sent is what is sent of one that is here.
func TestBytesThatAreElsewhere(t *testing.T) {
	t.Parallel()
	f := tenSeconds(t)
	whole := func(file *File) []string {
		p, end := &played{}, make(chan Result, 1)
		pb := Open(file, p, Options{Buffer: time.Minute, OnEnd: func(_ *Playback, r Result) { end <- r }})
		defer pb.Close()
		pb.Run(3 * time.Second)
		if r := <-end; r.Err != nil {
			t.Error(r.Err)
		}
		return p.list()
	}
	want := whole(f.open())
	file, d := f.open(), newFar(f.bytes)
	file.Bytes = d
	go func() {
		for n := range d.asked {
			d.come(n)
		}
	}()
	defer close(d.asked)
	if got := whole(file); !slices.Equal(got, want) {
		t.Errorf("%d messages, want %d", len(got), len(want))
	}
}

// TestSeekBesideWhatIsAskedFor seeks on while nothing comes of what was asked for: so much is
// asked for and no more, a run that waits says so, and what is here is sent at once.
func TestSeekBesideWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	f := tenSeconds(t)
	file, d, end := f.open(), newFar(f.bytes), make(chan Result, 1)
	waits := make(chan int, 1000)
	file.Bytes = d
	pb := Open(file, &played{}, Options{
		Buffer: time.Minute, OnEnd: func(_ *Playback, r Result) { end <- r },
		OnWait: func(_ *Playback, run int) { waits <- run },
	})
	defer pb.Close()
	for n := range 3 * maxAsked {
		for run := pb.Run(time.Duration(n) * time.Second); <-waits != run; {
		}
		if now, waits := pb.Waits(); !waits || now != n+1 {
			t.Errorf("run %d waits: %v, want %d", now, waits, n+1)
		}
	}
	if n := len(d.asked); n != maxAsked {
		t.Errorf("%d pieces were asked for, want %d", n, maxAsked)
	}
	d.stored()
	run := pb.Run(0)
	if r := <-end; r.Err != nil || r.Run != run || r.Duration < 9*time.Second {
		t.Errorf("%+v", r)
	}
	d.come(0) // and what comes late does no harm
}

// TestWhoWaitsHasNoPlace has far more playbacks than there are places wait for another
// server, and one more play meanwhile from the same queue.
func TestWhoWaitsHasNoPlace(t *testing.T) {
	t.Parallel()
	f := tenSeconds(t)
	queue := NewWorkers().NewQueue()
	d := newFar(f.bytes)
	ended := make(chan Result, 10*maxTurns)
	for range 3 * maxTurns {
		file := f.open()
		file.Bytes, file.Queue = d, queue
		pb := Open(file, &played{}, Options{Buffer: time.Minute, OnEnd: func(_ *Playback, r Result) { ended <- r }})
		defer pb.Close()
		pb.Run(0)
	}
	for range 3 * maxTurns {
		<-d.asked
	}
	file, end := f.open(), make(chan Result, 1)
	file.Queue = queue
	pb := Open(file, &played{}, Options{Buffer: time.Minute, OnEnd: func(_ *Playback, r Result) { end <- r }})
	defer pb.Close()
	pb.Run(0)
	if r := <-end; r.Err != nil {
		t.Error(r.Err)
	}
	for n := range int64(len(f.bytes))/farPiece + 1 {
		d.come(n)
	}
	for range 3 * maxTurns {
		if r := <-ended; r.Err != nil {
			t.Error(r.Err)
		}
	}
}
