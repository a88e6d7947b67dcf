package rtmp

import (
	"fmt"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/media"
)

// Limits are how much a peer may have the connection hold, in bytes. They are as
// wide as what it has shown of itself: see SetLimits.
type Limits struct {
	Message int // the largest message that is no media
	Media   int // the largest of audio or video, and of aggregate messages
	Held    int // all messages that have come in part, together
	// Keeps lets a buffer of up to 1 MiB stay for the next message of its chunk
	// stream: who sends pictures sends more of them.
	Keeps bool
	// Budget pays for what is held; nil: nobody has to. The first 4 KiB of a
	// connection cost nothing: they come with its place.
	Budget *budget.Budget
	// Turn is begun before what has come is looked at, and has ended when more is
	// waited for; nil: there is nobody to wait for.
	Turn *budget.Turn
	// MediaFirst has audio and video taken without Turn: only what else the peer
	// sends waits for it, once it has come.
	MediaFirst bool
}

const (
	// freeHold is what a connection holds without a budget's leave: the commands
	// of honest clients.
	freeHold = 4 << 10
	// payStep is how much is taken of a budget at once.
	payStep = 16 << 10
	// minRate is how many bytes of a message must come in a second once its time
	// is over: 64 kbit/s.
	minRate = 8 << 10
)

// of is the limit on messages of a type.
func (l *Limits) of(t MessageType) int {
	switch t {
	case TypeAudio, TypeVideo, TypeAggregate:
		return l.Media
	}
	return l.Message
}

// limits is what holds for a connection now. Any goroutine may change it.
type limits struct {
	now    atomic.Pointer[Limits]
	settle atomic.Pointer[func()]
}

// SetLimits changes what the peer may have the connection hold, from the next
// message on. Without it, all messages may have Config.MaxMessageSize, and twice
// that may be held. It may be called from any goroutine.
func (c *Conn) SetLimits(l Limits) { c.limits.now.Store(&l) }

// BeforeTooBig has Serve call settle before it refuses a message for its size:
// who is about to widen the limits does so, or waits until that is decided.
func (c *Conn) BeforeTooBig(settle func()) { c.limits.settle.Store(&settle) }

// allow looks whether a size fits a limit, after the limits are settled.
func (l *limits) allow(size int, limit func(*Limits) int) error {
	if size <= limit(l.now.Load()) {
		return nil
	}
	if settle := l.settle.Load(); settle != nil {
		(*settle)()
	}
	if most := limit(l.now.Load()); size > most {
		return fmt.Errorf("%w: %d bytes, %d at most", ErrTooBig, size, most)
	}
	return nil
}

// allowMessage looks at the size that a message says it has.
func (l *limits) allowMessage(t MessageType, size int) error {
	return l.allow(size, func(now *Limits) int { return now.of(t) })
}

// holding is the memory of messages that are not whole yet, and of buffers that
// are kept for the next. It belongs to the goroutine that reads.
type holding struct {
	bytes  int // capacities, all together
	paid   int // taken of budget
	budget *budget.Budget
}

// grow makes room in a buffer for n bytes more of a message of size bytes, and
// pays for it first.
func (h *holding) grow(buf []byte, n, size int, now *Limits) ([]byte, error) {
	need := len(buf) + n
	if need <= cap(buf) {
		return buf, nil
	}
	room := min(max(need, 2*cap(buf), 512), max(size, need))
	if err := h.pay(h.bytes-cap(buf)+room, now); err != nil {
		return buf, err
	}
	h.bytes -= cap(buf)
	buf = media.Room(buf, room)
	h.bytes += cap(buf)
	return buf, nil
}

// drop gives a buffer up.
func (h *holding) drop(buf []byte, now *Limits) {
	h.bytes -= cap(buf)
	_ = h.pay(h.bytes, now) // less than there was
}

// pay has the budget pay for so many bytes, or fails.
func (h *holding) pay(bytes int, now *Limits) error {
	if now.Budget != h.budget {
		// Whoever publishes by now has another one.
		h.budget.Give(int64(h.paid))
		h.budget, h.paid = now.Budget, 0
	}
	need := max(0, bytes-freeHold)
	need = (need + payStep - 1) / payStep * payStep
	switch {
	case need > h.paid:
		if !h.budget.Take(int64(need - h.paid)) {
			return fmt.Errorf("%w: %d bytes of messages that have not ended", ErrUsedUp, bytes)
		}
	case need < h.paid:
		h.budget.Give(int64(h.paid - need))
	}
	h.paid = need
	return nil
}

// end gives all of it back.
func (h *holding) end() {
	h.budget.Give(int64(h.paid))
	h.paid = 0
}

// overdue fails when a message has been coming for too long: for longer than the
// peer may be silent, and a second for each 8 KiB of it that have come.
func (r *chunkReader) overdue(now time.Time, timeout time.Duration) error {
	for _, s := range r.streams {
		if !s.begun || s.since.IsZero() {
			continue
		}
		since := now.Sub(s.since)
		if since > timeout+time.Duration(len(s.payload))*time.Second/minRate {
			return fmt.Errorf("%w: %d of %d bytes have come in %v", ErrEndless, len(s.payload), s.size, since.Round(time.Second))
		}
	}
	return nil
}
