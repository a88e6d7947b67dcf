package sharedobject

import "slices"

// denials are the requests of a message about slots that were not done. What a slot is
// is said once, until it changes, behind as many Status as there are denials: a short
// message that names a large slot very often is not answered with its value each time.
type denials struct {
	denied map[string]int // where the first Status about a slot is
	again  []int          // where those are of which there is one more
}

// addTo adds what is not said yet to answers.
func (d *denials) addTo(answers []Event) []Event {
	if len(d.again) == 0 {
		return answers
	}
	slices.Sort(d.again)
	all := make([]Event, 0, len(answers)+len(d.again))
	for i, e := range answers {
		for ; len(d.again) > 0 && d.again[0] == i; d.again = d.again[1:] {
			all = append(all, e)
		}
		all = append(all, e)
	}
	return all
}

// Said are the slots that a client was told of when it was denied something about
// them, in the parts of a message; nil: it is one part.
type Said map[string]struct{}

// forget has what a slot is said again, as it has changed.
func (a *applying) forget(slot string) {
	delete(a.denied, slot)
	delete(a.said, slot)
}

// count notes that a request is not done.
func (a *applying) count(why Denial) {
	if a.out.Denied++; a.out.Denied == 1 {
		a.out.Why = why
	}
}

// refuse says that a request is not done.
func (a *applying) refuse(why Denial) {
	a.count(why)
	a.out.Requester = append(a.out.Requester, Failed(CodeNoWriteAccess))
}

// deny is refuse, and says what the slot is.
func (a *applying) deny(slot string, why Denial) {
	if at, ok := a.denied[slot]; ok {
		a.count(why)
		a.again = append(a.again, at)
		return
	}
	if a.denied == nil {
		a.denied = map[string]int{}
	}
	a.denied[slot] = len(a.out.Requester)
	a.refuse(why)
	if _, ok := a.said[slot]; ok {
		return // in a part before
	}
	if a.said != nil {
		a.said[slot] = struct{}{}
	}
	if v, ok := a.o.seenBy(a.by, slot); ok {
		a.out.Requester = append(a.out.Requester, Event{Type: Change, Name: slot, Value: v})
		return
	}
	a.out.Requester = append(a.out.Requester, Event{Type: Remove, Name: slot})
}

// seenBy is the value of a slot as far as somebody may know it: of one that others have
// changed since the object was locked, that before, or none where it was not kept. He
// is told what it has become when the object is unlocked.
func (o *Object) seenBy(by *Subscription, slot string) (Value, bool) {
	now := o.slots[slot]
	switch {
	case o.locks == 0 || now != nil && now.order <= o.lockedAt:
	case o.heldTooMuch || !o.alone(by, slot):
		now = o.was[slot]
	}
	if now == nil {
		return Value{}, false
	}
	return now.value, true
}

// alone says whether nobody else has changed a slot since the object was locked.
func (o *Object) alone(by *Subscription, slot string) bool {
	one, ok := o.touched[slot]
	return (!ok || one == by) && (!o.whole || o.cleared == by)
}

// keep keeps a slot as it was before the lock, as it is changed, if there is not too
// much of that and somebody pays.
func (o *Object) keep(name string, s *slot) {
	if o.locks == 0 || o.heldTooMuch || s == nil || s.order > o.lockedAt {
		return
	}
	bytes := int64(perEvent + len(name) + s.value.size())
	if o.heldBytes+bytes > maxHeld || !o.budget.Take(bytes) {
		return
	}
	o.heldBytes += bytes
	if o.was == nil {
		o.was = map[string]*slot{}
	}
	o.was[name] = s
}
