package playback

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// disk is one that hangs, from the beginning until it is mended.
type disk struct {
	io.ReaderAt
	reads  chan struct{} // one for each read, as far as there is room
	mended chan struct{}
	mend   func()
}

func newDisk(t *testing.T, f *film) *disk {
	t.Helper()
	mended := make(chan struct{})
	d := &disk{bytes.NewReader(f.bytes), make(chan struct{}, 1000), mended, sync.OnceFunc(func() { close(mended) })}
	t.Cleanup(d.mend)
	return d
}

func (d *disk) ReadAt(p []byte, at int64) (int, error) {
	select {
	case d.reads <- struct{}{}:
	default:
	}
	<-d.mended
	return d.ReaderAt.ReadAt(p, at)
}

const patience = 2 * time.Minute

// soon fails when f takes long.
func soon(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s waits for the disk", what)
	}
}

// TestNobodyWaitsForADisk does to a playback whose read hangs all that a client
// may wish.
func TestNobodyWaitsForADisk(t *testing.T) {
	f := tenSeconds(t)
	d := newDisk(t, f)
	file := f.open()
	file.Bytes = d
	p := &played{end: make(chan Result, 3)}
	pb := Open(file, p, Options{StreamID: 7, OnEnd: func(_ *Playback, r Result) { p.end <- r }})
	other := Open(f.open(), p, Options{})
	defer other.Close()
	pb.Run(0)
	<-d.reads
	soon(t, "Position", func() { pb.Position() })
	soon(t, "SetBuffer", func() { pb.SetBuffer(time.Minute) })
	soon(t, "SetReceive", func() { pb.SetReceive(true, true) })
	soon(t, "StopBefore", func() { pb.StopBefore(other, 0) })
	soon(t, "Snapshot", func() { pb.Snapshot(time.Second) })
	soon(t, "Stand", func() { pb.Stand(time.Second) })
	soon(t, "Run", func() { pb.Run(5 * time.Second) })
	soon(t, "Halt", pb.Halt)
	soon(t, "Run", func() { pb.Run(7 * time.Second) })
	d.mend()
	<-p.end
	if got := p.list(); got[0] != "data 0@7" || got[3] != "key 7000@7" || len(got) != 3+150 {
		t.Errorf("%d messages, the first are %q", len(got), got[:4])
	}
}

// TestFileOfAReadThatHangs closes a playback whose read hangs.
func TestFileOfAReadThatHangs(t *testing.T) {
	f := tenSeconds(t)
	d := newDisk(t, f)
	file, closed := f.open(), make(chan struct{})
	file.Bytes, file.Release = d, func() { close(closed) }
	p := &played{}
	pb := Open(file, p, Options{})
	pb.Run(0)
	<-d.reads
	soon(t, "Close", pb.Close)
	select {
	case <-closed:
		t.Error("the file was closed while it was read")
	default:
	}
	d.mend()
	<-closed
	if got := p.list(); len(got) > 0 {
		t.Errorf("%q were sent after Close", got)
	}
}

// TestDisksThatHang plays far more files than there are places from three
// instances whose disks hang, and one from a fourth.
func TestDisksThatHang(t *testing.T) {
	f := tenSeconds(t)
	workers := NewWorkers()
	const many = 300
	var hung []*Playback
	before := runtime.NumGoroutine()
	for _, places := range []int{maxTurns / 2, maxTurns / 4, maxTurns / 8} {
		d, queue := newDisk(t, f), workers.NewQueue()
		for range many {
			file := f.open()
			file.Bytes, file.Queue = d, queue
			pb := Open(file, &played{}, Options{})
			defer pb.Close()
			pb.Run(0)
			hung = append(hung, pb)
		}
		for range places {
			<-d.reads
		}
		for b := queue.Behind(); b.Queue != many-places || b.Oldest == 0 || b.Turn == 0; b = queue.Behind() {
			runtime.Gosched() // the last of them are on their way into the queue
		}
	}
	// Those that only went into the queue are about to end.
	waiting := func() int { return runtime.NumGoroutine() - before }
	for since := time.Now(); waiting() > maxTurns && time.Since(since) < patience; {
		runtime.Gosched()
	}
	if n := waiting(); n > maxTurns {
		t.Errorf("%d goroutines wait for the disks", n)
	}

	end := make(chan Result, 1)
	file := f.open()
	file.Queue = workers.NewQueue()
	p := &played{}
	pb := Open(file, p, Options{Buffer: time.Minute, OnEnd: func(_ *Playback, r Result) { end <- r }})
	defer pb.Close()
	pb.Run(0)
	select {
	case r := <-end:
		if r.Err != nil || len(p.list()) != 3+500 {
			t.Errorf("%+v, %d messages", r, len(p.list()))
		}
	case <-time.After(patience):
		t.Fatal("a disk that hangs stops the playbacks of another")
	}
	for _, pb := range hung {
		soon(t, "Close", pb.Close)
	}
	for _, pb := range hung {
		if b := pb.queue.Behind(); b.Queue > 0 {
			t.Fatalf("%d playbacks that are closed wait", b.Queue)
		}
	}
	if len(workers.waiting) > 0 {
		t.Error("queues wait that are empty")
	}
}

// TestPlaybacksWaitForPlaces mends a disk that many wait for: all get their
// turns, and the memory for no more of them than there are places is kept.
func TestPlaybacksWaitForPlaces(t *testing.T) {
	f := tenSeconds(t)
	workers := NewWorkers()
	queues := []*Queue{workers.NewQueue(), workers.NewQueue(), workers.NewQueue()}
	d := newDisk(t, f)
	const many = 100
	ends := make(chan Result, len(queues)*many)
	var all []*played
	for i := range len(queues) * many {
		file := f.open()
		file.Bytes, file.Queue = d, queues[i%len(queues)]
		p := &played{}
		pb := Open(file, p, Options{Buffer: time.Minute, OnEnd: func(_ *Playback, r Result) { ends <- r }})
		defer pb.Close()
		pb.Run(0)
		all = append(all, p)
	}
	for range len(queues) {
		<-d.reads
	}
	d.mend()
	for range all {
		if r := <-ends; r.Err != nil {
			t.Error(r.Err)
		}
	}
	for _, p := range all {
		if got := p.list(); len(got) != 3+500 || !strings.HasPrefix(got[0], "data") {
			t.Fatalf("%d messages", len(got))
		}
	}
	for _, q := range queues {
		for b := q.Behind(); b != (Behind{}); b = q.Behind() {
			runtime.Gosched() // the last turn is about to end
		}
	}
	workers.mu.Lock()
	defer workers.mu.Unlock()
	if n := len(workers.idle); n == 0 || n > maxTurns || workers.turns != 0 {
		t.Errorf("%d workers are kept, %d turns run", n, workers.turns)
	}
}
