package stream

import "flashpod.dev/flashpod/mediaserver/rtmp"

// Conn is a connection that plays, as far as a fan-out loop uses it.
// [*rtmp.Conn] is the first; a package that carries media by another protocol
// brings one of its own, with an Encoding. Values are compared: a connection is one
// value.
//
// The loop never makes two of its calls (TakeQueued, TryWritev, Detach) at once,
// and holds no lock when it makes one.
type Conn interface {
	// Attach gives the connection's socket to the loop: from now on nobody else
	// writes to it. wake is called when the connection has something to say, or
	// can be written to again after a TryWritev that took nothing; from any
	// goroutine, without a lock. It does not wait.
	Attach(wake func())
	// TakeQueued appends to dst what the connection itself has to say: whole
	// units of its protocol, to be written before media. dst is what is left of
	// earlier writes: all that is returned goes to TryWritev first. It need not be
	// all that there is: wake is called for more. Without ok nothing may be written
	// now, and wake is called when it may.
	TakeQueued(dst []byte) (out []byte, ok bool)
	// TryWritev writes as much of bufs, one after another, as the socket takes
	// at once: n bytes. It neither waits nor keeps bufs. Where n is less than all
	// of them it is called again, sooner or later, with bytes that go on there.
	TryWritev(bufs [][]byte) (n int, err error)
	// Detach ends what Attach began. rest is what is left of a packet that was
	// written in part, and goes before all that the connection says.
	Detach(rest []byte)
	// Send queues messages about a player, such as that it is too slow. A
	// protocol that has no words for them drops them.
	Send(ms ...*rtmp.Message) error
	// CloseWithError ends the connection at once, and says why.
	CloseWithError(cause error) error
}
