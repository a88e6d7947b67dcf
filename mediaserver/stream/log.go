package stream

import (
	"math"
	"sync/atomic"
	"time"
	"weak"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// A log starts with nothing, for the streams that players wait for and
	// nobody publishes; then small, for the many that carry only a voice; and
	// goes on in larger segments.
	firstSegmentSize = 64 << 10
	segmentSize      = 256 << 10
	// segmentPackets bounds the packets of a segment: about 20 s of sound.
	segmentPackets = 1024

	// arrivalTick is how exactly a packet knows when it came. A segment goes on
	// for no longer than its packets can count, 70 minutes.
	arrivalTick = 64 * time.Millisecond
	segmentTime = math.MaxUint16 * arrivalTick
)

// Flags of a packet.
const (
	flagKey    = 1 << iota // a keyframe, or what stands in for one: players may start here
	flagHeader             // a sequence header
	flagNotice             // said by the server, not by the publisher
	flagEnd                // the publication's last packet
	flagSkip               // behind it, something is left out: see Publisher.Skip
)

// packet is one message in a segment, chunked and immutable.
type packet struct {
	start, end uint32 // in segment.buf
	time       media.Timestamp
	kind       rtmp.MessageType
	flags      uint8
	came       uint16 // on our own clock: arrivalTicks from segment.began on
}

// segment is a piece of a log. One goroutine appends; any number read without
// a lock what n says is there.
type segment struct {
	of      *course
	base    int64     // bytes of the log before this segment
	jumped  int64     // of which nothing was published: where logs came together
	began   time.Time // when its first packet came
	buf     []byte    // of fixed length
	packets []packet
	n       atomic.Int32 // packets that may be read
	next    atomic.Pointer[segment]

	forks    []fork                     // where next is not what comes next for some; set before it
	framings atomic.Pointer[[]*framing] // in other encodings than RTMP's; nil: none
	cuts     atomic.Pointer[cutMark]    // packets that are cuts

	used int // bytes of buf; the writer's own
}

// fork is where the log goes on for players who take something else: what holds the
// segment for other reasons must not hold that. See audience.fork.
type fork struct {
	takes tracks.Takes
	next  weak.Pointer[segment]
}

// course is what segments know of the log that they are of. It holds nothing.
type course struct {
	// onward is how many bytes more lie before a place of the stream's log than
	// before the end of this one, which goes on there; 0 before it has ended.
	onward atomic.Int64
}

// newSegment makes the next segment, at an offset.
func (l *log) newSegment(base int64, size, packets int) *segment {
	return &segment{of: l.of, base: base, jumped: l.jumped, buf: make([]byte, size), packets: make([]packet, packets)}
}

// came is when packet i was published, on our own clock.
func (s *segment) came(i int32) time.Time {
	return s.began.Add(time.Duration(s.packets[i].came) * arrivalTick)
}

// position is a place between two packets: before packet i of seg.
type position struct {
	seg *segment
	i   int32
}

// offset is the number of bytes of the log before the position.
func (p position) offset() int64 {
	if p.i == 0 {
		return p.seg.base
	}
	return p.seg.base + int64(p.seg.packets[p.i-1].end)
}

// size is how many bytes the packet at the position takes; 0: there is none yet.
func (p position) size() int64 {
	if p.i >= p.seg.n.Load() {
		return 0
	}
	k := p.seg.packets[p.i]
	return int64(k.end - k.start)
}

// published is how many bytes of a log were published before the position. Offsets
// say what comes before what; this says how much lies between, where logs have
// parted and come together too.
func (p position) published(l *log) int64 {
	n := p.offset() - p.seg.jumped
	if p.seg.of != l.of {
		n += p.seg.of.onward.Load()
	}
	return n
}

// behind is how much of the log, or of one that goes on in it, lies behind a
// position.
func (l *log) behind(p position) int64 {
	end := l.published.Load() // first: a log may end meanwhile
	return end - p.published(l)
}

// ready moves the position over the end of a finished segment and returns how
// many packets its segment holds; i == n means that there is nothing yet.
func (p *position) ready() (n int32) { return p.readyFor(nil) }

// readyFor is ready for the players of an audience; nil: those who take
// everything as it was published.
func (p *position) readyFor(a *audience) (n int32) {
	for {
		// The order matters: once next is there, n does not grow any more.
		next := p.seg.next.Load()
		n = p.seg.n.Load()
		if p.i < n || next == nil {
			return n
		}
		if a != nil {
			if next = a.behind(p.seg, next); next == nil {
				return n // see Player.lost
			}
		}
		p.seg, p.i = next, 0
	}
}

// log is the writer's end of the chain.
type log struct {
	of     *course
	tail   *segment
	jumped int64        // the writer's own
	end    atomic.Int64 // offset behind the last packet
	// published is how much of that was, by which players and readers know how far
	// behind they are.
	published atomic.Int64

	encodings []Encoding // that packets are framed in
	cut       *Cut       // that the next packet is; nil: it is none
}

// begin makes an empty log, whose first byte is at an offset, behind such jumps.
func (l *log) begin(base, jumped int64) {
	l.of, l.jumped = &course{}, jumped
	l.tail = l.newSegment(base, 0, 0)
	l.grown(base)
}

func (l *log) grown(end int64) {
	l.published.Store(end - l.jumped)
	l.end.Store(end)
}

// part ends the segment, so that players who are at its end go on in different
// ones: those of the forks in theirs, all others in the log's next, which begins
// at an offset.
func (l *log) part(base int64, forks ...fork) {
	l.jumped += base - l.end.Load()
	next := l.newSegment(base, 0, 0)
	l.tail.forks = forks
	l.tail.next.Store(next)
	l.tail = next
	l.grown(base)
}

// append chunks a message into the log and returns the position before it.
func (l *log) append(m *rtmp.Message, flags uint8) position {
	need := rtmp.MaxChunkedSize(len(m.Payload))
	s := l.tail
	n := s.n.Load()
	now := time.Now()
	if len(s.buf)-s.used < need || int(n) == len(s.packets) || now.Sub(s.began) >= segmentTime {
		size := segmentSize
		if len(s.buf) == 0 {
			size = firstSegmentSize
		}
		s = l.newSegment(s.base+int64(s.used), max(size, need), segmentPackets)
		s.began = now
		s.frame(l.encodings, l.tail)
		l.tail.next.Store(s)
		l.tail, n = s, 0
	}
	room := s.buf[s.used:s.used:len(s.buf)]
	written := len(rtmp.AppendChunks(room, m, rtmp.ChunkSize))
	if l.cut != nil {
		markCut(&s.cuts, n, *l.cut)
	}
	s.packets[n] = packet{
		start: uint32(s.used),
		end:   uint32(s.used + written),
		time:  m.Timestamp,
		kind:  m.Type,
		flags: flags,
		came:  uint16(now.Sub(s.began) / arrivalTick),
	}
	for _, e := range l.encodings {
		if f := s.framing(e); f != nil {
			f.add(n, Frame{m.Type, m.Timestamp, len(m.Payload)}, m.Payload)
		}
	}
	s.used += written
	s.n.Store(n + 1)
	l.grown(s.base + int64(s.used))
	return position{s, n}
}

// head is the position after the last packet.
func (l *log) head() position { return position{l.tail, l.tail.n.Load()} }

// chunks are a packet as it lies in the segment.
func (s *segment) chunks(k packet) rtmp.Chunks { return rtmp.Chunks(s.buf[k.start:k.end:k.end]) }
