package sharedobject

// MaxMessage is how many bytes a message has at most, unless one value has more, and
// how many go out together: enough that a busy object costs one write for many
// changes.
const MaxMessage = 16 << 10

// batch is what goes out together: entries of events, in order.
type batch struct {
	entries []entry
	bytes   int
	by      map[*Subscription]struct{} // who asked for some of it
	sends   int                        // of SendMessage
	// What those hear who have asked for nothing, encoded when the first needs
	// it: for clients without AMF3, and with it.
	plain, amf3 []*payload
	carriers    []*payload // and for carriers
	common      []Event
	same        bool    // AMF3 says it no other way
	done        []waits // who waits until all of it was told
}

// waits is one that waits until all was told; by asked for some of it, or nobody.
type waits struct {
	by   *Subscription
	done func()
}

// known is what a client has that was told so much: all of a version, and all that
// happened up to an order.
type known struct {
	version uint32
	at      uint64
}

// payload is a message that many hear. It is the feed's goroutine's.
type payload struct {
	bytes []byte
	known known // what is known then
	refs  int   // how many queues it is in; it is paid for while it is in one
}

// full says whether an entry is too much.
func (b *batch) full(e *entry) bool {
	return len(b.entries) > 0 && b.bytes+size(e.others)+size(e.own) > MaxMessage
}

func size(events []Event) (n int) {
	for i := range events {
		n += events[i].largest()
	}
	return n
}

func (b *batch) add(e *entry) {
	b.entries = append(b.entries, *e)
	b.bytes += size(e.others) + size(e.own)
	if e.sub != nil {
		if b.by == nil {
			b.by = map[*Subscription]struct{}{}
		}
		b.by[e.sub.by()] = struct{}{}
	}
}

func (b *batch) reset() {
	clear(b.entries)
	clear(b.done)
	*b = batch{entries: b.entries[:0], by: b.by, done: b.done[:0]}
	clear(b.by)
}

// heard are the events of an entry that one hears; nil: who has asked for nothing.
func (e *entry) heard(s *Subscription) []Event {
	switch {
	case s != nil && s.carries != nil:
		return e.carriedTo(s)
	case s == nil || e.sub == nil:
		return e.others
	case e.sub == s:
		return e.own
	}
	return e.others
}

// after is what one knows that has heard so many events of the batch: what is told of
// an entry in two messages is known with the second.
func (b *batch) after(s *Subscription, n int) known {
	for i := range b.entries {
		e := &b.entries[i]
		if n -= len(e.heard(s)); n < 0 {
			return known{e.tells(s, e.from), e.before}
		}
	}
	return b.all(s)
}

// all is what one knows that has heard all of it.
func (b *batch) all(s *Subscription) known {
	e := &b.entries[len(b.entries)-1]
	return known{e.tells(s, e.version), e.told}
}

// tells is the version that one is told, where it has all of another.
func (e *entry) tells(s *Subscription, version uint32) uint32 {
	if s != nil && s.carries != nil {
		return version
	}
	return max(version, e.claimed)
}

// prepare gathers what most subscribers hear.
func (b *batch) prepare() {
	b.same = true
	for i := range b.entries {
		b.common = append(b.common, b.entries[i].others...)
	}
	for i := range b.common {
		b.same = b.same && b.common[i].Value.Plain == nil
		if b.common[i].Type == SendMessage {
			b.sends++
		}
	}
}

// payloads are what a subscriber hears that has asked for nothing of it.
func (b *batch) payloads(f *Feed, amf3 bool) []*payload {
	to := &b.plain
	if amf3 || b.same {
		to = &b.amf3
	}
	if *to == nil {
		*to = b.encode(f, nil, b.common, amf3)
	}
	return *to
}

// encode makes messages of what one hears of the batch.
func (b *batch) encode(f *Feed, s *Subscription, events []Event, amf3 bool) (all []*payload) {
	for at := 0; at < len(events); {
		n := fitting(events[at:])
		knows := b.after(s, at+n)
		all = append(all, &payload{bytes: f.encode(knows.version, events[at:at+n], amf3), known: knows})
		at += n
	}
	return all
}

// eventsFor are those that one hears who has asked for some of them.
func (b *batch) eventsFor(s *Subscription) (all []Event) {
	for i := range b.entries {
		all = append(all, b.entries[i].heard(s)...)
	}
	return all
}

// answersTo are those that answer one who has heard so many events of the batch, and
// the order of the last change before them.
func (b *batch) answersTo(s *Subscription, heard int) (before uint64, all []Event) {
	for i := range b.entries {
		e := &b.entries[i]
		left := e.heard(s)
		skip := min(heard, len(left))
		heard -= skip
		if left = left[skip:]; e.sub != s || len(left) == 0 {
			continue
		}
		if len(all) == 0 {
			before = e.before
		}
		all = append(all, left...)
	}
	return before, all
}

// fitting is how many of the events go into one message: so many that it does not
// grow too large, one at least; none with a value that refers to itself but in the
// first place of values; and no Status without what it is about.
func fitting(events []Event) int {
	bytes, values := 0, 0
	for i := 0; i < len(events); {
		n := 1
		if concerns(events[i:]) {
			n = 2
		}
		for _, e := range events[i : i+n] {
			if bytes += e.largest(); i > 0 && (bytes > MaxMessage || e.Value.Refers && values > 0) {
				return i
			}
			if e.Value.Raw != nil {
				values++
			}
		}
		i += n
	}
	return len(events)
}

// concerns says whether the first of the events is a Status about the second.
func concerns(events []Event) bool {
	return len(events) > 1 && events[0].Type == Status && (events[1].Type == Change || events[1].Type == Remove)
}

// encode makes the payload of a message.
func (f *Feed) encode(version uint32, events []Event, amf3 bool) []byte {
	m := Message{Name: f.name, Version: version, Persistent: f.persistent, Events: events}
	return m.Encode(amf3)
}
