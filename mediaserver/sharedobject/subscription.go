package sharedobject

import "sync/atomic"

// window is how many bytes may be on their way to a subscriber. With more, it is
// behind: nothing is queued for it, until it has room and gets what the object
// is then.
const window = 16 << 10

// maxOwed bounds the answers that wait for a subscriber that is behind.
const maxOwed = 4096

// Form is how a subscriber is told.
type Form struct {
	Flex bool // in messages of type 16, as it has asked, not 19
	AMF3 bool // values of AMF3 as they are
}

// Update is a message to a subscriber. Its payload is shared by all who get it.
type Update struct {
	Flex    bool   // it is of type 16
	Payload []byte // that of type 16; of type 19 all behind the first byte
}

// Subscriber is a client of an object.
type Subscriber interface {
	// Tell queues an update. It does not wait. taken is called once, with the
	// length of the payload, when there is room for more: from any goroutine,
	// perhaps before Tell returns. Calls for one subscription come one after
	// another.
	Tell(u Update, taken func(bytes int))
}

// Subscription is a subscriber's use of one object. But for room, it belongs to
// the feed's goroutine.
type Subscription struct {
	to    Subscriber
	form  Form
	feed  *Feed
	taken func(int)

	out   atomic.Int64 // bytes on their way
	wants atomic.Bool  // it is behind, and to be called when it has room

	joined bool
	place  int // among the feed's subscribers
	// since is the version that it has seen last.
	since uint32
	// behind: what happens is not told to it, but found in the state that it gets;
	// missed says that something has happened since that was asked for.
	behind, missed, asked bool
	rest                  []Event // of a state, still to be told
	at                    uint32  // the version of that state
	owed                  owed
}

// NewSubscription is for a subscriber that is to be told by a feed.
func NewSubscription(f *Feed, to Subscriber, form Form) *Subscription {
	s := &Subscription{to: to, form: form, feed: f}
	s.taken = s.room
	return s
}

// room notes that the subscriber has taken something.
func (s *Subscription) room(bytes int) {
	if left := s.out.Add(int64(-bytes)); left <= window/2 && s.wants.CompareAndSwap(true, false) {
		s.feed.add(entry{kind: entryRoom, sub: s})
	}
}

// fits says whether so many bytes may go to it now.
func (s *Subscription) fits(bytes int) bool {
	out := s.out.Load()
	return out == 0 || out+int64(bytes) <= window
}

func (s *Subscription) send(payload []byte) {
	if len(payload) == 0 {
		return
	}
	s.out.Add(int64(len(payload)))
	s.to.Tell(Update{s.form.Flex, payload}, s.taken)
}

// await has room called when there is some.
func (s *Subscription) await() {
	s.wants.Store(true)
	if s.out.Load() <= window/2 && s.wants.CompareAndSwap(true, false) {
		s.feed.add(entry{kind: entryRoom, sub: s}) // it has just taken all
	}
}

// begin tells a subscriber that comes what it hears first, and the state.
func (s *Subscription) begin(f *Feed, e *entry) {
	s.send(f.encode(e.version, e.own, s.form.AMF3))
	s.behind, s.missed, s.owed = true, false, owed{}
	s.rest, s.at = e.others, e.version
	s.goOn(f)
}

// hear tells it a batch, or notes that it is behind.
func (s *Subscription) hear(f *Feed, b *batch) {
	if !s.behind {
		payload := b.payload(f, s)
		if s.fits(len(payload)) {
			s.since = b.version()
			s.send(payload)
			return
		}
		s.behind = true
		s.rest = nil
		defer s.await()
	}
	s.missed = true
	if _, asked := b.by[s]; !asked {
		return
	}
	for i := range b.entries {
		if e := &b.entries[i]; e.sub == s {
			s.owed.add(e.own)
		}
	}
}

// goOn tells it more of the state, as far as there is room.
func (s *Subscription) goOn(f *Feed) {
	if !s.behind || !s.joined {
		return
	}
	for len(s.rest) > 0 {
		n := piece(s.rest)
		payload := f.encode(s.at, s.rest[:n], s.form.AMF3)
		if !s.fits(len(payload)) {
			s.await()
			return
		}
		s.rest = s.rest[n:]
		s.send(payload)
	}
	if s.at != 0 {
		s.since, s.at = s.at, 0
	}
	if !s.missed {
		s.behind, s.rest = false, nil
		return
	}
	if !s.asked {
		s.asked = true
		f.state(s, s.since)
	}
}

// resync begins to tell it the state that was asked for.
func (s *Subscription) resync(f *Feed, version uint32, state []Event) {
	s.asked = false
	if !s.joined || !s.behind {
		return
	}
	s.missed = false
	s.rest, s.at = append(s.owed.take(), state...), version
	s.goOn(f)
}

// piece is how many of the events go into one message.
func piece(events []Event) int {
	bytes := 0
	for i := range events {
		if bytes += events[i].encoded(true); bytes > maxBatch && i > 0 {
			return i
		}
	}
	return len(events)
}

// owed are answers to requests of a subscriber that is behind: what it has asked
// for must be answered, however late.
//
// A client that asks for more than maxOwed things without reading one answer
// hears no more than those.
type owed struct {
	events []Event
	places map[owedKey]int
}

type owedKey struct {
	kind EventType
	name string
}

// add notes answers: one of a kind for a slot.
func (o *owed) add(events []Event) {
	for _, e := range events {
		if e.Type == SendMessage || e.Type == Clear {
			continue // the state says what is left of it
		}
		key := owedKey{e.Type, e.Name}
		if at, ok := o.places[key]; ok {
			o.events[at] = e
			continue
		}
		if len(o.events) == maxOwed {
			continue
		}
		if o.places == nil {
			o.places = map[owedKey]int{}
		}
		o.places[key] = len(o.events)
		o.events = append(o.events, e)
	}
}

func (o *owed) take() []Event {
	events := o.events
	*o = owed{}
	return events
}
