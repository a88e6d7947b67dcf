package playback

import (
	"bytes"
	"encoding/binary"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// slow is a connection that takes one write, and the next when it is told to.
type slow struct {
	mu      sync.Mutex
	wire    []byte
	largest int // write
	full    bool
	room    []func()
	next    uint32
	spare   []uint32
	wrote   chan struct{}
}

func newSlow() *slow { return &slow{next: 8, wrote: make(chan struct{}, 1000)} }

func (s *slow) HasRoom(room func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full && room != nil {
		s.room = append(s.room, room)
	}
	return !s.full
}

func (s *slow) SendLayout(l *rtmp.Layout) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wire = l.AppendTo(s.wire)
	s.largest = max(s.largest, l.Size())
	s.full = true
	select {
	case s.wrote <- struct{}{}:
	default:
	}
	return nil
}

func (s *slow) TakeChunkStream() (uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.spare); n > 0 {
		id := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return id, nil
	}
	s.next++
	return s.next - 1, nil
}

func (s *slow) GiveChunkStream(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spare = append(s.spare, id)
}

// drain takes what was sent.
func (s *slow) drain() {
	s.mu.Lock()
	room := s.room
	s.full, s.room = false, nil
	s.mu.Unlock()
	for _, f := range room {
		f()
	}
}

// drainUntil takes what is sent until the playback ends, which is no error. look, if
// not nil, is called while nothing more can be sent, each time before it is taken.
func (s *slow) drainUntil(t *testing.T, end <-chan Result, look func()) {
	t.Helper()
	for {
		select {
		case r := <-end:
			if r.Err != nil {
				t.Error(r.Err)
			}
			return
		case <-s.wrote:
			synctest.Wait()
			if look != nil {
				look()
			}
			s.drain()
		}
	}
}

// heard is a message as it came, and on which chunk stream.
type heard struct {
	stream  uint32
	kind    byte
	payload []byte
}

// messages puts messages together from chunks. begun are those that are not whole.
func messages(t *testing.T, wire []byte) (whole []heard, begun map[uint32]int) {
	t.Helper()
	type open struct {
		heard
		size int
	}
	streams := map[uint32]*open{}
	for len(wire) > 0 {
		id, form := uint32(wire[0]&0x3f), wire[0]>>6
		wire = wire[1:]
		m := streams[id]
		if form == 0 {
			if m != nil {
				t.Fatalf("a message begins on chunk stream %d, where another is not whole", id)
			}
			m = &open{heard{id, wire[6], nil}, int(binary.BigEndian.Uint32(wire[2:]) & 0xffffff)}
			streams[id] = m
			wire = wire[11:]
		} else if m == nil {
			t.Fatalf("nothing was begun on chunk stream %d", id)
		}
		n := min(rtmp.ChunkSize, m.size-len(m.payload))
		m.payload = append(m.payload, wire[:n]...)
		wire = wire[n:]
		if len(m.payload) == m.size {
			whole = append(whole, m.heard)
			delete(streams, id)
		}
	}
	begun = map[uint32]int{}
	for id, m := range streams {
		begun[id] = len(m.payload)
	}
	return whole, begun
}

// largeFilm is of pictures that are far larger than a piece, and of sound.
func largeFilm(t testing.TB) (f *film, tags []flv.Tag) {
	t.Helper()
	tags = []flv.Tag{{Type: flv.TypeVideo, Data: avcHeader}}
	for i := range media.Timestamp(3) {
		picture := append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 1<<20+int(i)*70000)...)
		for j := range picture[5:] {
			picture[5+j] = byte(j >> 8)
		}
		tags = append(tags, flv.Tag{Type: flv.TypeVideo, Timestamp: i * 40, Data: picture}, flv.Tag{Type: flv.TypeAudio, Timestamp: i * 40, Data: sound})
	}
	return newFilm(t, tags), tags
}

// TestLargePicturesComeInParts plays a film whose pictures are larger than what
// is read at once, to a client that reads slowly.
func TestLargePicturesComeInParts(t *testing.T) {
	f, tags := largeFilm(t)
	synctest.Test(t, func(t *testing.T) {
		conn := newSlow()
		samples := budget.New("samples", 1<<20)
		file := f.open()
		file.Samples = samples
		end := make(chan Result, 1)
		pb := Open(file, conn, Options{StreamID: 7, OnEnd: func(_ *Playback, r Result) { end <- r }})
		pb.Run(0)
		conn.drainUntil(t, end, func() {
			if used := samples.Used(); used > maxPiece {
				t.Errorf("%d bytes are paid for", used)
			}
		})
		synctest.Wait()
		conn.drain()
		if used := samples.Used(); used != 0 {
			t.Errorf("%d bytes are paid for at the end", used)
		}
		pb.Close()
		if conn.largest > maxPiece+1000 {
			t.Errorf("%d bytes were sent at once", conn.largest)
		}
		whole, begun := messages(t, conn.wire)
		if len(begun) > 0 {
			t.Errorf("not whole: %v", begun)
		}
		var got []heard
		for _, m := range whole {
			if m.kind == flv.TypeVideo || m.kind == flv.TypeAudio {
				got = append(got, m)
			}
		}
		for i, tag := range tags {
			if i >= len(got) || got[i].kind != tag.Type || !bytes.Equal(got[i].payload, tag.Data) {
				t.Fatalf("frame %d of %d is not what it was", i, len(got))
			}
			if parted := len(tag.Data) > maxPiece; parted != (got[i].stream >= 8) {
				t.Errorf("frame %d is on chunk stream %d", i, got[i].stream)
			}
		}
		if id, _ := conn.TakeChunkStream(); id != 8 {
			t.Errorf("chunk stream 8 was not given back: the next is %d", id)
		}
	})
}

// TestHaltInTheMiddleOfAPicture halts, seeks and closes while a large picture is on
// its way: the client is told not to wait for the rest, and the next comes on
// another chunk stream.
func TestHaltInTheMiddleOfAPicture(t *testing.T) {
	f, _ := largeFilm(t)
	for name, do := range map[string]func(*Playback){
		"halt": (*Playback).Halt, "close": (*Playback).Close, "seek": func(p *Playback) { p.Run(0) }, "picture": func(p *Playback) { p.Snapshot(0) },
	} {
		synctest.Test(t, func(t *testing.T) {
			conn := newSlow()
			samples := budget.New("samples", 1<<20)
			file := f.open()
			file.Samples = samples
			pb := Open(file, conn, Options{StreamID: 7})
			defer pb.Close()
			pb.Run(0)
			synctest.Wait()
			for range 3 {
				conn.drain()
				synctest.Wait()
			}
			if _, begun := messages(t, conn.wire); begun[8] == 0 {
				t.Fatalf("%s: nothing has begun", name)
			}
			do(pb)
			synctest.Wait()
			for range 3 {
				conn.drain()
				synctest.Wait()
			}
			whole, begun := messages(t, conn.wire)
			told := slices.ContainsFunc(whole, func(m heard) bool {
				return m.kind == byte(rtmp.TypeAbort) && bytes.Equal(m.payload, []byte{0, 0, 0, 8})
			})
			if !told {
				t.Errorf("%s: the client waits for the rest", name)
			}
			if name == "seek" || name == "picture" {
				if begun[9] == 0 {
					t.Errorf("%s: the next picture is not on its way, %v", name, begun)
				}
			} else if len(begun) != 1 {
				t.Errorf("%s: more was sent, %v", name, begun)
			}
			pb.Close()
			if used := samples.Used(); used != 0 {
				t.Errorf("%s: %d bytes are paid for", name, used)
			}
		})
	}
}

// TestManyWhoReadNothing plays a film of pictures of 16 MB to many who read
// nothing: all of them together hold little, and one who reads gets on.
func TestManyWhoReadNothing(t *testing.T) {
	picture := append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 1<<24-100)...)
	f := newFilm(t, []flv.Tag{{Type: flv.TypeVideo, Data: picture}, {Type: flv.TypeVideo, Timestamp: 40, Data: picture}})
	const many = 40
	samples := budget.New("samples", 16*maxPiece)
	workers := NewWorkers()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range many {
		conn := newSlow()
		file := f.open()
		file.Samples, file.Queue = samples, workers.NewQueue()
		pb := Open(file, conn, Options{Buffer: time.Hour})
		defer pb.Close()
		pb.Run(0)
		<-conn.wrote
	}
	if used := samples.Used(); used > 16*maxPiece {
		t.Errorf("%d bytes are paid for", used)
	}
	end := make(chan Result, 1)
	file := f.open()
	file.Samples, file.Queue = samples, workers.NewQueue()
	pb := Open(file, &bottomless{}, Options{Buffer: time.Hour, OnEnd: func(_ *Playback, r Result) { end <- r }})
	defer pb.Close()
	pb.Run(0)
	if r := <-end; r.Err != nil || r.Bytes != 2*int64(len(picture)) {
		t.Errorf("%+v", r)
	}
	runtime.ReadMemStats(&after)
	if cost := after.TotalAlloc - before.TotalAlloc; cost > 48<<20 {
		t.Errorf("%d MiB were allocated", cost>>20)
	}
}

// TestScriptsAreSentAsTheyAreTaken plays nothing but the data of a file that has
// nothing else: so much is read as the client takes.
func TestScriptsAreSentAsTheyAreTaken(t *testing.T) {
	const count = 100000
	var tags []flv.Tag
	for i := range media.Timestamp(count) {
		tags = append(tags, flv.Tag{Type: flv.TypeScript, Timestamp: i, Data: []byte{5}})
	}
	tags = append(tags, flv.Tag{Type: flv.TypeVideo, Timestamp: count, Data: key}, flv.Tag{Type: flv.TypeScript, Timestamp: count, Data: make([]byte, 300000)})
	f := newFilm(t, tags)
	synctest.Test(t, func(t *testing.T) {
		conn := newSlow()
		end := make(chan Result, 1)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		pb := Open(f.open(), conn, Options{DataOnly: true, OnEnd: func(_ *Playback, r Result) { end <- r }})
		defer pb.Close()
		pb.Run(0)
		synctest.Wait()
		runtime.ReadMemStats(&after)
		if cost := after.TotalAlloc - before.TotalAlloc; cost > 2<<20 || len(conn.wire) > maxPiece {
			t.Errorf("%d bytes were allocated and %d sent to a client that reads nothing", cost, len(conn.wire))
		}
		conn.drainUntil(t, end, nil)
		whole, begun := messages(t, conn.wire)
		n := 0
		for _, m := range whole {
			if m.kind == flv.TypeScript {
				n++
			} else {
				t.Errorf("a message of type %d", m.kind)
			}
		}
		if n != 1+count+1 || len(begun) > 0 {
			t.Errorf("%d data messages of %d, not whole %v", n, 1+count+1, begun)
		}
	})
}

// TestPictureThatIsCut plays a film that was cut, since it was opened, in the
// middle of a large picture.
func TestPictureThatIsCut(t *testing.T) {
	f, _ := largeFilm(t)
	file := f.open()
	file.Bytes = io.NewSectionReader(bytes.NewReader(f.bytes), 0, 1<<20)
	end := make(chan Result, 1)
	pb := Open(file, &bottomless{}, Options{OnEnd: func(_ *Playback, r Result) { end <- r }})
	defer pb.Close()
	pb.Run(0)
	if r := <-end; r.Err == nil {
		t.Error("it is whole")
	}
}
