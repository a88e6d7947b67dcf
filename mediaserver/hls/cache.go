package hls

import (
	"container/list"
	"context"
	"errors"
	"sync"

	"flashpod.dev/flashpod/mediaserver/budget"
)

const (
	// maxCached bounds the bytes of recorded streams' playlists and segments that are
	// kept to be used again.
	maxCached = 64 << 20
	// makers is how many are made at once.
	makers = 4
)

// cache keeps what is made of recorded streams. What many ask for at once is made
// once.
type cache struct {
	budget *budget.Budget
	places chan struct{}

	mu      sync.Mutex // nothing else is taken while it is held
	entries map[string]*entry
	order   *list.List // of keys that are made, the one that was used last in front
	used    int64
}

// entry is something that is made, or is being made.
type entry struct {
	done  chan struct{} // closed when the rest is there
	value any
	size  int64
	err   error
	at    *list.Element
}

func newCache(b *budget.Budget) *cache {
	return &cache{budget: b, places: make(chan struct{}, makers), entries: map[string]*entry{}, order: list.New()}
}

// get is what there is under a key, or what make makes of it, with its size in bytes.
// It waits for a place and for others that make it, until ctx ends.
func (c *cache) get(ctx context.Context, key string, make func() (any, int64, error)) (any, error) {
	for {
		e, mine := c.enter(key)
		if mine {
			c.fill(ctx, key, e, make)
			return e.value, e.err
		}
		select {
		case <-e.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if !errors.Is(e.err, errNoPlace) {
			return e.value, e.err
		}
	}
}

// errNoPlace says that whoever was to make something has not waited long enough.
var errNoPlace = errors.New("recorded streams are read by as many viewers as may be: try again later")

func (c *cache) enter(key string) (e *entry, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e = c.entries[key]; e != nil {
		if e.at != nil {
			c.order.MoveToFront(e.at)
		}
		return e, false
	}
	e = &entry{done: make(chan struct{})}
	c.entries[key] = e
	return e, true
}

func (c *cache) fill(ctx context.Context, key string, e *entry, make func() (any, int64, error)) {
	select {
	case c.places <- struct{}{}:
		e.value, e.size, e.err = make()
		<-c.places
	case <-ctx.Done():
		e.err = errNoPlace
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.err == nil && c.keep(e.size) {
		e.at = c.order.PushFront(key)
	} else {
		delete(c.entries, key)
	}
	close(e.done)
}

// keep makes room for n bytes. The caller holds c.mu.
func (c *cache) keep(n int64) bool {
	if n > maxCached/4 {
		return false
	}
	for c.used+n > maxCached || !c.budget.Take(n) {
		last := c.order.Back()
		if last == nil {
			return false
		}
		key := c.order.Remove(last).(string)
		c.used -= c.entries[key].size
		c.budget.Give(c.entries[key].size)
		delete(c.entries, key)
	}
	c.used += n
	return true
}
