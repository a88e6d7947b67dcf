package sharedobject

// maxBatch is how many bytes go out together: enough that a busy object costs one
// write for many changes.
const maxBatch = 16 << 10

// batch is what goes out together: entries of events, in order.
type batch struct {
	entries []entry
	bytes   int
	by      map[*Subscription]struct{} // who asked for some of it
	// What those hear who have asked for nothing, encoded when the first needs
	// it: for clients without AMF3, and with it.
	plain, amf3 []byte
	common      []Event
	same        bool // AMF3 says it no other way
}

// full says whether an entry is too much.
func (b *batch) full(e *entry) bool {
	return len(b.entries) > 0 && b.bytes+size(e.others)+size(e.own) > maxBatch
}

func size(events []Event) (n int) {
	for i := range events {
		n += events[i].encoded(true)
	}
	return n
}

func (b *batch) add(e *entry) {
	b.entries = append(b.entries, *e)
	b.bytes += size(e.others)
	if e.sub != nil {
		if b.by == nil {
			b.by = map[*Subscription]struct{}{}
		}
		b.by[e.sub] = struct{}{}
	}
}

func (b *batch) reset() {
	clear(b.entries)
	*b = batch{entries: b.entries[:0], by: b.by}
	clear(b.by)
}

// version is the object's after all of it.
func (b *batch) version() uint32 { return b.entries[len(b.entries)-1].version }

// prepare gathers what most subscribers hear.
func (b *batch) prepare() {
	b.same = true
	for i := range b.entries {
		b.common = append(b.common, b.entries[i].others...)
	}
	for i := range b.common {
		b.same = b.same && b.common[i].Value.Plain == nil
	}
}

// payload is what a subscriber hears; empty: nothing.
func (b *batch) payload(f *Feed, s *Subscription) []byte {
	if _, asked := b.by[s]; asked {
		return f.encode(b.version(), b.eventsFor(s), s.form.AMF3)
	}
	if s.form.AMF3 || b.same {
		if b.amf3 == nil {
			b.amf3 = f.encode(b.version(), b.common, true)
		}
		return b.amf3
	}
	if b.plain == nil {
		b.plain = f.encode(b.version(), b.common, false)
	}
	return b.plain
}

// eventsFor are those that one hears who has asked for some of them.
func (b *batch) eventsFor(s *Subscription) (all []Event) {
	for i := range b.entries {
		e := &b.entries[i]
		if e.sub == s {
			all = append(all, e.own...)
		} else {
			all = append(all, e.others...)
		}
	}
	return all
}

// encode makes the payload of a message, nil of no events.
func (f *Feed) encode(version uint32, events []Event, amf3 bool) []byte {
	if len(events) == 0 {
		return nil
	}
	m := Message{Name: f.name, Version: version, Persistent: f.persistent, Events: events}
	return m.Encode(amf3)
}
