package sharedobject

import (
	"cmp"
	"slices"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// Limits bound one object; 0 is none.
type Limits struct {
	Slots     int
	SlotBytes int // of a slot's name and its value, or of what one send carries
	Bytes     int // of all slots
}

const (
	// perSlot is what a slot costs beside its name and value, and perGone one that
	// was deleted.
	perSlot = 160
	perGone = 96
	// maxGone bounds the deleted slots that are remembered: with more, clients
	// that were away get all of the object in place of what has changed.
	maxGone = 4096
)

// Object is the state of one shared object: slots, and a version that grows by
// one with each message that changes any. It is not for several goroutines at
// once.
type Object struct {
	Name       string
	Persistent bool
	// ResyncDepth is how many versions a client may have missed and still get
	// the changes alone; 0: any number.
	ResyncDepth uint32

	limits Limits
	budget *budget.Budget

	version uint32
	changes uint64 // of slots, ever
	slots   map[string]*slot
	gone    map[string]uint32 // versions at which slots were deleted
	floor   uint32            // what has happened before it is forgotten
	bytes   int               // of slots, against the limit
	paid    int64             // taken of the budget

	locks int     // of the server
	held  []Event // what changed under them
}

type slot struct {
	value   Value
	version uint32 // of its last change
	order   uint64 // among all changes
}

func newSlot(v Value, version uint32, order uint64) *slot {
	return &slot{value: v, version: version, order: order}
}

// NewObject makes an object without slots, of version 1. What it holds is paid
// for by the budget; nil: it has no bound.
func NewObject(name string, persistent bool, limits Limits, b *budget.Budget) *Object {
	return &Object{
		Name: name, Persistent: persistent, limits: limits, budget: b,
		version: 1, slots: map[string]*slot{}, gone: map[string]uint32{},
	}
}

// SetLimits changes the limits: what is there stays.
func (o *Object) SetLimits(l Limits) { o.limits = l }

// Version is the object's version.
func (o *Object) Version() uint32 { return o.version }

// Len is how many slots there are, and Bytes how much is in them.
func (o *Object) Len() int   { return len(o.slots) }
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
	all := o.since(0)
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.name
	}
	return names
}

// Drop gives back what was paid for. The object is not used afterwards.
func (o *Object) Drop() {
	o.budget.Give(o.paid)
	o.paid = 0
}

// pay has the budget pay for so many bytes more; fewer are always given back.
func (o *Object) pay(bytes int) bool {
	if bytes < 0 {
		o.budget.Give(int64(-bytes))
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
	bytes := len(name) + len(v.Raw)
	grows, costs := bytes, perSlot+len(name)+v.size()
	if old != nil {
		grows -= len(name) + len(old.value.Raw)
		costs = v.size() - old.value.size()
	}
	l := o.limits
	switch {
	case len(name) == 0 || len(name) > maxSlotName:
		return DeniedSlotName
	case l.SlotBytes > 0 && bytes > l.SlotBytes:
		return DeniedSlotSize
	case l.Slots > 0 && old == nil && len(o.slots) >= l.Slots:
		return DeniedSlots
	case l.Bytes > 0 && grows > 0 && o.bytes+grows > l.Bytes:
		return DeniedSize
	case !o.pay(costs):
		return DeniedBudget
	}
	o.bytes += grows
	o.changes++
	o.slots[name] = newSlot(v, version, o.changes)
	o.forget(name)
	return ""
}

// remove deletes a slot, at a version; false: there is none.
func (o *Object) remove(name string, version uint32) bool {
	s, ok := o.slots[name]
	if !ok {
		return false
	}
	delete(o.slots, name)
	o.bytes -= len(name) + len(s.value.Raw)
	o.pay(-(perSlot + len(name) + s.value.size()))
	if len(o.gone) >= maxGone || !o.pay(perGone+len(name)) {
		o.forgetAll(version)
		return true
	}
	o.gone[name] = version
	return true
}

// forget takes a slot out of those that were deleted.
func (o *Object) forget(name string) {
	if _, ok := o.gone[name]; ok {
		delete(o.gone, name)
		o.pay(-(perGone + len(name)))
	}
}

// forgetAll forgets what was deleted up to a version: clients that have not seen
// that version get all of the object.
func (o *Object) forgetAll(version uint32) {
	for name := range o.gone {
		o.pay(-(perGone + len(name)))
	}
	clear(o.gone)
	o.floor = max(o.floor, version)
}

// Purge forgets what was deleted before a version.
func (o *Object) Purge(version uint32) {
	for name, at := range o.gone {
		if at < version {
			o.forget(name)
		}
	}
	o.floor = max(o.floor, min(version, o.version))
}

// empty deletes all slots, at a version.
func (o *Object) empty(version uint32) {
	for name, s := range o.slots {
		o.pay(-(perSlot + len(name) + s.value.size()))
	}
	clear(o.slots)
	o.bytes = 0
	o.forgetAll(version)
}

type named struct {
	name string
	*slot
}

// since are the slots that were changed after a version, in their order.
func (o *Object) since(version uint32) []named {
	var all []named
	for name, s := range o.slots {
		if s.version > version {
			all = append(all, named{name, s})
		}
	}
	slices.SortFunc(all, func(a, b named) int {
		return cmp.Compare(a.order, b.order)
	})
	return all
}

// Recent says whether a client that has seen a version last can be told what has
// changed since, and nothing else. Of a transient object that never holds for one
// that comes back: it may have been another object.
func (o *Object) Recent(version uint32) bool {
	return version > 0 && version >= o.floor && version <= o.version &&
		(o.ResyncDepth == 0 || o.version-version <= o.ResyncDepth)
}

// State is what a client must be told that has seen a version last: what was
// deleted and changed since, where it is Recent, else Clear and all there is.
func (o *Object) State(version uint32) []Event {
	var events []Event
	if !o.Recent(version) {
		version = 0
		events = append(events, Event{Type: Clear})
	} else {
		for name, at := range o.gone {
			if at > version {
				events = append(events, Event{Type: Remove, Name: name})
			}
		}
		slices.SortFunc(events, func(a, b Event) int {
			return cmp.Or(cmp.Compare(o.gone[a.Name], o.gone[b.Name]), cmp.Compare(a.Name, b.Name))
		})
	}
	for _, s := range o.since(version) {
		events = append(events, Event{Type: Change, Name: s.name, Value: s.value})
	}
	return events
}
