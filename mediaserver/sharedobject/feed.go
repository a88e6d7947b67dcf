package sharedobject

import (
	"sync"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// Feed tells an object's subscribers what happens to it: in order, and what many
// hear is encoded once. Nothing is held while it tells them, and no subscriber
// waits for another. Adding to it never waits: whoever holds the object does so,
// in the order in which things happen to it, and a goroutine that exists while
// there is something to tell does the rest. What has come meanwhile goes out
// together.
type Feed struct {
	name       string
	persistent bool
	cfg        FeedConfig

	mu      sync.Mutex // nothing else is taken, and nothing called, while it is held
	waiting []entry
	own     int // bytes of memory of those among them that are of the server's own code
	running bool

	// Used by the goroutine that tells alone.
	subs []*Subscription
	// carriers are those of them by which others are told.
	carriers map[Carrier]*Subscription
	batch    batch
	lost     int          // messages that were not told
	turn     *budget.Turn // that it works in
	parts    int          // that were told, in the turns of those who have asked for them
}

// FeedConfig is what a feed needs of the one who holds the object.
type FeedConfig struct {
	// Ask asks for what a subscriber must be told next that has been told so much:
	// the holder calls Object.Piece and then Feed.State, in one go. It is asked once
	// for a subscriber until it is answered, and must not wait.
	Ask func(*Subscription, Cursor)
	// Budget pays for what waits to be told; nil: nobody has to.
	Budget *budget.Budget
	// Turn is that in which is told what the server's own code does, and what those
	// have asked for who have no turn of their own; nil: it waits for nobody.
	Turn *budget.Turn
	// Lost, if there is one, is told how many messages of so.send were not told
	// somebody, because it does not take them, or is still being told what there is.
	Lost func(messages int)
	// Unpaid, if there is one, is told of a subscriber that does not hear what has come of
	// something that it has asked for, since nobody pays for what waits for it. What it is
	// told from then on has a gap, and so it is to be ended. It must not wait.
	Unpaid func(Subscriber)
}

// entry is one thing that happens, in the order of the feed.
type entry struct {
	kind    entryKind
	sub     *Subscription // that it is about, or who asked
	version uint32
	before  uint64  // the order of the last change before it
	from    uint32  // and its version
	told    uint64  // that of the last that all know who have heard it
	at      uint32  // see Outcome
	floor   *uint32 // likewise
	claimed uint32  // likewise
	own     []Event // for sub
	others  []Event // for everybody else
	// What carriers hear, once one does: see carriedTo.
	withOwn, marked []Event
	piece           Piece // for sub
	form            *Form // of sub from now on; nil: as it was
	sends           int   // of SendMessage that are not told
	done            func()
}

type entryKind int

const (
	entryEvents entryKind = iota
	entryJoin
	entryLeave
	entryState  // the answer to Ask
	entryRoom   // a subscriber that was refused can be told
	entryBehind // all must be told what they do not know
	entryDone   // somebody waits until all before was told
)

// NewFeed makes the feed of an object.
func NewFeed(name string, persistent bool, cfg FeedConfig) *Feed {
	return &Feed{name: name, persistent: persistent, cfg: cfg}
}

// Join adds a subscriber, or begins anew with one that is there: it hears first in
// one message, and then what it does not know of the object. What Next of the piece
// says it knows, and Last, that this is all; its events are of no interest.
func (f *Feed) Join(s *Subscription, first []Event, p Piece) {
	f.add(entry{kind: entryJoin, sub: s, own: first, piece: p})
}

// Leave takes a subscriber out: it hears nothing that happens from now on.
func (f *Feed) Leave(s *Subscription) {
	f.add(entry{kind: entryLeave, sub: s})
}

// State brings the piece to the subscriber for which it was asked.
func (f *Feed) State(s *Subscription, p Piece) {
	f.add(entry{kind: entryState, sub: s, piece: p})
}

// Tell brings what a message has done to all subscribers. by is the one who sent
// it; nil: the server. Who sends messages waits until they are told; of the server's
// own code, which does not, only so much is kept, and then what has come of it is told.
func (f *Feed) Tell(by *Subscription, out Outcome) {
	e := entry{sub: by, version: out.Version, before: out.before, from: out.from, told: out.told, at: out.at, floor: out.floor, claimed: out.claimed, own: out.Requester, others: out.Others}
	if by != nil {
		f.add(e)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.own += perEvent + memory(e.others); f.own > maxOwnWaiting {
		e = entry{kind: entryBehind, sends: sends(e.others)}
		if n := len(f.waiting); n > 0 && f.waiting[n-1].kind == entryBehind {
			f.waiting[n-1].sends += e.sends
			return
		}
	}
	f.wake(e)
}

// maxOwnWaiting bounds what the server's own code has waiting to be told, in bytes of
// memory.
const maxOwnWaiting = 4 << 20

func sends(events []Event) (n int) {
	for i := range events {
		if events[i].Type == SendMessage {
			n++
		}
	}
	return n
}

// TellUnlocked brings what has happened to an object while it was locked.
func (f *Feed) TellUnlocked(u Unlocked) {
	if u.TooMuch {
		f.add(entry{kind: entryBehind})
		return
	}
	all := make([]entry, len(u.Parts))
	for i, p := range u.Parts {
		// All is known only with the last of them; a replica has all at the version that it
		// is then, as it is not told which of those since the lock each has.
		all[i] = entry{sub: p.By, version: u.from, at: u.Version, before: u.before, from: u.from, told: u.before, others: p.Events}
	}
	if n := len(all); n > 0 {
		all[n-1].version, all[n-1].told = u.Version, u.told
	}
	f.add(all...)
}

// Told has done called when all was told that was added before, or waits in the
// queues of those who have no room. Of answers to by, who asked, only so much may
// wait: with more, done is called once they have been told, or dropped as by has left.
func (f *Feed) Told(by *Subscription, done func()) {
	f.add(entry{kind: entryDone, sub: by, done: done})
}

func (f *Feed) add(all ...entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wake(all...)
}

// wake adds entries, and sees to it that they are told. The caller holds mu.
func (f *Feed) wake(all ...entry) {
	f.waiting = append(f.waiting, all...)
	if !f.running {
		f.running = true
		go f.run()
	}
}

// run tells what there is to tell.
func (f *Feed) run() {
	for over := false; !over; over = f.over() {
		for all := f.next(); len(all) > 0; all = f.next() {
			for i := range all {
				f.take(&all[i])
				all[i] = entry{}
			}
			f.flush()
		}
		f.turn.End() // before another goroutine may begin one
	}
}

// next is what has come.
func (f *Feed) next() []entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.waiting
	f.waiting, f.own = nil, 0
	return all
}

// over says whether there is nothing to tell any more.
func (f *Feed) over() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = len(f.waiting) > 0
	return !f.running
}

func (f *Feed) take(e *entry) {
	switch e.kind {
	case entryDone:
		f.batch.done = append(f.batch.done, waits{e.sub, e.done})
		return
	case entryEvents:
		if f.batch.full(e) {
			f.flush()
		}
		f.batch.add(e)
		return
	}
	f.flush() // who comes has not heard it, and who goes has
	f.workFor(e.sub)
	switch s := e.sub; e.kind {
	case entryJoin:
		f.join(s, e)
	case entryLeave:
		f.leave(s)
	case entryState:
		s.state(e.piece)
	case entryRoom:
		s.goOn()
	case entryBehind:
		f.lost += e.sends * len(f.subs)
		for _, s := range f.subs {
			s.current = false
			s.rest()
		}
	}
}

func (f *Feed) join(s *Subscription, e *entry) {
	if s.of != nil {
		f.joinFar(s, e)
		return
	}
	f.enter(s)
	if e.form != nil {
		s.form = *e.form
	}
	s.begin(e)
}

// enter has one among the subscribers.
func (f *Feed) enter(s *Subscription) {
	if !s.joined {
		s.joined = true
		s.place = len(f.subs)
		f.subs = append(f.subs, s)
	}
}

func (f *Feed) leave(s *Subscription) {
	if !s.joined {
		return
	}
	if s.via != nil {
		f.leaveFar(s)
		return
	}
	if s.knew = 0; s.current {
		s.knew = s.version
	}
	last := f.subs[len(f.subs)-1]
	f.subs[s.place], last.place = last, s.place
	f.subs[len(f.subs)-1] = nil
	f.subs = f.subs[:len(f.subs)-1]
	s.joined = false
	s.end()
}

// TellIn has all that the subscriber asks for told in its turn: the time that it takes
// to tell others of what it does is its own. It is called before the feed's Join.
func (s *Subscription) TellIn(t *budget.Turn) { s.turn = t }

// workFor has the feed go on in the turn of a subscriber, or without one in its own,
// when it is due.
func (f *Feed) workFor(s *Subscription) {
	turn := f.cfg.Turn
	if s != nil && s.turn != nil {
		turn = s.turn
	}
	if turn != f.turn {
		f.turn.End()
		f.turn = turn
	}
	turn.Rest(nil)
}

// share has the feed go on in the turn of one of those who have asked for what the
// batch has, so that each has a part of the work.
func (f *Feed) share() {
	f.workFor(f.batch.entries[f.parts%len(f.batch.entries)].sub)
	f.parts++
}

// restEvery is after how many subscribers a feed looks whether others should go on.
const restEvery = 16

// flush tells what the batch has.
func (f *Feed) flush() {
	b := &f.batch
	if len(b.entries) > 0 {
		f.share()
		b.prepare()
		for i, s := range f.subs {
			if i%restEvery == restEvery-1 {
				f.share()
			}
			s.hear(b)
		}
	}
	for _, one := range b.done {
		if one.by == nil || !one.by.holds(one.done) {
			one.done()
		}
	}
	b.reset()
	if f.lost > 0 && f.cfg.Lost != nil {
		f.cfg.Lost(f.lost)
	}
	f.lost = 0
}
