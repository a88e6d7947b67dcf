package sharedobject

import "sync"

// Feed tells an object's subscribers what happens to it: in order, and what many
// hear is encoded once. Nothing is held while it tells them, and no subscriber
// waits for another. Adding to it never waits: whoever holds the object does so,
// and a goroutine that exists while there is something to tell does the rest.
// What has come meanwhile goes out together.
type Feed struct {
	name       string
	persistent bool
	state      func(*Subscription, uint32)

	mu      sync.Mutex // nothing else is taken, and nothing called, while it is held
	waiting []entry
	running bool

	// Used by the goroutine that tells alone.
	subs  []*Subscription
	batch batch
}

// entry is one thing that happens, in the order of the feed.
type entry struct {
	kind    entryKind
	sub     *Subscription // that it is about, or who asked
	version uint32
	own     []Event // for sub
	others  []Event // for everybody else
	done    func()  // called when it was told; nil: nobody waits
}

type entryKind int

const (
	entryEvents entryKind = iota
	entryJoin
	entryLeave
	entryState // answers what state was asked for
	entryRoom  // a subscriber that was behind can take more
)

// NewFeed makes the feed of an object. state is called for a subscriber that has
// missed something since a version, at most once until it is answered by
// [Feed.State]; it must not wait.
func NewFeed(name string, persistent bool, state func(*Subscription, uint32)) *Feed {
	return &Feed{name: name, persistent: persistent, state: state}
}

// Join adds a subscriber, or begins anew with one that is there: it hears first in
// one message, and then the state in others.
func (f *Feed) Join(s *Subscription, version uint32, first, state []Event, done func()) {
	f.add(entry{kind: entryJoin, sub: s, version: version, own: first, others: state, done: done})
}

// Leave takes a subscriber out: it hears nothing that happens from now on.
func (f *Feed) Leave(s *Subscription, done func()) {
	f.add(entry{kind: entryLeave, sub: s, done: done})
}

// State brings the state of a version to the subscriber for which it was asked.
func (f *Feed) State(s *Subscription, version uint32, state []Event) {
	f.add(entry{kind: entryState, sub: s, version: version, own: state})
}

// Tell brings what a message has done to all subscribers. by is the one who sent
// it; nil: the server. done is called when all were told, which may take as long
// as there is more to tell.
func (f *Feed) Tell(by *Subscription, out Outcome, done func()) {
	f.add(entry{sub: by, version: out.Version, own: out.Requester, others: out.Others, done: done})
}

func (f *Feed) add(e entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append(f.waiting, e)
	if !f.running {
		f.running = true
		go f.run()
	}
}

// run tells what there is to tell.
func (f *Feed) run() {
	for {
		f.mu.Lock()
		all := f.waiting
		f.waiting = nil
		if len(all) == 0 {
			f.running = false
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		for i := range all {
			f.take(&all[i])
			all[i] = entry{}
		}
		f.flush()
	}
}

func (f *Feed) take(e *entry) {
	if e.kind == entryEvents {
		if f.batch.full(e) {
			f.flush()
		}
		f.batch.add(e)
		return
	}
	f.flush() // who comes has not heard it, and who goes has
	switch s := e.sub; e.kind {
	case entryJoin:
		f.join(s, e)
	case entryLeave:
		f.leave(s)
	case entryState:
		s.resync(f, e.version, e.own)
	case entryRoom:
		s.goOn(f)
	}
	if e.done != nil {
		e.done()
	}
}

func (f *Feed) join(s *Subscription, e *entry) {
	if !s.joined {
		s.joined = true
		s.place = len(f.subs)
		f.subs = append(f.subs, s)
	}
	s.begin(f, e)
}

func (f *Feed) leave(s *Subscription) {
	if !s.joined {
		return
	}
	last := f.subs[len(f.subs)-1]
	f.subs[s.place], last.place = last, s.place
	f.subs[len(f.subs)-1] = nil
	f.subs = f.subs[:len(f.subs)-1]
	s.joined = false
	s.rest, s.owed = nil, owed{}
}

// flush tells what the batch has.
func (f *Feed) flush() {
	b := &f.batch
	if len(b.entries) == 0 {
		return
	}
	b.prepare()
	for _, s := range f.subs {
		s.hear(f, b)
	}
	for _, e := range b.entries {
		if e.done != nil {
			e.done()
		}
	}
	b.reset()
}
