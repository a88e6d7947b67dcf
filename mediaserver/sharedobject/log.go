package sharedobject

import "slices"

// change is one entry of an object's log: what has become of a slot at a time.
type change struct {
	order   uint64 // among all changes of the object
	version uint32 // that it was given
	name    string
	slot    *slot // nil: the slot was deleted
	dead    bool  // the slot was changed again since, or its deletion is forgotten
}

// changes is the log of an object: all slots that there are, and deletions that
// are remembered, each once, in the order of their last change. Orders and
// versions grow together.
type changes struct {
	last uint64 // order ever given
	list []change
	dead int
}

// keptDead is how many dead entries are not worth to be taken out.
const keptDead = 32

// add appends what has become of a slot, and returns its order.
func (l *changes) add(name string, version uint32, s *slot) uint64 {
	l.last++
	l.list = append(l.list, change{order: l.last, version: version, name: name, slot: s})
	return l.last
}

// bury says that what stands at an order counts no more. It may move the others.
func (l *changes) bury(order uint64) {
	i := l.after(order - 1)
	l.list[i] = change{order: order, version: l.list[i].version, dead: true}
	if l.dead++; l.dead > keptDead && l.dead > len(l.list)/2 {
		l.list = slices.DeleteFunc(l.list, func(c change) bool { return c.dead })
		if cap(l.list) > 4*(len(l.list)+keptDead) {
			l.list = slices.Clone(l.list) // nobody pays for room that is not used any more
		}
		l.dead = 0
	}
}

// clear takes everything out. It is a change by itself.
func (l *changes) clear() {
	l.list, l.dead = nil, 0
	l.last++
}

// after is the place of the first entry behind an order.
func (l *changes) after(order uint64) int {
	i, _ := slices.BinarySearchFunc(l.list, order, func(c change, order uint64) int {
		if c.order <= order {
			return -1
		}
		return 1
	})
	return i
}

// afterVersion is the order up to which all belongs to a version, or to one before.
func (l *changes) afterVersion(version uint32) uint64 {
	i, _ := slices.BinarySearchFunc(l.list, version, func(c change, version uint32) int {
		if c.version <= version {
			return -1
		}
		return 1
	})
	if i == len(l.list) {
		return l.last
	}
	return l.list[i].order - 1
}

// Cursor is how much of an object a client has been told. The zero value is for one
// that knows nothing, or something that is not true any more.
type Cursor struct {
	at    uint64 // all that has happened up to this order
	clean uint64 // no slot is known to the client that was deleted up to this one
	// until is the order of the last change that it is to be told of before something
	// else; 0: there is nothing else.
	until uint64
	// carried: it is a replica, which is told with Clear how far back it knows all, and what
	// was deleted since; has is the version that it begins with, if any.
	carried bool
	has     uint32
}

// Piece is a part of what a client must be told to know all of an object: one
// message.
type Piece struct {
	// Version is the last of which a client has all that has been told so: the
	// object's where that is all there is.
	Version uint32
	Events  []Event // none: there is nothing to tell
	Next    Cursor  // of a client that has been told so
	// Last says that it knows all then that there is now.
	Last bool

	told uint64 // the order of the last change that all know now
}

// maxPiece bounds the events of a piece: what the owner of an object does for one
// client in a turn.
const maxPiece = 512

// Begin is the cursor of a client that has been told Clear just now.
func (o *Object) Begin() Cursor { return Cursor{clean: o.log.last} }

// Since is the cursor of a client that has seen a version last; false: it cannot be
// told what has changed since, and must be told Clear.
func (o *Object) Since(version uint32) (Cursor, bool) {
	if !o.Recent(version) {
		return Cursor{}, false
	}
	return Cursor{at: o.log.afterVersion(version)}, true
}

// Piece is what a client must be told next that has been told so much: a message of
// so many bytes at most, or of one slot. It costs what it returns. What has changed
// since the object was locked is not in it.
func (o *Object) Piece(c Cursor, most int) Piece {
	until, clean := o.told(), o.log.last
	if c.until > 0 {
		until = min(until, c.until)
		clean = until // the other may be about a slot that is deleted by now
	}
	begins := c.at == 0 && c.clean == 0
	if begins && c.has > 0 && o.Persistent {
		if known, ok := o.Since(c.has); ok {
			begins, c.at = false, known.at
		}
	}
	p := Piece{Next: Cursor{at: c.at, clean: c.clean, carried: c.carried}, told: o.told()}
	if begins || o.forgot > c.at && o.forgot > c.clean {
		if c.until > 0 && until < o.forgot { // the other is about what Clear takes away
			p.Next.at = until
			return p
		}
		if c.carried {
			since := max(o.Version(), o.floor) // a replica may be told still what there is
			if begins {
				since, clean = o.floor, max(o.forgot, 1)
			}
			p.Events = append(p.Events, knownSince(since))
		}
		p.Events = append(p.Events, Event{Type: Clear})
		p.Next.at, p.Next.clean = 0, clean
	}
	bytes, values, version := 0, 0, uint32(0)
	i := o.log.after(p.Next.at)
	for ; i < len(o.log.list) && o.log.list[i].order <= until; i++ {
		one := &o.log.list[i]
		if one.dead || one.slot == nil && one.order <= p.Next.clean {
			continue
		}
		e := Event{Type: Remove, Name: one.name}
		if one.slot != nil {
			e.Type, e.Value = Change, one.slot.value
		}
		if bytes += e.largest(); bytes > most && len(p.Events) > 0 || len(p.Events) == maxPiece || e.Value.Refers && values > 0 {
			p.Version = o.knows(i, p.Next.clean)
			return p
		}
		if e.Type == Change {
			values++
		}
		if c.carried && one.version != version {
			version = one.version
			p.Events = append(p.Events, by(0, version))
		}
		p.Events = append(p.Events, e)
		p.Next.at = one.order
	}
	p.Version = o.knows(i, p.Next.clean)
	p.Next.at, p.Last = until, until == o.told()
	return p
}

// Join is a piece without events for one that comes with a cursor: it says whether
// there is anything that it does not know.
func (o *Object) Join(c Cursor) Piece {
	p := o.Piece(c, 0)
	if len(p.Events) > 0 {
		p = Piece{Version: o.knows(o.log.after(c.at), c.clean), Next: c, told: o.told()}
	}
	return p
}

// knows is the version of which a client has all that has been told all of the log
// before a place, and of no slot that was deleted up to an order: the one before that
// of the first entry that it must still be told.
func (o *Object) knows(place int, clean uint64) uint32 {
	for ; place < len(o.log.list) && o.log.list[place].order <= o.told(); place++ {
		if one := &o.log.list[place]; !one.dead && (one.slot != nil || one.order > clean) {
			return min(max(one.version, 1)-1, o.Version()) // a replica has what a lock has kept at a later one
		}
	}
	return o.Version()
}

// told is the order up to which everybody has been told what has happened, or is
// about to be.
func (o *Object) told() uint64 {
	if o.locks > 0 {
		return o.lockedAt
	}
	return o.log.last
}

// named is a slot with its name.
type named struct {
	name string
	*slot
}

// live are all slots, in the order of their last changes.
func (o *Object) live() []named {
	all := make([]named, 0, len(o.slots))
	for i := range o.log.list {
		if one := &o.log.list[i]; one.slot != nil {
			all = append(all, named{one.name, one.slot})
		}
	}
	return all
}

// Newest goes through the slots, those that were changed last first, until f returns
// false.
func (o *Object) Newest(f func(name string, v Value) bool) {
	for i := len(o.log.list) - 1; i >= 0; i-- {
		if one := &o.log.list[i]; one.slot != nil && !f(one.name, one.slot.value) {
			return
		}
	}
}
