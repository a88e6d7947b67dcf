package edge

import (
	"net"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/link"
)

// Traffic is what has gone over an edge's links for a purpose, in bytes, since it began.
type Traffic struct{ Received, Sent uint64 }

// Totals count what goes over the links of an edge, or of several that come and go, as a
// gateway's do. The zero value counts from nothing.
type Totals struct {
	control, feed, publish, read counts
	lost                         atomic.Uint64 // links that have ended while clients used them
	interrupted                  atomic.Uint64 // publications that have lost their way to the origin, each time
	unpublished                  atomic.Uint64 // messages that were dropped meanwhile, once they are told of
}

type counts struct{ received, sent atomic.Uint64 }

func (t *Totals) of(p link.Purpose) *counts {
	switch p {
	case link.Feed:
		return &t.feed
	case link.Publish:
		return &t.publish
	case link.Read:
		return &t.read
	}
	return &t.control
}

// Traffic is what has gone over the edge's links since it began, by what they are for.
func (e *Edge) Traffic() map[link.Purpose]Traffic { return e.cfg.Totals.Traffic() }

// Traffic is what has gone over links, by what they are for.
func (t *Totals) Traffic() map[link.Purpose]Traffic {
	all := map[link.Purpose]Traffic{}
	for _, p := range []link.Purpose{link.Control, link.Feed, link.Publish, link.Read} {
		c := t.of(p)
		all[p] = Traffic{c.received.Load(), c.sent.Load()}
	}
	return all
}

// Lost is how many links have ended while clients used them.
func (t *Totals) Lost() uint64 { return t.lost.Load() }

// Published is how often publications have lost their way to the origin, and how many
// messages of sound and pictures were dropped until they had it again.
func (t *Totals) Published() (interrupted, dropped uint64) {
	return t.interrupted.Load(), t.unpublished.Load()
}

// counted is a connection whose bytes are counted.
type counted struct {
	net.Conn
	by *counts
}

// Read implements net.Conn.
func (c counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.by.received.Add(uint64(n))
	return n, err
}

// Write implements net.Conn.
func (c counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.by.sent.Add(uint64(n))
	return n, err
}
