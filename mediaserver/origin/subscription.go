package origin

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// edgeWindow is how many bytes about shared objects may be on their way to an edge, and
// edgeFree what it may keep to itself that it has taken.
const (
	edgeWindow = 1 << 20
	edgeFree   = link.TakenAfter
)

// Carrier implements sharedobject.Far.
func (c *client) Carrier() (sharedobject.Carrier, uint64) {
	if c.e.shared {
		return c.e, c.n
	}
	return nil, 0
}

// Carry implements sharedobject.Carrier: an edge has one replica of an object, whatever
// the number of its clients that use it.
func (e *edge) Carry(name string, persistent bool) (c sharedobject.Carried, has uint32) {
	key := objectKey{name, persistent}
	e.mu.Lock()
	e.objects++
	id := e.objects
	has = e.has[key]
	delete(e.has, key)
	e.mu.Unlock()
	e.pipe.Send(link.ObjectBegins, 0, id, link.ObjectBody{Name: name, Persistent: persistent, Has: has})
	return carried{e, id}, has
}

// objectKey names a shared object.
type objectKey struct {
	name       string
	persistent bool
}

// maxHas is how many objects an edge may have of a link before.
const maxHas = 4096

// objectKept notes that an edge has an object of a link before. It says so before its first
// client comes, once: whoever is told of the object first has it go on from there.
func (e *edge) objectKept(r link.Record) error {
	var b link.ObjectBody
	if err := r.Decode(&b); err != nil {
		return err
	}
	if err := sharedobject.CheckName(b.Name); err != nil {
		return fmt.Errorf("%w: %w", link.ErrFrame, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.has) >= maxHas {
		return fmt.Errorf("%w: an edge has more than %d shared objects of a link before", link.ErrFrame, maxHas)
	}
	if e.has == nil {
		e.has = map[objectKey]uint32{}
	}
	e.has[objectKey{b.Name, b.Persistent}] = b.Has
	return nil
}

// carried is an object that an edge has a replica of, by its number on the pipe. It
// implements sharedobject.Carried.
type carried struct {
	e  *edge
	id uint64
}

// Tell implements sharedobject.Subscriber: what waits for clients waits at the edge.
func (c carried) Tell(u sharedobject.Update, w sharedobject.Waiter) bool {
	if !c.e.window.Offer(len(u.Payload), w) {
		return false
	}
	if len(u.Payload) > 0 {
		c.e.pipe.Send(link.ObjectTold, 0, c.id, link.ObjectToldBody{Payload: u.Payload})
	}
	return true
}

// End implements sharedobject.Carried.
func (c carried) End() { c.e.pipe.Send(link.ObjectEnds, 0, c.id, nil) }

// taken is what the edge has taken of what is on its way.
func (e *edge) taken(r link.Record) error {
	var b link.RoomBody
	if err := r.Decode(&b); err != nil {
		return err
	}
	e.window.Taken(max(0, b.Bytes))
	return nil
}
