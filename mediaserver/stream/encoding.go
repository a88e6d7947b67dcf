package stream

import (
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Encoding is how packets look on connections of a kind: what goes before a
// payload, and what behind it. RTMP's, which is nil wherever an Encoding is
// asked for, is the one that the log lies in; any other is made beside it, once
// for all players of a stream that have it, and the payload's bytes are the
// same for all. Values are compared: one stands for one form of bytes. Its
// methods are called from any goroutine.
//
// A connection of another encoding than RTMP's plays one stream.
type Encoding interface {
	// MaxOverhead is the most that header and trailer of a packet take together,
	// in bytes.
	MaxOverhead() int
	// AppendHeader appends what goes before a packet's payload. Without ok the
	// encoding has no form for such a packet, and it is left out.
	AppendHeader(dst []byte, f Frame) (out []byte, ok bool)
	// AppendTrailer appends what goes behind it.
	AppendTrailer(dst []byte, f Frame) []byte
}

// Frame is what a header says of a packet.
type Frame struct {
	Type      rtmp.MessageType
	Timestamp media.Timestamp
	Size      int // of the payload, in bytes
}

// form is how the packets of one player look.
type form struct {
	encoding Encoding // nil: RTMP
	id       uint32   // message stream id, which RTMP alone has
}

// native says whether the log's bytes are the player's as they are.
func (f form) native() bool { return f.encoding == nil && f.id == 1 }

// appendTo appends a copy of the first message of some chunks, with a timestamp.
func (f form) appendTo(dst []byte, c rtmp.Chunks, at media.Timestamp) []byte {
	if f.encoding == nil {
		return c.AppendRestamped(dst, f.id, at)
	}
	payload := c.Payload()
	frame := Frame{c.Type(), at, len(payload)}
	out, ok := f.encoding.AppendHeader(dst, frame)
	if !ok {
		return dst
	}
	return f.encoding.AppendTrailer(append(out, payload...), frame)
}

// framing is what an encoding puts around the packets of one segment that were
// published while somebody played them so. As the segment itself, it is written
// before a packet may be read, and not touched afterwards.
type framing struct {
	encoding Encoding
	buf      []byte // of fixed length: headers and trailers, one behind another
	packets  []framed

	used int // bytes of buf; the writer's own
}

// framed is where in a framing's buf a packet's header and trailer are; end is 0
// for a packet that is not there.
type framed struct{ header, trailer, end uint32 }

func newFraming(e Encoding, packets int) *framing {
	return &framing{encoding: e, buf: make([]byte, packets*e.MaxOverhead()), packets: make([]framed, packets)}
}

// add frames packet i. What is beyond MaxOverhead is not kept: moving buf would
// move it away from the loops that read it.
func (f *framing) add(i int32, frame Frame) {
	room := f.buf[f.used:f.used]
	b, ok := f.encoding.AppendHeader(room, frame)
	if !ok {
		return
	}
	header := len(b)
	b = f.encoding.AppendTrailer(b, frame)
	if len(b) > cap(room) {
		return
	}
	f.packets[i] = framed{uint32(f.used), uint32(f.used + header), uint32(f.used + len(b))}
	f.used += len(b)
}

// framing returns the segment's framing of an encoding; nil: it has none.
func (s *segment) framing(e Encoding) *framing {
	all := s.framings.Load()
	if all == nil {
		return nil
	}
	for _, f := range *all {
		if f.encoding == e {
			return f
		}
	}
	return nil
}

// frame gives the segment framings of those encodings that it has none of. The
// log's writer calls it.
func (s *segment) frame(encodings []Encoding) {
	for _, e := range encodings {
		if s.framing(e) != nil || len(s.packets) == 0 {
			continue
		}
		var all []*framing
		if have := s.framings.Load(); have != nil {
			all = append(all, *have...)
		}
		all = append(all, newFraming(e, len(s.packets)))
		s.framings.Store(&all)
	}
}

// useEncoding has packets framed from now on, for one player more. The caller
// holds s.mu.
func (s *Stream) useEncoding(e Encoding) {
	if e == nil {
		return
	}
	if s.encodings == nil {
		s.encodings = map[Encoding]int{}
	}
	if s.encodings[e]++; s.encodings[e] == 1 {
		s.setEncodings(append(s.log.encodings, e))
	}
}

// leaveEncoding is for one player less. The caller holds s.mu.
func (s *Stream) leaveEncoding(e Encoding) {
	if e == nil {
		return
	}
	if s.encodings[e]--; s.encodings[e] > 0 {
		return
	}
	delete(s.encodings, e)
	var left []Encoding
	for _, other := range s.log.encodings {
		if other != e {
			left = append(left, other)
		}
	}
	s.setEncodings(left)
}

// setEncodings has packets framed in these from now on. The caller holds s.mu.
func (s *Stream) setEncodings(all []Encoding) {
	s.log.setEncodings(all)
	for b := range s.branches() {
		b.log.setEncodings(all)
	}
}

func (l *log) setEncodings(all []Encoding) {
	l.encodings = all
	l.tail.frame(all)
}

// framed adds packet i of a segment in an encoding other than RTMP's. Its
// payload is not copied, nor are header and trailer, where they were made with
// the packet and have its timestamp.
func (c *scratch) framed(e Encoding, seg *segment, i int32, at media.Timestamp) {
	k := seg.packets[i]
	chunks := seg.chunks(k)
	if f := seg.framing(e); f != nil && at == k.time && f.packets[i].end > 0 {
		place := f.packets[i]
		c.behind(f, place.header, place.trailer)
		for p := chunks.Pieces(); p.More(); {
			c.add(p.Next())
		}
		c.add(f.buf[place.trailer:place.end])
		c.joint = joint{f, place.end, len(c.bufs)}
		return
	}
	frame := Frame{k.kind, at, chunks.Size()}
	begin := len(c.headers)
	out, ok := e.AppendHeader(c.headers, frame)
	if !ok {
		return
	}
	c.headers = out
	c.add(c.headers[begin:])
	for p := chunks.Pieces(); p.More(); {
		c.add(p.Next())
	}
	begin = len(c.headers)
	c.headers = e.AppendTrailer(c.headers, frame)
	c.add(c.headers[begin:])
}

// joint is where a framing's bytes were added last: one packet's trailer and the
// next one's header are one buffer.
type joint struct {
	f    *framing
	end  uint32
	bufs int // how many buffers there were then
}

// behind adds bytes of a framing, to the last buffer if they lie behind it.
func (c *scratch) behind(f *framing, from, to uint32) {
	if j := c.joint; j.f != f || j.end != from || j.bufs != len(c.bufs) || len(c.bufs) == 0 || to == from {
		c.add(f.buf[from:to])
		return
	}
	last := c.bufs[len(c.bufs)-1]
	c.bufs[len(c.bufs)-1] = last[:len(last)+int(to-from)]
	c.total += int(to - from)
}
