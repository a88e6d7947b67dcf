package instance

import (
	"sync"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// maxUnsaid bounds what a script has said to clients and connections have not been
// handed yet, in bytes. What their sockets do not take is theirs from then on.
const maxUnsaid = 16 << 20

// perSaying is what something that waits takes besides its bytes, and perGuest what it
// takes for each who is to hear it.
const (
	perSaying = 256
	perGuest  = 8
)

// outbox says what a script has to say to clients, in order: beside the owner, for
// which ten thousand sockets are too many. A goroutine does while there is something.
type outbox struct {
	turn   *budget.Turn   // that it works in
	budget *budget.Budget // pays; nil: nobody has to

	mu      sync.Mutex // nothing else is taken while it is held
	waiting []saying
	bytes   int // that were taken
	running bool
}

type saying struct {
	bytes int // given back when it was said
	run   func()
}

// take has room for so many bytes, or returns false.
func (b *outbox) take(bytes int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes > 0 && b.bytes+bytes > maxUnsaid || !b.budget.Take(int64(bytes)) {
		return false
	}
	b.bytes += bytes
	return true
}

// give gives room back, of what is not said after all.
func (b *outbox) give(bytes int) {
	b.mu.Lock()
	b.bytes -= bytes
	b.mu.Unlock()
	b.budget.Give(int64(bytes))
}

// say has f called behind what was said before. It does not wait.
func (b *outbox) say(bytes int, f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, saying{bytes, f})
	if !b.running {
		b.running = true
		go b.run()
	}
}

func (b *outbox) run() {
	ended := true // the turn, before another goroutine may begin one
	for {
		b.mu.Lock()
		if len(b.waiting) == 0 {
			b.waiting, b.running = nil, !ended
			b.mu.Unlock()
			if ended {
				return
			}
			b.turn.End()
			ended = true
			continue
		}
		next := b.waiting[0]
		b.waiting[0] = saying{}
		b.waiting = b.waiting[1:]
		b.mu.Unlock()
		b.rest()
		ended = false
		next.run()
		b.give(next.bytes)
	}
}

// rest lets others go on that have waited for longer.
func (b *outbox) rest() { b.turn.Rest(nil) }
