package rtmp

import "time"

// sentObject is a message of SendObject that is not with the socket yet.
type sentObject struct {
	end   int // where it ends, of all that was ever queued
	size  int // with its headers
	bytes int // of its payload
	taken func(bytes int)
}

const (
	// objectsAtOnce is how many bytes about shared objects the owner takes before
	// media: one message, at least.
	objectsAtOnce = 8 << 10
	// objectsUnsent is how little the socket has not sent when it gets more of them,
	// objectsAgain when that is looked at again, and objectsHeld how long they stay
	// at most, for some of them to go.
	objectsUnsent = 16 << 10
	objectsAgain  = 20 * time.Millisecond
	objectsHeld   = 250 * time.Millisecond
)

// SendObject is Send for a server's message about a shared object, of which whoever
// sends them lets only so many wait. Neither MaxQueue nor the limit and the budget of
// answers are for it: who reads slowly, but reads, goes on.
//
// waits says that the socket has not taken it yet: taken is called,
// with the size of the payload, once it has, or when the connection ends: from any
// goroutine, within whichever call of the connection made room, and without a lock.
// It may call the connection, and must not wait.
func (c *Conn) SendObject(m *Message, taken func(bytes int)) (waits bool, err error) {
	o := &c.out
	o.mu.Lock()
	defer o.unlock()
	begin := o.queued
	if err := c.enqueue([]*Message{m}, nil, false); err != nil {
		return false, err
	}
	if o.err != nil || o.over || o.left() == 0 {
		return false, o.err
	}
	o.objects = append(o.objects, sentObject{o.queued, o.queued - begin, len(m.Payload), taken})
	return true, nil
}

// part is how much of the queue the owner takes now: whole messages, in order, up to
// where too much of it is about shared objects. held says that what is left is to stay
// for a moment: the socket has enough to send. The caller holds mu.
func (c *Conn) part() (n int, held bool) {
	o := &c.out
	begin := o.queued - len(o.queue)
	taken := 0
	for _, one := range o.objects {
		at := one.end - one.size - begin
		switch {
		case one.end <= begin: // the owner has it already
			continue
		case taken == 0 && c.holds():
			return max(0, at), true
		case taken > 0 && taken+one.size > objectsAtOnce:
			return at, false
		}
		taken += one.size
	}
	return len(o.queue), false
}

// holds says whether messages about shared objects stay in the queue: all that a
// socket keeps goes before the media that comes next. They do for so long at most,
// since a line may be too narrow for media alone. The caller holds mu.
func (c *Conn) holds() bool {
	o := &c.out
	if c.unsent() < objectsUnsent {
		o.heldSince = time.Time{}
		return false
	}
	now := time.Now()
	if o.heldSince.IsZero() {
		o.heldSince = now
	}
	if now.Sub(o.heldSince) < objectsHeld {
		return true
	}
	o.heldSince = now
	return false
}

// unsent is how many bytes the connection's socket has not sent yet.
func (c *Conn) unsent() int {
	if c.sealed != nil {
		return c.sealed.Unsent()
	}
	return c.socket.Unsent()
}

// wakeLater has the owner woken when the socket may have sent some. The caller holds
// mu.
func (o *output) wakeLater() {
	if o.later == nil {
		o.later = time.AfterFunc(objectsAgain, func() {
			o.mu.Lock()
			defer o.unlock()
			o.wake()
		})
		return
	}
	o.later.Reset(objectsAgain)
}

// wrote notes that the socket has taken n bytes more of an owner. Of what the owner
// writes, what TakeQueued has returned goes first.
func (c *Conn) wrote(n int) {
	o := &c.out
	o.mu.Lock()
	defer o.unlock()
	o.owned -= min(n, o.owned)
	c.owned = o.owned
	o.settle()
	_ = c.answered(0) // less than there was
}

// tellObjects has those told whose messages have gone. The caller holds mu.
func (o *output) tellObjects(all bool) {
	left, n := o.left(), 0
	for n < len(o.objects) && (all || left <= o.queued-o.objects[n].end) {
		n++
	}
	if n == 0 {
		return
	}
	gone := o.objects[:n]
	if o.objects = o.objects[n:]; len(o.objects) == 0 {
		o.objects = nil
	}
	o.due = append(o.due, func() {
		for _, one := range gone {
			one.taken(one.bytes)
		}
	})
}
