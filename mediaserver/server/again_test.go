package server

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
)

// An encoder is back while the disk still has its recording of before: it
// publishes at once, and is recorded from its first packet.
func TestEncoderIsBackBeforeItsFileIsFinished(t *testing.T) {
	t.Parallel()
	disk := &hungDisk{reached: make(chan struct{}, 100), heals: make(chan struct{})}
	s, _ := runWith(t, Config{clock: clock{time: disk.now}, PublisherTimeout: time.Second}, open)
	old, p := connect(t, s, "app/one").hello(), connect(t, s, "app/one").hello()
	old.on(1, "publish", "cam", "record")
	old.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	disk.hang()
	audio(t, old, 0)
	<-disk.reached
	old.on(1, "closeStream") // nobody hears of its end as long as the disk hangs

	p.on(1, "publish", "cam", "append")
	p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	audio(t, p, 7000)
	audio(t, p, 7040)
	p.on(1, "closeStream")
	close(disk.heals)
	for _, c := range []*client{old, p} {
		c.expect("onStatus NetStream.Record.Stop", "onStatus NetStream.Unpublish.Success")
	}
	f, err := os.Open(filepath.Join(s.Served()[0].Streams, "cam.flv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	const sound = 11 + 3 + 4 // bytes of a tag
	if x, err := flv.Scan(f, info.Size()); err != nil || x.Size-x.First != 3*sound {
		t.Errorf("the recording has %+v: %v", x, err)
	}
}
