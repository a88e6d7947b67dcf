package stream

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
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

func (t *timestamp) Load() media.Timestamp    { return media.Timestamp(t.ms.Load()) }
func (t *timestamp) Store(at media.Timestamp) { t.ms.Store(uint32(at)) }

// Options of a stream. The zero value works.
type Options struct {
	Latency Latency
	// GOPCache lets players start with the newest keyframe that is there, and
	// not with the next one to come.
	GOPCache bool
}

// Stream is a live stream, with a publisher or waiting for one. All methods
// may be called from any goroutine.
type Stream struct {
	name   string
	fanout *Fanout
	opts   Options

	players atomic.Int64
	newest  timestamp                // of the newest media packet
	key     atomic.Pointer[keyframe] // newest keyframe of this publication; nil: none yet
	groups  atomic.Pointer[[]*group] // loops that have players of this stream

	// mu is held for moments. A loop's list of what has grown (loop.mu) and a
	// reader's place (Reader.mu) are taken under it; nothing else is, and nobody is
	// called.
	mu        sync.Mutex
	log       log
	publisher *Publisher
	hasVideo  bool
	hasAudio  bool
	pictures  payload.Pictures
	headers   headers
	data      []stored // by handler name, in the order they came
	dataBytes int
	version   int // of headers and data: what a cached preamble is good for
	keys      uint64
	readers   map[*Reader]struct{}
	clock     func() media.Timestamp   // ours, by which keyframes are waited for
	encodings map[Encoding]int         // players that have them
	awaited   map[*transition]struct{} // of players that want to go over to this one

	ended           time.Time       // when the last publication ended; zero before the first
	endedAt         media.Timestamp // and with which timestamp
	unpublishNotice position        // of the notice that said so
}

// stored is a data message that new players get first.
type stored struct {
	key     string
	payload []byte
}

// keyframe is a place where players may start.
type keyframe struct {
	seq       uint64
	at        position
	time      media.Timestamp
	makeshift bool // it only stands in for one: see payload.Makeshift

	// What goes before it, chunked once for all players that begin here. Guarded by
	// Stream.mu.
	preamble        []byte
	preambleVersion int
}

// New makes a stream whose players are served by f.
func New(name string, f *Fanout, opts Options) *Stream {
	made := time.Now()
	clock := func() media.Timestamp { return media.TimestampAt(time.Since(made)) }
	return &Stream{name: name, fanout: f, opts: opts, log: newLog(), readers: map[*Reader]struct{}{}, clock: clock}
}

// Name is what publishers and players call it.
func (s *Stream) Name() string { return s.name }

// Live says whether it has a publisher.
func (s *Stream) Live() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publisher != nil
}

// Players is how many play it now.
func (s *Stream) Players() int { return int(s.players.Load()) }

// notice puts a word of the server's own into the log, so that every player
// hears it at its place among the packets. The caller holds s.mu.
func (s *Stream) notice(code, description string, flags uint8) position {
	m := rtmp.Status(1, "status", code, description, "details", s.name)
	m.Timestamp = s.newest.Load()
	at := s.log.append(m, flagNotice|flags)
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
		r.look(s.log.end.Load())
	}
}

// join says where a player that comes now starts, and with which bytes first,
// whose timestamp is begins. With wait, pictures are left out up to the next
// keyframe. The caller holds s.mu.
func (s *Stream) join() (at position, preamble []byte, begins media.Timestamp, wait bool) {
	if k := s.key.Load(); k != nil && s.opts.GOPCache {
		return k.at, s.preambleAt(k), k.time, false
	}
	begins = s.newest.Load()
	return s.log.head(), s.chunkStored(begins), begins, s.hasVideo
}

// preambleAt is what goes before a keyframe: stored data, then headers
// with the keyframe's own timestamp. The caller holds s.mu.
func (s *Stream) preambleAt(k *keyframe) []byte {
	if k.preambleVersion != s.version {
		k.preamble, k.preambleVersion = s.chunkStored(k.time), s.version
	}
	return k.preamble
}

func (s *Stream) chunkStored(at media.Timestamp) []byte {
	var out []byte
	for _, m := range s.storedMessages(at) {
		out = rtmp.AppendChunks(out, &m, rtmp.ChunkSize)
	}
	return out
}

// storedMessages are what a player that begins at a time gets first. Data is of
// time 0, whenever it was sent: ffmpeg takes any other for a subtitle.
func (s *Stream) storedMessages(at media.Timestamp) []rtmp.Message {
	var all []rtmp.Message
	for _, d := range s.data {
		all = append(all, rtmp.Message{Type: rtmp.TypeData, StreamID: 1, Payload: d.payload})
	}
	for _, h := range s.headers.list {
		all = append(all, rtmp.Message{Type: h.kind, StreamID: 1, Timestamp: at, Payload: h.payload})
	}
	return all
}
