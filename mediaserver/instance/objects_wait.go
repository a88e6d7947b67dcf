package instance

import (
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

const (
	// maxWaitingMessages and maxWaitingBytes bound the messages that wait for the file
	// of an object: thousands of clients may come back to one at once. maxWaitingOfOne
	// is for those of one client; perWaiting is what one costs beside its events.
	maxWaitingMessages = 16384
	maxWaitingBytes    = 8 << 20
	maxWaitingOfOne    = 16
	perWaiting         = 512
)

// waiters are what waits for the file of an object, in order.
type waiters struct {
	list []waiting
	// admitting: the file was read, and those that wait have their turn before others.
	admitting bool
	// waitingBytes are paid for, and waitingOf says how many are of each client.
	waitingBytes int64
	waitingOf    map[string]int
}

// waiting is one of them.
type waiting struct {
	events int // of it
	run    func(*owner)
	fail   func(why string)
}

// ready says whether the object can be used now, or is not there: one that
// persists is read from its file first, and the message done then. If not, the
// message is over for now.
func (c *call) ready() bool {
	o := c.o
	obj := o.objects[c.key]
	if obj == nil && c.key.persistent && c.lastUse() >= 0 && c.may().Read {
		var why string
		if obj, why = o.newObject(c.key, c.r.Client); obj == nil {
			c.say(sharedobject.CodeCreationFailed, why)
			c.done()
			return false
		}
	}
	if obj == nil || !obj.loading && (!obj.admitting || c.admitted) {
		return true
	}
	c.await(obj)
	c.done() // the client goes on, whatever the disk does
	return false
}

// await has the message done once the object's file was read, or answered when that
// has failed or takes too long. The client's share pays for what waits, and there is
// only so much of it.
func (c *call) await(obj *object) {
	bytes := int64(perWaiting + c.r.Message.Size())
	if len(obj.list) >= maxWaitingMessages || obj.waitingBytes+bytes > maxWaitingBytes || obj.waitingOf[c.r.ID] >= maxWaitingOfOne {
		c.refuse("too many messages wait for its file")
		return
	}
	by, why := c.o.mayUse(c.r.Client, bytes)
	if why != "" {
		c.refuse(why)
		return
	}
	if obj.waitingOf == nil {
		obj.waitingOf = map[string]int{}
	}
	obj.waitingOf[c.r.ID]++
	obj.waitingBytes += bytes
	later := c.o.newCall(c.r, func() {})
	later.peer, later.admitted = c.peer, true
	over := func() {
		if obj.waitingOf[later.r.ID]--; obj.waitingOf[later.r.ID] == 0 {
			delete(obj.waitingOf, later.r.ID)
		}
		obj.waitingBytes -= bytes
		later.o.unuse(by, bytes)
	}
	obj.list = append(obj.list, waiting{
		events: len(c.r.Message.Events),
		run:    func(o *owner) { over(); o.lineUp(later) },
		fail:   func(why string) { over(); later.refuse(why) },
	})
}

// admit has those that have waited for an object's file do what they came for, a
// portion in a turn.
func (o *owner) admit(obj *object) {
	obj.list = o.some(obj.list, func(w waiting) { w.run(o) })
	obj.admitting = len(obj.list) > 0
	if !obj.admitting {
		obj.list = nil
		o.idle(obj)
		return
	}
	if !o.post(func(o *owner) { o.admit(obj) }) {
		obj.admitting = false
		o.turnAway(obj.list, string(session.RefusedStopping))
		obj.list = nil
	}
}

// turnAway refuses those that have waited for a file, a portion in a turn.
func (o *owner) turnAway(all []waiting, why string) {
	for len(all) > 0 {
		all = o.some(all, func(w waiting) { w.fail(why) })
		if len(all) > 0 && o.post(func(o *owner) { o.turnAway(all, why) }) {
			return
		}
	}
}

// some calls f with as many as a turn has time for, and returns the others.
func (o *owner) some(all []waiting, f func(waiting)) (left []waiting) {
	for events := 0; len(all) > 0 && events < maxPortion; all = all[1:] {
		events += max(1, min(all[0].events, maxPortion))
		f(all[0])
		all[0] = waiting{}
	}
	return all
}

// lastUse is the place of the last Use among the message's events; -1: it has none.
func (c *call) lastUse() int {
	for i := len(c.r.Message.Events) - 1; i >= 0; i-- {
		if c.r.Message.Events[i].Type == sharedobject.Use {
			return i
		}
	}
	return -1
}
