package sharedobject

import (
	"maps"
	"sync"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// Replica is an object that another server owns, with its versions and what was deleted of
// it lately, as far as that was brought here: see [Carrier]. Its subscribers are told as
// those of any object, a carrier to the next server among them, and who may be one the owner
// has said. All methods may be called from any goroutine, Take from one at a time; none
// waits but LeaveAll.
type Replica struct {
	cfg  ReplicaConfig
	feed *Feed

	mu     sync.Mutex // Feed.mu is taken while it is held, and Client called
	object *Object
	subs   map[uint64]*Subscription
	ended  bool

	// Where Take is: whose the next events are, and what was gathered of them; version is
	// that of the slots that change; 0: that of the message.
	client  uint64
	his     bool // they are what the client hears, not all others
	version uint32
	claimed uint32 // that of before it began anew: see Outcome
	own     []Event
	others  []Event
	floor   *uint32 // what happened before is not known; nil: nothing was said
}

// ReplicaConfig is what a replica needs.
type ReplicaConfig struct {
	// Client is who has a number, and his share of what waits to be told, which is counted
	// in it beside Queues; nil: he has gone, and a nil share has no bound. It must not wait,
	// and call nothing of the replica.
	Client func(number uint64) (Subscriber, *budget.Budget)
	// Objects pays for what the object has, which is taken whether it is there or not: its
	// owner has bounded it. Queues pays for what waits to be told. nil: nobody has to.
	Objects, Queues *budget.Budget
	// Lost and Unpaid are FeedConfig's.
	Lost   func(messages int)
	Unpaid func(Subscriber)
}

// NewReplica makes the replica of an object of which nothing is known yet.
func NewReplica(name string, persistent bool, cfg ReplicaConfig) *Replica {
	r := &Replica{cfg: cfg, object: NewObject(name, persistent, Limits{}, cfg.Objects), subs: map[uint64]*Subscription{}}
	r.object.version, r.object.mirrors = 0, true
	r.feed = NewFeed(name, persistent, FeedConfig{Ask: r.ask, Budget: cfg.Queues, Lost: cfg.Lost, Unpaid: cfg.Unpaid})
	return r
}

func (r *Replica) ask(s *Subscription, known Cursor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.feed.State(s, r.object.Piece(known, MaxMessage))
}

// Of is the object's name, and whether it persists.
func (r *Replica) Of() (name string, persistent bool) { return r.object.Name, r.object.Persistent }

// Version is of which the replica has all; 0: of none.
func (r *Replica) Version() uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.object.version
}

// Told has done called when all was told that was taken, or waits for those who have no
// room.
func (r *Replica) Told(done func()) { r.feed.Told(nil, done) }

// Leave takes a client out that has gone.
func (r *Replica) Leave(client uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(client)
}

// LeaveAll takes all clients out, since what brings the object is lost. What is brought
// next is from the version that there is, or all. knew is called, before LeaveAll returns,
// for each that was told by the replica itself, with the version of which it has all, or is
// on its way to it; 0: it is not known. nil: nobody asks. It waits for the feed.
func (r *Replica) LeaveAll(knew func(client uint64, version uint32)) {
	r.mu.Lock()
	left := maps.Clone(r.subs)
	for client := range left {
		r.leave(client)
	}
	r.client, r.his, r.version, r.own, r.others, r.floor = 0, false, 0, nil, nil, nil
	r.mu.Unlock()
	if knew == nil {
		return
	}
	told := make(chan struct{})
	r.Told(func() { close(told) })
	<-told
	for client, s := range left {
		if s.of == nil {
			knew(client, s.knew)
		}
	}
}

// End takes all clients out. The replica is of no use any more.
func (r *Replica) End() {
	r.LeaveAll(nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.object.Drop()
		r.ended = true
	}
}

func (r *Replica) leave(client uint64) {
	if s := r.subs[client]; s != nil {
		delete(r.subs, client)
		r.feed.Leave(s)
	}
}

// Take does what a message says that was brought, in the payload's form of type 16, and has
// it told. Its values have so many bytes at most: see Parse. A message that cannot be
// understood is an error: the replica is of no use then.
func (r *Replica) Take(payload []byte, most int) error {
	if len(payload) == 0 {
		return errBetween
	}
	m, err := parse(payload[1:], most, nil, true)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil
	}
	for i := range m.Events {
		if err := r.take(&m.Events[i]); err != nil {
			return err
		}
	}
	r.tell(m.Version, m.Version >= r.version)
	r.object.version = max(r.object.version, m.Version)
	return nil
}

func (r *Replica) take(e *Event) (err error) {
	if !e.Type.between() {
		if r.his {
			r.own = append(r.own, *e)
		} else {
			r.others = append(r.others, *e)
		}
		return nil
	}
	if e.Type == byOthers {
		r.his = false
		return nil
	}
	var client uint64
	var version uint32
	if e.Type == byClient {
		if client, version, err = parseBy(e.Name); err != nil {
			return err
		}
	}
	known := r.object.version
	if version > 0 { // what comes to an end now is whole
		known = max(known, r.version)
	}
	r.tell(known, true)
	r.client, r.his, r.version = client, client != 0, version
	switch e.Type {
	case joins:
		var j joining
		if j, err = parseJoining(e.Name); err == nil {
			r.join(j)
		}
	case leaves:
		if client, err = parseLeaving(e.Name); err == nil {
			r.leave(client)
		}
	case floor:
		if version, err = parseFloor(e.Name); err == nil {
			r.floor = &version
			r.claimed = max(r.claimed, r.object.version)
			r.object.version = 0 // it begins anew
		}
	}
	return err
}

// tell does what was gathered: of version all is known then. The client who has asked for
// it hears of it once it is whole, as it knows then what he has done.
func (r *Replica) tell(version uint32, whole bool) {
	own, others := r.own, r.others
	r.others = nil
	if whole {
		r.own = nil
	} else {
		own = nil
	}
	by := r.subs[r.client]
	if by == nil {
		own = nil // he has gone
	}
	if len(own)+len(others) == 0 {
		return
	}
	o := r.object
	out := Outcome{before: o.log.last, from: o.version, Requester: own, Others: others}
	at := r.version
	if at == 0 {
		at = version
	}
	if at <= o.version {
		at = o.version + 1 // what has happened under a lock is known with the last of it
	}
	for i := range others {
		o.mirror(&others[i], at)
		if others[i].Type == Clear && r.floor != nil {
			o.floor, out.floor, r.floor = *r.floor, r.floor, nil
		}
	}
	out.at = at
	o.version = max(o.version, version)
	out.Version, out.told, out.claimed = o.version, o.log.last, r.claimed
	r.feed.Tell(by, out)
}

// join has a client told, from what it knows on.
func (r *Replica) join(j joining) {
	to, share := r.cfg.Client(j.client)
	if to == nil {
		return
	}
	s := r.subs[j.client]
	if s == nil {
		s = NewSubscription(r.feed, to, j.form).Within(share)
		r.subs[j.client] = s
	}
	first := []Event{{Type: UseSuccess}}
	if !j.all {
		if known, ok := r.object.Since(j.version); ok {
			r.feed.JoinAs(s, j.form, first, r.object.Join(known))
			return
		}
	}
	first = append(first, Event{Type: Clear})
	r.feed.JoinAs(s, j.form, first, r.object.Join(r.object.Begin()))
}

// mirror does what has been done to the object that this one shows, at a version.
func (o *Object) mirror(e *Event, version uint32) {
	switch e.Type {
	case Change:
		o.set(e.Name, e.Value, version)
	case Remove:
		if !o.remove(e.Name, version) {
			o.bury(e.Name, version)
		}
	case Clear:
		o.empty(version)
	}
}
