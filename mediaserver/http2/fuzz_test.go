package http2

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// said is a connection on which all has been said that there is, a few bytes at a time.
type said struct {
	net.Conn
	b    []byte
	most int
}

// Read implements net.Conn.
func (s *said) Read(b []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), s.most)], s.b)
	s.b = s.b[n:]
	return n, nil
}

// heard is what net/http hears of what a client says, read by so many bytes.
func heard(b []byte, most int) (c *Conn, all []byte, err error) {
	c = &Conn{Conn: &said{b: b, most: most}, field: "f", streams: map[uint32]*Stream{}, initial: firstWindow, window: firstWindow, lent: firstWindow}
	buf := make([]byte, most)
	for {
		n, err := c.Read(buf)
		if all = append(all, buf[:n]...); err != nil {
			return c, all, err
		}
	}
}

// FuzzInbound has a client say anything. However it comes, net/http hears the same; what
// it hears are the client's frames, in their order, each as it was but for windows and
// what the fields of a request end with; and what is kept is bounded.
func FuzzInbound(f *testing.F) {
	head := frame(frameHeaders, flagEndHeaders|flagEndStream, 1, []byte("\x82\x87\x84"))
	for _, words := range [][]byte{
		head,
		append(frame(frameHeaders, 0, 1, []byte("\x82")), frame(frameContinuation, flagEndHeaders, 1, nil)...),
		frame(frameHeaders, flagEndHeaders, 1, nil),
		append(append([]byte{}, head...), frame(frameReset, 0, 1, number(8))...),
		append(append([]byte{}, head...), frame(frameWindow, 0, 1, number(maxWindow))...),
		append(frame(frameWindow, 0, 0, number(100)), frame(frameWindow, 0, 0, number(0))...),
		frame(frameWindow, 0, 0, number(maxWindow)), frame(frameWindow, 0, 0, []byte("long enough")),
		append(append([]byte{}, head...), settingsFrame(4, maxWindow, 1, 2, 4, 0)...), settingsFrame(4, 1<<31),
		frame(frameSettings, flagAck, 0, []byte("no settings")), frame(frameData, 8, 1, []byte("\xff")),
	} {
		f.Add(words, 7)
	}
	f.Fuzz(func(t *testing.T, words []byte, most int) {
		most = max(1, most%64)
		b := append([]byte(preface), words...)
		c, all, err := heard(b, 1<<20)
		again, other, otherErr := heard(b, most)
		if !bytes.Equal(all, other) || !errors.Is(otherErr, err) {
			t.Errorf("by %d bytes net/http hears\n%x %v, else\n%x %v", most, other, otherErr, all, err)
		}
		if c.window != again.window || c.lent != again.lent || len(c.streams) != len(again.streams) {
			t.Errorf("by %d bytes the window is %d of %d, else %d of %d", most, again.lent, again.window, c.lent, c.window)
		}
		if len(c.streams) > maxStreams || errors.Is(err, io.EOF) && (c.lent > c.window || c.window > maxWindow) {
			t.Errorf("%d streams, %d of %d", len(c.streams), c.lent, c.window)
		}
		if errors.Is(err, io.EOF) {
			compare(t, bytes.Clone(words), all[len(preface):])
		}
	})
}

// compare compares frames that were said with those that are heard.
func compare(t *testing.T, said, heard []byte) {
	t.Helper()
	last := uint32(0)
	var fields bool
	for {
		h, payload, rest, ok := cut(said)
		if !ok {
			return // what is not whole may be held back
		}
		said = rest
		if h.kind == frameWindow && h.size == 4 && h.stream == 0 {
			// It is heard with the same number, or as much as there is.
			if g, _, rest, ok := cut(heard); ok && g.kind == frameWindow && g.stream == 0 {
				heard = rest
			}
			continue
		}
		if h.kind == frameWindow && h.size == 4 {
			payload[0] &= 0x7f // the bit has no meaning [RFC 9113 §6.9]
		}
		g, got, rest, ok := cut(heard)
		if !ok {
			t.Fatalf("%v is not heard", h)
		}
		heard = rest
		fresh := h.kind == frameHeaders && h.stream > last || h.kind == frameContinuation && fields
		if h.kind == frameHeaders {
			last = max(last, h.stream)
		}
		fields = fresh && h.flags&flagEndHeaders == 0 || fields && h.kind != frameHeaders && !(fresh && h.flags&flagEndHeaders != 0)
		if !fresh || h.flags&flagEndHeaders == 0 {
			if g != h || !bytes.Equal(got, payload) {
				t.Fatalf("%v %x is heard as %v %x", h, payload, g, got)
			}
			continue
		}
		h.flags &^= flagEndHeaders
		if g != h || !bytes.Equal(got, payload) {
			t.Fatalf("%v %x is heard as %v %x", h, payload, g, got)
		}
		if g, _, heard, ok = cut(heard); !ok || g.kind != frameContinuation || g.flags != flagEndHeaders {
			t.Fatalf("behind the fields is %v", g)
		}
	}
}

// cut takes a frame off; false: it is not whole.
func cut(b []byte) (h header, payload, rest []byte, ok bool) {
	if len(b) < headerSize {
		return h, nil, nil, false
	}
	if h = parseHeader(b); len(b) < headerSize+h.size {
		return h, nil, nil, false
	}
	return h, b[headerSize : headerSize+h.size], b[headerSize+h.size:], true
}

// taker takes some bytes at a time, and then none until it is drained.
type taker struct {
	all  []byte
	most int
}

// Writev implements sealed.
func (k *taker) Writev(bufs [][]byte) (n int, full bool, err error) {
	b := bytes.Join(bufs, nil)
	n = min(len(b), k.most)
	k.all = append(k.all, b[:n]...)
	return n, n < len(b), nil
}

// Drain implements sealed.
func (*taker) Drain(time.Duration) error { return nil }

// FuzzOutbound has net/http say anything, however it is cut: all that is known to be of
// which kind is written, in its order, and the turn is given back between frames alone.
func FuzzOutbound(f *testing.F) {
	head := frame(frameHeaders, flagEndHeaders, 1, []byte("\x88"))
	f.Add(append(append([]byte{}, head...), frame(frameData, flagEndStream, 1, []byte("an answer"))...), 3)
	f.Add(append(frame(frameHeaders, 0, 1, []byte("\x88")), frame(frameContinuation, flagEndHeaders, 1, nil)...), 11)
	f.Add(append(frame(frameReset, 0, 1, number(8)), frame(frameSettings, flagAck, 0, nil)...), 1)
	f.Fuzz(func(t *testing.T, words []byte, most int) {
		most = max(1, most%64)
		to := &taker{most: most}
		c := &Conn{sealed: to, streams: map[uint32]*Stream{}, turn: make(chan struct{}, 1), window: 1 << 60, lent: 1 << 60}
		c.open(1)
		for at := 0; at < len(words); at += most {
			b := words[at:min(at+most, len(words))]
			if n, err := c.Write(b); n != len(b) || err != nil {
				t.Fatal(n, err)
			}
			if inside := c.out.left > 0 || c.out.open; inside != c.busy {
				t.Fatalf("within a frame: %v, has the turn: %v", inside, c.busy)
			}
		}
		if want := words[:len(words)-c.out.have]; !bytes.Equal(to.all, want) {
			t.Fatalf("%x is written as %x", want, to.all)
		}
		end, open := 0, false
		for rest := words; ; {
			h, _, behind, ok := cut(rest)
			if !ok {
				break
			}
			rest, end = behind, end+headerSize+h.size
			if h.kind == frameHeaders || h.kind == frameContinuation {
				open = h.flags&flagEndHeaders == 0
			}
		}
		if end == len(words) && open != c.busy {
			t.Fatalf("behind the last frame the turn is had: %v", c.busy)
		}
	})
}
