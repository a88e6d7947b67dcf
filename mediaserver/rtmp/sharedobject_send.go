package rtmp

// sentObject is a message of SendObject that is not with the socket yet.
type sentObject struct {
	end   int // where it ends, of all that was ever queued
	bytes int
	taken func(bytes int)
}

// SendObject is Send for a server's message about a shared object, of which whoever
// sends them lets only so many wait. Neither MaxQueue nor the limit and the budget of
// answers are for it: who reads slowly, but reads, goes on.
//
// waits says that the socket, or the owner, has not taken it yet: taken is called,
// with the size of the payload, once it has, or when the connection ends: from any
// goroutine, within whichever call of the connection made room, and without a lock.
// It may call the connection, and must not wait.
func (c *Conn) SendObject(m *Message, taken func(bytes int)) (waits bool, err error) {
	o := &c.out
	o.mu.Lock()
	defer o.unlock()
	if err := c.enqueue([]*Message{m}, nil, false); err != nil {
		return false, err
	}
	if o.err != nil || o.over || len(o.queue)+o.flight == 0 {
		return false, o.err
	}
	o.objects = append(o.objects, sentObject{o.queued, len(m.Payload), taken})
	return true, nil
}

// tellObjects has those told whose messages have gone. The caller holds mu.
func (o *output) tellObjects(all bool) {
	left := len(o.queue) + o.flight
	n := 0
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
