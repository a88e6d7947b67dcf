package sharedobject

// hear tells it a batch, or notes that it is behind.
func (s *Subscription) hear(b *batch) {
	_, asked := b.by[s]
	heard := 0 // of what it has asked for, and others meanwhile
	if s.current {
		var all bool
		if asked {
			heard, all = s.hearOwn(b)
		} else {
			all = s.hearAll(b)
		}
		if all {
			s.cursor.at = b.all(s).at
			return
		}
	}
	s.current = false // it will be told what has come of it
	s.feed.lost += b.sends
	switch {
	case asked && s.carries != nil:
		s.oweEach(b, heard)
	case asked:
		before, events := b.answersTo(s, heard)
		s.answer(s, before, events)
	}
	s.rest()
}

// hearAll tells it what all hear, and returns false when it does not fit.
func (s *Subscription) hearAll(b *batch) bool {
	all := b.payloads
	if s.carries != nil {
		all = func(f *Feed, _ bool) []*payload { return b.brought(f) }
	}
	for _, p := range all(s.feed, s.form.AMF3) {
		if !(s.queue.empty() && s.offer(p.bytes, p.known.version)) && !s.queue.add(s.feed, p) {
			return false
		}
		s.cursor.at = p.known.at
	}
	return true
}

// hearOwn tells it a batch of which it has asked for some, and returns of how many
// events it was told, and false when that is not all.
func (s *Subscription) hearOwn(b *batch) (heard int, all bool) {
	events := b.eventsFor(s)
	if !s.queue.fits(size(events)) {
		return 0, false
	}
	heard = s.tellOwn(events, func(n int) uint32 {
		knows := b.after(s, n)
		s.cursor.at = knows.at
		return knows.version
	})
	return heard, heard == len(events)
}

// answer has it told answers to one who has asked, once it has been told what happened
// before them. Of the object it knows no more with them. An answer that nobody pays for is
// not passed over: whoever waits for it is ended.
func (s *Subscription) answer(who *Subscription, before uint64, events []Event) {
	if s.current || len(s.owed) == 0 && s.cursor.at >= before {
		if s.tellOwn(events, func(int) uint32 { return 0 }) < len(events) {
			who.unpaid()
		}
		return
	}
	if last := len(s.owed) - 1; last >= 0 {
		before = max(before, s.owed[last].before)
	}
	for len(events) > 0 {
		n := fitting(events)
		one, ok := s.queue.keep(s.feed, 0, events[:n])
		if !ok {
			who.unpaid()
			return
		}
		one.before = before
		s.owed = append(s.owed, one)
		events = events[n:]
	}
}

// unpaid says that answers are lost.
func (s *Subscription) unpaid() {
	if s.feed.cfg.Unpaid != nil {
		s.feed.cfg.Unpaid(s.to)
	}
}

// tellOwn tells it events that are for it alone, at once or by its queue, and returns
// how many: not all where nobody pays for them. knows says of which version it knows
// all that has been told so many of them.
func (s *Subscription) tellOwn(events []Event, knows func(int) uint32) (told int) {
	for told < len(events) {
		n := told + fitting(events[told:])
		version := knows(n)
		if !s.queue.empty() || !s.tell(version, events[told:n]) {
			one, ok := s.queue.keep(s.feed, version, events[told:n])
			if !ok {
				return told
			}
			s.queue.items = append(s.queue.items, one)
		}
		told = n
		s.feed.turn.Rest(nil)
	}
	return told
}

// holds keeps what is to be called when answers were told: where there are so many that
// its client is to wait.
func (s *Subscription) holds(done func()) bool {
	if s.via != nil {
		return s.via.holds(done)
	}
	if s.queue.own <= freeOwn {
		return false
	}
	last := len(s.owed) - 1
	if last >= 0 {
		s.owed[last].done = append(s.owed[last].done, done)
		return true
	}
	for last = len(s.queue.items) - 1; last >= 0; last-- {
		if one := &s.queue.items[last]; one.bytes > 0 {
			one.done = append(one.done, done)
			return true
		}
	}
	return false
}
