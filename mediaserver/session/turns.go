package session

import (
	"fmt"
	"sync"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

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

	budget *budget.Budget // pays for the bytes
	paid   int            // taken of it
	over   bool           // the session has ended: nothing is paid for any more

	own   *budget.Turn    // of the goroutine that runs turns; nil: nobody is waited for
	gone  <-chan struct{} // the end of the session
	waits bool            // for it
	begun *budget.Turn    // used by that goroutine only: what may have begun
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
// or what is closed when there may be room for it; and an error when no budget
// pays for it.
func (t *turns) offer(bytes int, f func()) (full <-chan struct{}, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.messages == maxWaiting || t.messages > 0 && t.bytes+bytes > maxWaitingBytes {
		return t.whenDone(), nil
	}
	if err := t.pay(t.bytes + bytes); err != nil {
		return nil, err
	}
	t.messages++
	t.bytes += bytes
	t.add(turn{f, true, bytes})
	return nil, nil
}

// next is closed when one more of the client's messages has had its turn; nil
// when all have.
func (t *turns) next() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.messages == 0 {
		return nil
	}
	return t.whenDone()
}

// whenDone is closed when a message is done. The caller holds mu.
func (t *turns) whenDone() <-chan struct{} {
	if t.room == nil {
		t.room = make(chan struct{})
	}
	return t.room
}

// stand has another budget pay from the next message on, and turns wait for the
// session's turn among others, or not.
func (t *turns) stand(b *budget.Budget, waits bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waits = waits
	if b == t.budget || t.over {
		return
	}
	t.budget.Give(int64(t.paid))
	b.Owe(int64(t.paid)) // what is there is there
	t.budget = b
}

// pay has the budget pay for so many bytes, or fails. The caller holds mu.
func (t *turns) pay(bytes int) error {
	if t.over {
		return nil
	}
	need := max(0, bytes-freeTurns)
	if need > t.paid && !t.budget.Take(int64(need-t.paid)) {
		return fmt.Errorf("%w: %d bytes of messages that wait for their turn", rtmp.ErrUsedUp, bytes)
	}
	if need < t.paid {
		t.budget.Give(int64(t.paid - need))
	}
	t.paid = need
	return nil
}

// end gives back what was paid for: the session has ended.
func (t *turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.budget.Give(int64(t.paid))
	t.paid, t.over = 0, true
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
		if len(t.waiting) == 0 && t.begun == nil {
			t.waiting, t.running = nil, false
			t.mu.Unlock()
			return
		}
		if len(t.waiting) == 0 { // others go on before it is looked again
			t.mu.Unlock()
			t.enter(nil)
			continue
		}
		one := t.waiting[0]
		t.waiting[0] = turn{}
		t.waiting = t.waiting[1:]
		var own *budget.Turn
		if t.waits {
			own = t.own
		}
		t.mu.Unlock()
		t.enter(own)
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
	_ = t.pay(t.bytes) // less than there was
	room := t.room
	t.room = nil
	t.mu.Unlock()
	if room != nil {
		close(room)
	}
}

// enter waits for the session's turn among others, if it has to, or ends the one
// that it has.
func (t *turns) enter(own *budget.Turn) {
	if own != t.begun {
		t.begun.End()
		t.begun = own
	}
	own.Rest(t.gone)
}

// rest is called in a turn, before what may have to wait a while and does not work:
// others go on. What is left of the turn is done without another.
func (t *turns) rest() { t.begun.End() }

// aside is called in a turn, and waits for something: others go on meanwhile.
func (t *turns) aside(wait func()) {
	if t.begun.End() {
		defer t.begun.Begin(t.gone)
	}
	wait()
}
