package sharedobject

import "flashpod.dev/flashpod/mediaserver/budget"

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

// Subscriber is a client of objects.
type Subscriber interface {
	// Tell hands over an update, or says that there is no room for it. It does not
	// wait. Whoever was refused is called once when there is room, and then calls
	// Tell again; one that has nothing to tell any more does so without a payload:
	// others wait behind it. Without a Waiter the update is always taken. Calls for
	// one Waiter come one after another.
	Tell(u Update, w Waiter) (taken bool)
}

// Waiter waits for room.
type Waiter interface {
	// Room is called from any goroutine, perhaps before Tell returns. It does not
	// wait.
	Room()
}

// Subscription is a subscriber's use of one object. It belongs to the feed's
// goroutine.
type Subscription struct {
	to   Subscriber
	form Form
	feed *Feed
	turn *budget.Turn // in which is told what it has asked for: see TellIn
	carrier

	joined bool
	place  int // among the feed's subscribers

	// cursor is what it has been told, or has in its queue. current says that this is
	// all: what happens is told as it does. If not, its owner is asked for what comes
	// next, a piece at a time: asked, while a question is under way, and stale, when
	// its answer is of no use.
	cursor              Cursor
	version             uint32 // that it has taken last
	current             bool
	asked, stale        bool
	waiting, atTheFront bool // for room: see offer
	queue               queue
	knew                uint32 // as it has left: the version of which it has all; 0: not known
	// owed are answers that come behind what happened before them, which it has not
	// been told yet.
	owed []item
}

// NewSubscription is for a subscriber that is to be told by a feed.
func NewSubscription(f *Feed, to Subscriber, form Form) *Subscription {
	s := &Subscription{to: to, form: form, feed: f}
	if far, ok := to.(Far); ok {
		s.of, s.number = far.Carrier()
	}
	return s
}

// Room implements Waiter.
func (s *Subscription) Room() { s.feed.add(entry{kind: entryRoom, sub: s}) }

// tell tells it events, if there is room, with which it knows all of a version.
func (s *Subscription) tell(version uint32, events []Event) bool {
	version = max(s.version, version) // it knows all of that, and will
	return !s.blocked() && s.offer(s.feed.encode(version, events, s.form.AMF3), version)
}

// offer hands over a message of a version, if there is room: waiting says that there
// was none, and atTheFront, that there is by now and nobody else is told before.
func (s *Subscription) offer(payload []byte, version uint32) bool {
	if s.blocked() {
		return false
	}
	taken := s.to.Tell(Update{s.form.Flex, payload}, s)
	if s.waiting, s.atTheFront = !taken, false; taken {
		s.version = version
	}
	return taken
}

// blocked says that it has no room, or that others are told first.
func (s *Subscription) blocked() bool { return s.waiting && !s.atTheFront }

// rest is called when all was done that could be: it asks for the next piece, or
// lets others go on.
func (s *Subscription) rest() {
	if !s.queue.empty() || s.blocked() {
		return
	}
	switch {
	case s.joined && !s.current:
		if !s.asked {
			s.asked, s.stale = true, false
			has := s.cursor
			if len(s.owed) > 0 {
				has.until = s.owed[0].before
			}
			s.feed.cfg.Ask(s, has)
		}
	case s.waiting:
		s.pass()
	}
}

// pass leaves the line of those who wait for room.
func (s *Subscription) pass() {
	if s.waiting {
		s.waiting, s.atTheFront = false, false
		s.to.Tell(Update{}, s)
	}
}

// begin tells a subscriber that comes what it hears first, and then what it does not
// know. What it has not taken yet of what it was told before is of no use any more, but
// for answers: with them it knows no more than it does already.
func (s *Subscription) begin(e *entry) {
	was := append(s.queue.items, s.owed...)
	s.queue.items, s.owed = nil, nil
	for i := range was {
		if was[i].shared == nil && !was[i].first {
			was[i].version = 0
			s.queue.items = append(s.queue.items, was[i])
		} else {
			s.queue.release(s.feed, &was[i])
		}
	}
	s.cursor, s.current, s.stale = e.piece.Next, e.piece.Last, s.asked
	s.queue.items = append(s.queue.items, item{first: true, version: e.piece.Version, events: e.own})
	s.drain()
	s.rest()
}

// end gives back what it holds.
func (s *Subscription) end() {
	s.drop()
	s.current = false
	s.pass()
}

// drop forgets what it was to be told.
func (s *Subscription) drop() {
	s.queue.drop(s.feed, s.queue.items)
	s.queue.drop(s.feed, s.owed)
	s.queue.items, s.owed = nil, nil
}

// goOn is called when there is room.
func (s *Subscription) goOn() {
	if !s.waiting {
		return // it has left, and perhaps come again
	}
	s.atTheFront = true
	s.drain()
	s.rest()
}

// drain tells it what is in its queue, as far as there is room.
func (s *Subscription) drain() {
	for !s.queue.empty() && s.next(&s.queue.items[0]) {
		s.queue.pop(s.feed)
	}
}

// next tells it what comes first in its queue, if there is room.
func (s *Subscription) next(one *item) bool {
	switch {
	case one.shared != nil:
		return s.offer(one.shared.bytes, one.shared.known.version)
	case one.first: // it begins anew, and may know less than it did
		return !s.blocked() && s.offer(s.feed.encode(one.version, one.events, s.form.AMF3), one.version)
	}
	return s.tell(one.version, one.events)
}

// state tells it the piece that was asked for. One that it has no room for is asked
// for again, once it has; and so is one that says more than what an answer that is
// owed by now comes behind.
func (s *Subscription) state(p Piece) {
	s.asked = false
	s.stale = s.stale || len(s.owed) > 0 && p.Next.at > s.owed[0].before
	if len(p.Events) > 0 && s.carries != nil {
		if p.Events[0].Type == floor {
			s.version = 0 // of what it had nothing is left
		}
		p.Events = append([]Event{by(0, 0)}, p.Events...) // what was told before may have no end
	}
	if s.joined && !s.stale && !s.current && s.queue.empty() &&
		(len(p.Events) == 0 || s.tell(p.Version, p.Events)) {
		s.cursor, s.current = p.Next, p.Last
		for len(s.owed) > 0 && s.owed[0].before <= s.cursor.at {
			s.queue.items = append(s.queue.items, s.owed[0])
			s.owed = s.owed[1:]
		}
		s.drain()
	}
	s.rest()
}
