package rtmp

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
)

const (
	// waitAbove is how much may be queued before SendWait waits.
	waitAbove = 256 << 10
	// flushPiece is how much a flusher writes under one deadline: a peer that
	// takes anything at all is not timed out.
	flushPiece = 64 << 10
	// roomBelow is how little is queued when there is room for media.
	roomBelow = 16 << 10
	// keepQueue is the largest queue kept for reuse.
	keepQueue = 64 << 10
)

// output is what a connection has to send.
//
// Without an owner, Send itself writes, without waiting; what the socket does
// not take is left to a flusher goroutine, which exists only as long as there
// is something. With an owner (see Attach), Send only queues, and the owner
// writes.
type output struct {
	// mu is held for moments only: of locks, only those of TLS and its socket
	// are taken under it, and nothing is called back, closed or waited for. What
	// becomes due meanwhile is done by unlock.
	mu         sync.Mutex
	due        []func() // to be called once mu is free
	queue      []byte   // whole messages, chunked
	flight     int      // bytes that a flusher writes
	owned      int      // bytes that the owner has taken of it, and the socket has not
	answers    int      // bytes of all three that are no media
	paid       int      // taken of the budget for them
	budget     *budget.Budget
	over       bool        // the connection is closed: nothing is paid for any more
	chunkSize  int         // of what is queued next
	flushing   bool        // a flusher writes; it alone may touch the socket
	owner      func()      // its wake function; nil: there is none
	later      *time.Timer // wakes it; nil: it was not needed yet
	heldSince  time.Time   // since when messages about shared objects stay; zero: they do not
	closeWrite bool        // half-close when everything is sent
	drained    chan struct{}
	room       []func()     // called once there is room: see HasRoom
	queued     int          // bytes that were ever put into queue by enqueue
	objects    []sentObject // not yet with the socket, in the order of the queue
	window     uint32       // the last WindowAckSize that was queued
	err        error        // the connection cannot send any more

	nextStream uint32   // the next chunk stream that TakeChunkStream makes; 0: the first
	streams    []uint32 // those that were given back
}

// unlock frees mu, and then does what became due while it was held: tells
// callers of HasRoom, wakes the owner, closes the connection. All of them may
// call the connection.
func (o *output) unlock() {
	due := o.due
	o.due = nil
	o.mu.Unlock()
	for _, f := range due {
		f()
	}
}

// wake has the owner, if there is one, woken. The caller holds mu.
func (o *output) wake() {
	if o.owner != nil {
		o.due = append(o.due, o.owner)
	}
}

// sentWindow is the last acknowledgement window that the peer was told.
func (o *output) sentWindow() uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.window
}

// Send queues messages, which stay together and in order, and does not wait
// for the peer. It fails with ErrSlow when too much is queued already, and
// closes the connection then.
func (c *Conn) Send(ms ...*Message) error {
	c.out.mu.Lock()
	defer c.out.unlock()
	return c.enqueue(ms, nil, true)
}

// SendWait is Send for callers that have more to say than the peer can take: it
// waits until less than 256 KiB is queued, or ctx ends. A message is never
// sent in part.
func (c *Conn) SendWait(ctx context.Context, ms ...*Message) error {
	o := &c.out
	for {
		o.mu.Lock()
		if len(o.queue) < waitAbove || o.err != nil {
			err := c.enqueue(ms, nil, true)
			o.unlock()
			return err
		}
		if o.drained == nil {
			o.drained = make(chan struct{})
		}
		drained := o.drained
		o.mu.Unlock()
		select {
		case <-drained:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.closed:
			return net.ErrClosed
		}
	}
}

// SendCommand sends a command message: see NewCommand.
func (c *Conn) SendCommand(streamID uint32, name string, transaction float64, object amf.Value, args ...amf.Value) error {
	m, err := NewCommand(streamID, name, transaction, object, args...)
	if err != nil {
		return err
	}
	return c.Send(m)
}

// enqueue encodes messages, takes what was laid out (nil: nothing) and gets them
// going: by itself, or by waking the owner. The limit is for what waits already: one message
// may be larger. What does not count has limits of its own. The caller holds mu.
func (c *Conn) enqueue(ms []*Message, laid *Layout, counts bool) error {
	o := &c.out
	if o.err != nil {
		return o.err
	}
	if counts && len(o.queue) > c.cfg.MaxQueue {
		err := fmt.Errorf("%w: %d bytes are waiting", ErrSlow, len(o.queue))
		c.fail(err)
		return err
	}
	said, had := 0, len(o.queue)
	for _, m := range ms {
		before := len(o.queue)
		o.queue = AppendChunks(o.queue, m, o.chunkSize)
		if counts && m.Type != TypeAudio && m.Type != TypeVideo {
			said += len(o.queue) - before
		}
		if len(m.Payload) != 4 {
			continue
		}
		switch m.Type {
		case TypeSetChunkSize:
			o.chunkSize = int(binary.BigEndian.Uint32(m.Payload))
		case TypeWindowAckSize:
			o.window = binary.BigEndian.Uint32(m.Payload)
		}
	}
	c.CountSent(len(ms))
	if laid != nil {
		o.queue = laid.AppendTo(o.queue)
		c.CountSent(laid.count)
	}
	o.queued += len(o.queue) - had
	c.said.Store(true)
	switch {
	case o.owner != nil:
		o.wake()
	case !o.flushing:
		c.writeQueue()
	}
	if o.err != nil {
		return nil // whoever serves the connection hears of it
	}
	if err := c.answered(said); err != nil {
		c.fail(err)
		return err
	}
	return nil
}

// takeQueue empties the queue and returns what was in it.
func (o *output) takeQueue() []byte {
	b := o.queue
	o.queue, o.flight = nil, len(b)
	return b
}

// left is how many bytes of what was ever queued the socket has not taken. The
// caller holds mu.
func (o *output) left() int { return len(o.queue) + o.flight + o.owned }

// settle has waiting callers told that there is room, if there is some. The
// caller holds mu.
func (o *output) settle() {
	if o.drained != nil && len(o.queue) < waitAbove {
		close(o.drained)
		o.drained = nil
	}
	if len(o.room) > 0 && o.roomy() {
		o.tellRoom()
	}
	o.tellObjects(false)
	if cap(o.queue) > keepQueue && len(o.queue) == 0 {
		o.queue = nil
	}
}

// end makes an error the answer to all that would send from now on. The caller
// holds mu.
func (o *output) end(err error) {
	if o.err == nil {
		o.err = err
	}
	o.queue = nil
	o.payBack()
	if o.drained != nil {
		close(o.drained)
		o.drained = nil
	}
	o.tellRoom() // a caller that waited finds the error
	o.tellObjects(true)
}

// fail ends the output and has the connection closed. The caller holds mu.
func (c *Conn) fail(err error) {
	c.out.end(err)
	c.out.due = append(c.out.due, func() { _ = c.CloseWithError(err) })
}
