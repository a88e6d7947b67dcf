package sharedobject

import "slices"

// maxHeld bounds what is kept of changes while an object is locked, in bytes of
// memory.
const maxHeld = 1 << 20

// locked is what an object has while the server has it locked.
type locked struct {
	locks         int
	lockedAt      uint64 // the order of the last change before
	lockedVersion uint32
	held          []Part
	heldBytes     int64 // taken of the budget
	heldTooMuch   bool  // some of it was not kept
	// touched is who has changed a slot meanwhile, and cleared, if whole says so, who
	// all of them; nil: the server.
	touched map[string]*Subscription
	cleared *Subscription
	whole   bool
	was     map[string]*slot // slots before, of those that were changed meanwhile
}

// several stands for more than one.
var several = &Subscription{}

// Part is what happens to an object by one who may have asked for it.
type Part struct {
	By     *Subscription // who has heard of it already; nil: nobody
	Events []Event
}

// Unlocked is what is to be told when an object is not locked any more.
type Unlocked struct {
	Left    int // locks; with some, nothing is to be told
	Version uint32
	Parts   []Part // in order; they belong together
	// TooMuch says that the parts are not all: each who was told what had happened
	// before the lock gets what has changed since.
	TooMuch bool

	before uint64 // the order of the last change before the lock
	from   uint32 // and its version
	told   uint64
}

// Lock has changes kept until Unlock. Locks nest.
func (o *Object) Lock() {
	if o.locks == 0 {
		o.lockedAt, o.lockedVersion = o.log.last, o.version
	}
	o.locks++
}

// Unlock takes one lock back, and returns how many are left, and with the last
// what has happened. Without a lock it does nothing.
func (o *Object) Unlock() (u Unlocked) {
	if o.locks > 0 {
		o.locks--
	}
	u.before, u.from = o.lockedAt, o.lockedVersion
	if u.Left = o.locks; o.locks == 0 {
		u.Parts, u.TooMuch = o.held, o.heldTooMuch
		o.dropHeld()
	}
	u.Version, u.told = o.Version(), o.told()
	return u
}

// hold keeps what others are to hear later, as long as there is not too much of it
// and somebody pays.
func (o *Object) hold(by *Subscription, events []Event) {
	if len(events) == 0 || o.heldTooMuch {
		return
	}
	bytes := int64(memory(events))
	if o.heldBytes+bytes > maxHeld || !o.budget.Take(bytes) {
		o.dropHeld()
		o.heldTooMuch = true
		return
	}
	o.heldBytes += bytes
	for _, e := range events {
		by := by
		if !o.touch(by, &e) {
			by = nil // it will hear another's change first, and needs its own again
		}
		if n := len(o.held); n > 0 && o.held[n-1].By == by {
			o.held[n-1].Events = append(o.held[n-1].Events, e)
			continue
		}
		o.held = append(o.held, Part{by, []Event{e}})
	}
}

// Again says that a subscriber begins, perhaps anew, or after it has left: of what
// others are to hear later it hears its own changes, too. What it has sent it has heard.
func (o *Object) Again(s *Subscription) {
	own := func(by *Subscription) bool { return by != nil && by.to == s.to }
	if slices.ContainsFunc(o.held, func(p Part) bool { return own(p.By) }) {
		var held []Part
		for _, p := range o.held {
			if own(p.By) {
				held = p.again(held, s)
			} else {
				held = append(held, p)
			}
		}
		o.held = held
	}
	for name, one := range o.touched {
		if own(one) {
			o.touched[name] = several
		}
	}
	if own(o.cleared) {
		o.cleared = several
	}
}

// again appends parts, of which a subscriber hears all but what it has sent.
func (p Part) again(to []Part, s *Subscription) []Part {
	for len(p.Events) > 0 {
		n, part := 1, Part{}
		if p.Events[0].Type == SendMessage {
			part.By = s
		}
		for n < len(p.Events) && (p.Events[n].Type == SendMessage) == (part.By != nil) {
			n++
		}
		part.Events, p.Events = p.Events[:n:n], p.Events[n:]
		to = append(to, part)
	}
	return to
}

// touch notes who has changed a slot, and says whether nobody else has since the
// object was locked.
func (o *Object) touch(by *Subscription, e *Event) (alone bool) {
	if e.Type == SendMessage {
		return true
	}
	alone = !o.whole || o.cleared == by
	if e.Type == Clear {
		for _, one := range o.touched {
			alone = alone && one == by
		}
		if o.touched, o.cleared, o.whole = nil, by, true; !alone {
			o.cleared = several
		}
		return alone
	}
	if one, ok := o.touched[e.Name]; ok {
		alone = one == by
	}
	if o.touched == nil {
		o.touched = map[string]*Subscription{}
	}
	if o.touched[e.Name] = by; !alone {
		o.touched[e.Name] = several
	}
	return alone
}

func (o *Object) dropHeld() {
	o.budget.Give(o.heldBytes)
	o.held, o.heldBytes, o.heldTooMuch = nil, 0, false
	o.touched, o.cleared, o.whole, o.was = nil, nil, false, nil
}

// memory is what events hold of it, in bytes, about.
func memory(events []Event) (bytes int) {
	for i := range events {
		bytes += perEvent + len(events[i].Name) + events[i].Value.size()
	}
	return bytes
}
