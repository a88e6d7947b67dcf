package sharedobject

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

	joined bool
	place  int // among the feed's subscribers

	// cursor is what it has been told, or has in its queue. current says that this is
	// all: what happens is told as it does. If not, its owner is asked for what comes
	// next, a piece at a time: asked, while a question is under way, and stale, when
	// its answer is of no use.
	cursor              Cursor
	version             uint32 // that it was told last
	current             bool
	asked, stale        bool
	waiting, atTheFront bool // for room: see offer
	queue               queue
	// owed are answers that come behind what happened before them, which it has not
	// been told yet.
	owed []item
}

// NewSubscription is for a subscriber that is to be told by a feed.
func NewSubscription(f *Feed, to Subscriber, form Form) *Subscription {
	return &Subscription{to: to, form: form, feed: f}
}

// Room implements Waiter.
func (s *Subscription) Room() { s.feed.add(entry{kind: entryRoom, sub: s}) }

// encode makes a message to it. Its version does not go back: what comes late says no
// more than others have said.
func (s *Subscription) encode(version uint32, events []Event) []byte {
	s.version = max(s.version, version)
	return s.feed.encode(s.version, events, s.form.AMF3)
}

// offer tells it something, if there is room: waiting says that there was none, and
// atTheFront, that there is by now and nobody else is told before.
func (s *Subscription) offer(payload []byte) bool {
	if s.blocked() {
		return false
	}
	taken := s.to.Tell(Update{s.form.Flex, payload}, s)
	s.waiting, s.atTheFront = !taken, false
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
			known := s.cursor
			if len(s.owed) > 0 {
				known.until = s.owed[0].before
			}
			s.feed.cfg.Ask(s, known)
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
// for answers.
func (s *Subscription) begin(e *entry) {
	was := append(s.queue.items, s.owed...)
	s.queue.items, s.owed = nil, nil
	for i := range was {
		if was[i].shared == nil && !was[i].first {
			s.queue.items = append(s.queue.items, was[i])
		} else {
			s.queue.release(s.feed, &was[i])
		}
	}
	s.cursor, s.current, s.stale = e.piece.Next, e.piece.Last, s.asked
	s.drain()
	s.tellOwn(e.piece.Version, e.own)
	if n := len(s.queue.items); n > 0 && len(e.own) > 0 {
		s.queue.items[n-1].first = true
	}
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

// hear tells it a batch, or notes that it is behind.
func (s *Subscription) hear(b *batch) {
	_, asked := b.by[s]
	if s.current && s.hearAll(b, asked) {
		s.cursor.at, s.version = b.told(), max(s.version, b.version())
		return
	}
	s.current = false // it will be told what has come of it
	s.feed.lost += b.sends
	if asked {
		s.owe(b)
	}
	s.rest()
}

// owe has it told the answers in a batch, once it has been told what happened before
// them.
func (s *Subscription) owe(b *batch) {
	before, events := b.answersTo(s)
	switch {
	case len(events) == 0:
	case len(s.owed) == 0 && s.cursor.at >= before:
		s.tellOwn(b.version(), events)
	default:
		if one, ok := s.queue.keep(s.feed, b.version(), events); ok {
			one.before = before
			s.owed = append(s.owed, one)
		}
	}
}

// hearAll tells it a batch, and returns false when it does not fit.
func (s *Subscription) hearAll(b *batch, asked bool) bool {
	if asked {
		events := b.eventsFor(s)
		return s.queue.fits(size(events)) && s.tellOwn(b.version(), events)
	}
	for _, p := range b.payloads(s.feed, s.form.AMF3) {
		if s.queue.empty() && s.offer(p.bytes) {
			continue
		}
		if !s.queue.add(s.feed, p) {
			return false
		}
	}
	return true
}

// tellOwn tells it events that are for it alone, at once or by its queue. It returns
// false, and drops some, where there are too many or nobody pays for them: of a
// client that asks for more and more without reading one answer.
func (s *Subscription) tellOwn(version uint32, events []Event) bool {
	for len(events) > 0 {
		n := fitting(events)
		if !s.queue.empty() || s.blocked() || !s.offer(s.encode(version, events[:n])) {
			one, ok := s.queue.keep(s.feed, version, events)
			if ok {
				s.queue.items = append(s.queue.items, one)
			}
			return ok
		}
		events = events[n:]
	}
	return true
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
	for !s.queue.empty() && s.offer(s.queue.next(s)) {
		s.queue.pop(s.feed)
	}
}

// state tells it the piece that was asked for. One that it has no room for is asked
// for again, once it has; and so is one that says more than what an answer that is
// owed by now comes behind.
func (s *Subscription) state(p Piece) {
	s.asked = false
	s.stale = s.stale || len(s.owed) > 0 && p.Next.at > s.owed[0].before
	if s.joined && !s.stale && !s.current && s.queue.empty() &&
		(len(p.Events) == 0 || s.offer(s.encode(p.Version, p.Events))) {
		s.cursor, s.current = p.Next, p.Last
		for len(s.owed) > 0 && s.owed[0].before <= s.cursor.at {
			s.queue.items = append(s.queue.items, s.owed[0])
			s.owed = s.owed[1:]
		}
		s.drain()
	}
	s.rest()
}
