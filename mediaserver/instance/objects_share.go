package instance

import (
	"net/netip"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

const (
	// clientPart and addressPart are the parts that one client, and one address, may
	// have of spec.limits.maxSharedObjects, and of the memory for shared objects.
	clientPart  = 4
	addressPart = 2
	// queuePart is the part that one client may have of what waits to be told; it is
	// enough for the answers to two of the largest messages.
	queuePart = 16
	minQueues = 2 << 20

	limitTotalSize = "limit reached: spec.limits.maxSharedObjectsTotalSize"
	limitSizeOf    = limitTotalSize + ", of which what one client has made may take a quarter, and what one address has, half"
	limitOfClient  = limitObjects + ", of which one client may have made a quarter"
	limitOfAddress = limitObjects + ", of which one address may have made half"
	deniedShare    = string(sharedobject.DeniedBudget) + ", as far as it is for what one client or address has made"
	// perKept is what it costs to know who has made a file, in bytes, with its name.
	perKept = 256
)

// maker is a client, or an address, that has made objects or uses some: all that those
// have of memory, and what the uses cost, is taken of its share. It belongs to the
// owner, and is known as long as it has any.
type maker struct {
	at   *maker         // the address of a client; nil: it stands for many, or this is one
	pays *budget.Budget // may be used by any goroutine
	// queues counts what waits for it of all objects, beside the budget that pays for
	// it; nil: no bound.
	queues *budget.Budget
	// used are the objects in memory, and kept those on the disk that were made since
	// the server began: of older ones nobody knows who made them.
	used, kept int
	uses       int   // of objects, whoever has made them, and messages that wait for one
	bytes      int64 // of kept ones, with what is not written yet
	forget     func()
}

// makers are those of an instance.
type makers struct {
	clients   map[string]*maker
	addresses map[netip.Prefix]*maker
	files     map[string]*made // of persistent objects, by name
}

// made is a file that somebody has made.
type made struct {
	by    *maker
	bytes int64
}

// takes notes how long a file is.
func (f *made) takes(bytes int64) {
	for m := f.by; m != nil; m = m.at {
		m.bytes += bytes - f.bytes
	}
	f.bytes = bytes
}

func newMakers() makers {
	return makers{map[string]*maker{}, map[netip.Prefix]*maker{}, map[string]*made{}}
}

// budget pays for an object; that of the server's own code has no share.
func (m *maker) budget(o *owner) *budget.Budget {
	if m == nil {
		return o.budgets.Objects
	}
	return m.pays
}

// makerOf is a client that is about to make an object. Where an address may have any
// number of clients, it may make any number of objects, too: it may be a node's.
func (o *owner) makerOf(c session.Client) *maker {
	if c.ID == "" {
		return nil
	}
	if m := o.makers.clients[c.ID]; m != nil {
		return m
	}
	m := &maker{pays: o.budgets.Objects, forget: func() { delete(o.makers.clients, c.ID) }}
	share := func(part int64) *budget.Budget {
		if whole := o.budgets.Objects; whole != nil {
			return m.pays.Within(whole.Max() / part)
		}
		return nil
	}
	if rules := o.rules.Load(); rules.MaxPerAddress > 0 && !budget.Shared(c.Address, rules.SharedAddresses) {
		of := budget.Address(c.Address)
		if m.at = o.makers.addresses[of]; m.at == nil {
			m.at = &maker{pays: share(addressPart), forget: func() { delete(o.makers.addresses, of) }}
			if queues := o.budgets.Queues; queues != nil {
				m.at.queues = budget.New(queues.Name(), queues.Max()/addressPart)
			}
			o.makers.addresses[of] = m.at
		}
		m.pays = m.at.pays
	}
	m.pays = share(clientPart)
	m.queues = o.queueOf(m.at)
	o.makers.clients[c.ID] = m
	return m
}

// queueOf makes the share that a client has of what waits to be told.
func (o *owner) queueOf(at *maker) *budget.Budget {
	queues := o.budgets.Queues
	if queues == nil {
		return nil
	}
	most := max(queues.Max()/queuePart, minQueues)
	if at == nil {
		return budget.New(queues.Name(), most)
	}
	return at.queues.Within(most)
}

// queue is the share of what waits to be told; the server's own code has none.
func (m *maker) queue() *budget.Budget {
	if m == nil {
		return nil
	}
	return m.queues
}

// mayMake takes a place for an object, and says who makes it, or why not.
func (o *owner) mayMake(c session.Client) (by *maker, why string) {
	by = o.makerOf(c)
	why = by.may(usedBy, o.rules.Load().Objects.Max)
	if why == "" && !by.budget(o).Take(perObject) {
		why = o.unpaid(by)
	}
	if why != "" {
		by.add(0, 0, 0)
		return nil, why
	}
	by.add(1, 0, 0)
	return by, ""
}

// mayUse pays for a client's use of an object, or for a message that waits for one, or
// says why nothing does.
func (o *owner) mayUse(c session.Client, bytes int64) (by *maker, why string) {
	by = o.makerOf(c)
	if !by.budget(o).Take(bytes) {
		by.add(0, 0, 0)
		return nil, o.unpaid(by)
	}
	by.add(0, 0, 1)
	return by, ""
}

func (o *owner) unuse(by *maker, bytes int64) {
	by.budget(o).Give(bytes)
	by.add(0, 0, -1)
}

// unmade gives the place back.
func (o *owner) unmade(obj *object) {
	obj.by.budget(o).Give(perObject)
	obj.by.add(-1, 0, 0)
}

// unpaid is why nothing pays for what a maker's object needs.
func (o *owner) unpaid(m *maker) string {
	if m != nil && o.budgets.Objects.Has(perObject) {
		return deniedShare
	}
	return string(sharedobject.DeniedBudget)
}

// may says why a client has made so many objects that it may make no more: used or
// kept ones.
func (m *maker) may(have func(*maker) int, max int) (why string) {
	switch {
	case m == nil || max <= 0:
		return ""
	case have(m) >= (max+clientPart-1)/clientPart:
		return limitOfClient
	case m.at != nil && have(m.at) >= (max+addressPart-1)/addressPart:
		return limitOfAddress
	}
	return ""
}

func usedBy(m *maker) int { return m.used }
func keptBy(m *maker) int { return m.kept }

// add counts objects and uses of a maker, which is forgotten when it has none any more.
func (m *maker) add(used, kept, uses int) {
	if m == nil {
		return
	}
	m.used, m.kept, m.uses = m.used+used, m.kept+kept, m.uses+uses
	m.at.add(used, kept, uses)
	if m.used == 0 && m.kept == 0 && m.uses == 0 {
		m.forget()
	}
}

// keep counts an object that is to have a file, or says why it may not.
func (o *owner) keep(obj *object) (why string) {
	o.unkeep(obj.key.name) // somebody has deleted its file
	m := obj.by
	if m == nil {
		return ""
	}
	if why := m.may(keptBy, o.rules.Load().Objects.Max); why != "" {
		return why
	}
	if !m.pays.Take(perKept + int64(len(obj.key.name))) {
		return deniedShare
	}
	m.add(0, 1, 0)
	o.makers.files[obj.key.name] = &made{by: m}
	return ""
}

// unkeep is for one that has none any more.
func (o *owner) unkeep(name string) {
	f := o.makers.files[name]
	if f == nil {
		return
	}
	f.takes(0)
	delete(o.makers.files, name)
	f.by.pays.Give(perKept + int64(len(name)))
	f.by.add(0, -1, 0)
}

// limitsOf are the limits of an object now. What all persistent ones may take
// together, with what is not written yet, bounds each.
func (o *owner) limitsOf(obj *object) sharedobject.Limits {
	rules := o.rules.Load().Objects
	l := rules.limits()
	if room, bounded := o.room(obj); bounded {
		most := max(1, obj.Bytes()+int(max(0, min(room, 1<<30))))
		if l.Bytes == 0 || most < l.Bytes {
			l.Bytes = most
		}
	}
	if u := obj.script; u != nil && u.far != nil {
		l.Owes = u.far.Owes
		if slots, bytes := u.far.Owes(); rules.Slots == 0 && slots >= defaultObjects.Slots || rules.Bytes == 0 && bytes >= defaultObjects.Bytes {
			l.Slots = 1 // what another server owes answers to has a bound even where the object has none
		}
	}
	return l
}

// room is how many bytes more persistent objects may take, as far as they are this
// one's maker's: of files that are older than the server nobody knows who that is.
func (o *owner) room(obj *object) (bytes int64, bounded bool) {
	most := o.rules.Load().Objects.TotalBytes
	if most <= 0 || !obj.key.persistent || o.objectStore == nil {
		return 0, false
	}
	bytes = most - o.objectStore.Bytes() - o.unsaved
	if own, ok := o.roomOf(obj, most); ok {
		bytes = min(bytes, own)
	}
	return bytes, true
}

// roomOf is how many bytes more what an object's maker has made may take.
func (o *owner) roomOf(obj *object, most int64) (bytes int64, bounded bool) {
	f := o.makers.files[obj.key.name]
	if f == nil {
		return 0, false
	}
	bytes = most/clientPart - f.by.bytes
	if f.by.at != nil {
		bytes = min(bytes, most/addressPart-f.by.at.bytes)
	}
	return bytes, true
}

// measure notes how much more an object has than its file.
func (o *owner) measure(obj *object) {
	size := obj.FileSize()
	if f := o.makers.files[obj.key.name]; f != nil && obj.key.persistent {
		f.takes(max(size, obj.onDisk))
	}
	grown := max(0, size-obj.onDisk)
	o.unsaved += grown - obj.grown
	obj.grown = grown
}

// whyDenied says why a request about an object was denied, and names the field of
// the manifest.
func (o *owner) whyDenied(obj *object, why sharedobject.Denial) string {
	switch {
	case why == sharedobject.DeniedBudget:
		return o.unpaid(obj.by)
	case why != sharedobject.DeniedSize:
		return limitOf(why)
	}
	rules := o.rules.Load().Objects
	if room, bounded := o.room(obj); !bounded || rules.Bytes > 0 && int64(rules.Bytes-obj.Bytes()) <= room {
		return limitOf(why)
	}
	if own, ok := o.roomOf(obj, rules.TotalBytes); ok && own < rules.TotalBytes-o.objectStore.Bytes()-o.unsaved {
		return limitSizeOf
	}
	o.recount()
	return limitTotalSize
}

// recount has the files counted, of which others may have deleted some.
func (o *owner) recount() {
	if o.recounts {
		return
	}
	inst := o.Instance
	o.recounts = o.objectDisk.do(func() {
		_ = inst.objectStore.Recount() // it says so where it is too soon
		_ = inst.post(func(o *owner) { o.recounts = false })
	})
}
