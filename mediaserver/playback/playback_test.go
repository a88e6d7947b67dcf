package playback

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	avcHeader = []byte{0x17, 0, 0, 0, 0, 1}
	aacHeader = []byte{0xaf, 0, 0x12, 0x10}
	key       = []byte{0x17, 1, 0, 0, 0, 9, 9, 9}
	inter     = []byte{0x27, 1, 0, 0, 0, 9}
	sound     = []byte{0xaf, 1, 7, 7}
	metadata  = []byte("\x02\x00\x0aonMetaData\x08\x00\x00\x00\x00\x00\x00\x09")
)

// film is a recorded file in memory. It counts how often it was closed.
type film struct {
	file   *flv.File
	bytes  []byte
	closed atomic.Int32
}

func newFilm(t testing.TB, tags []flv.Tag) *film {
	t.Helper()
	f := &film{bytes: []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")}
	var err error
	for _, tag := range tags {
		if f.bytes, err = flv.AppendTag(f.bytes, tag); err != nil {
			t.Fatal(err)
		}
	}
	if f.file, err = flv.Open(bytes.NewReader(f.bytes), int64(len(f.bytes))); err != nil {
		t.Fatal(err)
	}
	return f
}

// open opens the film for one playback.
func (f *film) open() *File {
	return &File{
		File: f.file, Bytes: bytes.NewReader(f.bytes), OnMetaData: metadata,
		Rate:    float64(len(f.bytes)) / float64(max(f.file.Duration().Milliseconds(), 1)),
		Release: func() { f.closed.Add(1) },
	}
}

// tenSeconds is a film with a keyframe a second and 25 pictures.
func tenSeconds(t testing.TB) *film {
	t.Helper()
	tags := []flv.Tag{{Type: flv.TypeVideo, Data: avcHeader}, {Type: flv.TypeAudio, Data: aacHeader}}
	for i := range media.Timestamp(10 * 25) {
		frame := inter
		if i%25 == 0 {
			frame = key
		}
		tags = append(tags, flv.Tag{Type: flv.TypeVideo, Timestamp: i * 40, Data: frame}, flv.Tag{Type: flv.TypeAudio, Timestamp: i*40 + 5, Data: sound})
	}
	return newFilm(t, tags)
}

// played is what a playback sends, with when.
type played struct {
	oneStream
	mu     sync.Mutex
	got    []string
	events []string
	when   []time.Duration
	writes int
	end    chan Result
	from   time.Time
	fails  error
}

// oneStream is the chunk stream of a connection that needs no more.
type oneStream struct{}

func (oneStream) TakeChunkStream() (uint32, error) { return 8, nil }
func (oneStream) GiveChunkStream(uint32)           {}

// HasRoom implements Conn.
func (p *played) HasRoom(func()) bool { return true }

// SendLayout implements Conn: it takes the chunks apart again.
func (p *played) SendLayout(l *rtmp.Layout) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails != nil {
		return p.fails
	}
	p.writes++
	for chunks, behind := rtmp.Chunks(nil), rtmp.Chunks(l.AppendTo(nil)); len(behind) > 0; {
		chunks, behind = behind.Next()
		m := chunks.Message()
		if m.Type == rtmp.TypeUserControl {
			p.events = append(p.events, fmt.Sprintf("event %d for %d behind %s", m.Payload[1], m.Payload[5], p.got[len(p.got)-1]))
			continue
		}
		what := map[rtmp.MessageType]string{rtmp.TypeData: "data", rtmp.TypeVideo: "inter", rtmp.TypeAudio: "sound"}[m.Type]
		switch {
		case m.Type == rtmp.TypeVideo && payload.IsVideoHeader(m.Payload), m.Type == rtmp.TypeAudio && payload.IsAudioHeader(m.Payload):
			what = "header"
		case m.Type == rtmp.TypeVideo && payload.IsKeyframe(m.Payload):
			what = "key"
		}
		p.got = append(p.got, fmt.Sprintf("%s %d@%d", what, m.Timestamp, m.StreamID))
		p.when = append(p.when, time.Since(p.from))
	}
	return nil
}

func (p *played) list() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

func (p *played) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got, p.when = nil, nil
}

func play(t testing.TB, f *film, o Options) (*Playback, *played) {
	t.Helper()
	p := &played{end: make(chan Result, 3), from: time.Now()}
	o.StreamID, o.OnEnd = 7, func(_ *Playback, r Result) { p.end <- r }
	pb := Open(f.open(), p, o)
	t.Cleanup(pb.Close)
	return pb, p
}

func TestPlayFromTheMiddleInRealTime(t *testing.T) {
	f := tenSeconds(t)
	synctest.Test(t, func(t *testing.T) {
		pb, p := play(t, f, Options{Buffer: 2 * time.Second})
		pb.Run(5500 * time.Millisecond)
		r := <-p.end
		got := p.list()
		// Of the half second from the keyframe on, pictures come, and no sound.
		want := slices.Concat([]string{"data 0@7", "header 0@7", "header 0@7", "key 0@7"},
			slices.Repeat([]string{"inter 0@7"}, 12), []string{"inter 20@7", "sound 25@7", "inter 60@7"})
		if !slices.Equal(got[:len(want)], want) {
			t.Errorf("begins with %v, want %v", got[:len(want)], want)
		}
		if n := len(got); n != 3+250-13 {
			t.Errorf("%d messages, want 240", n)
		}
		for i, at := range p.when {
			var ms int
			var what string
			if _, err := fmt.Sscanf(strings.ReplaceAll(got[i], "@", " "), "%s %d", &what, &ms); err != nil {
				t.Fatal(err)
			}
			due := max(0, time.Duration(ms-2000)*time.Millisecond)
			if at < due-slack || at > due+tick {
				t.Fatalf("%s was sent after %v, due %v", got[i], at, due)
			}
		}
		// Once the client has its two seconds, and when there is more.
		if want := []string{"event 31 for 7 behind key 2500@7", "event 32 for 7 behind key 2500@7"}; !slices.Equal(p.events, want) {
			t.Errorf("events %q, want %q", p.events, want)
		}
		if r.Err != nil || r.Duration != 4465*time.Millisecond || r.Bytes == 0 {
			t.Errorf("result %+v", r)
		}
	})
}

func TestHaltAndResume(t *testing.T) {
	f := tenSeconds(t)
	synctest.Test(t, func(t *testing.T) {
		pb, p := play(t, f, Options{})
		pb.Run(0)
		<-time.After(3 * time.Second)
		pb.Halt()
		if at := pb.Position().Round(100 * time.Millisecond); at != 3*time.Second {
			t.Errorf("halted at %v after 3 s", at)
		}
		p.clear()
		<-time.After(time.Minute)
		if got := p.list(); len(got) > 0 {
			t.Errorf("sent while halted: %v", got)
		}
		pb.Snapshot(7200 * time.Millisecond)
		synctest.Wait()
		if got := p.list(); !slices.Equal(got, []string{"data 0@7", "header 7000@7", "header 7000@7", "key 7000@7"}) {
			t.Errorf("snapshot: %v", got)
		}
		p.clear()
		pb.Run(pb.Position())
		<-p.end
		if got := p.list(); got[3] != "key 7000@7" {
			t.Errorf("resumed with %v", got[:4])
		}
		pb.Run(8 * time.Second)
		pb.Close()
		<-time.After(time.Minute)
		if len(p.end) != 0 {
			t.Error("an end was told after Close")
		}
	})
}

func TestPlayPart(t *testing.T) {
	f := tenSeconds(t)
	for _, c := range []struct {
		length  time.Duration
		picture bool
		at      time.Duration
		last    string
		count   int
	}{
		{time.Second, false, 2 * time.Second, "key 1000@7", 3 + 51},
		{0, true, 4 * time.Second, "key 0@7", 4},
		{0, false, time.Hour, "", 3},
		{time.Hour, false, 9 * time.Second, "sound 965@7", 3 + 50},
	} {
		synctest.Test(t, func(t *testing.T) {
			pb, p := play(t, f, Options{Length: c.length, Picture: c.picture})
			pb.Run(c.at)
			if r := <-p.end; r.Err != nil {
				t.Error(r.Err)
			}
			got := p.list()
			if len(got) != c.count || c.last != "" && got[len(got)-1] != c.last {
				t.Errorf("length %v at %v: %d messages, last %s; want %d, %s", c.length, c.at, len(got), got[len(got)-1], c.count, c.last)
			}
		})
	}
}

func TestReceiveChooses(t *testing.T) {
	f := tenSeconds(t)
	synctest.Test(t, func(t *testing.T) {
		pb, p := play(t, f, Options{})
		pb.SetReceive(true, false)
		pb.Run(0)
		<-p.end
		for _, m := range p.list() {
			if strings.HasPrefix(m, "key") || strings.HasPrefix(m, "inter") {
				t.Fatalf("%s was sent", m)
			}
		}
		if n := len(p.list()); n != 1+2+250 {
			t.Errorf("%d messages", n)
		}
	})
}

func TestConnectionThatFails(t *testing.T) {
	fails := errors.New("gone")
	end := make(chan Result, 1)
	pb := Open(tenSeconds(t).open(), &played{fails: fails}, Options{OnEnd: func(_ *Playback, r Result) { end <- r }})
	defer pb.Close()
	pb.Run(0)
	if r := <-end; !errors.Is(r.Err, fails) {
		t.Errorf("%v", r.Err)
	}
}

// TestCloseGivesTheFileBack closes a playback twice. A turn may be reading still.
func TestCloseGivesTheFileBack(t *testing.T) {
	f := tenSeconds(t)
	synctest.Test(t, func(t *testing.T) {
		pb, _ := play(t, f, Options{})
		pb.Run(0)
		for range 2 {
			pb.Close()
			synctest.Wait()
			if n := f.closed.Load(); n != 1 {
				t.Errorf("the file was closed %d times", n)
			}
		}
	})
}
