package rtmp

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

const (
	// minSendWindow is the smallest window that a peer can hold us to. Below
	// one write's worth, chunk and message headers that it may or may not
	// count, and messages that it acknowledges only when they are whole,
	// would stop the connection for good.
	minSendWindow = 64 << 10
	// maxSendWindow is where a limit ends to be one; beyond it the sequence
	// numbers could not tell ahead from behind.
	maxSendWindow = 1 << 30
	// windowPatience is how long a full window may stay full before it is
	// widened: see room.
	windowPatience = time.Second
	// handshakeBytes is what each side sends before the first chunk. Some
	// peers count it in what they acknowledge, most do not.
	handshakeBytes = 1 + 2*packetSize
)

// limitType says how a SetPeerBandwidth is meant [SPEC §5.4.5].
type limitType uint8

const (
	limitHard    limitType = 0
	limitSoft    limitType = 1
	limitDynamic limitType = 2
)

// sendWindow bounds what is sent and not acknowledged. Its limit is 0, and a
// write costs one atomic load, until the peer has both asked for one, with
// SetPeerBandwidth, and acknowledged something: many clients never do the
// latter, and would be cut off by a limit that they do not know they set.
type sendWindow struct {
	limit   atomic.Uint64 // bytes; 0: none
	acked   atomic.Uint64 // bytes of Conn.sent
	starved atomic.Bool   // a writer waits for an acknowledgement
	came    chan struct{} // wakes a flusher that does; capacity 1

	// Held by Serve.
	asked  uint64 // 0: the peer never did
	hard   bool   // and the last that counted was hard
	heard  bool   // an acknowledgement
	widest atomic.Uint64

	// Held by the writer, of which there is one at a time: see output.
	seen    uint64 // acked, when it was last looked at
	since   time.Time
	widened time.Time
}

// room is how many bytes may be sent now, by the peer's window and the connection's
// pace. When there is none, the connection is told once there is: by the owner's wake.
func (c *Conn) room() (int, error) {
	n, err := c.windowRoom()
	if n == 0 || err != nil {
		return n, err
	}
	return c.paced(n), nil
}

// windowRoom is how many bytes the peer's window has room for. When it has none, the
// connection is told once the peer acknowledges: came, and the owner's wake.
//
// Peers acknowledge when a window is over, or a message, or a read; a limit to
// the byte would stop for ever what differs by one. So a window that has been
// full for a second grows to twice its size, and stays so, up to the largest
// message more than the peer asked for. A peer that acknowledges nothing in
// spite of that is too slow after the write timeout.
func (c *Conn) windowRoom() (int, error) {
	w := &c.window
	limit := w.limit.Load()
	if limit == 0 {
		return math.MaxInt, nil
	}
	acked := w.acked.Load()
	if acked != w.seen {
		w.seen, w.since = acked, time.Time{}
	}
	sent := c.sent.Load()
	if out := sent - acked; out < limit {
		return int(limit - out), nil
	}
	now := time.Now()
	if w.since.IsZero() {
		w.since, w.widened = now, now
	}
	if now.Sub(w.since) >= c.cfg.WriteTimeout {
		return 0, fmt.Errorf("%w: it acknowledged nothing for %v, with %d bytes sent since", ErrSlow, c.cfg.WriteTimeout, sent-acked)
	}
	if now.Sub(w.widened) >= windowPatience {
		w.widened = now
		if wider := min(2*limit, w.widest.Load()); wider > limit && w.limit.CompareAndSwap(limit, wider) {
			// A peer may ask for a window far smaller than what is under way.
			if out := sent - acked; out < wider {
				return int(wider - out), nil
			}
		}
	}
	w.starved.Store(true)
	if w.acked.Load() != acked || w.limit.Load() != limit {
		return c.windowRoom() // just now, and Serve saw nobody waiting
	}
	return 0, nil
}

// awaitRoom is room for a flusher, which has time.
func (c *Conn) awaitRoom() (int, error) {
	for {
		n, err := c.room()
		if n > 0 || err != nil {
			return n, err
		}
		again := time.NewTimer(min(windowPatience, c.cfg.WriteTimeout) / 4)
		select {
		case <-c.window.came:
		case <-again.C:
		case <-c.closed:
		}
		again.Stop()
		select {
		case <-c.closed:
			return 0, c.cause
		default:
		}
	}
}

// tryLimited is writeNow within the peer's window.
func (c *Conn) tryLimited(bufs [][]byte) (n int, full bool, err error) {
	room, err := c.room()
	if room == 0 || err != nil {
		return 0, false, err
	}
	for i, b := range bufs {
		if len(b) > room {
			bufs[i] = b[:room]
			n, full, err = c.writeNow(bufs[:i+1])
			bufs[i] = b // the list is the caller's
			return n, full, err
		}
		room -= len(b)
	}
	return c.writeNow(bufs)
}

// acknowledged takes an acknowledgement: how many bytes the peer has received
// in all, modulo 2^32.
func (c *Conn) acknowledged(sequence uint32) {
	w := &c.window
	sent := c.sent.Load()
	// Counted as if the handshake were not in it: a peer that does count it seems to
	// be ahead by 3 KB, which is little, and stops nobody.
	behind := uint32(sent) - (sequence + handshakeBytes)
	if int32(behind) < 0 {
		behind = 0
	}
	w.heard = true
	if acked := sent - min(sent, uint64(behind)); acked > w.acked.Load() {
		w.acked.Store(acked)
	}
	c.applyWindow()
}

// peerBandwidth takes a SetPeerBandwidth by the rules of [SPEC §5.4.5] and
// answers it with the size of the window, unless that was the last one sent. A
// dynamic limit that follows no hard one limits nothing, but is answered: that
// is what all servers send, and what they want to hear.
func (c *Conn) peerBandwidth(size uint32, limit limitType) error {
	w := &c.window
	wanted := max(uint64(size), minSendWindow)
	switch {
	case limit == limitHard, limit == limitDynamic && w.hard:
		w.asked, w.hard = wanted, true
	case limit == limitSoft:
		if w.asked == 0 || wanted < w.asked {
			w.asked = wanted
		}
		w.hard = false
	default:
		w.hard = false
	}
	if w.asked > 0 {
		if w.came == nil {
			w.came = make(chan struct{}, 1) // before the limit, which has writers look at it
		}
		w.widest.Store(w.asked + uint64(c.cfg.MaxMessageSize))
		w.limit.Store(0)
		c.applyWindow()
	}
	if size == 0 || size == c.out.sentWindow() {
		return nil
	}
	return c.reply(WindowAckSize(size))
}

// applyWindow begins the limit when it is due, and wakes the writer that waits for room.
func (c *Conn) applyWindow() {
	w := &c.window
	if w.heard && w.asked > 0 && w.asked <= maxSendWindow && w.limit.Load() == 0 {
		w.limit.Store(w.asked)
	}
	if !w.starved.Swap(false) {
		return
	}
	select {
	case w.came <- struct{}{}:
	default:
	}
	c.out.mu.Lock()
	c.out.wake()
	c.out.unlock()
}
