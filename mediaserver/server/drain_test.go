package server

import (
	"sync"
	"testing"
	"time"
)

// hungDisk is a disk that stops answering: recorders ask for the time whenever
// they have written something, and wait here.
type hungDisk struct {
	mu      sync.Mutex
	hangs   bool
	reached chan struct{} // a recorder waits
	heals   chan struct{}
}

func newHungDisk(t *testing.T) *hungDisk {
	d := &hungDisk{reached: make(chan struct{}, 100), heals: make(chan struct{})}
	t.Cleanup(func() { close(d.heals) })
	return d
}

func (d *hungDisk) now() time.Time {
	d.mu.Lock()
	hangs := d.hangs
	d.mu.Unlock()
	if hangs {
		d.reached <- struct{}{}
		<-d.heals
	}
	return time.Now()
}

func (d *hungDisk) hang() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hangs = true
}

// With a disk that hangs, the name of a publisher whose recording waits for it
// is taken over all the same, everybody is told to go at once, and the drain
// ends soon after its timeout.
func TestDrainIsOnTimeWhenADiskHangs(t *testing.T) {
	t.Parallel()
	disk := newHungDisk(t)
	const drain = time.Second
	s, stop := runWith(t, Config{PublisherTimeout: time.Nanosecond, DrainTimeout: drain, clock: clock{time: disk.now}}, open)
	old, p := connect(t, s, "app/one").hello(), connect(t, s, "app/one").hello()
	watcher := connect(t, s, "app/one", "capsEx", 1.0).hello() // 1: reconnect
	old.on(1, "publish", "cam", "record")
	old.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	disk.hang()
	audio(t, old, 0)
	<-disk.reached

	p.on(1, "publish", "cam", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	old.on(1, "closeStream") // waits for the recording, and keeps its session busy

	started := time.Now()
	told := make(chan struct{})
	go func() {
		defer close(told)
		for _, one := range []*client{old, p} {
			one.expect("onStatus NetConnection.Connect.AppShutdown", "end")
		}
		watcher.expect("onStatus NetConnection.Connect.ReconnectRequest", "onStatus NetConnection.Connect.AppShutdown", "end")
		if took := time.Since(started); took > drain {
			t.Errorf("clients were told after %v, when the drain was over", took)
		}
		for _, one := range []*client{old, p, watcher} {
			one.conn.Close()
		}
	}()
	stop()
	<-told
	if took, most := time.Since(started), drain+finishTime+2*time.Second; took > most {
		t.Errorf("the drain took %v, more than %v", took, most)
	}
}
