package pieces

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// readPiece reads a part of a piece that is here; false: it is not.
func (c *Cache) readPiece(f *File, n int64, b []byte, in int) (ok bool) {
	c.mu.Lock()
	e := c.entries[id{f.id, n}]
	if e == nil || !e.readable(in+len(b)) {
		c.mu.Unlock()
		return false
	}
	delete(e.held, f)
	e.in.MoveToFront(e.at)
	if whole := e.b; whole != nil {
		c.mu.Unlock()
		copy(b, whole[in:])
		return true
	}
	e.reading++
	c.mu.Unlock()
	err := c.readStored(e, b, in)
	c.mu.Lock()
	e.reading--
	var victim stored
	if err != nil {
		victim = c.drop(e)
	}
	c.mu.Unlock()
	if err != nil {
		c.torn(err)
		c.remove(victim)
	}
	return err == nil
}

// readable says whether the first size bytes of a piece can be read. The caller holds mu.
func (e *entry) readable(size int) bool {
	return e.state == here && e.size >= size && (e.b != nil || e.verified)
}

// want has a piece of a file here soon, and wake called once then, or when it is not to be
// had, with the reason of its own source; at once, where it is here. nil: nobody waits.
func (c *Cache) want(f *File, n int64, urgent bool, wake func(error)) {
	size := f.sizeOf(n)
	var victim stored
	begin := false
	c.mu.Lock()
	e := c.entries[id{f.id, n}]
	switch {
	case e != nil && e.readable(size):
		c.mu.Unlock()
		if wake != nil {
			wake(nil)
		}
		return
	case e != nil && e.state == here && e.busy():
		// A file that grows has more of it now, and what there was is being written or read.
		c.mu.Unlock()
		if wake != nil {
			time.AfterFunc(soon, func() { wake(nil) })
		}
		return
	case e != nil && e.state == here && e.size >= size: // nobody knows whether it is whole
		begin = c.park(e, urgent)
	case e == nil || e.state == here:
		if e != nil {
			victim = c.drop(e)
		}
		e = &entry{id: id{f.id, n}, size: size, from: f}
		begin = c.park(e, urgent)
	case e.state == parked || e.state == fetched:
		e.urgent = e.urgent || urgent
	}
	if wake != nil {
		e.waiting = append(e.waiting, func(err error) {
			if e.from != f {
				err = nil // it has a source of its own, which is asked then
			}
			wake(err)
		})
		if e.held == nil {
			e.held = map[*File]struct{}{}
		}
		e.held[f] = struct{}{}
	}
	c.mu.Unlock()
	c.remove(victim)
	if begin {
		c.begin(e)
	}
}

// soon is when to look again after something that takes a moment.
const soon = 10 * time.Millisecond

// busy says whether a piece is written or read. The caller holds mu.
func (e *entry) busy() bool { return e.storing || e.reading > 0 }

// park pays for a piece that is to be fetched, and says whether that is to begin now. What
// is urgent waits for memory, and what is not is forgotten. The caller holds mu.
func (c *Cache) park(e *entry, urgent bool) (begin bool) {
	e.urgent = urgent
	switch {
	case c.pay(e):
		e.state = fetched
		begin = true
	case urgent:
		e.state = parked
		c.parked = append(c.parked, e)
		c.retryLater()
	case e.state == here: // it is looked at when somebody wants it
	default:
		e.state = gone
		return false
	}
	c.entries[e.id] = e
	return begin
}

// pay pays for the memory of a piece, if it must with that of others that are in memory and
// not on their way to the disk. The caller holds mu.
func (c *Cache) pay(e *entry) bool {
	for !c.cfg.Memory.Take(int64(e.size)) {
		if !c.forget() {
			return false
		}
	}
	e.paid = int64(e.size)
	return true
}

// forget forgets the piece in memory that has not been used for longest, and that nobody
// waits for. The caller holds mu.
func (c *Cache) forget() bool {
	for at := c.memory.Back(); at != nil; at = at.Prev() {
		if e, _ := at.Value.(*entry); !e.busy() && !e.isHeld() {
			c.drop(e) // it is not on the disk
			return true
		}
	}
	return false
}

// isHeld says whether somebody has waited for a piece and not read it yet. The caller holds
// mu.
func (e *entry) isHeld() bool { return len(e.held) > 0 && time.Now().Before(e.until) }

// giveBack is for a piece that is not in memory any more. The caller holds mu.
func (c *Cache) giveBack(e *entry) {
	c.cfg.Memory.Give(e.paid)
	e.b, e.paid = nil, 0
}

// retryLater looks after those that wait for memory now and then: others may stop to need
// theirs without a word. The caller holds mu.
func (c *Cache) retryLater() {
	if c.retry || len(c.parked) == 0 || c.closed {
		return
	}
	c.retry = true
	time.AfterFunc(heldFor/10, func() {
		c.mu.Lock()
		c.retry = false
		c.mu.Unlock()
		c.unpark()
	})
}

// unpark begins to fetch what has waited for memory.
func (c *Cache) unpark() {
	for {
		c.mu.Lock()
		if len(c.parked) == 0 || !c.pay(c.parked[0]) {
			c.retryLater()
			c.mu.Unlock()
			return
		}
		e := c.parked[0]
		c.parked = slices.Delete(c.parked, 0, 1)
		e.state = fetched
		c.mu.Unlock()
		c.begin(e)
	}
}

// begin fetches a piece that is paid for: from the disk, where it may be whole, or from its
// source.
func (c *Cache) begin(e *entry) {
	c.mu.Lock()
	is, from, urgent := e.stored, e.from, e.urgent
	c.mu.Unlock()
	if is == nowhere {
		from.src.Fetch(e.id.n, e.size, urgent, func(b []byte, err error) { c.came(e, b, err) })
		return
	}
	go func() {
		err := c.check(e, is)
		if err == nil {
			c.arrived(e, nil)
			return
		}
		c.torn(err)
		c.lost(e, nil) // who has waited asks again
	}()
}

func (c *Cache) torn(err error) {
	c.stats.torn.Add(1)
	c.log.Warn("a piece of a recording in the cache is not whole: it is fetched again", "err", err)
}

var errShort = errors.New("its origin has less of it")

// came is what a source has of a piece.
func (c *Cache) came(e *entry, b []byte, err error) {
	if err == nil && len(b) != e.size {
		err = errShort
	}
	if err == nil {
		c.stats.fetched.Add(uint64(len(b)))
		c.arrived(e, b)
		return
	}
	c.lost(e, fmt.Errorf("byte %d of a recording: %w", e.id.n*Size, err))
}

// lost forgets a piece that did not come, and says why; nil: it is to be asked for again.
func (c *Cache) lost(e *entry, why error) {
	c.mu.Lock()
	waiting := e.waiting
	e.waiting = nil
	victim := c.drop(e)
	c.mu.Unlock()
	c.remove(victim)
	call(waiting, why)
	c.unpark()
}

// arrived puts a piece where readers find it, and has it written to the disk; nil: it is
// there, and whole.
func (c *Cache) arrived(e *entry, b []byte) {
	var victims []stored
	c.mu.Lock()
	waiting := e.waiting
	e.waiting = nil
	e.state, e.until = here, time.Now().Add(heldFor)
	if b == nil {
		e.verified = true
		c.giveBack(e)
		e.in.MoveToFront(e.at)
	} else {
		e.b = b
		c.list(e, c.memory)
		victims = c.store(e)
	}
	c.mu.Unlock()
	call(waiting, nil)
	c.remove(victims...)
	c.unpark()
}

// list puts a piece in front of a list, and out of the one that it was in. The caller holds
// mu.
func (c *Cache) list(e *entry, in *pieceList) {
	if e.at != nil {
		e.in.Remove(e.at)
	}
	e.in, e.at = in, in.PushFront(e)
}

// drop forgets a piece, and returns what is to be removed from the disk. The caller holds
// mu.
func (c *Cache) drop(e *entry) (victim stored) {
	if e.state == gone {
		return nowhere
	}
	e.state = gone
	delete(c.entries, e.id)
	if e.at != nil {
		e.in.Remove(e.at)
		e.at = nil
	}
	c.giveBack(e)
	victim, e.stored = e.stored, nowhere
	if victim != nowhere {
		c.onDisk -= fileSize(e.size)
	}
	return victim
}

func call(all []func(error), why error) {
	for _, one := range all {
		one(why)
	}
}
