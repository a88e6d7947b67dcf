package stream

import "sync"

// events are what players are told by callback: OnEnd and OnSwitch. A loop
// notes them while it works, in the order of what it lays out, and hands them
// over after its turn. A goroutine, which is there only as long as there are
// some, calls them one after another, without a lock: a callback may call the
// player, or wait for the loop, and delays none but those behind it.
type events struct {
	noted []func() // held by the loop

	mu      sync.Mutex // nothing else is taken, and nothing called, while it is held
	waiting []func()
	running bool
}

// note has f called after the loop's turn. It runs in the loop.
func (e *events) note(f func()) {
	if f != nil {
		e.noted = append(e.noted, f)
	}
}

// deliver hands over what was noted, to be called by a goroutine that start
// starts. It runs in the loop.
func (e *events) deliver(start func(func())) {
	if len(e.noted) == 0 {
		return
	}
	e.mu.Lock()
	e.waiting = append(e.waiting, e.noted...)
	idle := !e.running
	e.running = true
	e.mu.Unlock()
	clear(e.noted)
	e.noted = e.noted[:0]
	if idle {
		start(e.call)
	}
}

// call calls what waits, until nothing does.
func (e *events) call() {
	for {
		e.mu.Lock()
		now := e.waiting
		e.waiting = nil
		e.running = len(now) > 0
		e.mu.Unlock()
		if len(now) == 0 {
			return
		}
		for _, f := range now {
			f()
		}
	}
}
