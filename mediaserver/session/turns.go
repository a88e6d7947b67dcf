package session

import "sync"

const (
	// maxWaiting and maxWaitingBytes bound the messages of a client that wait
	// for their turn: as many as clients send without waiting for an answer,
	// and a second of a stream.
	maxWaiting      = 64
	maxWaitingBytes = 1 << 20
)

// turns is what is to happen to a session, one after another, in the order in
// which it came: messages of the client, and events from elsewhere. A goroutine
// runs them as long as there are any, so that what a session has is never used
// by two at once, and a session at rest has no goroutine for it.
type turns struct {
	mu      sync.Mutex // nothing else is taken while it is held
	waiting []turn
	running bool

	// Of the client's messages, waiting or running.
	messages, bytes int
	room            chan struct{} // closed when one is done; nil: nobody waits
}

type turn struct {
	run     func()
	message bool // of the client
	bytes   int
}

// post has f run when its turn comes. It does not wait, and may be called from
// any goroutine, with any lock held.
func (t *turns) post(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(turn{run: f})
}

// offer is post for a message of the client, of so many bytes. It returns nil,
// or what is closed when there may be room for it.
func (t *turns) offer(bytes int, f func()) (full <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.messages == maxWaiting || t.messages > 0 && t.bytes+bytes > maxWaitingBytes {
		if t.room == nil {
			t.room = make(chan struct{})
		}
		return t.room
	}
	t.messages++
	t.bytes += bytes
	t.add(turn{f, true, bytes})
	return nil
}

// settled says whether all that the client has sent has had its turn.
func (t *turns) settled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.messages == 0
}

// add appends a turn. The caller holds mu.
func (t *turns) add(one turn) {
	t.waiting = append(t.waiting, one)
	if !t.running {
		t.running = true
		go t.run()
	}
}

func (t *turns) run() {
	for {
		t.mu.Lock()
		if len(t.waiting) == 0 {
			t.waiting, t.running = nil, false
			t.mu.Unlock()
			return
		}
		one := t.waiting[0]
		t.waiting[0] = turn{}
		t.waiting = t.waiting[1:]
		t.mu.Unlock()
		one.run()
		if one.message {
			t.done(one.bytes)
		}
	}
}

// done makes room for another message of the client.
func (t *turns) done(bytes int) {
	t.mu.Lock()
	t.messages--
	t.bytes -= bytes
	room := t.room
	t.room = nil
	t.mu.Unlock()
	if room != nil {
		close(room)
	}
}
