package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
)

const (
	// readBufferSize is what a connection borrows while bytes are coming.
	readBufferSize = 64 << 10
	// keepPayload is the largest payload buffer a chunk stream keeps for its
	// next message.
	keepPayload = 1 << 20
	// keepStreams is how many chunk streams keep one: audio, video, data and
	// commands of a stream or two.
	keepStreams = 8
)

// chunkReader puts messages together from chunks [SPEC §5.3].
type chunkReader struct {
	in         *input
	chunkSize  int // the peer's
	limits     *limits
	maxStreams int
	streams    []*chunkStream // a few, and of most peers one
	held       int            // bytes of messages that have come in part, of all chunk streams
	memory     holding
	leavesOut  bool // the peer does not repeat extended timestamps
}

// chunkStream is what a header may leave out because the last one said it.
type chunkStream struct {
	id       uint32
	known    bool            // a header with type and size has come
	time     media.Timestamp // of the current message
	delta    media.Timestamp // what the last timestamp field said
	extended bool            // the last timestamp field was 0xffffff
	size     int
	kind     MessageType
	streamID uint32

	payload []byte // of the current message, as far as it has come
	begun   bool
	aborted bool      // the last message was, and none has begun since
	since   time.Time // when its first bytes were waited for; zero: they were there
}

func newChunkReader(in *input, limits *limits, maxStreams int) *chunkReader {
	return &chunkReader{in: in, chunkSize: defaultChunkSize, limits: limits, maxStreams: maxStreams}
}

// next reads chunks until a message is whole. The payload is valid until the
// next call. io.EOF means that the peer closed between two messages.
func (r *chunkReader) next(m *Message) error {
	for {
		done, err := r.chunk(m)
		if err != nil || done {
			return err
		}
	}
}

func (r *chunkReader) chunk(m *Message) (done bool, err error) {
	form, id, err := r.basicHeader()
	if err != nil {
		return false, err
	}
	s := r.stream(id)
	if s == nil {
		if len(r.streams) >= r.maxStreams && !r.forgetAborted() {
			return false, fmt.Errorf("%w: more than %d chunk streams", ErrProtocol, r.maxStreams)
		}
		s = &chunkStream{id: id}
		r.streams = append(r.streams, s)
	}
	if err := r.messageHeader(s, form); err != nil {
		return false, unexpected(err)
	}
	return r.data(s, m)
}

// stream is the chunk stream of an id; nil: it is new.
func (r *chunkReader) stream(id uint32) *chunkStream {
	for _, s := range r.streams {
		if s.id == id {
			return s
		}
	}
	return nil
}

// unexpected turns the end of input in the middle of something into an error
// of its own.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// basicHeader reads format and chunk stream id [SPEC §5.3.1.1].
func (r *chunkReader) basicHeader() (form byte, id uint32, err error) {
	b, err := r.in.take(1)
	if err != nil {
		return 0, 0, err
	}
	form, id = b[0]>>6, uint32(b[0]&0x3f)
	switch id {
	case 0:
		if b, err = r.in.take(1); err != nil {
			return 0, 0, unexpected(err)
		}
		id = 64 + uint32(b[0])
	case 1:
		if b, err = r.in.take(2); err != nil {
			return 0, 0, unexpected(err)
		}
		id = 64 + uint32(b[0]) + uint32(b[1])<<8
	}
	return form, id, nil
}

// messageHeader reads the header of one of four formats and begins a message,
// unless one is being continued [SPEC §5.3.1.2].
func (r *chunkReader) messageHeader(s *chunkStream, form byte) error {
	// librtmp answers a ping with format 1, on a stream it may never have used:
	// all that this leaves out is the message stream, which is 0 there.
	if form > 1 && !s.known {
		return fmt.Errorf("%w: chunk stream %d begins with a header of format %d", ErrProtocol, s.id, form)
	}
	if form != 3 && s.begun {
		return fmt.Errorf("%w: chunk stream %d begins a message inside another", ErrProtocol, s.id)
	}
	if form != 3 {
		if err := r.fullHeader(s, form); err != nil {
			return err
		}
	} else if s.extended {
		if err := r.repeatedTimestamp(s); err != nil {
			return err
		}
	}
	if s.begun {
		return nil
	}
	if err := r.limits.allowMessage(s.kind, s.size); err != nil {
		return err
	}
	if form == 0 {
		s.time = s.delta
	} else {
		s.time += s.delta
	}
	s.begun, s.aborted = true, false
	return nil
}

// fullHeader reads a header of format 0, 1 or 2: eleven, seven or three bytes.
func (r *chunkReader) fullHeader(s *chunkStream, form byte) error {
	b, err := r.in.take([...]int{11, 7, 3}[form])
	if err != nil {
		return err
	}
	field := media.Timestamp(b[0])<<16 | media.Timestamp(b[1])<<8 | media.Timestamp(b[2])
	if form <= 1 {
		s.size = int(b[3])<<16 | int(b[4])<<8 | int(b[5])
		s.kind = MessageType(b[6])
	}
	if form == 0 {
		s.streamID = binary.LittleEndian.Uint32(b[7:])
	}
	s.known = true
	s.delta = field
	if s.extended = field == noTimestamp; s.extended {
		if b, err = r.in.take(4); err != nil {
			return err
		}
		s.delta = media.Timestamp(binary.BigEndian.Uint32(b))
	}
	return nil
}

// repeatedTimestamp skips the extended timestamp in a header of format 3. The
// specification repeats it, some peers do not: what is there is compared with
// the timestamp that was sent. Where the payload is too short to compare, the
// peer does as it did before, or as the specification says.
func (r *chunkReader) repeatedTimestamp(s *chunkStream) error {
	left := s.size
	if s.begun {
		left -= len(s.payload)
	}
	if left >= 4 {
		b, err := r.in.peek(4)
		if err != nil {
			return err
		}
		r.leavesOut = media.Timestamp(binary.BigEndian.Uint32(b)) != s.delta
	}
	if r.leavesOut {
		return nil
	}
	_, err := r.in.take(4)
	return err
}

// data reads a chunk's share of the payload.
func (r *chunkReader) data(s *chunkStream, m *Message) (done bool, err error) {
	left := s.size - len(s.payload)
	n := min(left, r.chunkSize)
	if n == s.size && r.in.has(n) {
		// All of it lies in the read buffer: no need to copy it.
		b, err := r.in.take(n)
		if err != nil {
			return false, err
		}
		s.finish(m, b)
		return true, nil
	}
	if len(s.payload) == 0 {
		s.since = time.Now()
	}
	// Messages that are interleaved are few, and one of them large at most: on
	// each of 64 chunk streams the largest would be half a gigabyte.
	r.held += n
	if err := r.limits.allow(r.held, func(now *Limits) int { return now.Held }); err != nil {
		return false, fmt.Errorf("messages that do not end: %w", err)
	}
	if err := r.gather(s, n); err != nil {
		return false, unexpected(err)
	}
	if len(s.payload) < s.size {
		return false, nil
	}
	payload := s.payload
	r.drop(s)
	s.finish(m, payload)
	return true, nil
}

// gather appends the next n bytes to what has come of a message. Memory grows
// with the bytes that really come.
func (r *chunkReader) gather(s *chunkStream, n int) error {
	for n > 0 {
		b, err := r.in.some(n)
		if err != nil {
			return err
		}
		if s.payload, err = r.memory.grow(s.payload, len(b), s.size, r.limits.now.Load()); err != nil {
			return err
		}
		s.payload = append(s.payload, b...)
		n -= len(b)
	}
	return nil
}

func (s *chunkStream) finish(m *Message, payload []byte) {
	*m = Message{Type: s.kind, StreamID: s.streamID, Timestamp: s.time, Payload: payload}
	s.begun = false
}

// drop forgets what has come of a message, and keeps its buffer where the peer
// has use for it.
func (r *chunkReader) drop(s *chunkStream) {
	r.held -= len(s.payload)
	s.begun, s.since = false, time.Time{}
	now := r.limits.now.Load()
	// What is kept is paid for: it must not be what the next picture of another lacks.
	if now.Keeps && cap(s.payload) <= keepPayload && len(r.streams) <= keepStreams && now.Budget.Roomy() {
		s.payload = s.payload[:0]
		return
	}
	r.memory.drop(s.payload, now)
	s.payload = nil
}

// abort drops a message that is half there [SPEC §5.4.2]. Its chunk stream may go
// on, with headers that leave out what is known, or never be used again.
func (r *chunkReader) abort(id uint32) {
	if s := r.stream(id); s != nil {
		r.drop(s)
		s.aborted = true
	}
}

// forgetAborted makes room for another chunk stream, and says whether there is some:
// a peer that breaks off messages takes another for each.
func (r *chunkReader) forgetAborted() bool {
	for i, s := range r.streams {
		if s.aborted {
			r.memory.drop(s.payload, r.limits.now.Load())
			r.streams = slices.Delete(r.streams, i, i+1)
			return true
		}
	}
	return false
}
