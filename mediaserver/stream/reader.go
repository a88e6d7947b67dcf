package stream

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// ErrLagged says that a reader fell further behind than the log is kept for
// it.
var ErrLagged = errors.New("reader fell more than 64 MiB behind the stream")

// maxReaderLag is how much of the log a reader may hold in memory: a disk that
// stalls for seconds loses nothing.
const maxReaderLag = 64 << 20

// Reader reads one publication message by message: a recorder, or whatever
// else wants payloads and not chunks. Two Nexts never run at once; all else may be
// called from any goroutine, whatever the reader's own waits for.
//
// A reader that falls too far behind is cut by whoever publishes: what it held of
// the log is free at once, even if nobody ever calls Next again.
type Reader struct {
	s        *Stream
	wake     chan struct{}
	bound    int64         // maxReaderLag
	lagged   chan struct{} // closed when the log is not kept for it any more
	read     atomic.Int64  // how much of the log was published before its place
	tookOver bool          // at the message that Next has returned; used by its caller only
	began    bool          // likewise
	skipped  bool          // likewise
	came     time.Time     // likewise, when it came; zero: it does not lie in the log
	cut      Cut           // likewise; Number is 0 for none
	relay    bool          // see NewRelay
	joins    int64         // likewise: the offset up to which a player needs what there is
	caught   bool          // likewise, of the message that Next has returned
	cuts     bool          // see NewCutReader

	// mu guards the rest. Stream.mu may be held when it is taken; nothing is taken
	// while it is.
	mu         sync.Mutex
	preamble   []rtmp.Message
	at         position // in the log or, when ends, in a chain of its own; none when gone
	waiting    bool
	ends       bool    // with its chain, whatever is published behind that
	gone       error   // why nothing is kept for it; nil: it is
	publishers []int64 // offsets ahead where others have taken over
}

// NewReader starts where a player would: stored data, sequence headers, then
// the newest keyframe; or at the beginning, when the publisher has just come.
func (s *Stream) NewReader() *Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newReader()
}

// newReader is NewReader. The caller holds s.mu.
func (s *Stream) newReader() *Reader {
	r := &Reader{s: s, wake: make(chan struct{}, 1), bound: maxReaderLag, lagged: make(chan struct{})}
	switch k := s.key.Load(); {
	case k != nil:
		r.at, r.preamble = k.at, s.storedMessages(&s.line, k.time)
	case s.hasVideo:
		r.at, r.preamble, r.waiting = s.log.head(), s.storedMessages(&s.line, s.newest.Load()), true
	default:
		r.at, r.preamble = s.log.head(), s.storedMessages(&s.line, s.newest.Load())
	}
	r.read.Store(r.at.published(&s.log))
	s.readers[r] = struct{}{}
	return r
}

// Next waits for a message. Its payload is immutable and may be kept. It fails
// with io.EOF at the end of the publication, which goes on when another
// publisher takes over, ErrLagged, ErrClosed when it was closed, or ctx's error.
func (r *Reader) Next(ctx context.Context) (rtmp.Message, error) {
	for {
		m, seg, p, err := r.next()
		switch {
		case seg != nil: // its payload may be long, and is copied without the lock
			return rtmp.Message{Type: p.kind, StreamID: 1, Timestamp: p.time, Payload: seg.chunks(p).Payload()}, nil
		case !errors.Is(err, errNothingYet):
			return m, err
		}
		select {
		case <-r.wake:
			if r.relay && !r.Pending() {
				return rtmp.Message{}, nil // what is stored may have changed
			}
		case <-ctx.Done():
			return rtmp.Message{}, ctx.Err()
		}
	}
}

var errNothingYet = errors.New("nothing has come yet")

// next returns a message that does not lie in the log, or one that does as its
// packet, or why there is none.
func (r *Reader) next() (m rtmp.Message, seg *segment, p packet, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tookOver, r.began, r.skipped, r.cut, r.came = false, false, false, Cut{}, time.Time{}
	if r.gone != nil {
		return m, nil, p, r.gone
	}
	if len(r.preamble) > 0 {
		m = r.preamble[0]
		r.preamble = r.preamble[1:]
		return m, nil, p, nil
	}
	for {
		switch n := r.at.ready(); {
		case r.at.i < n:
		case r.ends:
			return m, nil, p, io.EOF
		default:
			return m, nil, p, errNothingYet
		}
		if r.crossed(r.at.offset()) {
			r.tookOver, r.waiting = true, false // the new one begins, wherever the old one was
		}
		seg, p = r.at.seg, r.at.seg.packets[r.at.i]
		cut, _ := seg.cutAt(r.at.i)
		r.at.i++
		r.caught = r.at.offset() >= r.joins
		r.read.Store(r.at.published(&r.s.log))
		switch {
		case p.flags&flagEnd != 0:
			return m, nil, p, io.EOF
		case p.flags&flagNotice != 0:
			if r.relay {
				r.skipped = p.flags&flagSkip != 0
				r.began = !r.skipped
				return m, nil, p, nil
			}
			continue
		case r.waiting && p.kind == rtmp.TypeVideo && p.flags == 0:
			continue // it could not be decoded without its keyframe
		case p.flags&flagKey != 0:
			r.waiting = false
		}
		r.cut, r.came = cut, seg.came(r.at.i-1)
		return m, seg, p, nil
	}
}

// Pending says whether Next would return at once.
func (r *Reader) Pending() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone != nil || len(r.preamble) > 0 || r.at.ready() > r.at.i || r.ends
}

// Lagged is closed when the reader has fallen further behind than the log is
// kept for it. What others publish behind its own end does not count.
func (r *Reader) Lagged() <-chan struct{} { return r.lagged }

// Close lets go of the log. It may be called more than once; a Next fails from
// then on.
func (r *Reader) Close() {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.letGo(ErrClosed)
}

// look cuts a reader that has fallen too far behind what is published. The caller
// holds s.mu.
func (r *Reader) look(published int64) {
	if published-r.read.Load() > r.bound {
		r.letGo(ErrLagged)
	}
}

// letGo lets go of the log: the recorder of a disk that hangs keeps its reader.
// The caller holds s.mu.
func (r *Reader) letGo(why error) {
	delete(r.s.readers, r)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone != nil {
		return
	}
	r.gone = why
	r.at, r.preamble = position{}, nil
	if errors.Is(why, ErrLagged) {
		close(r.lagged)
	}
	r.rouse()
}

// EndHere ends a reader with what the log holds now, as if the publication were
// over. What is published from now on is not kept for it.
func (r *Reader) EndHere() {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.endHere()
}

// endHere is EndHere. The caller holds s.mu.
func (r *Reader) endHere() {
	delete(r.s.readers, r)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone != nil || r.ends {
		return
	}
	r.at.seg, r.ends = r.at.seg.apart(), true
	r.rouse()
}

// rouse has a Next that waits look again.
func (r *Reader) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// apart is the chain from a segment on as it is now, which does not grow and
// keeps nothing that comes behind it; packets and bytes are the same. Nobody
// appends meanwhile.
func (s *segment) apart() *segment {
	first := &segment{}
	last := first
	for ; s != nil; s = s.next.Load() {
		c := &segment{of: s.of, base: s.base, jumped: s.jumped, began: s.began, buf: s.buf, packets: s.packets}
		c.n.Store(s.n.Load())
		c.cuts.Store(s.cuts.Load())
		last.next.Store(c)
		last = c
	}
	return first.next.Load()
}
