package server

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
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
	const drain = 30 * time.Second // for what clients are told at once, on a machine that is busy
	s, stop := runWith(t, Config{PublisherTimeout: time.Nanosecond, DrainTimeout: drain, clock: clock{time: disk.now}}, open)
	old, busy, p := connect(t, s, "app/one").hello(), connect(t, s, "app/one").hello(), connect(t, s, "app/one").hello()
	watcher := connect(t, s, "app/one", "capsEx", 1.0).hello() // 1: reconnect
	for name, one := range map[string]*client{"cam": old, "other": busy} {
		one.on(1, "publish", name, "record")
		one.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	}
	disk.hang()
	audio(t, busy, 0)
	audio(t, old, 0)
	<-disk.reached

	p.on(1, "publish", "cam", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	old.expect("onStatus NetStream.Publish.BadName")
	busy.on(1, "closeStream") // waits for the recording, and keeps its session busy, as the end of old does

	started := time.Now()
	told := make(chan struct{})
	go func() {
		defer close(told)
		old.expect("end")
		for _, one := range []*client{busy, p} {
			one.expect("onStatus NetConnection.Connect.AppShutdown", "end")
		}
		watcher.expect("onStatus NetConnection.Connect.ReconnectRequest", "onStatus NetConnection.Connect.AppShutdown", "end")
		if took := time.Since(started); took > drain {
			t.Errorf("clients were told after %v, when the drain was over", took)
		}
		for _, one := range []*client{old, busy, p, watcher} {
			one.conn.Close()
		}
	}()
	stop()
	<-told
	if took, most := time.Since(started), drain+finishTime+time.Minute; took > most {
		t.Errorf("the drain took %v, more than %v", took, most)
	}
}

// A key whose disk hangs keeps a drain no longer: here it is a pipe that nobody
// writes to.
func TestDrainIsOnTimeWhenAKeyHangs(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	const drain = 500 * time.Millisecond
	_, stop := runWith(t, Config{PublishKeyFile: key, DrainTimeout: drain}, keyed)
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(key, 0o600); err != nil {
		t.Fatal(err)
	}
	// The server looks at its key every second, and waits there.
	w, err := os.OpenFile(key, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Remove(key); w.Close() }() // in this order: nobody opens it again
	started := time.Now()
	stop()
	if took, most := time.Since(started), drain+finishTime+time.Minute; took > most {
		t.Errorf("the drain took %v, more than %v", took, most)
	}
}

// However many recordings hang, their time is one.
func TestManyHungRecordings(t *testing.T) {
	t.Parallel()
	disk := newHungDisk(t)
	const drain, many = 500 * time.Millisecond, 12
	s, stop := runWith(t, Config{DrainTimeout: drain, clock: clock{time: disk.now}}, open)
	c := connect(t, s, "app/one").hello()
	for id := uint32(2); id <= many; id++ {
		c.send("createStream", 2, nil)
	}
	for id := uint32(1); id <= many; id++ {
		c.on(id, "publish", string(rune('a'+id)), "record")
	}
	for started := 0; started < many; {
		if word, _ := c.next(); word == "onStatus NetStream.Record.Start" {
			started++
		}
	}
	disk.hang()
	for id := uint32(1); id <= many; id++ {
		if err := c.conn.Send(&rtmp.Message{Type: rtmp.TypeAudio, StreamID: id, Payload: []byte{0xaf, 1, 0}}); err != nil {
			t.Fatal(err)
		}
	}
	for range many {
		<-disk.reached
	}
	started := time.Now()
	stop()
	if took, most := time.Since(started), drain+finishTime+time.Minute; took > most {
		t.Errorf("the drain took %v, more than %v", took, most)
	}
}
