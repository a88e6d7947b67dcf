package sharedobject

import "flashpod.dev/flashpod/mediaserver/budget"

// Limits bound one object; 0 is none.
type Limits struct {
	Slots     int
	SlotBytes int // of a slot's name and its value, or of what one send carries
	Bytes     int // of all slots
	// Owes is how many slots, and bytes of their names, count as if they were there; nil:
	// none. It is asked with each slot that is new or grows.
	Owes func() (slots, bytes int)
}

func (l *Limits) owes() (slots, bytes int) {
	if l.Owes == nil {
		return 0, 0
	}
	return l.Owes()
}

const (
	// perSlot is what a slot costs beside its name and value, and perGone one that
	// was deleted: its entries in the log, of which half may be dead, and in a map.
	perSlot = 256
	perGone = 208
	// maxGone bounds the deleted slots that are remembered: with more, the older half
	// is forgotten, and clients that were away for longer get all of the object in
	// place of what has changed.
	maxGone = 1024
)

// Object is the state of one shared object: slots, and a version that grows by
// one with each message that changes any, or with each portion of one. It is not
// for several goroutines at once.
type Object struct {
	Name       string
	Persistent bool
	// ResyncDepth is how many versions a client may have missed and still get
	// the changes alone; 0: any number.
	ResyncDepth uint32

	limits Limits
	budget *budget.Budget

	version uint32
	log     changes
	slots   map[string]*slot
	gone    map[string]*slot // that were deleted: without values
	floor   uint32           // what has happened before this version is forgotten
	forgot  uint64           // the order of the last change that is
	bytes   int              // of slots, against the limit
	paid    int64            // taken of the budget
	goneLen int              // of the names of gone
	// mirrors says that it shows another server's: what it takes is taken whether it is
	// there or not.
	mirrors bool

	locked
}

// slot is never changed: one that gets another value is another slot.
type slot struct {
	value   Value
	version uint32 // of its last change
	order   uint64 // of its entry in the log
}

// NewObject makes an object without slots, of version 1. What it holds is paid
// for by the budget; nil: it has no bound.
func NewObject(name string, persistent bool, limits Limits, b *budget.Budget) *Object {
	return &Object{
		Name: name, Persistent: persistent, limits: limits, budget: b,
		version: 1, log: changes{last: 1}, slots: map[string]*slot{}, gone: map[string]*slot{},
	}
}

// SetLimits changes the limits: what is there stays.
func (o *Object) SetLimits(l Limits) { o.limits = l }

// Version is the object's version; while it is locked, that before.
func (o *Object) Version() uint32 {
	if o.locks > 0 {
		return o.lockedVersion
	}
	return o.version
}

// Locked says whether somebody has it locked.
func (o *Object) Locked() bool { return o.locks > 0 }

// Len is how many slots there are.
func (o *Object) Len() int { return len(o.slots) }

// Bytes is how much is in its slots, names and values.
func (o *Object) Bytes() int { return o.bytes }

// Get returns the value of a slot.
func (o *Object) Get(name string) (Value, bool) {
	s, ok := o.slots[name]
	if !ok {
		return Value{}, false
	}
	return s.value, true
}

// Names are those of the slots, in the order in which they were last changed.
func (o *Object) Names() []string {
	all := o.live()
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.name
	}
	return names
}

// Drop gives back what was paid for. The object is not used afterwards.
func (o *Object) Drop() {
	o.dropHeld()
	o.budget.Give(o.paid)
	o.paid = 0
}

// pay has the budget pay for so many bytes more; fewer are always given back.
func (o *Object) pay(bytes int) bool {
	if bytes < 0 {
		o.budget.Give(int64(-bytes))
	} else if o.mirrors {
		o.budget.Owe(int64(bytes))
	} else if !o.budget.Take(int64(bytes)) {
		return false
	}
	o.paid += int64(bytes)
	return true
}

// Denial is why a request was not done, in a few fixed words.
type Denial string

// Why a request is not done.
const (
	DeniedAccess   Denial = "no write access"
	DeniedSlotName Denial = "bad name of a slot"
	DeniedSlotSize Denial = "slot too large"
	DeniedSlots    Denial = "too many slots"
	DeniedSize     Denial = "object too large"
	DeniedBudget   Denial = "the server's budget is used up"
)

// set puts a value into a slot, at a version, or says why not.
func (o *Object) set(name string, v Value, version uint32) Denial {
	old := o.slots[name]
	bytes := len(name) + v.counts()
	grows, costs := bytes, perSlot+len(name)+v.size()
	if old != nil {
		grows -= len(name) + old.value.counts()
		costs = v.size() - old.value.size()
	}
	l := o.limits
	owed, owedBytes := l.owes()
	switch {
	case len(name) == 0 || len(name) > maxSlotName:
		return DeniedSlotName
	case l.SlotBytes > 0 && bytes > l.SlotBytes:
		return DeniedSlotSize
	case l.Slots > 0 && old == nil && len(o.slots)+owed >= l.Slots:
		return DeniedSlots
	case l.Bytes > 0 && grows > 0 && o.bytes+owedBytes+grows > l.Bytes:
		return DeniedSize
	case !o.pay(costs):
		return DeniedBudget
	}
	o.bytes += grows
	o.keep(name, old)
	if old != nil {
		o.log.bury(old.order)
	}
	o.forget(name)
	s := &slot{value: v, version: version}
	s.order = o.log.add(name, version, s)
	o.slots[name] = s
	return ""
}

// remove deletes a slot, at a version; false: there is none.
func (o *Object) remove(name string, version uint32) bool {
	s, ok := o.slots[name]
	if !ok {
		return false
	}
	delete(o.slots, name)
	o.keep(name, s)
	o.log.bury(s.order)
	o.bytes -= len(name) + s.value.counts()
	o.pay(-(perSlot + len(name) + s.value.size()))
	o.bury(name, version)
	return true
}

// bury remembers that there is no slot of a name since a version, or else forgets all that
// there was.
func (o *Object) bury(name string, version uint32) {
	o.forget(name)
	if len(o.gone) >= maxGone {
		o.forgetSome(maxGone / 2)
	}
	if !o.pay(perGone + len(name)) {
		o.log.last++
		o.forgetAll(version)
		return
	}
	o.gone[name] = &slot{version: version, order: o.log.add(name, version, nil)}
	o.goneLen += len(name)
}

// forget takes a slot out of those that were deleted, and returns its order; 0: it
// is none of them.
func (o *Object) forget(name string) (order uint64) {
	s, ok := o.gone[name]
	if !ok {
		return 0
	}
	delete(o.gone, name)
	o.goneLen -= len(name)
	o.pay(-(perGone + len(name)))
	o.log.bury(s.order)
	return s.order
}

// forgetAll forgets what was deleted up to a version, which is the last: clients
// that have not seen that version get all of the object.
func (o *Object) forgetAll(version uint32) {
	if len(o.gone) > 0 {
		for name := range o.gone {
			o.forget(name)
		}
		o.gone = map[string]*slot{} // one that was large stays slow to walk
	}
	o.floor, o.forgot = max(o.floor, version), o.log.last
}

// forgetSome forgets so many of the deleted slots, those that were deleted first.
func (o *Object) forgetSome(n int) {
	o.forgetWhile(func(c *change) bool {
		if n--; n < 0 {
			return false
		}
		o.floor = max(o.floor, c.version)
		return true
	})
}

// forgetWhile forgets deleted slots in the order of their deletion, as long as f
// says so.
func (o *Object) forgetWhile(f func(*change) bool) {
	var names []string // the log moves while it is changed
	for i := range o.log.list {
		one := &o.log.list[i]
		if one.dead || one.slot != nil {
			continue
		}
		if !f(one) {
			break
		}
		names = append(names, one.name)
	}
	for _, name := range names {
		o.forgot = max(o.forgot, o.forget(name))
	}
}

// Purge forgets what was deleted before a version.
func (o *Object) Purge(version uint32) {
	o.forgetWhile(func(c *change) bool { return c.version < version })
	o.floor = max(o.floor, min(version, o.version))
}

// empty deletes all slots, at a version. It costs the same however many there are, or
// once were, but under a lock: maps that are emptied would be walked from end to end.
func (o *Object) empty(version uint32) {
	if o.locks > 0 {
		for name, s := range o.slots {
			o.keep(name, s)
		}
	}
	o.pay(-int(o.paid)) // for slots, there and gone, and for nothing else
	if len(o.slots) > 0 {
		o.slots = map[string]*slot{}
	}
	if len(o.gone) > 0 {
		o.gone = map[string]*slot{}
	}
	o.log.clear()
	o.bytes, o.goneLen = 0, 0
	o.floor, o.forgot = max(o.floor, version), o.log.last
}

// Recent says whether a client that has seen a version last can be told what has
// changed since, and nothing else. Of a transient object that never holds for one
// that comes back: it may have been another object.
func (o *Object) Recent(version uint32) bool {
	return version > 0 && version >= o.floor && version <= o.version &&
		(o.ResyncDepth == 0 || o.version-version <= o.ResyncDepth)
}
