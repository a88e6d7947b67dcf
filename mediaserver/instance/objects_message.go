package instance

import (
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// maxPortion is how many events of a client's message are done in one turn of the
// owner. The rest waits behind what others have asked for meanwhile, and the client's
// next message behind the rest.
const maxPortion = 256

// SharedObject implements session.Instance.
func (i *Instance) SharedObject(r session.SharedObjectRequest, done func()) {
	if !i.post(func(o *owner) { o.sharedObject(r, done) }) {
		done()
	}
}

// call is a client's message while it is done.
type call struct {
	o        *owner
	r        session.SharedObjectRequest // with the events that are left
	done     func()
	peer     session.Peer
	key      objectKey
	admitted bool // it has waited for the object's file
	passed   bool // it has waited at the gate
	shut     bool // nothing may change
	said     sharedobject.Said
	used     bool // it has asked to use the object
	told     bool // that it does not use it
}

func (o *owner) newCall(r session.SharedObjectRequest, done func()) *call {
	return &call{o: o, r: r, done: done, key: objectKey{r.Message.Name, r.Message.Persistent}}
}

// sharedObject does what a message asks for, after what its client has asked for
// before.
func (o *owner) sharedObject(r session.SharedObjectRequest, done func()) {
	c := o.newCall(r, done)
	if obj := o.objects[c.key]; obj != nil && obj.waitingOf[r.ID]+obj.atGate.waitingOf[r.ID] > 0 {
		c.portion() // it waits with them
		return
	}
	o.lineUp(c)
}

// lineUp begins with a message, unless one of the client's is not done yet.
func (o *owner) lineUp(c *call) {
	if line, busy := o.calls[c.r.ID]; busy {
		o.calls[c.r.ID] = append(line, c)
		return
	}
	o.goOn(c)
}

// goOn does the next portion of a message. What is left then, of it and of the
// client's others, is done in later turns.
func (o *owner) goOn(c *call) {
	id := c.r.ID
	over := c.portion()
	line := o.calls[id]
	if over {
		if len(line) == 0 {
			delete(o.calls, id)
			return
		}
		c, line = line[0], line[1:]
	}
	o.calls[id] = line
	if !o.post(func(o *owner) { o.goOn(c) }) {
		c.done()
		for _, c := range line {
			c.done()
		}
		delete(o.calls, id)
	}
}

// portion does some of a message's events, one after another, and says whether the
// message is over: then done is called once all was told.
func (c *call) portion() (over bool) {
	c.peer = c.o.seen.peerOf(c.r.ID)
	if c.peer == nil {
		c.done() // it has left
		return true
	}
	if why := sharedobject.CheckName(c.key.name); why != nil {
		c.refuse(why.Error())
		c.done()
		return true
	}
	if !c.ready() || !c.pass() {
		return true
	}
	events := c.r.Message.Events
	if len(events) > maxPortion && c.said == nil {
		c.said = sharedobject.Said{}
	}
	now, lastUse := events[:min(len(events), maxPortion)], c.lastUse()
	for i := 0; i < len(now); {
		i += c.next(now[i:], i < lastUse)
	}
	if len(events) > maxPortion {
		m := *c.r.Message
		m.Events = events[maxPortion:]
		c.r.Message = &m
		return false
	}
	if obj := c.o.objects[c.key]; obj != nil {
		obj.feed.Told(c.subscription(), c.done)
		return true
	}
	c.done()
	return true
}

// next does the first of the events, or those that belong together with it, and says
// how many they are. usedBehind says that a Use comes behind it.
func (c *call) next(events []sharedobject.Event, usedBehind bool) (n int) {
	switch events[0].Type {
	case sharedobject.Use:
		if !c.used { // once is enough
			c.used = true
			c.use()
		}
		return 1
	case sharedobject.Release:
		if !usedBehind { // else it goes on
			c.o.releaseObject(c.r.ID, c.key)
		}
		return 1
	}
	for n < len(events) && events[n].Type != sharedobject.Use && events[n].Type != sharedobject.Release {
		n++
	}
	c.apply(events[:n])
	return n
}

// subscription is that of the client to the object; nil: it does not use it.
func (c *call) subscription() *sharedobject.Subscription {
	if u := c.o.uses[c.r.ID][c.key]; u != nil {
		return u.sub
	}
	return nil
}

// may is what the client may do with the object.
func (c *call) may() sharedobject.Access {
	if access := c.o.rules.Load().ObjectAccess; access != nil {
		return access(c.r.Client, c.key.name)
	}
	return sharedobject.Access{Read: true, Write: true}
}

// use makes the client a subscriber, or says why not.
func (c *call) use() {
	o, may := c.o, c.may()
	if !may.Read {
		o.releaseObject(c.r.ID, c.key) // it may have been allowed before
		c.say(sharedobject.CodeNoReadAccess, "no read access")
		return
	}
	if len(o.uses[c.r.ID]) >= maxUses && o.uses[c.r.ID][c.key] == nil {
		c.say(sharedobject.CodeCreationFailed, "too many objects of one client")
		return
	}
	obj := o.objects[c.key]
	if !may.Write && (obj == nil || obj.fresh && !obj.used()) {
		c.say(sharedobject.CodeNoWriteAccess, string(sharedobject.DeniedAccess)) // it is not there
		if obj != nil {
			o.idle(obj)
		}
		return
	}
	if obj == nil {
		var why string
		if obj, why = o.newObject(c.key, c.r.Client); obj == nil {
			c.say(sharedobject.CodeCreationFailed, why)
			return
		}
	}
	if why := o.circle(obj, c.r.Client); why != "" {
		o.releaseObject(c.r.ID, c.key)
		c.say(sharedobject.CodeCreationFailed, why)
		return
	}
	if why := o.join(obj, c.r.Client, c.peer, c.r.Form, c.r.Message.Version); why != "" {
		c.say(sharedobject.CodeCreationFailed, why)
		o.idle(obj)
	}
}

// circle says why an instance may not use an object: it keeps it. What changed at one of
// the two would go round for ever. While it is not known yet whether that has let this one
// in, it may: see Expel.
func (o *owner) circle(obj *object, c session.Client) (why string) {
	if c.Server == "" || obj.script == nil || obj.script.far == nil {
		return ""
	}
	keeper, used := obj.script.far.Keeper()
	if keeper != c.Server || !used && keeper != o.id {
		return ""
	}
	return deniedCircle
}

const deniedCircle = "the instance that asks keeps the object: two that show one another's would go on for ever"

// apply does what a client asks of an object that it uses.
func (c *call) apply(events []sharedobject.Event) {
	u := c.o.uses[c.r.ID][c.key]
	if u == nil {
		if !c.told { // once is enough
			c.told = true
			c.say(sharedobject.CodeNoWriteAccess, "the client does not use the object")
		}
		return
	}
	u.object.SetLimits(c.o.limitsOf(u.object))
	may := c.may()
	may.Write = may.Write && !c.shut
	before := u.object.before(events)
	out := u.object.ApplyPart(u.sub, &sharedobject.Message{Events: events}, may, c.said)
	u.object.tellScript(before, out)
	switch {
	case out.Denied > 0 && c.shut:
		c.log(out.Denied, deniedVersions)
	case out.Denied > 0:
		c.log(out.Denied, c.o.whyDenied(u.object, out.Why))
	}
	c.o.tell(u.object, u.sub, out)
}
