package disk

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// makers is how many values are made at once.
const makers = 8

// Cache keeps what is made of recorded files. What many ask for at once is made once. All
// methods may be called from any goroutine.
type Cache struct {
	budget *budget.Budget
	max    int64 // bytes that are kept
	idle   time.Duration
	places *Places

	mu      sync.Mutex // nothing else is taken while it is held
	entries map[string]*entry
	order   *list.List // of keys that are made, the one that was used last in front
	used    int64      // of entries in order
}

// entry is something that is made, or is being made.
type entry struct {
	done  chan struct{} // closed when value and err are there
	value any
	err   error

	// Guarded by Cache.mu.
	paid int64 // bytes of the budget
	uses int   // leases that have not been released, and who waits for it
	last time.Time
	at   *list.Element // nil: it is not kept
}

// NewCache makes a cache that keeps up to max bytes, which b pays for (nil has no bound),
// each value until it has not been asked for for so long; 0: until others need its room.
func NewCache(b *budget.Budget, max int64, idle time.Duration) *Cache {
	return &Cache{budget: b, max: max, idle: idle, places: NewPlaces(makers), entries: map[string]*entry{}, order: list.New()}
}

// Pay says that a value takes n bytes more than was said before, or fewer where n is
// negative. False: they are not there. It is for the goroutine that makes the value.
type Pay func(n int64) bool

// Lease is a value that is in use until it is released.
type Lease struct {
	Value any
	c     *Cache
	e     *entry
}

// Release gives the value back; it is called once.
func (l *Lease) Release() { l.c.leave(l.e) }

// Used is how many bytes are kept.
func (c *Cache) Used() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}

// Get is the value under a key, or what make makes of a file of an owner: see Places. It
// waits for a place and for others that make it, until ctx ends, and fails with its
// cause, or as make does. A value that nothing was paid for is not kept.
func (c *Cache) Get(ctx context.Context, of, key string, make func(Pay) (any, error)) (*Lease, error) {
	for {
		e, mine := c.enter(key)
		if mine {
			c.fill(ctx, of, key, e, make)
		} else {
			select {
			case <-e.done:
			case <-ctx.Done():
				c.leave(e)
				return nil, context.Cause(ctx)
			}
		}
		if e.err == nil {
			return &Lease{e.value, c, e}, nil
		}
		c.leave(e)
		switch {
		case !errors.Is(e.err, errNotMade):
			return nil, e.err
		case mine:
			return nil, context.Cause(ctx)
		}
	}
}

// errNotMade says that whoever was to make something has not waited long enough.
var errNotMade = errors.New("not made")

func (c *Cache) enter(key string) (e *entry, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e = c.entries[key]; e == nil {
		e, mine = &entry{done: make(chan struct{})}, true
		c.entries[key] = e
	}
	if e.at != nil {
		c.order.MoveToFront(e.at)
	}
	e.uses++
	e.last = time.Now()
	return e, mine
}

// leave is for one that uses an entry no more.
func (c *Cache) leave(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.uses--
	c.settle(e)
}

// settle gives back what an entry was paid that nobody has. The caller holds c.mu.
func (c *Cache) settle(e *entry) {
	if e.uses == 0 && e.at == nil {
		c.budget.Give(e.paid)
		e.paid = 0
	}
}

func (c *Cache) fill(ctx context.Context, of, key string, e *entry, make func(Pay) (any, error)) {
	if err := c.places.Take(ctx, of); err != nil {
		e.err = errNotMade
	} else {
		e.value, e.err = make(func(n int64) bool { return c.pay(e, n) })
		c.places.Give(of)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.err == nil && e.paid > 0 && c.hasRoom(e.paid) {
		e.at = c.order.PushFront(key)
		c.used += e.paid
		c.forgetLater(key, e, c.idle)
	} else {
		delete(c.entries, key)
	}
	close(e.done)
}

// pay pays for an entry that is made, if it must with what others have that nobody uses.
func (c *Cache) pay(e *entry, n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n < 0 {
		c.budget.Give(-n)
		e.paid += n
		return true
	}
	for !c.budget.Take(n) {
		if !c.dropLast() {
			return false
		}
	}
	e.paid += n
	return true
}

// hasRoom makes room for n bytes among those that are kept. The caller holds c.mu.
func (c *Cache) hasRoom(n int64) bool {
	if n > c.max/2 {
		return false
	}
	for c.used+n > c.max && c.order.Len() > 0 {
		c.drop(c.order.Back())
	}
	return c.used+n <= c.max
}

// dropLast drops what has not been used for longest, of those that nobody uses; false:
// there is none. The caller holds c.mu.
func (c *Cache) dropLast() bool {
	for at := c.order.Back(); at != nil; at = at.Prev() {
		if key, _ := at.Value.(string); c.entries[key].uses == 0 {
			c.drop(at)
			return true
		}
	}
	return false
}

// drop keeps an entry no more. The caller holds c.mu.
func (c *Cache) drop(at *list.Element) {
	key, _ := c.order.Remove(at).(string)
	e := c.entries[key]
	e.at = nil
	delete(c.entries, key)
	c.used -= e.paid
	c.settle(e)
}

// forgetLater drops an entry that nobody has asked for for so long.
func (c *Cache) forgetLater(key string, e *entry, after time.Duration) {
	if c.idle == 0 {
		return
	}
	time.AfterFunc(after, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if e.at == nil {
			return
		}
		if left := c.idle - time.Since(e.last); left > 0 || e.uses > 0 {
			c.forgetLater(key, e, max(left, time.Second))
			return
		}
		c.drop(e.at)
	})
}
