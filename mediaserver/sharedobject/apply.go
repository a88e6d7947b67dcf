package sharedobject

// Access is what a client may do with an object: see it, and change it.
type Access struct{ Read, Write bool }

// Outcome is what a message has done: what the one who sent it hears, and what
// all others do, each in order.
type Outcome struct {
	Version   uint32
	Requester []Event
	Others    []Event
	Changed   bool   // the object is not what it was
	Denied    int    // requests that were not done
	Why       Denial // of the first of them

	before uint64 // the order of the last change before
	from   uint32 // the version before
	told   uint64 // that of the last that all know who have heard this
	// What follows is of a Replica: which version the changes have, where that is not known
	// as a whole with them; 0: Version. And with Clear, before which version nothing is known
	// any more; nil: before Clear's.
	at    uint32
	floor *uint32
	// claimed is the version that was told before, where that began anew since: clients are
	// told none below it, as they have all of it, and will.
	claimed uint32
}

// Apply does what a client's message asks for, one event after another. Whoever
// asks hears an answer to each request: its object takes nothing more until then.
// What is not done is answered with a Status and what the slot really is.
//
// Use and Release are for the one who knows the clients, and do nothing here. The
// version grows by one, with the first change of a message.
func (o *Object) Apply(m *Message, may Access) Outcome { return o.ApplyFor(nil, m, may) }

// ApplyFor is Apply for a message of a subscriber: of what is told when the object
// is unlocked, it does not hear its own part again.
func (o *Object) ApplyFor(by *Subscription, m *Message, may Access) Outcome {
	return o.ApplyPart(by, m, may, nil)
}

// ApplyPart is ApplyFor for a part of a message. said is what the parts before have
// said of slots, and notes what this one does.
func (o *Object) ApplyPart(by *Subscription, m *Message, may Access, said Said) Outcome {
	a := applying{o: o, by: by, may: may, said: said, out: Outcome{before: o.told(), from: o.Version()}}
	if n := len(m.Events); n > 1 { // nearly all have an answer, and are told others
		a.out.Requester, a.out.Others = make([]Event, 0, n), make([]Event, 0, n)
	}
	for i := range m.Events {
		a.event(&m.Events[i])
	}
	return a.outcome()
}

// applying is a message while it is done.
type applying struct {
	o    *Object
	by   *Subscription // nil: the server
	may  Access
	out  Outcome
	said Said
	denials
}

func (a *applying) outcome() Outcome {
	a.out.Requester = a.denials.addTo(a.out.Requester)
	a.out.Version, a.out.told = a.o.Version(), a.o.told()
	if a.o.locks > 0 {
		a.o.hold(a.by, a.out.Others)
		a.out.Others = nil
	}
	return a.out
}

func (a *applying) event(e *Event) {
	switch e.Type {
	case RequestChange:
		if e.Value.deletes() {
			a.remove(e.Name)
			return
		}
		a.change(e)
	case RequestRemove:
		a.remove(e.Name)
	case SendMessage:
		a.send(e)
	case Clear, RequestClear:
		a.clear()
	}
}

// both tells everybody the same.
func (a *applying) both(e Event) {
	a.out.Requester = append(a.out.Requester, e)
	a.out.Others = append(a.out.Others, e)
}

// next is the version of what is changed now.
func (a *applying) next() uint32 {
	if a.out.Changed {
		return a.o.version
	}
	return a.o.version + 1
}

func (a *applying) changed() {
	a.o.version = a.next()
	a.out.Changed = true
}

func (a *applying) change(e *Event) {
	why := DeniedAccess
	if a.may.Write {
		why = a.o.set(e.Name, e.Value, a.next())
	}
	if why != "" {
		a.deny(e.Name, why)
		return
	}
	a.changed()
	a.forget(e.Name)
	a.out.Requester = append(a.out.Requester, Event{Type: Success, Name: e.Name})
	a.out.Others = append(a.out.Others, Event{Type: Change, Name: e.Name, Value: e.Value})
}

// remove deletes a slot. Everybody hears a Remove: ActionScript's reference says
// that a deletion comes back to the one who asked as "delete". (Red5 answers him
// with Success.)
func (a *applying) remove(name string) {
	if !a.may.Write {
		a.deny(name, DeniedAccess)
		return
	}
	gone := Event{Type: Remove, Name: name}
	if !a.o.remove(name, a.next()) {
		a.out.Requester = append(a.out.Requester, gone) // he waits for an answer
		return
	}
	a.changed()
	a.forget(name)
	a.both(gone)
}

// send passes a message on to everybody, the sender included.
func (a *applying) send(e *Event) {
	switch most := a.o.limits.SlotBytes; {
	case !a.may.Write:
		a.refuse(DeniedAccess)
	case most > 0 && e.Value.counts() > most:
		a.refuse(DeniedSlotSize)
	default:
		a.both(*e)
	}
}

func (a *applying) clear() {
	if !a.may.Write {
		a.refuse(DeniedAccess)
		return
	}
	a.o.empty(a.next())
	a.changed()
	clear(a.denied)
	clear(a.said)
	a.both(Event{Type: Clear})
}

// What follows is for the server's own code, which is denied nothing but what a
// limit does. Each returns what all subscribers are to hear: nothing while the
// object is locked.

// Set puts a value into a slot: null and undefined delete it. false: a limit is
// in the way.
func (o *Object) Set(name string, v Value) (Outcome, bool) {
	return o.own(Event{Type: RequestChange, Name: name, Value: v})
}

// Delete deletes a slot.
func (o *Object) Delete(name string) Outcome {
	out, _ := o.own(Event{Type: RequestRemove, Name: name})
	return out
}

// Empty deletes all slots.
func (o *Object) Empty() Outcome {
	out, _ := o.own(Event{Type: Clear})
	return out
}

// Send calls a handler of all subscribers: v is its name and the arguments.
func (o *Object) Send(v Value) (Outcome, bool) {
	return o.own(Event{Type: SendMessage, Value: v})
}

func (o *Object) own(e Event) (Outcome, bool) {
	out := o.Apply(&Message{Events: []Event{e}}, Access{Read: true, Write: true})
	done := out.Denied == 0
	out.Requester = nil // nobody hears it
	return out, done
}
