package stream

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// ErrBusy says that the stream has a publisher already.
var ErrBusy = errors.New("stream is published already")

// ErrClosed says that the publication is over.
var ErrClosed = errors.New("publication is closed")

const (
	// A stream without keyframes for this long has no GOP worth keeping:
	// who joins waits for the next one.
	maxGOP = 32 << 20 // bytes
	// Data kept for those who join (@setDataFrame).
	maxStoredData  = 64      // handlers
	maxStoredBytes = 1 << 20 // all together
)

// Latency says what a fan-out trades CPU for.
type Latency int

// The three of spec.delivery.latency.
const (
	Balanced   Latency = iota // frame by frame, until the audience takes a quarter of a loop's time
	Low                       // frame by frame, as long as the loop can
	Throughput                // a write every 350 ms
)

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
	newest  atomic.Uint32            // timestamp of the newest media packet
	key     atomic.Pointer[keyframe] // newest keyframe of this publication; nil: none yet
	groups  atomic.Pointer[[]*group] // loops that have players of this stream

	mu        sync.Mutex
	log       log
	publisher *Publisher
	hasVideo  bool
	hasAudio  bool
	pictures  flv.DefaultTrack
	headers   headers
	data      []stored // by handler name, in the order they came
	dataBytes int
	version   int // of headers and data: what a cached opening is good for
	keys      uint64
	readers   map[*Reader]struct{}

	ended   time.Time // when the last publication ended; zero before the first
	endedAt uint32    // and with which timestamp
	goodbye position  // of the notice that said so
}

// stored is a message that everybody who joins gets first.
type stored struct {
	key     string
	kind    rtmp.MessageType
	payload []byte
}

// keyframe is a place where players may start.
type keyframe struct {
	seq  uint64
	at   position
	time uint32

	// What goes before it, chunked once for all who join here. Guarded by
	// Stream.mu.
	opening        []byte
	openingVersion int
}

// New makes a stream whose players are served by f.
func New(name string, f *Fanout, opts Options) *Stream {
	return &Stream{name: name, fanout: f, opts: opts, log: newLog(), readers: map[*Reader]struct{}{}}
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

// Publisher appends to a stream. Its methods are called from one goroutine.
type Publisher struct {
	s      *Stream
	first  bool
	offset uint32 // added to every timestamp
}

// Publish makes the caller the publisher. It fails with ErrBusy.
//
// Those who play already are told (NetStream.Play.PublishNotify), and the
// timestamps they see go on where the last publisher's ended.
func (s *Stream) Publish() (*Publisher, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != nil {
		return nil, ErrBusy
	}
	p := &Publisher{s: s, first: true}
	s.publisher = p
	s.goodbye = position{} // it would keep all that is published from now on
	s.notice("NetStream.Play.PublishNotify", s.name+" is now published.", 0)
	return p, nil
}

// Write appends an audio, video or data message. The payload is copied. It
// fails with ErrClosed.
func (p *Publisher) Write(m *rtmp.Message) error {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != p {
		return ErrClosed
	}
	if p.first {
		p.first = false
		if !s.ended.IsZero() {
			p.offset = s.endedAt + uint32(time.Since(s.ended).Milliseconds()) - m.Timestamp
		}
	}
	out := rtmp.Message{Type: m.Type, StreamID: 1, Timestamp: m.Timestamp + p.offset, Payload: m.Payload}
	var flags uint8
	switch m.Type {
	case rtmp.TypeVideo:
		flags = s.video(m.Payload)
	case rtmp.TypeAudio:
		s.hasAudio = true
		flags = s.audio(m.Payload)
	case rtmp.TypeData:
		payload, forward := s.dataMessage(m)
		if !forward {
			return nil
		}
		out.Payload = payload
	default:
		return nil
	}
	at := s.log.append(&out, flags)
	s.newest.Store(out.Timestamp)
	if flags&flagKey != 0 {
		s.keys++
		s.key.Store(&keyframe{seq: s.keys, at: at, time: out.Timestamp, openingVersion: -1})
	} else if k := s.key.Load(); k != nil && s.log.end.Load()-k.at.offset() > maxGOP {
		s.key.Store(nil)
	}
	s.wake(m.Type != rtmp.TypeAudio || !s.hasVideo)
	return nil
}

// video says what a video message is, and keeps what joiners need of it.
func (s *Stream) video(payload []byte) (flags uint8) {
	s.hasVideo = true
	v, ok := flv.ParseVideo(payload)
	if !ok {
		return 0 // forwarded all the same: players may know better
	}
	key := s.pictures.Keyframe(&v)
	switch {
	case v.IsHeader():
		s.keepHeader(rtmp.TypeVideo, &v, payload)
		flags = flagHeader
	case key:
		flags = flagKey
	}
	return flags
}

// audio does the same for an audio message.
func (s *Stream) audio(payload []byte) (flags uint8) {
	a, ok := flv.ParseAudio(payload)
	if !ok || !a.IsHeader() {
		return 0
	}
	s.keepHeader(rtmp.TypeAudio, &a, payload)
	return flagHeader
}

func (s *Stream) keepHeader(kind rtmp.MessageType, p *flv.Payload, payload []byte) {
	if s.headers.keep(kind, p, payload) {
		s.version++
	}
}

// dataMessage keeps what @setDataFrame sets and drops what @clearDataFrame
// clears. It returns the message as players get it: without the command word.
func (s *Stream) dataMessage(m *rtmp.Message) (payload []byte, forward bool) {
	word, rest, err := amf.Decode(m.Payload)
	if err != nil {
		return nil, false // players could not read it either
	}
	switch word {
	case "@setDataFrame":
		handler, _, err := amf.Decode(rest)
		name, ok := handler.(string)
		if err != nil || !ok {
			return nil, false
		}
		s.store(name, &rtmp.Message{Type: m.Type, Payload: rest})
		return rest, true
	case "@clearDataFrame":
		handler, _, _ := amf.Decode(rest)
		name, _ := handler.(string)
		s.clear(name)
		return nil, false
	case "onMetaData":
		// Some encoders leave the command word out and mean it all the same.
		s.store("onMetaData", m)
	}
	return m.Payload, true
}

// Clear forgets the stored data of a handler, so that who joins from now on
// does not get it, and says whether there was any.
func (p *Publisher) Clear(handler string) bool {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publisher == p && s.clear(handler)
}

func (s *Stream) clear(handler string) bool {
	for i, d := range s.data {
		if d.key == handler {
			s.dataBytes -= len(d.payload)
			s.data = append(s.data[:i:i], s.data[i+1:]...)
			s.version++
			return true
		}
	}
	return false
}

// store keeps a copy of a data message under a key, in place of what had it
// before.
func (s *Stream) store(key string, m *rtmp.Message) {
	entry := stored{key: key, kind: m.Type, payload: append([]byte(nil), m.Payload...)}
	grows, at := len(entry.payload), -1
	for i, d := range s.data {
		if d.key == key {
			grows, at = grows-len(d.payload), i
		}
	}
	if s.dataBytes+grows > maxStoredBytes || at < 0 && len(s.data) == maxStoredData {
		return // forwarded, but not kept
	}
	s.dataBytes += grows
	s.version++
	if at >= 0 {
		s.data[at] = entry
	} else {
		s.data = append(s.data, entry)
	}
}

// Close ends the publication. Players stay, and are told
// (NetStream.Play.UnpublishNotify); readers come to their end.
func (p *Publisher) Close() {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != p {
		return
	}
	s.publisher = nil
	s.goodbye = s.notice("NetStream.Play.UnpublishNotify", s.name+" is now unpublished.", flagEnd)
	s.ended, s.endedAt = time.Now(), s.newest.Load()
	s.hasVideo, s.hasAudio, s.pictures, s.headers = false, false, flv.DefaultTrack{}, headers{}
	s.data, s.dataBytes = nil, 0
	s.version++
	s.key.Store(nil)
}

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
// sound that a picture will follow. The caller holds s.mu.
func (s *Stream) wake(urgent bool) {
	if groups := s.groups.Load(); groups != nil {
		for _, g := range *groups {
			g.wake(urgent)
		}
	}
	for r := range s.readers {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// join says where somebody who comes now starts, and with which bytes first,
// whose timestamp is opened. With wait, the start is the first keyframe after
// sequence number seen. The caller holds s.mu.
func (s *Stream) join() (at position, opening []byte, opened uint32, wait bool) {
	k := s.key.Load()
	switch {
	case k != nil && s.opts.GOPCache:
		return k.at, s.openingAt(k), k.time, false
	case s.hasVideo:
		return position{}, nil, 0, true
	default:
		opened = s.newest.Load()
		return s.log.head(), s.chunkStored(opened), opened, false
	}
}

// openingAt is what goes before a keyframe: stored data, then headers
// with the keyframe's own timestamp. The caller holds s.mu.
func (s *Stream) openingAt(k *keyframe) []byte {
	if k.openingVersion != s.version {
		k.opening, k.openingVersion = s.chunkStored(k.time), s.version
	}
	return k.opening
}

func (s *Stream) chunkStored(time uint32) []byte {
	var out []byte
	for _, m := range s.storedMessages(time) {
		out = rtmp.AppendChunks(out, &m, rtmp.ChunkSize)
	}
	return out
}

// storedMessages are what everybody who joins at a time gets first. Data is of
// time 0, whenever it was sent: ffmpeg takes any other for a subtitle.
func (s *Stream) storedMessages(time uint32) []rtmp.Message {
	var all []rtmp.Message
	for _, d := range s.data {
		all = append(all, rtmp.Message{Type: d.kind, StreamID: 1, Payload: d.payload})
	}
	for _, h := range s.headers.list {
		all = append(all, rtmp.Message{Type: h.kind, StreamID: 1, Timestamp: time, Payload: h.payload})
	}
	return all
}
