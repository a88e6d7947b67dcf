package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// tags is FLV's form of a packet: a tag header of eleven bytes, and behind the
// payload the length of both. It has no form for commands.
type tags struct{}

func (tags) MaxOverhead() int { return 15 }

func (tags) AppendHeader(dst []byte, f Frame) ([]byte, bool) {
	if f.Type == rtmp.TypeCommand {
		return dst, false
	}
	at := uint32(f.Timestamp)
	return append(dst, byte(f.Type), byte(f.Size>>16), byte(f.Size>>8), byte(f.Size),
		byte(at>>16), byte(at>>8), byte(at), byte(at>>24), 0, 0, 0), true
}

func (tags) AppendTrailer(dst []byte, f Frame) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(f.Size)+11)
}

// pipe is a connection without a socket, whose peer takes a few bytes at a time.
type pipe struct {
	room  int  // bytes a write
	eager bool // it takes the next ones at once

	mu   sync.Mutex
	wake func() // nil: nobody has attached
	got  []byte
	bufs [][]byte // of whole writes, as they were given
	said int
	err  error
}

func (p *pipe) Attach(wake func()) {
	p.mu.Lock()
	p.wake = wake
	p.mu.Unlock()
	wake()
}

func (p *pipe) TakeQueued(dst []byte) ([]byte, bool) { return dst, true }

func (p *pipe) TryWritev(bufs [][]byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range bufs {
		k := min(len(b), p.room-n)
		p.got = append(p.got, b[:k]...)
		if n += k; n == p.room {
			if p.eager {
				go p.wake()
			}
			return n, nil
		}
		p.bufs = append(p.bufs, b)
	}
	return n, nil
}

func (p *pipe) Detach(rest []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake, p.got = nil, append(p.got, rest...)
}

func (p *pipe) Send(ms ...*rtmp.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said += len(ms)
	return nil
}

func (p *pipe) CloseWithError(cause error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = cause
	return nil
}

// tag is a packet as the far end of a pipe reads it.
type tag struct {
	kind    rtmp.MessageType
	at      media.Timestamp
	payload []byte
}

// tags waits until so many whole tags have come.
func (p *pipe) tags(t testing.TB, count int) (list []tag) {
	t.Helper()
	late := time.NewTimer(patience) // since something has come
	defer late.Stop()
	for seen := -1; ; {
		p.mu.Lock()
		b := p.got[:len(p.got):len(p.got)] // what is there stays as it is
		p.mu.Unlock()
		if len(b) != seen {
			seen = len(b)
			late.Reset(patience)
		}
		list = nil
		for len(b) >= 11 {
			size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
			if len(b) < size+15 {
				break
			}
			if back := binary.BigEndian.Uint32(b[11+size:]); back != uint32(size)+11 {
				t.Fatalf("tag %d of %d bytes says %d at its end", len(list), size, back)
			}
			at := uint32(b[7])<<24 | uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6])
			list = append(list, tag{rtmp.MessageType(b[0]), media.Timestamp(at), b[11 : 11+size]})
			b = b[15+size:]
		}
		if len(list) >= count && len(b) == 0 {
			return list
		}
		select {
		case <-late.C:
			t.Fatalf("%d tags and %d bytes came, want %d", len(list), len(b), count)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (g tag) String() string {
	return fmt.Sprintf("%d %x at %d", g.kind, g.payload[:min(len(g.payload), 3)], g.at)
}

// Players of other encodings than RTMP's get every packet whole and in order,
// whatever a write takes, beside RTMP's players of the same stream: from the
// packets that were there before they came, and with timestamps of their own.
func TestEncodings(t *testing.T) {
	for _, room := range []int{1 << 20, 40000, 7001} {
		for _, begin := range []media.Timestamp{0, 0xfffff0} { // and then extended in RTMP
			t.Run(fmt.Sprintf("%d bytes a write, at %d", room, begin), func(t *testing.T) {
				s, p := publish(t, newFanout(t), "a")
				big := func(i int) []byte {
					return append(inter(byte(i)), bytes.Repeat([]byte{byte(i), 3, 7}, i*rtmp.ChunkSize/9)...)
				}
				write(t, p, rtmp.TypeData, 0, metadata)
				write(t, p, rtmp.TypeVideo, begin, videoHeader)
				write(t, p, rtmp.TypeVideo, begin, key(0))
				write(t, p, rtmp.TypeVideo, begin+10, big(1))
				far := dial(t)
				plain, other := &pipe{room: room}, &pipe{room: room}
				for _, player := range []*Player{
					s.Play(far.conn, 1),
					s.PlayWith(plain, 0, PlayOptions{Encoding: tags{}}),
					s.PlayWith(other, 0, PlayOptions{Encoding: tags{}, Continue: true, From: 7}),
				} {
					defer player.Close()
				}
				const more = 5
				want := []tag{
					{rtmp.TypeData, 0, metadata[16:]}, {rtmp.TypeVideo, begin, videoHeader},
					{rtmp.TypeVideo, begin, key(0)}, {rtmp.TypeVideo, begin + 10, big(1)},
				}
				for i := range more {
					at := begin + media.Timestamp(20+10*i)
					write(t, p, rtmp.TypeVideo, at, big(i))
					want = append(want, tag{rtmp.TypeVideo, at, big(i)})
				}
				p.Close() // which tells RTMP's players, and no others
				for i, g := range want {
					m := <-far.got
					if m.Type != g.kind || m.Timestamp != g.at || !bytes.Equal(m.Payload, g.payload) {
						t.Fatalf("message %d: %s, %d bytes; want %v", i, describe(m), len(m.Payload), g)
					}
				}
				for _, c := range []struct {
					conn *pipe
					move bool
				}{{plain, false}, {other, true}} {
					got := c.conn.tags(t, len(want))
					if len(got) != len(want) {
						t.Fatalf("%d tags came, want %d", len(got), len(want))
					}
					for i, g := range got {
						at := want[i].at
						if c.move {
							at = max(at, begin) - begin + 7
						}
						if g.kind != want[i].kind || g.at != at || !bytes.Equal(g.payload, want[i].payload) {
							t.Fatalf("tag %d: %v, %d bytes; want %v at %d", i, g, len(g.payload), want[i], at)
						}
					}
				}
			})
		}
	}
}

// What goes around payloads is made once for all players who have an encoding, and
// payloads are the same memory for everybody: that of a large one is the log's.
func TestEncodingsShareTheirBytes(t *testing.T) {
	s, p := publish(t, newFanout(t), "a")
	one, two := &pipe{room: 1 << 20}, &pipe{room: 1 << 20}
	for _, c := range []*pipe{one, two} {
		player := s.PlayWith(c, 0, PlayOptions{Encoding: tags{}})
		defer player.Close()
	}
	const count, large = 20, copyBelow + 1
	for i := range count {
		write(t, p, rtmp.TypeAudio, media.Timestamp(i), sound(byte(i)))
	}
	write(t, p, rtmp.TypeVideo, count, append(key(1), make([]byte, large-len(key(1)))...))
	one.tags(t, count+1)
	two.tags(t, count+1)
	where := func(c *pipe) (bytes map[*byte]bool) {
		bytes = map[*byte]bool{}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, b := range c.bufs {
			for i := range b {
				bytes[&b[i]] = true
			}
		}
		return bytes
	}
	a, b := where(one), where(two)
	if len(a) != count*(15+3)+15+large {
		t.Errorf("%d bytes were written, want %d", len(a), count*(15+3)+15+large)
	}
	inLog := 0
	log := s.log.tail.buf
	first, last := uintptr(unsafe.Pointer(&log[0])), uintptr(unsafe.Pointer(&log[len(log)-1]))
	for at := range a {
		if !b[at] {
			t.Fatal("the two were sent different memory")
		}
		if w := uintptr(unsafe.Pointer(at)); first <= w && w <= last {
			inLog++
		}
	}
	if inLog != large {
		t.Errorf("%d bytes of payload are the log's, want %d", inLog, large)
	}
}

// Whatever lies together, in framings or beside them, and however a socket tears it, is
// sent whole and in order, up to the end of the publication and no further.
func TestEncodingsInRuns(t *testing.T) {
	for _, room := range []int{1 << 20, 5000, 997} {
		t.Run(fmt.Sprintf("%d bytes a write", room), func(t *testing.T) {
			f := newFanout(t)
			s, p := publish(t, f, "a")
			write(t, p, rtmp.TypeVideo, 0, videoHeader)
			write(t, p, rtmp.TypeVideo, 0, key(0))
			c := &pipe{room: room, eager: true}
			ended := make(chan media.Timestamp, 1)
			player := s.PlayWith(c, 0, PlayOptions{Encoding: tags{}, Until: &Until{Publication: true, OnEnd: func(last media.Timestamp) { ended <- last }}})
			defer player.Close()
			want := []tag{{rtmp.TypeVideo, 0, videoHeader}, {rtmp.TypeVideo, 0, key(0)}}
			// The loop is kept, so that all of it is there at once: more than a segment
			// of small packets, then large ones, whose framings take next to nothing,
			// and small ones, for which the next has little room.
			held := make(chan struct{})
			player.conn.loop.post(func() { <-held })
			at := media.Timestamp(0)
			say := func(kind rtmp.MessageType, payload []byte) {
				at++
				write(t, p, kind, at, payload)
				want = append(want, tag{kind, at, payload})
			}
			for i := range 200 {
				say(rtmp.TypeVideo, append(inter(byte(i)), make([]byte, 10*i)...))
				say(rtmp.TypeAudio, sound(byte(i)))
				if i%50 == 9 {
					s.Send(metadata[16:]) // at the present, which is not later
					want = append(want, tag{rtmp.TypeData, at, metadata[16:]})
				}
			}
			for i := range 60 {
				say(rtmp.TypeVideo, append(inter(byte(i)), make([]byte, copyBelow+i)...))
			}
			for i := range 200 {
				say(rtmp.TypeVideo, append(inter(byte(i)), make([]byte, copyBelow-200+i)...))
			}
			p.Close()
			next, err := s.Publish()
			if err != nil {
				t.Fatal(err)
			}
			write(t, next, rtmp.TypeVideo, 0, key(99))
			close(held)
			c.tags(t, len(want))
			if last := <-ended; last != at {
				t.Errorf("it has ended at %d, want %d", last, at)
			}
			got := c.tags(t, len(want))
			if len(got) != len(want) {
				t.Fatalf("%d tags came, want %d", len(got), len(want))
			}
			for i, g := range got {
				if g.kind != want[i].kind || g.at != want[i].at || !bytes.Equal(g.payload, want[i].payload) {
					t.Fatalf("tag %d: %v, %d bytes; want %v, %d", i, g, len(g.payload), want[i], len(want[i].payload))
				}
			}
		})
	}
}

// A player that does not wait for a publisher ends with the one that is there, and at
// once where there is none.
func TestUntilOfAPublisherThatIsThere(t *testing.T) {
	for _, e := range []Encoding{nil, tags{}} {
		s, p := publish(t, newFanout(t), "a")
		ended := make(chan media.Timestamp, 1)
		play := func() *Player {
			until := &Until{Publication: true, Published: true, OnEnd: func(last media.Timestamp) { ended <- last }}
			return s.PlayWith(&pipe{room: 1 << 20}, 1, PlayOptions{Encoding: e, Until: until})
		}
		there := play()
		defer there.Close()
		write(t, p, rtmp.TypeVideo, 7, key(0))
		p.Close()
		if at := <-ended; at != 7 {
			t.Errorf("%v: it ends at %d", e, at)
		}
		late := play()
		defer late.Close()
		<-ended
		p, err := s.Publish()
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		write(t, p, rtmp.TypeVideo, 0, key(1))
		c, _ := late.conn.Conn.(*pipe)
		c.mu.Lock()
		if len(c.got) != 0 {
			t.Errorf("%v: it is sent %x", e, c.got)
		}
		c.mu.Unlock()
	}
}

// An encoding that nobody has any more costs nothing, and one that comes back
// finds its place, also among packets that were published meanwhile.
func TestEncodingThatComesBack(t *testing.T) {
	s, p := publish(t, newFanout(t), "a")
	write(t, p, rtmp.TypeVideo, 0, key(0))
	for round := range 3 {
		c := &pipe{room: 1 << 20}
		player := s.PlayWith(c, 0, PlayOptions{Encoding: tags{}})
		write(t, p, rtmp.TypeVideo, media.Timestamp(2*round+1), inter(byte(2*round+1)))
		got := c.tags(t, 2*round+2)
		for i, g := range got {
			if g.at != media.Timestamp(i) {
				t.Fatalf("round %d, tag %d: %v", round, i, g)
			}
		}
		player.Close()
		if n := len(s.log.encodings); n != 0 || len(s.encodings) != 0 {
			t.Fatalf("%d encodings are left", n)
		}
		write(t, p, rtmp.TypeVideo, media.Timestamp(2*round+2), inter(byte(2*round+2)))
	}
}

// A player of another encoding goes over to another stream as any other does.
func TestEncodingThatSwitches(t *testing.T) {
	f := newFanout(t)
	a, pa := publish(t, f, "a")
	b, pb := publish(t, f, "b")
	write(t, pa, rtmp.TypeVideo, 0, key(0))
	write(t, pb, rtmp.TypeVideo, 0, key(100))
	c := &pipe{room: 50}
	player := a.PlayWith(c, 0, PlayOptions{Encoding: tags{}})
	defer player.Close()
	notice, err := rtmp.NewData(1, 0, "changed")
	if err != nil {
		t.Fatal(err)
	}
	player.Switch(b, SwitchOptions{Notice: []*rtmp.Message{notice, rtmp.Status(1, "status", "no form for this", "")}})
	write(t, pa, rtmp.TypeVideo, 10, inter(1))
	write(t, pb, rtmp.TypeVideo, 20, key(101))
	write(t, pb, rtmp.TypeVideo, 30, inter(102))
	var got []string
	for _, g := range c.tags(t, 5) {
		got = append(got, g.String())
	}
	want := []string{"9 170100 at 0", "9 270101 at 10", "18 020007 at 10", "9 170165 at 20", "9 270166 at 30"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
