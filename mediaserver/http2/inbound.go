package http2

import (
	"encoding/binary"
	"errors"
	"strconv"
)

// preface is what a client begins with [RFC 9113 §3.4].
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// maxStreams is how many streams of a client are known at once: more than net/http lets
// it have. Those beyond it cannot be taken.
const maxStreams = 256

var errPreface = errors.New("the client agreed to HTTP/2, and speaks something else")

// inbound is what the client says, on its way to net/http. It belongs to the goroutine
// that reads.
type inbound struct {
	begun int // bytes of the preface that have come

	head  [headerSize + 4]byte // of the frame that comes; with its payload, if it opens a window
	have  int
	left  int    // bytes of its payload that go by
	kind  uint8  // of that
	ready []byte // goes to net/http before all else
	made  [headerSize + 64]byte

	last    uint32 // newest stream
	fresh   bool   // fields come of one that was not there before
	names   bool   // and its number goes behind them
	setting [6]byte
	set     int // bytes of a setting that have come
}

// Read implements net.Conn, for net/http.
func (c *Conn) Read(b []byte) (int, error) {
	in := &c.in
	for len(b) > 0 {
		if len(in.ready) > 0 {
			n := copy(b, in.ready)
			in.ready = in.ready[n:]
			return n, nil
		}
		if in.begun < len(preface) {
			n, err := c.Conn.Read(b[:min(len(b), len(preface)-in.begun)])
			if string(b[:n]) != preface[in.begun:in.begun+n] {
				return 0, errPreface
			}
			in.begun += n
			return n, err
		}
		if in.left > 0 || in.names {
			return c.pass(b)
		}
		size := headerSize
		if in.have >= headerSize {
			size = len(in.head)
		}
		n, err := c.Conn.Read(in.head[in.have:size])
		in.have += n
		if err == nil && in.have == size {
			err = c.begins()
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// begins takes the header of a frame that is whole, or the frame where it opens a window.
func (c *Conn) begins() error {
	in := &c.in
	h := parseHeader(in.head[:])
	if h.kind == frameWindow && h.size == 4 {
		if in.have == headerSize {
			return nil // its payload comes first
		}
		in.have = 0
		return c.opens(h)
	}
	in.have = 0
	switch h.kind {
	case frameHeaders:
		if in.fresh = h.stream > in.last; in.fresh {
			in.last = h.stream
			c.open(h.stream)
		}
	case frameReset:
		c.end(h.stream)
	}
	if in.names = in.fresh && h.flags&flagEndHeaders != 0 && (h.kind == frameHeaders || h.kind == frameContinuation); in.names {
		h.flags &^= flagEndHeaders
		in.fresh = false
	}
	in.left, in.kind, in.set = h.size, h.kind, 0
	if h.flags&flagAck != 0 && h.kind == frameSettings {
		in.kind = frameData // there is nothing in it
	}
	made := h.bytes()
	in.ready = append(in.made[:0], made[:]...)
	return nil
}

// opens takes a frame that opens a window.
func (c *Conn) opens(h header) error {
	in := &c.in
	n := binary.BigEndian.Uint32(in.head[headerSize:]) & maxWindow
	passes := n
	switch {
	case n == 0: // net/http says what is wrong with it
	case h.stream == 0:
		var err error
		if passes, err = c.grow(n); err != nil {
			return err
		}
	default:
		own, err := c.growStream(h.stream, n)
		if err != nil {
			return err
		}
		if own {
			passes = 0
		}
	}
	if passes > 0 || n == 0 {
		in.ready = append(in.made[:0], in.head[:headerSize]...)
		in.ready = binary.BigEndian.AppendUint32(in.ready, passes)
	}
	return nil
}

// pass hands on what is in a frame, and behind the fields of a request the number of its
// stream.
func (c *Conn) pass(b []byte) (n int, err error) {
	in := &c.in
	if in.left > 0 {
		n, err = c.Conn.Read(b[:min(len(b), in.left)])
		in.left -= n
		if in.kind == frameSettings {
			if failed := c.settings(b[:n]); failed != nil {
				return 0, failed
			}
		}
	}
	if in.left == 0 && in.names {
		in.names = false
		in.ready = c.appendField(in.made[:0], in.last)
	}
	return n, err
}

// settings looks at settings as they go by [RFC 9113 §6.5.1].
func (c *Conn) settings(b []byte) error {
	const initialWindowSize = 4
	in := &c.in
	for len(b) > 0 {
		n := copy(in.setting[in.set:], b)
		b = b[n:]
		if in.set += n; in.set < len(in.setting) {
			return nil
		}
		in.set = 0
		if binary.BigEndian.Uint16(in.setting[:]) != initialWindowSize {
			continue
		}
		if err := c.setInitial(binary.BigEndian.Uint32(in.setting[2:])); err != nil {
			return err
		}
	}
	return nil
}

// appendField appends the frame that ends a request's fields with one that has the number
// of its stream, which no table remembers [RFC 7541 §6.2.2].
func (c *Conn) appendField(dst []byte, id uint32) []byte {
	var number [10]byte
	value := strconv.AppendUint(number[:0], uint64(id), 10)
	size := 1 + 1 + len(c.field) + 1 + len(value)
	head := header{size: size, kind: frameContinuation, flags: flagEndHeaders, stream: id}.bytes()
	dst = append(append(dst, head[:]...), 0, byte(len(c.field)))
	dst = append(append(dst, c.field...), byte(len(value)))
	return append(dst, value...)
}
