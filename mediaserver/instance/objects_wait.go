package instance

import "flashpod.dev/flashpod/mediaserver/sharedobject"

const (
	// maxWaitingMessages and maxWaitingBytes bound the messages that wait for the file
	// of an object: thousands of clients may come back to one at once. maxWaitingOfOne
	// is for those of one client; perWaiting is what one costs beside its events.
	maxWaitingMessages = 16384
	maxWaitingBytes    = 8 << 20
	maxWaitingOfOne    = 16
	perWaiting         = 512
)

// ready says whether the object can be used now, or is not there: one that
// persists is read from its file first, and the message done then.
func (c *call) ready(done func()) bool {
	o := c.o
	obj := o.objects[c.key]
	if obj == nil && c.key.persistent && c.asksUse() && c.may().Read {
		var why string
		if obj, why = o.newObject(c.key, c.r.Client); obj == nil {
			c.say(sharedobject.CodeCreationFailed, why)
			done()
			return false
		}
	}
	if obj == nil || !obj.loading {
		return true
	}
	c.await(obj)
	done() // the client goes on, whatever the disk does
	return false
}

// await has the message done once the object's file was read, or answered when that
// has failed or takes too long. A budget pays for what waits, and there is only so
// much of it.
func (c *call) await(obj *object) {
	bytes := int64(perWaiting + c.r.Message.Size())
	switch {
	case len(obj.waiting) >= maxWaitingMessages || obj.waitingBytes+bytes > maxWaitingBytes || obj.waitingOf[c.r.ID] >= maxWaitingOfOne:
		c.refuse("too many messages wait for its file")
		return
	case !c.o.budgets.Objects.Take(bytes):
		c.refuse(string(sharedobject.DeniedBudget))
		return
	}
	if obj.waitingOf == nil {
		obj.waitingOf = map[string]int{}
	}
	obj.waitingOf[c.r.ID]++
	obj.waitingBytes += bytes
	r, call := c.r, *c
	over := func() {
		delete(obj.waitingOf, r.ID) // none waits any more
		obj.waitingBytes -= bytes
		call.o.budgets.Objects.Give(bytes)
	}
	obj.waiting = append(obj.waiting, waiting{
		run:  func(o *owner) { over(); o.sharedObject(r, func() {}) },
		fail: func(why string) { over(); call.refuse(why) },
	})
}

func (c *call) asksUse() bool {
	for i := range c.r.Message.Events {
		if c.r.Message.Events[i].Type == sharedobject.Use {
			return true
		}
	}
	return false
}
