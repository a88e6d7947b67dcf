package rtmp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// TestPartsOfAMessage sends two messages in parts, with others between their
// parts, and reads them back.
func TestPartsOfAMessage(t *testing.T) {
	for _, streams := range [][2]uint32{{8, 9}, {63, 64}, {319, 320}, {lastStream - 1, lastStream}} {
		for _, at := range []media.Timestamp{0, 40, noTimestamp - 1, noTimestamp, 1 << 31} {
			for _, size := range []int{1, 5, ChunkSize - 1, ChunkSize, ChunkSize + 1, 3*ChunkSize + 7} {
				l := NewLayout()
				payload := pattern(size)
				a, b := NewParts(streams[0], TypeVideo, 7, at, size), NewParts(streams[1], TypeAudio, 8, at, size)
				front := min(5, size)
				first := min(size, ChunkSize)
				l.AddPart(&a, payload[:front], payload[front:first])
				l.AddPart(&b, nil, payload[:first])
				other := &Message{TypeVideo, 7, at, []byte{1, 2, 3}}
				l.AddMessage(other)
				for rest := payload[first:]; len(rest) > 0; {
					n := min(len(rest), 2*ChunkSize)
					l.AddPart(&a, nil, rest[:n])
					l.AddMessage(other)
					l.AddPart(&b, nil, rest[:n])
					rest = rest[n:]
				}
				if a.Left() != 0 || b.Left() != 0 {
					t.Fatalf("%d and %d bytes are left", a.Left(), b.Left())
				}
				wire := l.AppendTo(nil)
				if l.Size() != len(wire) {
					t.Errorf("%d bytes, said to be %d", len(wire), l.Size())
				}
				r := reader(wire, false)
				r.chunkSize = ChunkSize
				want := map[MessageType]*Message{TypeVideo: {TypeVideo, 7, at, payload}, TypeAudio: {TypeAudio, 8, at, payload}}
				for {
					var m Message
					err := r.next(&m)
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Fatalf("streams %v, time %d, size %d: %v", streams, at, size, err)
					}
					is := want[m.Type]
					switch {
					case same(&m, other):
					case is != nil && same(&m, is):
						delete(want, m.Type)
					default:
						t.Fatalf("streams %v, time %d, size %d: got %d bytes of type %d for stream %d at %d", streams, at, size, len(m.Payload), m.Type, m.StreamID, m.Timestamp)
					}
				}
				if len(want) > 0 {
					t.Errorf("streams %v, time %d, size %d: %d messages did not come", streams, at, size, len(want))
				}
			}
		}
	}
}

// TestBrokenOffMessage breaks a message off: a reader that knows of Abort holds
// nothing of it any more.
func TestBrokenOffMessage(t *testing.T) {
	l := NewLayout()
	p := NewParts(8, TypeVideo, 7, 40, 3*ChunkSize)
	l.AddPart(&p, nil, pattern(ChunkSize))
	l.AddMessage(Abort(8))
	l.AddMessage(&Message{TypeAudio, 7, 40, []byte{1}})
	r := reader(l.AppendTo(nil), false)
	r.chunkSize = ChunkSize
	got, err := readAll(r)
	if !errors.Is(err, io.EOF) || len(got) != 2 || got[0] != "2 0@0 00000008" || got[1] != "8 40@7 01" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestManyBrokenOffMessages breaks off a message on one chunk stream after another,
// as a server does that was halted in the middle of pictures: none of them keeps its
// place in the reader, and one that goes on does so.
func TestManyBrokenOffMessages(t *testing.T) {
	l := NewLayout()
	for id := uint32(8); id < 100; id++ {
		p := NewParts(id, TypeVideo, 7, 40, 3*ChunkSize)
		l.AddPart(&p, nil, pattern(ChunkSize))
		l.AddMessage(Abort(id))
	}
	wire := append(l.AppendTo(nil), unhex(t, "c0 23")...) // chunk stream 99 goes on, with what it said
	wire = append(wire, pattern(ChunkSize)...)
	r := reader(wire, false)
	r.chunkSize = ChunkSize
	if got, err := readAll(r); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != 100-8 {
		t.Errorf("%d messages, %v", len(got), err)
	}
	if len(r.streams) > r.maxStreams || r.held != ChunkSize {
		t.Errorf("%d chunk streams, %d bytes are held", len(r.streams), r.held)
	}
}

// TestChunkStreamsAreUsedAgain takes chunk streams, and gives some back.
func TestChunkStreamsAreUsedAgain(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	c := NewServerConn(a, Config{})
	defer c.Close()
	take := func() uint32 {
		t.Helper()
		id, err := c.TakeChunkStream()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	one, two := take(), take()
	if one == two || one < firstStream || two < firstStream {
		t.Fatalf("%d and %d", one, two)
	}
	c.GiveChunkStream(one)
	if again := take(); again != one {
		t.Errorf("%d, though %d was given back", again, one)
	}
	for id := two; id < lastStream; {
		if id = take(); bytes.IndexByte([]byte{csidControl, csidCommand, csidAudio, csidVideo, csidData}, byte(id)) >= 0 && id < 64 {
			t.Fatalf("%d is for whole messages", id)
		}
	}
	if _, err := c.TakeChunkStream(); !errors.Is(err, errNoChunkStream) {
		t.Errorf("%v", err)
	}
}
