package script

import (
	"fmt"
	"slices"
	"time"

	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// hear is told what a client that is here has done: the far server hears of it, and
// the script.
func (p *proxied) hear(n ObjectNews) {
	switch n.Kind {
	case ObjectCleared:
		p.clear()
	case ObjectSent:
		p.send(n.Call, false)
	default:
		p.mark(n.Name, n.Kind != ObjectDeleted, false)
	}
	p.so.hear(n)
}

// Owes is how many slots the object has lost that the far server is still to hear of, and
// the bytes of their names: they take up room as if they were there, or clients that go
// on making slots and deleting them would fill the memory while the far server is silent.
// For what that says itself they count half: its word is the last, and what it has room
// for is to be had here.
func (p *proxied) Owes() (slots, bytes int) {
	if p.hearing {
		return p.lost / 2, p.lostLen / 2
	}
	return p.lost, p.lostLen
}

// scriptChanged has a slot asked for that the script has changed.
func (p *proxied) scriptChanged(o OpenObject, name string) {
	if p.to == nil {
		return
	}
	_, held := o.Get(name)
	_, known := p.known[name]
	if held || known || p.slots[name] != nil {
		p.mark(name, held, true)
		return
	}
	// It was not there to be deleted.
	switch lost, _ := p.Owes(); {
	case !p.partial:
		p.so.hear(ObjectNews{Kind: objectAccepted, Name: name})
	case lost >= maxUnheld:
		p.so.hear(ObjectNews{Kind: objectRejected, Name: name})
		p.so.failed("SharedObject.Failed", fmt.Errorf("shared object %s: slot %s cannot be deleted at %s, which has not answered about %d others: wait for it", p.so.key.Name, name, p.url, lost))
	default:
		p.mark(name, false, true)
	}
}

// maxUnheld is how many slots that the script deletes, and that are not here, may wait for
// the far server.
const maxUnheld = 10000

// mark has a slot asked for, as it will be then; held says whether it is there now.
func (p *proxied) mark(name string, held, mine bool) {
	if p.to == nil {
		return
	}
	s := p.slots[name]
	if s == nil {
		s = &proxiedSlot{}
		p.slots[name] = s
	}
	p.lose(s, name, !held)
	s.mine = s.mine || mine
	if !s.dirty {
		s.dirty = true
		if !s.asked {
			p.waiting = append(p.waiting, name)
		}
	}
	p.pull()
}

// lose notes whether the object has a slot.
func (p *proxied) lose(s *proxiedSlot, name string, lost bool) {
	switch {
	case s.lost == lost:
		return
	case lost:
		p.lost++
		p.lostLen += len(name)
	default:
		p.lost--
		p.lostLen -= len(name)
	}
	s.lost = lost
}

// drop forgets a slot that has nothing under way any more.
func (p *proxied) drop(s *proxiedSlot, name string) {
	p.lose(s, name, false)
	delete(p.slots, name)
}

// knows notes what the far server has in a slot, if the object has room for it.
func (p *proxied) knows(o OpenObject, name string, v sharedobject.Value) {
	if _, held := o.Get(name); len(v.Raw) > 0 && (held || p.slots[name] != nil) {
		p.known[name] = hashOf(v)
		return
	}
	delete(p.known, name)
}

// pull asks for what waits, in another turn.
func (p *proxied) pull() {
	if p.pulling || len(p.waiting) == 0 || p.full() {
		return
	}
	p.pulling = true
	p.turn(func(o OpenObject) {
		p.pulling = false
		for n := 0; n < farAtOnce && len(p.waiting) > 0 && !p.full(); n++ {
			name := p.waiting[0]
			p.waiting = p.waiting[1:]
			p.ask(o, name)
		}
		p.pull()
	})
}

func (p *proxied) full() bool { return p.asked >= maxAsked || p.bytes >= askedBytes }

// ask asks for a slot as it is now.
func (p *proxied) ask(o OpenObject, name string) {
	s := p.slots[name]
	if s == nil {
		return
	}
	s.dirty = false
	v, ok := o.Get(name)
	known, its := p.known[name]
	if ok && its && known == hashOf(v) || !ok && !its && !p.partial {
		p.accepted(s, name) // it is so already
		p.drop(s, name)
		return
	}
	e := sharedobject.Event{Type: sharedobject.RequestRemove, Name: name}
	if ok {
		e = sharedobject.Event{Type: sharedobject.RequestChange, Name: name, Value: v}
	}
	s.asked, s.gone, s.value = true, false, v
	p.asked++
	p.bytes += len(v.Raw)
	p.awaitSlot()
	_ = p.tell(e) // what cannot be sent ends with its connection
}

// accepted tells the script that what it has asked for is so.
func (p *proxied) accepted(s *proxiedSlot, name string) {
	if s.mine {
		p.so.hear(ObjectNews{Kind: objectAccepted, Name: name})
	}
	s.mine = false
}

// answered notes that a slot is asked for no more, and has it asked for again if it has
// changed meanwhile.
func (p *proxied) answered(s *proxiedSlot, name string) {
	p.asked--
	p.bytes -= len(s.value.Raw)
	s.asked, s.value = false, sharedobject.Value{}
	if s.dirty {
		p.waiting = append(p.waiting, name)
	} else {
		p.drop(s, name)
	}
	p.heard()
	p.pull()
}

// clear has the far server empty the object. Until it has, what it has got meanwhile is
// deleted slot by slot if that is to go, too.
func (p *proxied) clear() {
	if p.to == nil {
		return
	}
	p.waiting = nil
	for name, s := range p.slots { // nothing of it is there any more
		if !s.asked {
			p.accepted(s, name)
			p.drop(s, name)
			continue
		}
		p.lose(s, name, true)
		s.dirty = p.clearing()
	}
	switch {
	case p.clearing():
		for name := range p.known {
			p.mark(name, false, false)
		}
	case len(p.known) > 0 || p.asked > 0:
		p.sent = append(p.sent, sentMessage{clear: true, at: time.Now()})
		p.awaitMessage()
		clear(p.known)
		p.partial = true // until it has done so
		_ = p.tell(sharedobject.Event{Type: sharedobject.Clear})
	}
}

// clearing says whether the far server has not said yet that it has emptied the object.
func (p *proxied) clearing() bool {
	return slices.ContainsFunc(p.sent, func(m sentMessage) bool { return m.clear })
}

// send sends a message to all, by way of the far server. The script's own is delivered
// here when it comes back; a client's has been.
func (p *proxied) send(call sharedobject.Value, mine bool) {
	if p.to == nil {
		return
	}
	held := len(call.Raw)
	for _, m := range p.sent {
		held += m.size
	}
	if len(p.sent) >= maxSent || held > sentBytes {
		p.so.failed("SharedObject.Failed", fmt.Errorf("shared object %s: a message is lost: %s, which keeps the object, does not keep up", p.so.key.Name, p.url))
		return
	}
	p.sent = append(p.sent, sentMessage{hash: hashOf(call), size: len(call.Raw), mine: mine, at: time.Now()})
	p.awaitMessage()
	_ = p.tell(sharedobject.Event{Type: sharedobject.SendMessage, Value: call})
}
