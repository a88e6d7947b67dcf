package hls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/stream"
)

const (
	// listed is how many segments a playlist has that no window is wanted of. As many
	// again as kept are not listed any more, and are still there for players that have
	// read the playlist before.
	listed = 7
	kept   = 3
	// fewest is how many are listed where there is no room for more: players need
	// three.
	fewest = 3
	// targetsInWindow is how many targets the segments of a playlist are long at least
	// (RFC 8216bis §6.2.2).
	targetsInWindow = 3
	// partCost is about what a part takes besides its bytes, with its share of the
	// segment that it is of.
	partCost = 256
	// maxSegment bounds the bytes of one segment of all variants.
	maxSegment = 64 << 20
	// partsFor is how many targets from the end parts are listed (RFC 8216bis
	// §4.4.4.9).
	partsFor = 3
)

// live is a stream that is cut into segments, as long as somebody watches.
type live struct {
	rules           outlet.HLSRules
	needed, windows *budget.Budget // see Options
	idleAfter       time.Duration
	cancel          context.CancelFunc

	mu        sync.Mutex // nothing else is taken while it is held
	changed   chan struct{}
	segments  []*segment // those that have ended
	first     int        // of segments, that is listed
	open      *segment
	target    time.Duration
	parts     bool // they are listed: pictures are near enough to one another
	ended     bool
	lost      bool          // the stream is: what is here is kept until what follows begins
	lostTime  time.Duration // see lostTime
	err       error         // why nothing more comes, where the publication is not over
	failedAt  time.Time
	asked     time.Time
	playlists map[playlistOf]string // as they are now
}

func newLive(opts Options, rules outlet.HLSRules) *live {
	if rules.Part == 0 {
		rules.Part = defaultPart
	}
	return &live{
		rules: rules, needed: opts.Budget, windows: opts.Windows, idleAfter: opts.IdleAfter,
		lostTime: lostTime, changed: make(chan struct{}), asked: time.Now(), playlists: map[playlistOf]string{},
	}
}

// unasked says that nobody has asked for it yet.
func (l *live) unasked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.segments) == 0 {
		l.asked = time.Time{}
	}
}

// payer is who pays for what comes. The caller holds l.mu.
func (l *live) payer() *budget.Budget {
	if l.rules.Always && time.Since(l.asked) > l.idleAfter {
		return l.windows
	}
	return l.needed
}

// run cuts a stream, from a reader's place on, until its publication is over, or ctx.
func (l *live) run(ctx context.Context, s *stream.Stream, r *stream.Reader) {
	err := l.read(ctx, r)
	for errors.Is(err, stream.ErrLagged) || errors.Is(err, stream.ErrLost) {
		l.restart(errors.Is(err, stream.ErrLost))
		r = s.NewCutReader()
		switch {
		case s.Live():
			err = l.read(ctx, r)
		case errors.Is(err, stream.ErrLost):
			err = l.readAgain(ctx, r)
		default: // it is over, and would wait for the next one
			r.Close()
			err = io.EOF
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.dropOpen()
	if !errors.Is(err, io.EOF) {
		l.err, l.failedAt = err, time.Now()
	}
	l.tell()
}

// lostTime is how long a stream is waited for that was lost here, and may be published
// elsewhere. Viewers have until then what there is of it.
const lostTime = 15 * time.Second

// readAgain is read of a stream that was lost, if it comes back.
func (l *live) readAgain(ctx context.Context, r *stream.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.mu.Lock()
	wait := l.lostTime
	l.mu.Unlock()
	late := time.AfterFunc(wait, func() {
		if l.isLost() {
			cancel()
		}
	})
	defer late.Stop()
	err := l.read(ctx, r)
	if errors.Is(err, context.Canceled) && l.isLost() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.dropAll()
		return io.EOF
	}
	return err
}

func (l *live) read(ctx context.Context, r *stream.Reader) error {
	defer r.Close()
	made := segmenter{sink: l, part: l.rules.Part}
	shift := media.Timestamp(0) // of the times here, which are no part of what is made
	for {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			if why := made.finish(); why != nil && l.isEmpty() {
				return why
			}
			return err
		}
		if err != nil {
			return err
		}
		var at *stream.Cut
		if cut, ok := r.Cut(); ok {
			shift, cut = cut.Shift, cut.Made()
			at = &cut
		}
		m.Timestamp -= shift
		if err := made.message(&m, at); err != nil {
			return err
		}
		if err := l.failed(); err != nil {
			return err
		}
	}
}

func (l *live) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// restart forgets all segments: what comes does not follow them. Where the stream is lost,
// they are kept until something comes, and the one that has not ended with them: players
// have its parts.
func (l *live) restart(lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost = lost; !lost {
		l.dropAll()
	}
	l.tell()
}

// tell wakes all who wait. The caller holds l.mu.
func (l *live) tell() {
	close(l.changed)
	l.changed = make(chan struct{})
	clear(l.playlists)
}

// begin implements sink.
func (l *live) begin(cut stream.Cut) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		l.dropAll()
		l.lost = false
	}
	l.dropOpen()
	l.open = &segment{cut: cut, paidBy: l.payer(), variants: map[int]*piece{}}
	if cut.Target > 0 {
		l.target = cut.Target
	}
	l.tell()
}

// part implements sink.
func (l *live) part(parts map[int]*part, inits map[int]*initSegment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int64(0)
	for _, p := range parts {
		n += int64(len(p.data)) + partCost
	}
	switch {
	case l.err != nil:
		return
	case l.open.cost()+n > maxSegment:
		l.err = fmt.Errorf("a segment has more than %d MiB: publish at a lower bit rate, with keyframes every two seconds", maxSegment>>20)
		return
	case !l.room(n):
		l.err = errRoom
		return
	}
	for id, p := range parts {
		v := l.open.variants[id]
		if v == nil {
			v = &piece{init: inits[id]}
			l.open.variants[id] = v
		}
		v.parts = append(v.parts, p)
		v.size += int64(len(p.data))
	}
	l.tell()
}

// end implements sink.
func (l *live) end(length time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return // it was closed meanwhile, or has failed: nothing is kept
	}
	s := l.open
	l.open = nil
	s.length = length
	if len(l.segments) == 0 {
		l.parts = !l.rules.Plain && nearParts(s, l.rules.Part)
	}
	l.segments = append(l.segments, s)
	l.passOver()
	for l.first > kept {
		l.dropFirst()
	}
	l.payForWindow()
	l.tell()
}

// close ends it, once. Segments that are being sent are sent to their end.
func (l *live) close() {
	l.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.err == nil {
		l.err = errClosed
	}
	l.dropAll()
	l.tell()
}

var errClosed = errors.New("nobody has watched it any more")
