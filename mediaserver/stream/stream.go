package stream

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// ErrBusy says that the stream has a publisher already.
var ErrBusy = errors.New("stream is published already")

// ErrClosed says that the publication is over.
var ErrClosed = errors.New("publication is closed")

const (
	// A stream that has brought so much since its last keyframe has no GOP worth
	// keeping: new players wait for the next one.
	maxGOP = 32 << 20 // bytes
	// Data kept for new players (@setDataFrame).
	maxStoredData  = 64      // handlers
	maxStoredBytes = 1 << 20 // all together
)

// Latency says what a fan-out trades CPU for.
type Latency int

// The three of spec.delivery.latency.
const (
	Balanced   Latency = iota // frame by frame, until the audience takes a third of a loop's time
	Low                       // frame by frame, as long as the loop can
	Throughput                // a write every 350 ms
)

// timestamp is one that is read without a lock.
type timestamp struct{ ms atomic.Uint32 }

// Load is as an atomic value's.
func (t *timestamp) Load() media.Timestamp { return media.Timestamp(t.ms.Load()) }

// Store is as an atomic value's.
func (t *timestamp) Store(at media.Timestamp) { t.ms.Store(uint32(at)) }

// Options of a stream. The zero value works.
type Options struct {
	Latency Latency
	// GOPCache lets players start with the newest keyframe that is there, and
	// not with the next one to come.
	GOPCache bool
	// Segment is how far cuts are apart at least, for readers that cut the stream into
	// segments: see Cut. 0: two seconds.
	Segment time.Duration
}

// Stream is a live stream, with a publisher or waiting for one. All methods
// may be called from any goroutine.
type Stream struct {
	id     uint64
	name   string
	fanout *Fanout
	opts   Options

	players atomic.Int64
	away    atomic.Int64             // players of copies elsewhere
	newest  timestamp                // of the newest media packet
	groups  atomic.Pointer[[]*group] // loops that have players of this stream
	line                             // what is published, as it is

	// mu is held for moments. A loop's list of what has grown (loop.mu) and a
	// reader's place (Reader.mu) are taken under it; nothing else is, and nobody is
	// called.
	mu        sync.Mutex
	publisher *Publisher
	seen      tracks.Seen // in this publication
	plays     bool        // a frame has come in it
	playsFrom media.Timestamp
	audiences []*audience // players who may take less than what is published
	idle      bool        // some have no players any more
	forked    bool        // some keep a fork
	crowded   time.Time   // when it was last logged that there are too many
	data      storedData
	version   int // of headers and data: what a cached preamble is good for
	keys      uint64
	readers   map[*Reader]struct{}
	clock     func() media.Timestamp   // ours, by which keyframes are waited for
	encodings map[Encoding]int         // players that have them
	awaited   map[*transition]struct{} // of players that want to go over to this one
	counted   counted
	cuts      cutter
	cutsVideo bool // frames of the kind have come in this publication
	cutsAudio bool

	ended           time.Time       // when the last publication ended; zero before the first
	lost            bool            // by Publisher.Lose
	endedAt         media.Timestamp // and with which timestamp
	unpublishNotice position        // of the notice that said so
	overAt          int64           // the offset behind it, on all lines
}

// keyframe is a place where players may start.
type keyframe struct {
	seq       uint64
	at        position
	time      media.Timestamp
	makeshift bool // it only stands in for one: see payload.Makeshift

	// What goes before it, chunked once for all players of a line that begin here.
	// Guarded by Stream.mu.
	preamble        []byte
	preambleOf      *line
	preambleVersion int
}

// ids are those of streams.
var ids atomic.Uint64

// New makes a stream whose players are served by f.
func New(name string, f *Fanout, opts Options) *Stream {
	made := time.Now()
	clock := func() media.Timestamp { return media.TimestampAt(time.Since(made)) }
	s := &Stream{id: ids.Add(1), name: name, fanout: f, opts: opts, readers: map[*Reader]struct{}{}, clock: clock}
	if s.cuts.segment = opts.Segment; opts.Segment == 0 {
		s.cuts.segment = defaultSegment
	}
	s.log.begin(0, 0)
	return s
}

// ID is which stream it is of all of this process: another one of the same name has another.
func (s *Stream) ID() uint64 { return s.id }

// Name is what publishers and players call it.
func (s *Stream) Name() string { return s.name }

// Options are those that it was made with.
func (s *Stream) Options() Options { return s.opts }

// Live says whether it has a publisher.
func (s *Stream) Live() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publisher != nil
}

// Players is how many play it now, here and away.
func (s *Stream) Players() int { return int(s.players.Load() + s.away.Load()) }

// Away says that so many more, or less, play the stream where it is made anew: see NewRelay.
func (s *Stream) Away(more int) { s.away.Add(int64(more)) }

// notice puts a word of the server's own into the log, so that every player
// hears it at its place among the packets. The caller holds s.mu.
func (s *Stream) notice(level, code, description string, flags uint8) position {
	m := rtmp.Status(1, level, code, description, "details", s.name)
	m.Timestamp = s.newest.Load()
	at := s.log.append(m, flagNotice|flags)
	for b := range s.branches() {
		b.log.append(m, flagNotice|flags)
	}
	s.wake(true)
	return at
}

// wake tells loops and readers that the log has grown, and whether by more than
// sound that a picture will follow. Readers that hold too much of it are cut: they
// cannot be relied on to look. The caller holds s.mu.
func (s *Stream) wake(urgent bool) {
	if groups := s.groups.Load(); groups != nil {
		for _, g := range *groups {
			g.wake(urgent)
		}
	}
	for r := range s.readers {
		r.rouse()
		r.look(s.log.published.Load())
	}
}

// join says where a player of a line that comes now starts, and with which bytes
// first, whose timestamp is begins. With wait, pictures are left out up to the
// next keyframe. The caller holds s.mu.
func (s *Stream) join(l *line) (at position, preamble []byte, begins media.Timestamp, wait bool) {
	if k := l.key.Load(); k != nil && s.opts.GOPCache {
		return k.at, s.preambleAt(l, k), k.time, false
	}
	begins = s.newest.Load()
	return l.log.head(), s.chunkStored(l, begins), begins, l.hasVideo
}

// preambleAt is what goes before a keyframe: stored data, then headers
// with the keyframe's own timestamp. The caller holds s.mu.
func (s *Stream) preambleAt(l *line, k *keyframe) []byte {
	if k.preambleVersion != s.version || k.preambleOf != l {
		k.preamble, k.preambleOf, k.preambleVersion = s.chunkStored(l, k.time), l, s.version
	}
	return k.preamble
}

func (s *Stream) chunkStored(l *line, at media.Timestamp) []byte {
	var out []byte
	for _, m := range s.storedMessages(l, at) {
		out = rtmp.AppendChunks(out, &m, rtmp.ChunkSize)
	}
	return out
}

// storedMessages are what a player of a line that begins at a time gets first. Data is of
// time 0, whenever it was sent: ffmpeg takes any other for a subtitle.
func (s *Stream) storedMessages(l *line, at media.Timestamp) []rtmp.Message {
	var all []rtmp.Message
	for _, d := range s.data.list {
		all = append(all, rtmp.Message{Type: rtmp.TypeData, StreamID: 1, Payload: d.payload})
	}
	for _, h := range l.headers.list {
		all = append(all, rtmp.Message{Type: h.kind, StreamID: 1, Timestamp: at, Payload: h.payload})
	}
	return all
}
