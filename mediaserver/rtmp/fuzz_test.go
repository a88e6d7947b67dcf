package rtmp

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

// pieces is a reader, and a peer's socket, that gives its bytes in pieces: as
// many at a time as cuts says, over and over.
type pieces struct {
	net.Conn // what is not there may not be called
	rest     []byte
	cuts     []byte
	i        int
	written  []byte
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := len(p.rest)
	if len(p.cuts) > 0 {
		n = min(n, 1+int(p.cuts[p.i%len(p.cuts)]))
		p.i++
	}
	n = copy(b, p.rest[:n])
	p.rest = p.rest[n:]
	return n, nil
}

func (p *pieces) Write(b []byte) (int, error) {
	p.written = append(p.written, b...)
	return len(b), nil
}
func (p *pieces) SetDeadline(time.Time) error      { return nil }
func (p *pieces) SetReadDeadline(time.Time) error  { return nil }
func (p *pieces) SetWriteDeadline(time.Time) error { return nil }

// costOf is what f allocates, in bytes.
func costOf(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzHandshake lets anything say hello, to a server and to a client, in
// pieces of any size. sign makes the bytes those of a client that signs.
func FuzzHandshake(f *testing.F) {
	for _, c := range handshakeCases {
		f.Add(c.send, []byte{}, byte(0))
	}
	for _, asks := range []string{policyRequest, policyRequest[:12], policyRequest + policyRequest, "<policy-file-request/>\n"} {
		f.Add([]byte(asks), []byte{0, 7}, byte(0))
	}
	whole := append([]byte{3}, make([]byte, 2*packetSize)...)
	for sign := range byte(4) {
		f.Add(whole, []byte{0, 7}, sign)
		f.Add(append([]byte{3}, bytes.Repeat([]byte{0xff}, 2*packetSize+5)...), []byte{255}, sign)
	}
	f.Fuzz(func(t *testing.T, b, cuts []byte, sign byte) {
		var scheme *digestScheme
		if sign%3 > 0 && len(b) > packetSize {
			b = bytes.Clone(b)
			c1 := b[1 : 1+packetSize]
			c1[4] |= 1 // a version
			scheme = &digestSchemes[sign%3-1]
			copy(c1[scheme.offset(c1):], scheme.digest(c1, playerKey[:playerKeyShort]))
		}
		for _, client := range []bool{false, true} {
			peer := &pieces{rest: b, cuts: cuts}
			c := newConn(peer, Config{Policy: func() []byte { return []byte("policy\x00") }}, client)
			err := c.Handshake()
			asks := !client && bytes.HasPrefix(b, []byte(policyRequest))
			if asks != errors.Is(err, ErrPolicyRequest) {
				t.Fatalf("client %v: %v", client, err)
			}
			switch {
			case asks:
				if string(peer.written) != "policy\x00" || c.received.Load() > 1+packetSize {
					t.Fatalf("%q is answered to a request for a policy file, of which %d bytes are taken", peer.written, c.received.Load())
				}
			case err == nil:
				if len(peer.written) != handshakeBytes || c.sent.Load() != handshakeBytes || c.received.Load() != handshakeBytes || len(peer.rest) != len(b)-handshakeBytes {
					t.Fatalf("client %v: %d bytes sent, %d taken of %d", client, len(peer.written), c.received.Load(), len(b))
				}
				if !client {
					checkAnswer(t, b[1:1+packetSize], peer.written, scheme)
				}
			case errors.Is(err, ErrNoData), errors.Is(err, ErrNotRTMP), errors.Is(err, ErrEncrypted), errors.Is(err, io.ErrUnexpectedEOF):
				if len(b) >= handshakeBytes && b[0] == protocolVersion {
					t.Fatalf("client %v: a whole handshake is refused: %v", client, err)
				}
			default:
				t.Fatalf("client %v: error of no kind: %v", client, err)
			}
		}
	})
}

// checkAnswer looks at S0, S1 and S2 as a client does: an echo, or signatures
// by the scheme that it signed with.
func checkAnswer(t *testing.T, c1, answer []byte, signed *digestScheme) {
	t.Helper()
	s1, s2 := answer[1:1+packetSize], answer[1+packetSize:]
	if answer[0] != protocolVersion {
		t.Fatalf("S0 is %d", answer[0])
	}
	if signed == nil {
		// Nobody makes a signature by chance.
		if !bytes.Equal(s2, c1) {
			t.Fatal("S2 is no echo of C1")
		}
		return
	}
	digest, s, ok := findDigest(c1)
	if !ok {
		t.Fatal("the client's signature is not found")
	}
	if at := s.offset(s1); !hmac.Equal(s1[at:at+digestSize], s.digest(s1, serverKey[:serverKeyShort])) {
		t.Fatal("S1 is not signed as it should be")
	}
	body := s2[:packetSize-digestSize]
	if !hmac.Equal(s2[len(body):], sign(sign(serverKey, digest), body)) {
		t.Fatal("S2 is not signed as it should be")
	}
}

// FuzzChunkReader reads chunks at once, byte by byte and in pieces of any
// size: the messages are the same, cost no more than they weigh, and come back
// when they are sent on.
func FuzzChunkReader(f *testing.F) {
	for i, c := range chunkCases {
		f.Add(unhex(f, c.bytes), []byte{byte(i), 0, byte(3 * i)}, uint16(i))
	}
	nothing := func() error { return nil }
	over := func(r io.Reader) *chunkReader {
		return newChunkReader(&input{r: r, before: nothing, timeout: nothing, count: func(int) {}}, upTo(1<<20), 8)
	}
	f.Fuzz(func(t *testing.T, b, cuts []byte, chunk uint16) {
		whole, err := readAll(over(&pieces{rest: b}))
		for _, cuts := range [][]byte{cuts, {0}} {
			split, errSplit := readAll(over(&pieces{rest: b, cuts: cuts}))
			if !slices.Equal(whole, split) || err.Error() != errSplit.Error() {
				t.Fatalf("read at once:\n%s (%v)\nin pieces:\n%s (%v)", strings.Join(whole, "\n"), err, strings.Join(split, "\n"), errSplit)
			}
		}
		// Read buffers, which may be collected between two reads, the streams,
		// and a copy of what came, grown as slices are.
		if cost := costOf(func() { readDry(over(&pieces{rest: b})) }); cost > uint64(8*readBufferSize+8*len(b)) {
			t.Fatalf("%d bytes cost %d to read", len(b), cost)
		}
		size := 1 + int(chunk)
		var again []byte
		var m Message
		for r := over(&pieces{rest: b}); r.next(&m) == nil; {
			again = AppendChunks(again, &m, size)
		}
		r := over(&pieces{rest: again, cuts: cuts})
		r.chunkSize = size
		var first, second Message
		for origin := over(&pieces{rest: b}); origin.next(&first) == nil; {
			if err := r.next(&second); err != nil {
				t.Fatalf("%s in chunks of %d: %v", first.text(), size, err)
			}
			if first.text() != second.text() {
				t.Fatalf("%s in chunks of %d came back as %s", first.text(), size, second.text())
			}
		}
		if err := r.next(&second); !errors.Is(err, io.EOF) {
			t.Fatalf("behind the last message: %v", err)
		}
	})
}

// readDry reads and keeps nothing.
func readDry(r *chunkReader) {
	var m Message
	for r.next(&m) == nil {
		continue
	}
	r.in.release()
}

// FuzzAggregate takes aggregate messages apart: all that is in them comes out,
// in order, and nothing from beyond.
func FuzzAggregate(f *testing.F) {
	for _, c := range aggregateCases {
		f.Add(unhex(f, c.bytes), uint32(1000))
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint32) {
		size, count := 0, 0
		err := unpack(&Message{Type: TypeAggregate, StreamID: 5, Timestamp: media.Timestamp(at), Payload: b}, func(m *Message) error {
			if count++; m.StreamID != 5 || m.Type == TypeAggregate || count == 1 && uint32(m.Timestamp) != at {
				t.Fatalf("message %d: %s", count, m.text())
			}
			size += 11 + len(m.Payload)
			return nil
		})
		if size > len(b) || err == nil && size+4*count < len(b) {
			t.Fatalf("%d messages of %d bytes in %d", count, size, len(b))
		}
		if err != nil && !errors.Is(err, ErrProtocol) {
			t.Fatalf("error of no kind: %v", err)
		}
	})
}

// FuzzParseCommand parses anything, and what it is comes back when it is sent
// on.
func FuzzParseCommand(f *testing.F) {
	for _, c := range commandCases {
		f.Add(unhex(f, c.bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCommand(&Message{StreamID: 3, Payload: b})
		if err != nil {
			for _, known := range []error{ErrProtocol, amf.ErrTruncated, amf.ErrInvalid, amf.ErrTooDeep, amf.ErrTooMany} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("error of no kind: %v", err)
		}
		m, err := NewCommand(c.StreamID, c.Name, c.Transaction, c.Object, c.Args...)
		if err != nil {
			return // cycles and names that AMF0 has no room for
		}
		back, err := ParseCommand(m)
		if errors.Is(err, amf.ErrTooMany) {
			return
		}
		if err != nil || back.Name != c.Name || len(back.Args) != len(c.Args) || back.StreamID != 3 {
			t.Fatalf("%+v came back as %+v, %v", c, back, err)
		}
	})
}
