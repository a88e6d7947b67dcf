package sharedobject

import (
	"slices"
	"sync"

	"flashpod.dev/flashpod/mediaserver/budget"
)

const (
	// objectWindow is how many bytes about shared objects, of all that a client uses,
	// may be on their way to its socket.
	objectWindow = 32 << 10
	// freeObjects is what may be on its way without a budget's leave.
	freeObjects = 16 << 10
	payObjects  = 4 << 10 // is taken of it at once
)

// Window is how much about shared objects is on its way to a client. Who finds no
// room waits in line, and is told in turn when there is some, so that one busy object
// does not keep others from a client.
type Window struct {
	Budget *budget.Budget // nil: nobody has to pay
	// Size is how many bytes may be on their way, 0: 32 KiB, and Free how many may be there
	// when a message is sent that has more.
	Size, Free int

	mu   sync.Mutex // nothing else is taken, and nothing called, while it is held
	out  int        // bytes on their way
	paid int        // taken of the budget for them
	poor bool       // nobody has paid for the first of the line, and nothing has gone since
	line []inLine
}

// inLine is one that waits.
type inLine struct {
	who   Waiter
	bytes int  // that it has to tell
	told  bool // that there is room
}

// Waiting is how many objects have something to tell, and no room.
func (w *Window) Waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.line)
}

// Offer takes room for so many bytes, or puts who asks in line; no bytes: who asks
// leaves it.
func (w *Window) Offer(bytes int, who Waiter) bool {
	w.mu.Lock()
	at := slices.IndexFunc(w.line, func(l inLine) bool { return l.who == who })
	first := at == 0 || at < 0 && len(w.line) == 0
	taken := bytes == 0
	if taken {
		w.poor = false // the next may want less
	} else if first && w.fits(bytes) {
		taken = w.pay(w.out + bytes)
		w.poor = !taken
	}
	switch {
	case taken && at >= 0:
		w.line = slices.Delete(w.line, at, at+1)
	case taken:
	case at >= 0:
		w.line[at] = inLine{who: who, bytes: bytes}
	default:
		w.line = append(w.line, inLine{who: who, bytes: bytes})
	}
	if taken {
		w.out += bytes
	}
	next := w.next()
	w.mu.Unlock()
	if next != nil {
		next.Room()
	}
	return taken
}

// Taken says that so many bytes have gone.
func (w *Window) Taken(bytes int) {
	w.mu.Lock()
	w.out -= bytes
	w.pay(w.out) // less than there was
	w.poor = false
	next := w.next()
	w.mu.Unlock()
	if next != nil {
		next.Room()
	}
}

// fits says whether there is room for so many bytes: for any message, when nothing is
// on its way but what is free. The caller holds mu.
func (w *Window) fits(bytes int) bool {
	size := w.Size
	if size == 0 {
		size = objectWindow
	}
	return w.out <= w.Free || w.out+bytes <= size
}

// next is who is to be told now that there is room; nil: nobody. Whom nobody has paid
// for is told once something has gone, not to be refused again and again. The caller
// holds mu.
func (w *Window) next() Waiter {
	if len(w.line) == 0 || w.line[0].told || w.poor || !w.fits(w.line[0].bytes) {
		return nil
	}
	w.line[0].told = true
	return w.line[0].who
}

// pay has the budget pay for so many bytes, or says that it does not. One message is
// always paid for: who waits for its way can be told when there is room again. The
// caller holds mu.
func (w *Window) pay(bytes int) bool {
	need := (max(0, bytes-freeObjects) + payObjects - 1) / payObjects * payObjects
	switch {
	case need > w.paid && w.out == 0:
		w.Budget.Owe(int64(need - w.paid))
	case need > w.paid && !w.Budget.Take(int64(need-w.paid)):
		return false
	case need < w.paid:
		w.Budget.Give(int64(w.paid - need))
	}
	w.paid = need
	return true
}
