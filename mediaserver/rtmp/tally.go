package rtmp

import "sync"

// Tally is so many messages of live streams, and bytes of their payloads, about.
type Tally struct {
	Audio, Video, Data     uint64
	AudioBytes, VideoBytes uint64
}

// Messages is how many there are, of all kinds.
func (t Tally) Messages() uint64 { return t.Audio + t.Video + t.Data }

// tallies are what those who play on a connection have counted of it.
type tallies struct {
	mu  sync.Mutex // nothing else is taken while it is held
	all *tallied   // nil: nothing was counted, as of most
}

type tallied struct{ dropped, waiting Tally }

// counted makes room to count. The caller holds mu.
func (t *tallies) counted() *tallied {
	if t.all == nil {
		t.all = new(tallied)
	}
	return t.all
}

// CountDropped adds what the peer was not sent, as it did not take what came before.
func (c *Conn) CountDropped(t Tally) {
	c.tallies.mu.Lock()
	defer c.tallies.mu.Unlock()
	d := &c.tallies.counted().dropped
	d.Audio, d.Video, d.Data = d.Audio+t.Audio, d.Video+t.Video, d.Data+t.Data
	d.AudioBytes, d.VideoBytes = d.AudioBytes+t.AudioBytes, d.VideoBytes+t.VideoBytes
}

// CountWaiting notes what waits for the peer to take it, in place of what was noted.
func (c *Conn) CountWaiting(t Tally) {
	c.tallies.mu.Lock()
	defer c.tallies.mu.Unlock()
	if c.tallies.all != nil || t != (Tally{}) {
		c.tallies.counted().waiting = t
	}
}

// Tallies are what was dropped since the connection began, and what waits: as it was
// within the last second.
func (c *Conn) Tallies() (dropped, waiting Tally) {
	c.tallies.mu.Lock()
	defer c.tallies.mu.Unlock()
	if c.tallies.all == nil {
		return dropped, waiting
	}
	return c.tallies.all.dropped, c.tallies.all.waiting
}
