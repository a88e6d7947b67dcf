package edge

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// maxObjects is how many replicas a link may have: more than clients can use.
const maxObjects = 1 << 20

// replicas are the shared objects that clients of a link use: what happens to one comes
// once, and is told from here. Who uses which, the origin says.
type replicas struct {
	u *uplink

	mu   sync.Mutex // nothing else is taken, and nobody called, while it is held
	byID map[uint64]*sharedobject.Replica
	// kept are those of a link before, of objects that persist: see lost, and goesOn.
	kept map[objectKey]*sharedobject.Replica

	// Used by the goroutine that handles what comes alone.
	untold map[*sharedobject.Replica]struct{} // that have taken something since all was told
	taken  int                                // bytes, which the origin does not know of yet
}

// objectKey names a shared object.
type objectKey struct {
	name       string
	persistent bool
}

// begins has a replica begin, or go on that was kept.
func (s *replicas) begins(r *link.Record) error {
	var b link.ObjectBody
	if err := r.Decode(&b); err != nil {
		return err
	}
	cfg := sharedobject.ReplicaConfig{Client: s.u.subscriber, Unpaid: endUnpaid}
	if b := s.u.e.cfg.Budgets; b != nil {
		cfg.Objects, cfg.Queues = b.Objects, b.Queues
	}
	key := objectKey{b.Name, b.Persistent}
	s.mu.Lock()
	one, full := s.kept[key], s.byID[r.ID] != nil || len(s.byID) >= maxObjects
	delete(s.kept, key)
	s.mu.Unlock()
	if full {
		return fmt.Errorf("%w: the shared object %d is here already, or there are too many", link.ErrFrame, r.ID)
	}
	switch {
	case b.Has > 0 && (one == nil || one.Version() != b.Has):
		return fmt.Errorf("%w: the shared object %d is to go on at version %d, which is not here", link.ErrFrame, r.ID, b.Has)
	case b.Has == 0 && one != nil:
		one.End()
		one = nil
	}
	if one == nil {
		one = sharedobject.NewReplica(b.Name, b.Persistent, cfg)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[uint64]*sharedobject.Replica{}
	}
	s.byID[r.ID] = one
	return nil
}

// lost keeps what there is of objects that persist for the next link, where they go on once
// clients use them again, of whom it is noted what each has: they are told nothing until then,
// as access may have changed, and then what has changed meanwhile. Objects that do not persist
// begin anew. clients are those that there were, by their numbers.
func (s *replicas) lost(clients map[uint64]*remote) {
	s.settle()
	s.mu.Lock()
	all := s.byID
	s.byID = nil
	s.mu.Unlock()
	s.untold, s.taken = nil, 0
	for _, one := range all {
		key, persistent := one.Of()
		one.LeaveAll(func(n uint64, version uint32) {
			if c := clients[n]; c != nil && persistent {
				c.uses.knows(key, version)
			}
		})
		if !persistent || one.Version() == 0 {
			one.End()
			continue
		}
		s.mu.Lock()
		if s.kept == nil {
			s.kept = map[objectKey]*sharedobject.Replica{}
		}
		s.kept[objectKey{key, persistent}] = one
		s.mu.Unlock()
	}
}

// maxKept is how many objects go on over the next link. The others begin anew.
const maxKept = 4096

// goesOn is what an origin is to hear of what is kept, before it hears of the first client,
// so that whose turn it is then decides nothing. Of what no client uses any more nothing is
// kept any longer, and nothing at all for an origin that knows of no replicas.
func (s *replicas) goesOn(knows bool) (all []link.ObjectBody) {
	wanted := map[objectKey]struct{}{}
	if knows {
		wanted = s.u.wanted()
	}
	var goes, useless []*sharedobject.Replica
	s.mu.Lock()
	for key, one := range s.kept {
		if _, is := wanted[key]; is && len(goes) < maxKept {
			goes = append(goes, one)
			continue
		}
		delete(s.kept, key)
		useless = append(useless, one)
	}
	s.mu.Unlock()
	for _, one := range useless {
		one.End()
	}
	for _, one := range goes {
		name, persistent := one.Of()
		all = append(all, link.ObjectBody{Name: name, Persistent: persistent, Has: one.Version()})
	}
	return all
}

// wanted are the objects that clients use.
func (u *uplink) wanted() map[objectKey]struct{} {
	u.mu.Lock()
	clients := slices.Collect(maps.Keys(u.clients))
	u.mu.Unlock()
	all := map[objectKey]struct{}{}
	for _, c := range clients {
		c.uses.mu.Lock()
		for _, one := range c.uses.list {
			all[objectKey{one.name, one.persistent}] = struct{}{}
		}
		c.uses.mu.Unlock()
	}
	return all
}

func endUnpaid(s sharedobject.Subscriber) {
	if p, ok := s.(session.Peer); ok {
		p.Fail(fmt.Errorf("%w: answers about shared objects that the client does not take", rtmp.ErrUsedUp))
	}
}

// told has a replica take something. The origin may send more once it was: what clients
// have no room for waits in the replica.
func (s *replicas) told(r *link.Record) error {
	var b link.ObjectToldBody
	if err := r.Decode(&b); err != nil {
		return err
	}
	one := s.of(r.ID)
	if one == nil {
		return fmt.Errorf("%w: the shared object %d is not here", link.ErrFrame, r.ID)
	}
	if err := one.Take(b.Payload, link.MaxFrame); err != nil {
		return err
	}
	if s.untold == nil {
		s.untold = map[*sharedobject.Replica]struct{}{}
	}
	s.untold[one] = struct{}{}
	if s.taken += len(b.Payload); s.taken >= link.TakenAfter {
		s.u.send(link.Taken, 0, 0, link.RoomBody{Bytes: s.taken})
		s.taken = 0
	}
	return nil
}

// ends ends a replica that nobody uses any more.
func (s *replicas) ends(r *link.Record) error {
	one := s.of(r.ID)
	if one == nil {
		return fmt.Errorf("%w: the shared object %d is not here", link.ErrFrame, r.ID)
	}
	s.mu.Lock()
	delete(s.byID, r.ID)
	s.mu.Unlock()
	delete(s.untold, one)
	one.End()
	return nil
}

func (s *replicas) of(id uint64) *sharedobject.Replica {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

// settle waits until clients were told all that came of shared objects, or have no room for
// it: what comes next for one of them does not overtake it. Who tells them waits for nobody.
func (s *replicas) settle() {
	if len(s.untold) == 0 {
		return
	}
	var telling sync.WaitGroup
	telling.Add(len(s.untold))
	for one := range s.untold {
		one.Told(telling.Done)
	}
	telling.Wait()
	clear(s.untold)
}

// leave takes a client out of all that it uses.
func (s *replicas) leave(client uint64) {
	for _, one := range s.all() {
		one.Leave(client)
	}
}

// end ends all, with the link.
func (s *replicas) end() {
	for _, one := range s.all() {
		one.End()
	}
}

func (s *replicas) all() (all []*sharedobject.Replica) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.byID {
		all = append(all, one)
	}
	for _, one := range s.kept {
		all = append(all, one)
	}
	return all
}

// subscriber is a client that has a number, and its share of what waits for clients; nil:
// it has gone.
func (u *uplink) subscriber(n uint64) (sharedobject.Subscriber, *budget.Budget) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if c := u.stays[n]; c != nil {
		return c.peer, c.share
	}
	return nil, nil
}

// queuePart is the part that one client may have of what waits to be told; it is enough
// for the answers to two of the largest messages.
const (
	queuePart = 16
	minQueues = 2 << 20
)

// share is what one client may have waiting to be told; nil: there is no bound.
func (e *Edge) share() *budget.Budget {
	if e.cfg.Budgets == nil || e.cfg.Budgets.Queues == nil {
		return nil
	}
	all := e.cfg.Budgets.Queues
	return budget.New(all.Name(), max(all.Max()/queuePart, minQueues))
}
