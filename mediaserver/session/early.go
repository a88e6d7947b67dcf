package session

import (
	"fmt"
	"sync"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// early is what an instance says to a client before that was told that it is let in.
// It waits for that, in order.
type early struct {
	budget *budget.Budget // pays; nil: nobody has to

	mu    sync.Mutex // nothing else is taken while it is held
	said  []func(in bool)
	bytes int
	over  bool // nothing waits any more
}

// maxEarly bounds what waits, in bytes, each word with perWord of its own.
const (
	maxEarly = 256 << 10
	perWord  = 64
)

// add has f wait, of so many bytes: it is called with whether the client was let in.
// It returns false when nothing has to wait, and an error when too much does.
func (e *early) add(bytes int, f func(in bool)) (waits bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over {
		return false, nil
	}
	n := bytes + perWord
	if e.bytes+n > maxEarly {
		return true, fmt.Errorf("%w: %d bytes wait for it to be let in", rtmp.ErrSlow, e.bytes+n)
	}
	if !e.budget.Take(int64(n)) {
		return true, fmt.Errorf("%w: %d bytes wait for it to be let in", rtmp.ErrUsedUp, e.bytes+n)
	}
	e.bytes += n
	e.said = append(e.said, f)
	return true, nil
}

// tell says what waits to a client that was let in, and end drops it: nothing waits
// afterwards.
func (e *early) tell() { e.done(true) }
func (e *early) end()  { e.done(false) }

func (e *early) done(in bool) {
	for {
		e.mu.Lock()
		said := e.said
		e.budget.Give(int64(e.bytes))
		e.said, e.bytes = nil, 0
		if len(said) == 0 {
			e.over = true
			e.mu.Unlock()
			return
		}
		e.mu.Unlock()
		for _, f := range said { // what comes meanwhile waits behind them
			f(in)
		}
	}
}
