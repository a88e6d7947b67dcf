package session_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A publisher that is silent, and whose connection is alive, is told at once that
// another has its name, and its connection ends: it need not speak for that.
func TestSilentPublisherIsToldOfATakeover(t *testing.T) { everyWay(t, testSilentPublisherIsTold) }

func testSilentPublisherIsTold(t *testing.T, w way) {
	s, _ := run(t, w, open.with(func(r *instance.Rules) { r.PublisherTimeout = time.Nanosecond }))
	old, p := connectStreams(t, s, 1), connectStreams(t, s, 1)
	old.on(1, "publish", "cam")
	old.expect("1 Publish.Start")
	p.on(1, "publish", "cam")
	p.expect("1 Publish.Start")
	word, info := old.Next()
	said, _ := info.Get("description")
	if text, _ := said.(string); word != "1 Publish.BadName" || !strings.HasPrefix(text, "Another publisher has taken over cam: ") {
		t.Errorf("the old one hears %q: %v", word, said)
	}
	old.expect("end")
}

// One that does something else on its connection is told as well, and keeps it.
func TestSilentAndBusyPublisherIsTold(t *testing.T) { everyWay(t, testSilentAndBusyPublisherIsTold) }

func testSilentAndBusyPublisherIsTold(t *testing.T, w way) {
	s, _ := run(t, w, open.with(func(r *instance.Rules) { r.PublisherTimeout = time.Nanosecond }))
	many, p := connectStreams(t, s, 2), connectStreams(t, s, 1)
	many.on(1, "publish", "cam")
	many.expect("1 Publish.Start")
	many.on(2, "publish", "other")
	many.expect("2 Publish.Start")
	p.on(1, "publish", "cam")
	p.expect("1 Publish.Start")
	many.expect("1 Publish.BadName")
	many.on(2, "closeStream")
	many.expect("2 Unpublish.Success")
}

// stays is a connection whose client does not hang up when the server does.
type stays struct{ net.Conn }

func (stays) Close() error { return nil }

// A server that ends waits no longer for a publisher which was told that its name
// is taken, and does not hang up, than for anybody else.
func TestShutdownOfAPublisherThatStays(t *testing.T) {
	t.Parallel()
	s, _ := run(t, here, open.with(func(r *instance.Rules) { r.PublisherTimeout = time.Nanosecond }))
	nc, err := net.Dial("tcp", s.RTMPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	conn := rtmp.NewClientConn(stays{nc}, rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	old, p := hear(t, conn, wordOfStream), connectStreams(t, s, 1)
	old.Connect("app/one")
	old.send("createStream", 2, nil)
	old.on(1, "publish", "cam")
	old.expect("0 "+servertest.Success, "0 onBWDone []", "0 _result [1]", "1 Publish.Start")
	p.on(1, "publish", "cam")
	p.expect("1 Publish.Start")
	old.expect("1 Publish.BadName", "end")
	started := time.Now()
	for _, i := range s.instances {
		i.Shutdown("The server is shutting down.")
	}
	s.serving.Wait()
	if took := time.Since(started); took < time.Second || took > patience {
		t.Errorf("it took %v", took)
	}
}

// Two encoders publish the same name, and both come back whenever they have lost
// it: viewers see one stream whose clock goes on, whoever it is from, and it is one
// recording that has all of it.
func TestEncodersThatTakeANameFromEachOther(t *testing.T) { everyWay(t, testEncodersThatTake) }

func testEncodersThatTake(t *testing.T, w way) {
	s, _ := run(t, w, open.with(func(r *instance.Rules) {
		r.TakeOver, r.Recording = instance.TakeOverAlways, instance.RecordAll
	}))
	v := connectStreams(t, s, 1)
	v.plays(1, "cam")
	joined(t, s, 1)
	const turns, each = 8, 3
	var last *netStreams
	began, before := time.Now(), -1
	for n := range turns {
		p := connectStreams(t, s, 1)
		p.on(1, "publish", "cam", "live")
		p.expect("1 Publish.Start")
		if last == nil {
			v.expect("1 Play.PublishNotify")
		} else {
			last.expect("1 Publish.BadName", "end")
		}
		clock := media.Timestamp(n%2) * 50000 // of two encoders
		for i := range media.Timestamp(each) {
			p.audio(1, clock+i*20)
		}
		for range each {
			var at int
			if _, err := fmt.Sscanf(v.next(), "1 audio %d", &at); err != nil {
				t.Fatal(err) // no word of who publishes
			}
			if most := time.Since(began).Milliseconds() + each*turns*20; before >= 0 && at < before || int64(at) > most {
				t.Errorf("turn %d: at %d behind %d", n, at, before)
			}
			before = at
		}
		last = p
	}
	last.on(1, "closeStream")
	last.expect("1 Unpublish.Success")
	v.expect("1 Play.UnpublishNotify")
	soundsInOrder(t, s, turns*each)
}

// soundsInOrder looks at the only file of the first place: so many sounds, whose
// times go on.
func soundsInOrder(t *testing.T, s *house, want int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.folders[0], "*.flv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recordings %v: %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	const front, trailer = 11, 4 // bytes of a tag around its data
	got, before := 0, uint32(0)
	for b = b[13:]; len(b) > front; {
		size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if at := uint32(b[7])<<24 | uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6]); b[0] == flv.TypeAudio {
			if got++; at < before {
				t.Errorf("a sound at %d ms behind %d", at, before)
			}
			before = at
		}
		b = b[front+size+trailer:]
	}
	if got != want {
		t.Errorf("%d sounds are recorded, want %d", got, want)
	}
}
