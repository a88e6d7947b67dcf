package rtmp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

// reader makes a chunk reader over bytes, which come one at a time when
// slowly is true.
func reader(b []byte, slowly bool) *chunkReader {
	var r io.Reader = bytes.NewReader(b)
	if slowly {
		r = iotest.OneByteReader(r)
	}
	nothing := func() error { return nil }
	return newChunkReader(&input{r: r, before: nothing, timeout: nothing, count: func(int) {}}, upTo(1<<20), 8)
}

// upTo are limits for tests of what lies below them.
func upTo(size int) *limits {
	l := &limits{}
	l.now.Store(&Limits{Message: size, Media: size, Held: 2 * size, Keeps: true})
	return l
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "", "\n", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (m *Message) text() string {
	return fmt.Sprintf("%d %d@%d %x", m.Type, m.Timestamp, m.StreamID, m.Payload)
}

func readAll(r *chunkReader) (got []string, err error) {
	for {
		var m Message
		if err := r.next(&m); err != nil {
			return got, err
		}
		got = append(got, m.text())
		if m.Type == TypeSetChunkSize && len(m.Payload) == 4 && m.Payload[3] > 0 {
			r.chunkSize = int(m.Payload[3])
		}
		if m.Type == TypeAbort && len(m.Payload) == 4 {
			r.abort(uint32(m.Payload[3]))
		}
	}
}

// chunkCases feed the test and the fuzzer. Their chunk size is 128 until a
// message of type 1 says otherwise.
var chunkCases = []struct {
	name, bytes string
	want        []string
	err         error
}{
	{"nothing", "", nil, io.EOF},
	{"format 0", "04 00000a 000002 08 01000000 af01", []string{"8 10@1 af01"}, io.EOF},
	{"format 1", "04 00000a 000002 08 01000000 af01 | 44 000014 000001 09 17", []string{"8 10@1 af01", "9 30@1 17"}, io.EOF},
	{"format 2", "04 00000a 000002 08 01000000 af01 | 84 000014 af02", []string{"8 10@1 af01", "8 30@1 af02"}, io.EOF},
	{"format 3 after 0 repeats the time as delta", "04 00000a 000002 08 01000000 af01 | c4 af02 | c4 af03",
		[]string{"8 10@1 af01", "8 20@1 af02", "8 30@1 af03"}, io.EOF},
	{"format 3 repeats a delta", "04 00000a 000002 08 01000000 af01 | 84 000005 af02 | c4 af03",
		[]string{"8 10@1 af01", "8 15@1 af02", "8 20@1 af03"}, io.EOF},
	{"two byte chunk stream id", "00 05 000001 000001 08 01000000 aa | c0 05 bb", []string{"8 1@1 aa", "8 2@1 bb"}, io.EOF},
	{"three byte chunk stream id", "01 0501 000001 000001 08 01000000 aa | c1 0501 bb", []string{"8 1@1 aa", "8 2@1 bb"}, io.EOF},
	{"an id may be written two ways", "00 05 000001 000001 08 01000000 aa | c1 0500 bb", []string{"8 1@1 aa", "8 2@1 bb"}, io.EOF},
	{"empty message", "04 00000a 000000 08 01000000 | c4", []string{"8 10@1 ", "8 20@1 "}, io.EOF},
	{"chunks", "02 000000 000004 01 00000000 00000002 | 04 000001 000005 09 01000000 1701 c4 0203 c4 04",
		[]string{"1 0@0 00000002", "9 1@1 1701020304"}, io.EOF},
	{"interleaved", "02 000000 000004 01 00000000 00000002 | 04 000001 000004 09 01000000 1701 | 06 000002 000003 08 01000000 af01 | c4 0203 | c6 02",
		[]string{"1 0@0 00000002", "9 1@1 17010203", "8 2@1 af0102"}, io.EOF},
	{"abort", "02 000000 000004 01 00000000 00000002 | 04 000001 000004 09 01000000 1701 | 02 000000 000004 02 00000000 0000 c2 0004 | 04 000002 000002 09 01000000 2702",
		[]string{"1 0@0 00000002", "2 0@0 00000004", "9 2@1 2702"}, io.EOF},
	{"extended timestamp", "04 ffffff 000002 08 01000000 01000000 af01", []string{"8 16777216@1 af01"}, io.EOF},
	{"extended timestamp repeated", "02 000000 000004 01 00000000 00000008 | 04 ffffff 00000a 09 01000000 01000000 0001020304050607 c4 01000000 0809",
		[]string{"1 0@0 00000008", "9 16777216@1 00010203040506070809"}, io.EOF},
	{"extended timestamp left out", "02 000000 000004 01 00000000 00000008 | 04 ffffff 00000e 09 01000000 01000000 0001020304050607 c4 08090a0b0c0d",
		[]string{"1 0@0 00000008", "9 16777216@1 000102030405060708090a0b0c0d"}, io.EOF},
	{"left out once, left out before a short end too", "02 000000 000004 01 00000000 00000008 | 04 ffffff 000012 09 01000000 01000000 0001020304050607 c4 08090a0b0c0d0e0f c4 1011",
		[]string{"1 0@0 00000008", "9 16777216@1 000102030405060708090a0b0c0d0e0f1011"}, io.EOF},
	{"extended delta", "04 00000a 000001 08 01000000 aa | 84 ffffff 01000000 bb | c4 01000000 cc",
		[]string{"8 10@1 aa", "8 16777226@1 bb", "8 33554442@1 cc"}, io.EOF},
	{"time wraps", "04 ffffff 000001 08 01000000 fffffff0 aa | 84 000020 bb", []string{"8 4294967280@1 aa", "8 16@1 bb"}, io.EOF},
	{"format 1 first, as librtmp's pings", "42 000014 000006 04 0007 00000001 | c2 0007 00000002", []string{"4 20@0 000700000001", "4 40@0 000700000002"}, io.EOF},
	{"format 2 first", "84 000014", nil, ErrProtocol},
	{"format 3 first", "c4", nil, ErrProtocol},
	{"message inside another", "02 000000 000004 01 00000000 00000001 | 04 000001 000002 09 01000000 17 | 04 000001 000002 09 01000000 17", []string{"1 0@0 00000001"}, ErrProtocol},
	{"too big", "04 000001 ffffff 09 01000000", nil, ErrTooBig},
	{"too many chunk streams", "03 000000 000000 08 00000000 04 000000 000000 08 00000000 05 000000 000000 08 00000000 06 000000 000000 08 00000000 " +
		"07 000000 000000 08 00000000 08 000000 000000 08 00000000 09 000000 000000 08 00000000 0a 000000 000000 08 00000000 0b 000000 000000 08 00000000",
		[]string{"8 0@0 ", "8 0@0 ", "8 0@0 ", "8 0@0 ", "8 0@0 ", "8 0@0 ", "8 0@0 ", "8 0@0 "}, ErrProtocol},
	{"ends in a header", "04 00000a 0000", nil, io.ErrUnexpectedEOF},
	{"ends in a payload", "04 00000a 000005 08 01000000 af01", nil, io.ErrUnexpectedEOF},
	{"ends in an id", "01 05", nil, io.ErrUnexpectedEOF},
}

func TestChunkReader(t *testing.T) {
	for _, c := range chunkCases {
		for _, slowly := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/slowly=%v", c.name, slowly), func(t *testing.T) {
				got, err := readAll(reader(unhex(t, c.bytes), slowly))
				if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
				}
				if !errors.Is(err, c.err) || errors.Is(err, io.EOF) && !errors.Is(c.err, io.EOF) {
					t.Errorf("error %v, want %v", err, c.err)
				}
			})
		}
	}
}

func TestAppendChunksReadsBack(t *testing.T) {
	for _, size := range []int{0, 1, 127, 128, 129, 4096, ChunkSize, ChunkSize + 1, 300000} {
		for _, at := range []media.Timestamp{0, 0xfffffe, 0xffffff, 0x1000000, 0xffffffff} {
			for _, chunk := range []int{128, 4096, ChunkSize} {
				m := Message{Type: TypeVideo, StreamID: 0x01020304, Timestamp: at, Payload: bytes.Repeat([]byte{0xc6, 0xff}, size)[:size]}
				b := AppendChunks([]byte("before"), &m, chunk)
				r := reader(b[len("before"):], false)
				r.chunkSize = chunk
				var got Message
				if err := r.next(&got); err != nil {
					t.Fatalf("%d bytes at %d in chunks of %d: %v", size, at, chunk, err)
				}
				if got.Type != m.Type || got.StreamID != m.StreamID || got.Timestamp != at || !bytes.Equal(got.Payload, m.Payload) {
					t.Fatalf("%d bytes at %d in chunks of %d came back as %d bytes at %d", size, at, chunk, len(got.Payload), got.Timestamp)
				}
			}
		}
	}
}

func TestMemoryGrowsWithWhatComes(t *testing.T) {
	// A header that promises a megabyte, and then one byte.
	r := reader(unhex(t, "04 000001 0fffff 09 01000000 17"), false)
	var m Message
	if err := r.next(&m); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if c := cap(r.stream(4).payload); c > 1024 {
		t.Errorf("%d bytes were taken for one that came", c)
	}
}

// aggregateCases are payloads of aggregate messages, in hex, at 1000 ms on
// message stream 5. Those that want nothing break the protocol.
var aggregateCases = []struct{ name, bytes, want string }{
	{"three", "08 000002 0000c8 00 000000 af01 0000000d | 09 000001 0000f0 00 000000 17 0000000c | 08 000000 0000f1 01 000000",
		"8 1000@5 af01\n9 1040@5 17\n8 16778257@5 "},
	{"half a header", "08 0000", ""},
	{"half a message", "08 000005 0000c8 00 000000 af01", ""},
	{"one in another", "16 000000 000000 00 000000 0000000b", ""},
}

func TestAggregate(t *testing.T) {
	for _, c := range aggregateCases {
		var got []string
		err := unpack(&Message{Type: TypeAggregate, StreamID: 5, Timestamp: 1000, Payload: unhex(t, c.bytes)}, func(m *Message) error {
			got = append(got, m.text())
			return nil
		})
		if strings.Join(got, "\n") != c.want || errors.Is(err, ErrProtocol) != (c.want == "") {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, err, strings.Join(got, "\n"), c.want)
		}
	}
}

// commandCases are payloads of command messages, in hex, and what they are or
// what is said of them.
var commandCases = []struct {
	name, bytes string
	want        *Command
	err         string
}{
	{"play", "02 0004 706c6179 00 4010000000000000 05 02 0003 63616d 00 c09f400000000000",
		&Command{StreamID: 3, Name: "play", Transaction: 4, Args: []amf.Value{"cam", -2000.0}}, ""},
	{"a bare name", "02 0001 61", &Command{StreamID: 3, Name: "a"}, ""},
	{"no transaction", "02 0001 61 05", &Command{StreamID: 3, Name: "a"}, ""},
	{"AMF3's integers", "02 0001 61 11 0402 05 11 0403", &Command{StreamID: 3, Name: "a", Transaction: 2, Args: []amf.Value{int32(3)}}, ""},
	{"an AMF3 object", "02 0001 61 00 0000000000000000 11 0a0b0103610301",
		&Command{StreamID: 3, Name: "a", Object: amf.NewObject("a", true)}, ""},
	{"empty", "", nil, "empty"},
	{"a number for a name", "00 0000000000000000", nil, "not a string"},
	{"a name for a number", "02 0001 61 02 0001 62", nil, "not a number"},
	{"half a name", "02 0005 61", nil, "ends too early"},
	{"a list of two thousand million", "02 0001 61 05 0a 7fffffff", nil, "ends too early"},
}

func TestParseCommand(t *testing.T) {
	for _, c := range commandCases {
		got, err := ParseCommand(&Message{StreamID: 3, Payload: unhex(t, c.bytes)})
		if c.want == nil {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v does not say %q", c.name, err, c.err)
			}
			continue
		}
		if got != nil && len(got.Args) == 0 {
			got.Args = nil
		}
		if got != nil && c.want.Size == 0 {
			got.Size = 0 // amf's tests know
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]URL{
		"rtmp://h/live/cam":                 {Host: "h:1935", App: "live", Stream: "cam"},
		"rtmp://h:1/chat/lobby/cam?key=a&b": {Host: "h:1", App: "chat/lobby", Stream: "cam?key=a&b"},
		"rtmps://[::1]/live":                {TLS: true, Host: "[::1]:443", App: "live"},
		"rtmp://e/?rtmp://h/chat/lobby/c?k": {Host: "e:1935", App: "?rtmp://h/chat/lobby", Stream: "c?k"},
		"rtmps://e:1?rtmp://h:2/chat":       {TLS: true, Host: "e:1", App: "?rtmp://h:2/chat"},
	} {
		u, err := ParseURL(raw)
		if err != nil || *u != want {
			t.Errorf("%s: %+v, %v", raw, u, err)
		}
	}
	for _, bad := range []string{"http://h/a", "rtmp:///a", "rtmp://h", "rtmp://h/", "::", "rtmp://e/?rtmps://h/a", "rtmp://e/?rtmp://u@h/a", "rtmp://e/?rtmp://h", "rtmp://e/?rtmp://f/?rtmp://h/a"} {
		if _, err := ParseURL(bad); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	var stream []byte
	payload := bytes.Repeat([]byte{7}, 4000)
	for range 100 {
		stream = AppendChunks(stream, &Message{Type: TypeVideo, StreamID: 1, Payload: payload}, ChunkSize)
	}
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	src := bytes.NewReader(stream)
	nothing := func() error { return nil }
	r := newChunkReader(&input{r: src, before: nothing, timeout: nothing, count: func(int) {}}, upTo(1<<20), 8)
	r.chunkSize = ChunkSize
	var m Message
	for b.Loop() {
		src.Reset(stream)
		for range 100 {
			if err := r.next(&m); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkAppendChunks(b *testing.B) {
	m := Message{Type: TypeVideo, StreamID: 1, Payload: make([]byte, 4000)}
	dst := make([]byte, 0, 8000)
	b.SetBytes(4000)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendChunks(dst[:0], &m, ChunkSize)
	}
}
