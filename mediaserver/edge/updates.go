package edge

import (
	"sync"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// updates are what a client is told about shared objects: what it has no room for waits
// here, and the origin sends no more of it than a window.
type updates struct {
	c *remote
	n uint64 // of the client, on the pipe

	mu      sync.Mutex // nothing else is taken, and nobody called, while it is held
	waiting []sharedobject.Update
	ended   bool // the pipe has
}

// end forgets what waits: the client is told anew when the link is there again.
func (u *updates) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.waiting, u.ended = nil, true
}

func (u *updates) add(b *link.UpdateBody) {
	one := sharedobject.Update{Flex: b.Flex, Payload: b.Payload}
	if !b.Waits {
		u.c.peer.Tell(one, nil)
		return
	}
	u.mu.Lock()
	if u.ended {
		u.mu.Unlock()
		return
	}
	u.waiting = append(u.waiting, one)
	first := len(u.waiting) == 1
	u.mu.Unlock()
	if first {
		u.tell()
	}
}

// tell hands over what waits, as far as there is room. It runs once at a time, and goes on
// when there is room.
func (u *updates) tell() {
	for {
		u.mu.Lock()
		if len(u.waiting) == 0 {
			u.mu.Unlock()
			return
		}
		one := u.waiting[0]
		u.mu.Unlock()
		if !u.c.peer.Tell(one, u) {
			return
		}
		u.mu.Lock()
		if u.ended {
			u.mu.Unlock()
			return
		}
		u.waiting = u.waiting[1:]
		u.mu.Unlock()
		u.c.u.send(link.Room, u.n, 0, link.RoomBody{Bytes: len(one.Payload)})
	}
}

// Room implements sharedobject.Waiter.
func (u *updates) Room() { go u.tell() }
