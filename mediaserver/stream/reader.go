package stream

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// ErrLagged says that a reader fell further behind than the log is kept for
// it.
var ErrLagged = errors.New("reader fell more than 64 MiB behind the stream")

// maxReaderLag is how much of the log a reader may hold in memory: a disk that
// stalls for seconds loses nothing.
const maxReaderLag = 64 << 20

// Reader reads one publication message by message: a recorder, or whatever
// else wants payloads and not chunks. Two Nexts never run
// at once.
type Reader struct {
	s        *Stream
	preamble []rtmp.Message
	at       position
	waiting  bool
	wake     chan struct{}
	end      atomic.Int64 // offset where it ends; noEnd: with the publication

	publishers []int64     // offsets ahead where others have taken over; guarded by Stream.mu
	ahead      atomic.Bool // there are any
	tookOver   bool        // at the message that Next has returned
}

// NewReader starts where a player would: stored data, sequence headers, then
// the newest keyframe; or at the beginning, when the publisher has just come.
func (s *Stream) NewReader() *Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &Reader{s: s, wake: make(chan struct{}, 1)}
	r.end.Store(noEnd)
	switch k := s.key.Load(); {
	case k != nil:
		r.at, r.preamble = k.at, s.storedMessages(k.time)
	case s.hasVideo:
		r.at, r.preamble, r.waiting = s.log.head(), s.storedMessages(s.newest.Load()), true
	default:
		r.at, r.preamble = s.log.head(), s.storedMessages(s.newest.Load())
	}
	s.readers[r] = struct{}{}
	return r
}

// Next waits for a message. Its payload is immutable and may be kept. It fails
// with io.EOF at the end of the publication, which goes on when another
// publisher takes over, ErrLagged, or ctx's error.
func (r *Reader) Next(ctx context.Context) (rtmp.Message, error) {
	r.tookOver = false
	if len(r.preamble) > 0 {
		m := r.preamble[0]
		r.preamble = r.preamble[1:]
		return m, nil
	}
	for {
		n := r.at.ready()
		if r.over() {
			return rtmp.Message{}, io.EOF
		}
		if r.at.i == n {
			select {
			case <-r.wake:
				continue
			case <-ctx.Done():
				return rtmp.Message{}, ctx.Err()
			}
		}
		if r.Lagged() {
			return rtmp.Message{}, ErrLagged
		}
		if r.crossed(r.at.offset()) {
			r.tookOver, r.waiting = true, false // the new one begins, wherever the old one was
		}
		seg, p := r.at.seg, r.at.seg.packets[r.at.i]
		r.at.i++
		switch {
		case p.flags&flagEnd != 0:
			return rtmp.Message{}, io.EOF
		case p.flags&flagNotice != 0:
			continue
		case r.waiting && p.kind == rtmp.TypeVideo && p.flags == 0:
			continue // it could not be decoded without its keyframe
		case p.flags&flagKey != 0:
			r.waiting = false
		}
		return rtmp.Message{Type: p.kind, StreamID: 1, Timestamp: p.time, Payload: seg.chunks(p).Payload()}, nil
	}
}

// Pending says whether Next would return at once.
func (r *Reader) Pending() bool {
	return len(r.preamble) > 0 || r.at.ready() > r.at.i || r.over()
}

// Close lets go of the log. It may be called from any goroutine, and more than
// once, when no Next runs and none will.
func (r *Reader) Close() {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	delete(r.s.readers, r)
	// A publisher that was taken over keeps its recorder, and that its reader,
	// while another publishes into the log.
	r.at, r.preamble = position{}, nil
}
