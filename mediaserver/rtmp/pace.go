package rtmp

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	// minPace is the slowest that a connection can be made, in bytes a second: who gets
	// nothing for long is taken for one that does not read.
	minPace = 512
	// minBurst is how much may go at once at the slowest.
	minBurst = 4 << 10
	// maxRest is how long is waited before a pace is looked at again.
	maxRest = time.Second
)

// pace bounds how many bytes a second go one way over a connection. Half a second's
// worth may go at once.
type pace struct {
	rate atomic.Int64 // bytes a second; 0: as many as there are

	// Held by who writes, or reads.
	is      int64     // the rate that the rest is about
	at      time.Time // when allowed was that
	allowed float64   // bytes that may have gone over the connection
}

func (p *pace) set(rate int64) {
	if rate > 0 {
		rate = max(rate, minPace)
	}
	p.rate.Store(max(rate, 0))
}

// room is how many bytes may go now, where so many have gone; when there is none, rest
// says when to look again.
func (p *pace) room(gone uint64, now time.Time) (n int, rest time.Duration) {
	rate := p.rate.Load()
	if rate == 0 {
		p.is = 0
		return math.MaxInt, 0
	}
	sent, burst := float64(gone), math.Max(float64(rate)/2, minBurst)
	if rate != p.is {
		p.is, p.at, p.allowed = rate, now, sent+burst
	}
	p.allowed = math.Min(p.allowed+now.Sub(p.at).Seconds()*float64(rate), sent+burst)
	p.at = now
	piece := burst / 8 // fewer are not worth a write
	if left := p.allowed - sent; left >= piece {
		return int(left), 0
	}
	missing := (sent + piece - p.allowed) / float64(rate)
	return 0, min(time.Duration(missing*float64(time.Second))+time.Millisecond, maxRest)
}

// SetPace bounds how many bytes a second are read from the peer, and written to it,
// from now on; 0: as many as there are, and no fewer than 512. What cannot be sent
// waits, or is spared, as with a peer that reads no faster. It may be called from any
// goroutine.
func (c *Conn) SetPace(read, write int64) {
	c.reads.set(read)
	c.writes.set(write)
	c.wakeWriter()
}

// paced is how much of so many bytes may be written now. When nothing may, the
// connection's owner is told once there is room.
func (c *Conn) paced(room int) int {
	if c.writes.rate.Load() == 0 {
		return room
	}
	n, rest := c.writes.room(c.sent.Load(), time.Now())
	if n == 0 && !c.resting.Swap(true) {
		time.AfterFunc(rest, func() {
			c.resting.Store(false)
			c.wakeWriter()
		})
	}
	return min(n, room)
}

func (c *Conn) wakeWriter() {
	c.out.mu.Lock()
	c.out.wake()
	c.out.unlock()
}

// restReading waits until more may be read. The reader takes no turn meanwhile.
func (c *Conn) restReading() {
	for {
		if c.reads.rate.Load() == 0 {
			return
		}
		n, rest := c.reads.room(c.received.Load(), time.Now())
		if n > 0 {
			return
		}
		c.gate.Leave()
		again := time.NewTimer(rest)
		select {
		case <-again.C:
		case <-c.closed: // the read says so
			again.Stop()
			return
		}
	}
}
