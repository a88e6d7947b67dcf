package stream

import (
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Encoding is how packets look on connections of a kind: what goes before a
// payload, and what behind it. RTMP's, which is nil wherever an Encoding is
// asked for, is the one that the log lies in; any other is made beside it, once
// for all players of a stream that have it. Values are compared: one stands for one form of bytes. Its
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

// framing is the packets of one segment in another encoding, as far as they were
// published while somebody played them so: one behind another, so that a write of
// many is one piece of memory, as it is in the log. As the segment itself, it is
// written before a packet may be read, and not touched afterwards.
type framing struct {
	encoding Encoding
	buf      []byte // of fixed length
	packets  []framed

	used int // bytes of buf; the writer's own
}

// framed is where in a framing's buf a packet is: header, payload and trailer; end is
// 0 for a packet that is not there. A large one's payload is not: it is the log's.
type framed struct {
	start, payload, end uint32
	large               bool
}

// copyBelow is how large a payload is at most that is copied, once for all players of
// an encoding, to lie in one piece with what is before and behind it: what a piece more
// costs in each write is more than that copy, and what larger ones would take in memory
// is not worth it.
const copyBelow = 8 << 10

// newFraming makes room for what a segment will have, if its packets are like those of
// the one before, of which so many bytes were used; 0: of nothing that is known. What
// finds no room is framed for each player, as it is written.
func newFraming(e Encoding, s *segment, before int) *framing {
	left := len(s.packets) - int(s.n.Load())
	size := len(s.buf) - s.used + left*e.MaxOverhead()
	if before > 0 {
		size = min(size, 2*before+framingRoom)
	}
	return &framing{encoding: e, buf: make([]byte, size), packets: make([]framed, len(s.packets))}
}

// framingRoom is the least that there is, in bytes, for packets unlike those before.
const framingRoom = 32 << 10

// add frames packet i. What finds no room is not kept: moving buf would move it away
// from the loops that read it.
func (f *framing) add(i int32, frame Frame, payload []byte) {
	room := f.buf[f.used:f.used]
	if cap(room) < f.encoding.MaxOverhead() {
		return
	}
	b, ok := f.encoding.AppendHeader(room, frame)
	if !ok {
		return
	}
	k := framed{start: uint32(f.used), payload: uint32(f.used + len(b)), large: len(payload) > copyBelow}
	if !k.large {
		if cap(b)-len(b) < len(payload) {
			return
		}
		b = append(b, payload...)
	}
	b = f.encoding.AppendTrailer(b, frame)
	if len(b) > cap(room) {
		return
	}
	f.used += len(b)
	k.end = uint32(f.used)
	f.packets[i] = k
}

// size is how many bytes packet i of the segment takes.
func (f *framing) size(s *segment, i int32) int {
	k := f.packets[i]
	n := int(k.end - k.start)
	if k.large {
		n += s.chunks(s.packets[i]).Size()
	}
	return n
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

// frame gives the segment framings of those encodings that it has none of; last is the
// segment before it, or nil. The log's writer calls it.
func (s *segment) frame(encodings []Encoding, last *segment) {
	for _, e := range encodings {
		if s.framing(e) != nil || len(s.packets) == 0 {
			continue
		}
		var all []*framing
		if have := s.framings.Load(); have != nil {
			all = append(all, *have...)
		}
		before := 0
		if last != nil {
			if f := last.framing(e); f != nil {
				before = f.used
			}
		}
		all = append(all, newFraming(e, s, before))
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
	l.tail.frame(all, nil)
}

// framed adds packet i of a segment in an encoding other than RTMP's. Nothing is copied
// where it was framed when it was published, and has that timestamp; else its payload
// is not.
func (c *scratch) framed(e Encoding, seg *segment, i int32, at media.Timestamp) {
	k := seg.packets[i]
	if f := seg.framing(e); f != nil && at == k.time && f.packets[i].end > 0 {
		c.framedRun(f, seg, i, i+1)
		return
	}
	chunks := seg.chunks(k)
	frame := Frame{k.kind, at, chunks.Size()}
	begin := len(c.headers)
	out, ok := e.AppendHeader(c.headers, frame)
	if !ok {
		return
	}
	c.headers = out
	c.add(c.headers[begin:])
	c.pieces(chunks)
	begin = len(c.headers)
	c.headers = e.AppendTrailer(c.headers, frame)
	c.add(c.headers[begin:])
}

func (c *scratch) pieces(of rtmp.Chunks) {
	for p := of.Pieces(); p.More(); {
		c.add(p.Next())
	}
}

// framedRun adds packets of a segment as they lie in a framing, up to one that does not
// or to, and returns that.
func (c *scratch) framedRun(f *framing, seg *segment, from, to int32) (end int32) {
	begin := f.packets[from].start
	last := begin
	for end = from; end < to && f.packets[end].end > 0; end++ {
		k := f.packets[end]
		if k.large {
			if len(c.bufs) >= maxWriteBuffers && end > from {
				break
			}
			c.behind(f, begin, k.payload)
			c.pieces(seg.chunks(seg.packets[end]))
			begin = k.payload
		}
		last = k.end
	}
	c.behind(f, begin, last)
	c.joint = joint{f, last, len(c.bufs)}
	return end
}

// run adds packets of a segment for a player who takes them all, up to one that ends
// its publication, if the player ends with that, or to. It returns behind which.
func (c *scratch) run(p *Player, seg *segment, from, to int32) (end int32) {
	if p.rewriter != nil {
		for i := from; i < to; i++ {
			if seg.packets[i].flags&flagEnd != 0 {
				to = i + 1
			}
		}
	}
	f := seg.framing(p.form.encoding)
	if f == nil || f.packets[from].end == 0 {
		c.framed(p.form.encoding, seg, from, seg.packets[from].time)
		return from + 1
	}
	return c.framedRun(f, seg, from, to)
}

// splitFramed is mark.split where packets are marked together that lie in a framing.
func (m mark) splitFramed(n int) []byte {
	f := m.seg.framing(m.p.form.encoding)
	i := m.from
	for ; n >= f.size(m.seg, i); i++ {
		n -= f.size(m.seg, i)
	}
	if m.p.at = (position{m.seg, i}); n == 0 {
		return nil
	}
	m.p.at.i++
	return m.p.left(m.seg, i, m.seg.packets[i].time, n)
}

// joint is where a framing's bytes were added last: what lies behind it, and comes next,
// is the same buffer.
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
