package playback

import (
	"io"
	"testing"
	"time"
)

// hung is a file on a disk that does not answer until it heals.
type hung struct {
	io.ReaderAt
	reads chan struct{} // one for each read that has begun
	heals chan struct{}
}

func (h *hung) ReadAt(b []byte, at int64) (int, error) {
	h.reads <- struct{}{}
	<-h.heals
	return h.ReaderAt.ReadAt(b, at)
}

// A read that does not come back keeps neither its own playback from being
// halted, sought and closed, nor those of other instances from anything; and its
// file stays open until it has.
func TestDiskThatHangs(t *testing.T) {
	f := tenSeconds(t)
	file := f.open()
	disk := &hung{file.Bytes, make(chan struct{}, 100), make(chan struct{})}
	file.Bytes, file.Workers = disk, NewWorkers(1)
	bad := &played{end: make(chan Result, 3), from: time.Now()}
	stuck := Open(file, bad, Options{OnEnd: func(_ *Playback, r Result) { bad.end <- r }})
	stuck.Run(0)
	<-disk.reads

	// Another of the same instance waits its turn, without anybody waiting.
	file = f.open()
	file.Workers = stuck.file.Workers
	behind := &played{end: make(chan Result, 3), from: time.Now()}
	waits := Open(file, behind, Options{Picture: true, OnEnd: func(_ *Playback, r Result) { behind.end <- r }})
	defer waits.Close()
	waits.Run(0)
	for deadline := time.Now().Add(20 * time.Second); ; {
		if queue, _ := stuck.file.Workers.Behind(); queue == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the second playback does not wait for the first one's worker")
		}
	}

	did := make(chan struct{})
	go func() {
		defer close(did)
		stuck.Halt()
		stuck.Run(2 * time.Second)
		stuck.SetBuffer(time.Second)
		stuck.Snapshot(3 * time.Second)
		stuck.Close()
	}()
	select {
	case <-did:
	case <-time.After(20 * time.Second):
		t.Fatal("a playback waits for the disk")
	}
	if n := f.closed.Load(); n != 0 {
		t.Errorf("the file was closed while it was read")
	}

	pb, well := play(t, f, Options{Picture: true})
	pb.Run(0)
	if r := <-well.end; r.Err != nil {
		t.Error(r.Err)
	}

	close(disk.heals)
	if r := <-behind.end; r.Err != nil || r.Bytes == 0 {
		t.Errorf("when the disk is well: %+v", r)
	}
	if n := f.closed.Load(); n != 1 {
		t.Errorf("%d files were closed, want that of the playback that hung", n)
	}
	if got := bad.list(); len(got) != 0 {
		t.Errorf("it was sent %v after it was halted", got)
	}
}
