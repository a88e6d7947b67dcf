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
	waits
}

// waits counts what waits with an object.
type waits struct {
	messages int
	bytes    int64 // paid for
	// waitingOf says how many are of each client, and of the server's own code, that
	// has no ID.
	waitingOf map[string]int
}

// has says whether there may be so much more of a client.
func (w *waits) has(client string, bytes int64) bool {
	return w.messages < maxWaitingMessages && w.bytes+bytes <= maxWaitingBytes && (client == "" || w.waitingOf[client] < maxWaitingOfOne)
}

// add counts a message more, or, below 0, one less, of so many bytes.
func (w *waits) add(client string, n int, bytes int64) {
	if w.waitingOf == nil {
		w.waitingOf = map[string]int{}
	}
	w.messages += n
	w.bytes += bytes
	if w.waitingOf[client] += n; w.waitingOf[client] == 0 {
		delete(w.waitingOf, client)
	}
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
	if w, later, ok := c.await(&obj.waits, "too many messages wait for its file"); ok {
		later.admitted = true
		obj.list = append(obj.list, w)
	}
	c.done() // the client goes on, whatever the disk does
	return false
}

// await makes what is to be done later of a message, or refuses it: the client's share
// pays for what waits, and there is only so much of it.
func (c *call) await(all *waits, tooMany string) (w waiting, later *call, ok bool) {
	bytes := int64(perWaiting + c.r.Message.Size())
	if !all.has(c.r.ID, bytes) {
		c.refuse(tooMany)
		return waiting{}, nil, false
	}
	by, why := c.o.mayUse(c.r.Client, bytes)
	if why != "" {
		c.refuse(why)
		return waiting{}, nil, false
	}
	all.add(c.r.ID, 1, bytes)
	later = c.o.newCall(c.r, func() {})
	later.peer, later.admitted, later.used, later.told = c.peer, c.admitted, c.used, c.told
	over := func() {
		all.add(later.r.ID, -1, -bytes)
		later.o.unuse(by, bytes)
	}
	return waiting{
		events: len(c.r.Message.Events),
		run:    func(o *owner) { over(); o.lineUp(later) },
		fail:   func(why string) { over(); later.refuse(why) },
	}, later, true
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
