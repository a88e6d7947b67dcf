package instance

import (
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

const (
	// deniedVersions is why nothing changes for as long as versions cannot be written.
	deniedVersions = "versions cannot be written"
	tooManyAtGate  = deniedVersions + " yet, and too many changes wait for that"
)

// gate is what changes of persistent objects go through: none is done whose version a
// server could tell again that comes after a kill. It belongs to the owner.
type gate struct {
	raising bool      // versions are being written
	late    bool      // and that takes too long
	failed  time.Time // when they last could not be
	// waiting is what waits for them, and passing what has its turn, or is denied, now
	// that it is known whether they can be written.
	waiting, passing []waiting
}

// shut says whether nothing may change, and there is nothing to wait for.
func (o *owner) shut() bool {
	return o.flushing || o.gate.late || time.Since(o.gate.failed) < saveAgain
}

// mayChange says whether an object may be changed now.
func (o *owner) mayChange(obj *object) bool {
	return !obj.key.persistent || o.objectStore == nil || o.objectStore.May(obj.Latest()+1)
}

// pass says whether a message may be done now. One that would change what may not be
// changed yet waits, with all that its client says of the object after it; once it is
// known that nothing can be written, its changes are denied.
func (c *call) pass() bool {
	o := c.o
	obj := o.objects[c.key]
	c.shut = false
	if obj == nil {
		return true
	}
	behind := !c.passed && obj.atGate.waitingOf[c.r.ID] > 0
	if !behind {
		if !c.asksChange() || o.mayChange(obj) {
			return true
		}
		if c.passed || o.shut() { // who has waited does so once
			c.shut = true
			return true
		}
	}
	if w, later, ok := c.await(&obj.atGate, tooManyAtGate); ok {
		later.passed = true
		o.toGate(obj, w)
	}
	c.done() // the client goes on, whatever the disk does
	return false
}

// asksChange says whether the next portion of the message would change something.
func (c *call) asksChange() bool {
	events := c.r.Message.Events
	for i := range events[:min(len(events), maxPortion)] {
		switch events[i].Type {
		case sharedobject.RequestChange, sharedobject.RequestRemove, sharedobject.Clear, sharedobject.RequestClear:
			return true
		}
	}
	return false
}

// awaitGate has the server's own code wait for what clients wait for.
func (o *owner) awaitGate(obj *object, name string, f func(SharedObject), refused func(*session.Refusal)) {
	fail := func(why string) {
		refused(&session.Refusal{Code: session.RefusedFailed, Reason: fmt.Sprintf("shared object %s: %s", name, why)})
	}
	if !obj.atGate.has("", 0) {
		fail(tooManyAtGate)
		return
	}
	obj.atGate.add("", 1, 0)
	o.toGate(obj, waiting{
		run:  func(o *owner) { obj.atGate.add("", -1, 0); o.lend(obj, f) },
		fail: func(why string) { obj.atGate.add("", -1, 0); fail(why) },
	})
}

// toGate puts something behind all that waits with its object, and has versions written
// for it.
func (o *owner) toGate(obj *object, w waiting) {
	run := w.run
	w.run = func(o *owner) {
		run(o)
		o.idle(obj)
	}
	if len(o.gate.passing) > 0 {
		o.gate.passing = append(o.gate.passing, w)
		return
	}
	o.gate.waiting = append(o.gate.waiting, w)
	o.raise()
}

// raise has versions written that objects may go up to.
func (o *owner) raise() {
	if o.gate.raising {
		return
	}
	o.gate.raising = true
	inst := o.Instance
	late := time.AfterFunc(diskTimeout, func() {
		_ = inst.post(func(o *owner) {
			if o.gate.raising {
				o.gate.late = true
				o.sayVersions(errDisk)
				o.passed()
			}
		})
	})
	go func() {
		err := inst.objectStore.Raise()
		late.Stop()
		_ = inst.post(func(o *owner) {
			o.gate.raising, o.gate.late, o.gate.failed = false, false, time.Time{}
			if err != nil {
				o.gate.failed = time.Now()
				o.sayVersions(err)
			}
			o.passed()
		})
	}()
}

// passed has all that waits done, or denied, a portion in a turn.
func (o *owner) passed() {
	g := &o.gate
	under := len(g.passing) > 0
	g.passing = append(g.passing, g.waiting...)
	g.waiting = nil
	if !under {
		o.letPass()
	}
}

func (o *owner) letPass() {
	g := &o.gate
	now := g.passing
	left := o.some(now, func(w waiting) { w.run(o) })
	// What came to wait meanwhile is behind all that was there.
	g.passing = append(left, g.passing[len(now):]...)
	if len(g.passing) == 0 {
		g.passing = nil
		return
	}
	if !o.post((*owner).letPass) {
		o.turnAway(g.takeAll(), string(session.RefusedStopping))
	}
}

// takeAll takes all that waits.
func (g *gate) takeAll() []waiting {
	all := append(g.passing, g.waiting...)
	g.passing, g.waiting = nil, nil
	return all
}

// sayVersions tells the log that versions cannot be written, not often.
func (o *owner) sayVersions(err error) {
	if now := time.Now(); now.Sub(o.saidVersions) >= saySaving {
		o.saidVersions = now
		o.log.Error("persistent shared objects cannot be changed, as a server after this one could tell their versions again: make its folder writable", "err", err)
	}
}

// sayUnread tells the log of a folder that is left out, once.
func (o *owner) sayUnread() {
	if err := o.objectStore.Skipped(); err != nil && !o.saidUnread {
		o.saidUnread = true
		o.log.Error("a folder of shared objects cannot be read: those in it are of no use, and count nothing", "err", session.Printable(err.Error()))
	}
}
