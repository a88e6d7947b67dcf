package edge

import (
	"errors"
	"slices"
	"sync"

	"flashpod.dev/flashpod/mediaserver/link"
)

const (
	// clientCredit is how many bytes of what a client asks may be on their way to the origin,
	// one question at least: what is answered gives it back.
	clientCredit = 256 << 10
	// maxHeld is how many bytes of it may wait for credit here.
	maxHeld = 8 << 20
	// recordSize is about what a question takes beside its body.
	recordSize = 64
)

// errFlood is why a client is closed that sends more than its origin takes.
var errFlood = errors.New("more waits for the origin of this instance than one client may have there")

// credit is what one client may send to the origin: one that sends without end fills neither
// the pipe of all nor the edge. Its questions go in their order.
type credit struct {
	mu    sync.Mutex   // the uplink's may be taken, and nobody is called, while it is held
	link  uint64       // the client's number on the pipe that it is for; 0: there is none
	sent  []sentRecord // questions that are not answered, in the order of their IDs
	bytes int          // of them all
	held  []heldRecord
	paid  int64 // of Budgets.Links, for those
	over  bool  // the client has gone, or is to go
}

// sentRecord is a question on its way. Answers come nearly in the order of questions, and
// most of who only plays are never asked again, so this is no map.
type sentRecord struct {
	id   uint64
	size int
}

type heldRecord struct {
	client uint64 // its number on the pipe
	kind   link.Kind
	id     uint64
	body   any
	size   int
}

// ask sends a question when there is credit for it. A client that has too many waiting is
// closed.
func (c *credit) ask(r *remote, n uint64, k link.Kind, id uint64, body any) {
	raw, size, err := link.Encode(body)
	one := heldRecord{n, k, id, raw, size + recordSize}
	c.mu.Lock()
	switch {
	case c.over, n != c.link: // the pipe has ended since: what was asked over it is answered
		err = nil
	case err != nil:
		c.over = true
	case len(c.held) == 0 && c.has(one.size):
		c.send(r, one)
	case c.paid+int64(one.size) > maxHeld || !r.u.e.cfg.Budgets.Links.Take(int64(one.size)):
		c.over, err = true, errFlood
	default:
		c.paid += int64(one.size)
		c.held = append(c.held, one)
	}
	c.mu.Unlock()
	if err != nil {
		r.peer.Fail(err)
	}
}

// has says whether there is credit. The caller holds mu.
func (c *credit) has(size int) bool { return c.bytes == 0 || c.bytes+size <= clientCredit }

// send sends a question. The caller holds mu.
func (c *credit) send(r *remote, one heldRecord) {
	c.sent = append(c.sent, sentRecord{one.id, one.size})
	c.bytes += one.size
	r.u.send(one.kind, one.client, one.id, one.body)
}

// answered gives back the credit of a question, and sends what has waited for it.
func (c *credit) answered(r *remote, n, id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n != c.link { // of the link before, whose credit is forgotten
		return
	}
	for i, one := range c.sent {
		if one.id == id {
			c.bytes -= one.size
			c.sent = slices.Delete(c.sent, i, i+1)
			break
		}
	}
	for len(c.held) > 0 && c.has(c.held[0].size) {
		c.next(r)
	}
}

// next sends the first of those that wait. The caller holds mu.
func (c *credit) next(r *remote) {
	one := c.held[0]
	c.held = c.held[1:]
	c.paid -= int64(one.size)
	r.u.e.cfg.Budgets.Links.Give(int64(one.size))
	c.send(r, one)
}

// leaves sends all that waits of a client that has gone: what it has said before is done
// first.
func (c *credit) leaves(r *remote) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.held) > 0 && !c.over {
		c.next(r)
	}
	c.end(r)
}

// lost forgets what was sent and what waits, since the link has ended: over the next one all
// begins anew.
func (c *credit) lost(r *remote) {
	c.mu.Lock()
	defer c.mu.Unlock()
	over := c.over
	c.end(r)
	c.link, c.sent, c.bytes, c.over = 0, nil, 0, over
}

// begins is for the next pipe, on which the client has a number.
func (c *credit) begins(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = n
}

// end is for callers that hold mu.
func (c *credit) end(r *remote) {
	r.u.e.cfg.Budgets.Links.Give(c.paid)
	c.held, c.paid, c.over = nil, 0, true
}
