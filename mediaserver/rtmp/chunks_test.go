package rtmp

import (
	"bytes"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// chunkTimes are both forms of a timestamp, and what lies around the first that
// is extended.
var chunkTimes = []media.Timestamp{0, 40, noTimestamp - 1, noTimestamp, noTimestamp + 1, 1 << 31, 1<<32 - 1}

// chunkSizes are payloads around one chunk, and around several.
var chunkSizes = []int{0, 1, 5, ChunkSize - 1, ChunkSize, ChunkSize + 1, ChunkSize + 5, 2*ChunkSize - 1, 2 * ChunkSize, 2*ChunkSize + 1, 3*ChunkSize + 7}

func TestChunks(t *testing.T) {
	for _, size := range chunkSizes {
		payload, third := pattern(size), pattern(size/3)
		for i, was := range chunkTimes {
			for k, at := range chunkTimes {
				if size > 5 && size != ChunkSize+1 && k != (i+3)%len(chunkTimes) {
					continue // each time with each in one chunk, and in two: what is true of a second chunk is of the third
				}
				checkChunks(t, []Message{
					{Type: TypeVideo, StreamID: 1, Timestamp: was, Payload: payload},
					{Type: TypeAudio, StreamID: 0x01020304, Timestamp: at, Payload: third},
					{Type: TypeData, StreamID: 1, Payload: nil},
				}, 0xfffefd, at)
			}
		}
	}
}

// FuzzChunks lays messages out, restamps them, and has the decoder say what
// came of them.
func FuzzChunks(f *testing.F) {
	for i, size := range chunkSizes {
		f.Add(uint32(size), uint32(3*i), uint32(chunkTimes[i%len(chunkTimes)]), uint32(chunkTimes[(i*3)%len(chunkTimes)]), uint32(i), byte(TypeVideo))
	}
	f.Fuzz(func(t *testing.T, size, second, was, at, id uint32, kind byte) {
		checkChunks(t, []Message{
			{Type: MessageType(kind), StreamID: 1, Timestamp: media.Timestamp(was), Payload: pattern(int(size % (4 * ChunkSize)))},
			{Type: TypeAudio, StreamID: 1, Timestamp: media.Timestamp(at), Payload: pattern(int(second % (2 * ChunkSize)))},
		}, id, media.Timestamp(at))
	})
}

// checkChunks lays messages out one behind another, and looks at each as Chunks
// sees it, and as the decoder sees what is made of it for a stream and a time.
func checkChunks(t *testing.T, messages []Message, id uint32, at media.Timestamp) {
	t.Helper()
	var laid Chunks
	for _, m := range messages {
		before := len(laid)
		laid = AppendChunks(laid, &m, ChunkSize)
		if size := len(laid) - before; size > MaxChunkedSize(len(m.Payload)) {
			t.Fatalf("%d bytes of payload take %d, and %d at most", len(m.Payload), size, MaxChunkedSize(len(m.Payload)))
		}
	}
	untouched := bytes.Clone(laid)
	var restamped, restreamed []byte
	behind := laid
	for i, m := range messages {
		var c Chunks
		c, behind = behind.Next()
		if got := c.Message(); !same(&got, &m) || c.Type() != m.Type || c.Timestamp() != m.Timestamp {
			t.Fatalf("message %d of %d bytes at %d came back as %d bytes at %d", i, len(m.Payload), m.Timestamp, len(got.Payload), got.Timestamp)
		}
		if !bytes.Equal(c.Head(), m.Payload[:min(ChunkSize, len(m.Payload))]) {
			t.Fatalf("message %d: the head is %d bytes of %d", i, len(c.Head()), len(m.Payload))
		}
		var whole []byte
		for p := c.Pieces(); p.More(); {
			whole = append(whole, p.Next()...)
		}
		if !bytes.Equal(whole, m.Payload) {
			t.Fatalf("message %d: the pieces are %d bytes of %d", i, len(whole), len(m.Payload))
		}
		restamped = c.AppendRestamped(restamped, id, at)
		restreamed = c.AppendRestamped(restreamed, id, m.Timestamp)
	}
	if len(behind) > 0 {
		t.Fatalf("%d bytes are left", len(behind))
	}
	if !bytes.Equal(laid, untouched) {
		t.Fatal("the bytes were written to")
	}
	r := reader(nil, false)
	r.chunkSize = ChunkSize
	for _, made := range []struct {
		bytes []byte
		keep  bool // the time
	}{{restamped, false}, {restreamed, true}} {
		r.in.r = bytes.NewReader(made.bytes)
		for i, m := range messages {
			want := m
			if want.StreamID = id; !made.keep {
				want.Timestamp = at
			}
			var got Message
			if err := r.next(&got); err != nil || !same(&got, &want) {
				t.Fatalf("message %d of %d bytes from %d to %d: %d bytes at %d, %v", i, len(m.Payload), m.Timestamp, want.Timestamp, len(got.Payload), got.Timestamp, err)
			}
		}
		if r.in.has(1) {
			t.Fatal("something is left behind the last message")
		}
	}
}

func same(a, b *Message) bool {
	return a.Type == b.Type && a.StreamID == b.StreamID && a.Timestamp == b.Timestamp && bytes.Equal(a.Payload, b.Payload)
}
